"""What a statement can reach: the objects of the names in it, and all that these hold or that functions use."""

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Final

_PLAIN: Final = (int, float, complex, str, bytes, type(None))
_MOST: Final = 100_000


def reached(source: str, names: Mapping[str, object]) -> frozenset[int] | None:
    """The ids of objects that a statement can reach, so that no other can have changed; None if it may be any.

    Arrays and tables are not looked into: memory that two of them share is not told by ids.
    """
    used = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    waiting: list[object] = [names[name] for name in used if name in names]
    found: set[int] = set()
    while waiting:
        value = waiting.pop()
        if id(value) in found or isinstance(value, types.ModuleType):
            continue
        if len(found) > _MOST or _is_of_notebook(value):
            return None
        found.add(id(value))
        waiting.extend(_held(value, names))
    return frozenset(found)


def _held(value: object, names: Mapping[str, object]) -> Iterator[object]:
    if isinstance(value, types.FunctionType):
        if value.__module__ == "__main__":
            yield from (names[name] for name in _names_in(value.__code__) if name in names)
            yield from (cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell))
    elif isinstance(value, types.MethodType):
        yield value.__self__
    elif isinstance(value, dict):
        yield from (each for each in value.values() if not isinstance(each, _PLAIN))
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from (each for each in value if not isinstance(each, _PLAIN))
    elif not isinstance(value, type) and type(value).__module__.split(".")[0] not in ("pandas", "numpy"):
        yield from getattr(value, "__dict__", {}).values()


def _is_of_notebook(value: object) -> bool:
    """Classes of the notebook, whose methods may do anything with its names."""
    kind = value if isinstance(value, type) else type(value)
    return kind.__module__ == "__main__"


def _names_in(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_in(constant)


def _is_filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not sys
    except ValueError:
        return False
