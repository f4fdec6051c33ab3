"""The text of a solution as its top-level units: imports, constants, functions, each with the comments above it."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

DOCSTRING: Final = "docstring"
END: Final = "end"
_WIDTH: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A statement at the top of a file."""

    key: str
    """By which its versions find each other: "def features", "num", "from pandas"."""
    name: str
    """How it is called for people."""
    text: str
    gap: int
    """How many empty lines stand before it."""
    binds: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    """Names that it needs of others: also the steps that a function's parameters name."""
    imported: tuple[str, ...] = ()
    """Of `from M import …` the names, as they are written."""


def units_of(text: str) -> tuple[Unit, ...]:
    """The units of a Python file in their order. SyntaxError where it is none."""
    lines = text.split("\n")
    found: list[Unit] = []
    done = 0
    body = ast.parse(text).body
    while body:
        nodes = [body.pop(0)]
        end = nodes[0].end_lineno or nodes[0].lineno
        while body and _first_line(body[0]) <= end:  # several statements in one line are one unit
            nodes.append(body.pop(0))
            end = nodes[-1].end_lineno or end
        found.append(_unit(nodes, lines[done:end], first=not found))
        done = end
    if any(line.strip() for line in lines[done:]):
        own, gap = _without_gap(lines[done:])
        found.append(Unit(key=END, name="the last comments", text=own, gap=gap))
    return tuple(_numbered(found))


def text_of_units(units: Sequence[Unit]) -> str:
    """The file that has these units."""
    lines = [line for unit in units for line in [*[""] * unit.gap, unit.text]]
    return "\n".join(lines).lstrip("\n") + "\n"


def same_code(one: str, other: str) -> bool:
    """Whether two texts differ in their layout alone: neither in what they compute nor in what they say."""
    return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other)) and _comments(one) == _comments(other)


def import_of(unit: Unit, names: Sequence[str]) -> Unit:
    """An import from a module with other names."""
    module = unit.key.removeprefix("from ").partition("#")[0]
    line = f"from {module} import {', '.join(names)}"
    if len(line) > _WIDTH:
        line = "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])
    binds = frozenset(name.rpartition(" as ")[2] for name in names)
    return replace(unit, text=line, binds=binds, imported=tuple(names))


def _unit(nodes: list[ast.stmt], lines: Sequence[str], *, first: bool) -> Unit:
    text, gap = _without_gap(lines)
    named = [_named(node, first=first) for node in nodes]
    single = nodes[0] if len(nodes) == 1 else None
    imported = tuple(_alias(each) for each in single.names) if isinstance(single, ast.ImportFrom) else ()
    return Unit(
        key="; ".join(key for key, _ in named),
        name="; ".join(name for _, name in named),
        text=text,
        gap=gap,
        binds=frozenset(name for node in nodes for name in _bound(node)),
        reads=frozenset(name for node in nodes for name in _read(node)),
        imported=imported,
    )


def _named(node: ast.stmt, *, first: bool) -> tuple[str, str]:
    """Key and name of a statement."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return f"def {node.name}", node.name
    if isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        return f"from {module}", f"the import from {module}"
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        name = " = ".join(ast.unparse(each) for each in targets)
        return name, name
    if first and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return DOCSTRING, "the docstring"
    said = ast.unparse(node)
    line = said.splitlines()[0]
    return said, line if len(line) <= 60 else f"{line[:59]}…"


def _bound(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (each.asname or each.name.partition(".")[0] for each in node.names)
    else:
        yield from (each.id for each in ast.walk(node) if isinstance(each, ast.Name) and not _loads(each))


def _read(node: ast.stmt) -> Iterator[str]:
    names = [each for each in ast.walk(node) if isinstance(each, ast.Name)]
    own = {each.id for each in names if not _loads(each)} if isinstance(node, ast.FunctionDef) else set()
    yield from (each.id for each in names if _loads(each) and each.id not in own)
    if isinstance(node, ast.FunctionDef):
        for each in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
            yield from (each.arg, each.arg.removesuffix("_train").removesuffix("_test"))


def _loads(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Load)


def _alias(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def _without_gap(lines: Sequence[str]) -> tuple[str, int]:
    """The lines without the empty ones around them, and how many of these stood before."""
    start, end = 0, len(lines)
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    return "\n".join(lines[start:end]), start


def _numbered(units: Sequence[Unit]) -> Iterator[Unit]:
    """Each key once: what is there a second time gets a number."""
    seen: dict[str, int] = {}
    for unit in units:
        seen[unit.key] = seen.get(unit.key, 0) + 1
        yield unit if seen[unit.key] == 1 else replace(unit, key=f"{unit.key}#{seen[unit.key]}")


def _comments(text: str) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text + "\n").readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]
