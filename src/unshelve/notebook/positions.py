"""Columns that are read by their place, read by name: `array = df.values; y = array[:, 8]`, `df.iloc[:, 0]`.

A request names its columns, and lacks that of the target, so that a place says nothing there.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from unshelve.notebook.editing import replaced, tail
from unshelve.notebook.notebook import Notebook
from unshelve.notebook.watched import StatementRun, ValueInfo, Watched

_MOST_NAMED: Final = 60
"""More columns than this are read by their places in the table."""
_WIDTH: Final = 90
_READERS: Final = ("loadtxt", "genfromtxt")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Array:
    """An array that holds the values of a table."""

    table: str
    columns: tuple[str, ...]
    dtype: str

    def at(self, node: ast.expr) -> str | None:
        """What is read of the table for the second index of `array[:, …]`; None where that cannot be told."""
        kind = "object" if self.dtype == "object" else f'"{self.dtype}"'
        ending = f".to_numpy(dtype={kind})"
        if isinstance(node, ast.Slice):
            places = [_number(each) for each in (node.lower, node.upper)]
            if node.step is not None or any(one is None for one, each in zip(places, _ends(node), strict=True) if each):
                return None
            chosen = self.columns[slice(*places)]
            if len(chosen) > _MOST_NAMED:
                said = f"{_text(node.lower)}:{_text(node.upper)}"
                return f"{self.table}.iloc[:, {said}]{ending}"
            return f"{self.table}[{_listed(chosen)}]{ending}" if chosen else None
        if isinstance(node, ast.List | ast.Tuple):
            numbers = [_number(each) for each in node.elts]
            there = [each for each in numbers if each is not None and -len(self.columns) <= each < len(self.columns)]
            chosen = tuple(self.columns[each] for each in there)
            return f"{self.table}[{_listed(chosen)}]{ending}" if chosen and len(there) == len(node.elts) else None
        place = _number(node)
        if place is None or not -len(self.columns) <= place < len(self.columns):
            return None
        return f"{self.table}[{self.columns[place]!r}]{ending}"


def by_names(
    notebook: Notebook, watched: Watched, texts: Mapping[int, tuple[str, ...]]
) -> Mapping[int, tuple[str, ...]]:
    """For each statement that changes the texts that stand for it, where `texts` says what stands for some already."""
    found = dict(texts)
    known: dict[str, _Array] = {}
    tables: dict[str, ValueInfo] = {}
    for statement, run in zip(notebook.statements, watched.statements, strict=False):
        tree = statement.node
        if (known or tables) and isinstance(tree, ast.Assign | ast.Expr | ast.AnnAssign):
            before = found.get(statement.number, (statement.source,))
            after = tuple(_named(each, known, tables) for each in before)
            if after != before:
                found[statement.number] = after
        _forget(run, known, tables)
        target = tree.targets[0] if isinstance(tree, ast.Assign) and len(tree.targets) == 1 else None
        if not isinstance(target, ast.Name) or not isinstance(tree, ast.Assign):
            continue
        info = run.bound.get(target.id)
        if info is None or info.kind != "array" or not info.width:
            continue
        table = _whole_table(tree.value)
        columns = tables[table].columns if table in tables else None
        if table is not None and columns is not None and info.width == len(columns) == len(set(columns)):
            known[target.id] = _Array(table=table, columns=columns, dtype=info.dtype)
        elif isinstance(tree.value, ast.Call) and tail(tree.value.func) in _READERS:
            name = _free(f"{target.id}_table", watched)
            columns = tuple(f"column_{place}" for place in range(info.width))
            known[target.id] = _Array(table=name, columns=columns, dtype=info.dtype)
            found[statement.number] = (
                *found.get(statement.number, (statement.source,)),
                "import pandas as pd",
                f"{name} = pd.DataFrame({target.id}, columns={list(columns)!r})",
            )
    return found


def _forget(run: StatementRun, known: dict[str, _Array], tables: dict[str, ValueInfo]) -> None:
    """What a statement bound or changed is another array or table from there on."""
    touched = {*run.bound, *run.changed, *run.deleted}
    for name in touched:
        known.pop(name, None)
        tables.pop(name, None)
    for name in [name for name, each in known.items() if each.table in touched]:
        del known[name]
    tables.update({name: info for name, info in {**run.bound, **run.changed}.items() if info.kind == "frame"})


def _whole_table(value: ast.expr) -> str | None:
    """The table of whose values an expression is the array: `df.values`, `df.to_numpy()`, `np.array(df)`."""
    node: ast.expr | None = None
    if isinstance(value, ast.Attribute) and value.attr == "values":
        node = value.value
    elif isinstance(value, ast.Call) and not value.keywords:
        if tail(value.func) == "to_numpy" and isinstance(value.func, ast.Attribute) and not value.args:
            node = value.func.value
        elif tail(value.func) in ("array", "asarray") and len(value.args) == 1:
            node = value.args[0]
            node = node.value if isinstance(node, ast.Attribute) and node.attr == "values" else node
    return node.id if isinstance(node, ast.Name) else None


def _named(source: str, known: Mapping[str, _Array], tables: Mapping[str, ValueInfo]) -> str:
    def wanted(node: ast.expr) -> str | None:
        if not (isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)):
            return None
        place = _of_all_rows(node.slice)
        if place is None:
            return None
        if isinstance(node.value, ast.Name):
            return known[node.value.id].at(place) if node.value.id in known else None
        return _column_at(node.value, place, tables)

    return replaced(source, wanted)


def _of_all_rows(index: ast.expr) -> ast.expr | None:
    """The second index of `[:, …]`."""
    if not (isinstance(index, ast.Tuple) and len(index.elts) == 2):
        return None
    rows = index.elts[0]
    every = isinstance(rows, ast.Slice) and rows.lower is rows.upper is rows.step is None
    return index.elts[1] if every else None


def _column_at(owner: ast.expr, place: ast.expr, tables: Mapping[str, ValueInfo]) -> str | None:
    """`df["price"]` for `df.iloc[:, 0]`; None for more than one column, and where names do not tell them apart."""
    if not (isinstance(owner, ast.Attribute) and owner.attr == "iloc" and isinstance(owner.value, ast.Name)):
        return None
    number, info = _number(place), tables.get(owner.value.id)
    columns = None if info is None else info.columns
    if number is None or columns is None or len(set(columns)) != len(columns):
        return None
    return f"{owner.value.id}[{columns[number]!r}]" if -len(columns) <= number < len(columns) else None


def _listed(names: Sequence[str]) -> str:
    """The names as a list, over several lines where it is long."""
    short = repr(list(names))
    if len(short) <= _WIDTH:
        return short
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) > _WIDTH:
            lines.append("")
        lines[-1] += f"{name!r}, "
    return "[\n" + "".join(f"    {line.rstrip()}\n" for line in lines) + "]"


def _ends(node: ast.Slice) -> Sequence[ast.expr | None]:
    return node.lower, node.upper


def _number(node: ast.expr | None) -> int | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _number(node.operand)
        return None if number is None else -number
    return node.value if isinstance(node, ast.Constant) and type(node.value) is int else None


def _text(node: ast.expr | None) -> str:
    return "" if node is None else ast.unparse(node)


def _free(wish: str, watched: Watched) -> str:
    taken = {name for run in watched.statements for name in run.bound}
    while wish in taken:
        wish += "_rows"
    return wish
