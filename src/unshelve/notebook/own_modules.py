"""The author's own modules that a notebook imports, with those that these import: they go into the solution's folder.

They lie beside the notebook, or in a folder above it that it puts on `sys.path`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from unshelve.notebook.notebook import Notebook
from unshelve.notebook.scratch import folders_above

_MOST: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnModule:
    """A Python file of the author's."""

    path: Path
    name: str
    """Its path from where modules are imported from, with slashes: "kit/part.py"."""
    beside: bool
    """Whether that is the notebook's own folder."""


def own_modules(notebook: Notebook, beside: Path) -> tuple[OwnModule, ...]:
    """These modules, in the order in which they are found; of a package all its Python files."""
    found: dict[Path, OwnModule] = {}
    waiting: list[ast.AST] = [each.node for each in notebook.statements]
    told = "\n".join(each.source for each in notebook.statements if "sys.path" in each.source)
    roots = (beside, *folders_above(beside, told))
    while waiting and len(found) < _MOST:
        node = waiting.pop(0)
        for top in _imported(node):
            root, paths = next(((each, files) for each in roots if (files := list(_files(each, top)))), (beside, []))
            for path in paths:
                if path not in found:
                    name = path.relative_to(root).as_posix()
                    found[path] = OwnModule(path=path, name=name, beside=root == beside)
                    waiting.extend(_parsed(path))
    return tuple(found.values())


def _imported(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Import):
            yield from (alias.name.split(".")[0] for alias in each.names)
        elif isinstance(each, ast.ImportFrom) and each.module and not each.level:
            yield each.module.split(".")[0]


def _files(beside: Path, top: str) -> Iterator[Path]:
    module, package = beside / f"{top}.py", beside / top
    if module.is_file():
        yield module
    elif package.is_dir():
        yield from sorted(each for each in package.rglob("*.py") if each.is_file())


def _parsed(path: Path) -> list[ast.AST]:
    try:
        return [ast.parse(path.read_text(encoding="utf-8"))]
    except (SyntaxError, ValueError, OSError):
        return []  # the run of the notebook says what is wrong with it
