"""Data that comes as arrays, as one table: a bundle of `load_iris()`, or `X, y = make_moons()`.

A request is a row of a table. So right behind the statement that brought the arrays one is made of them, and what is
read of the arrays later is read of the table. The values are the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from unshelve.notebook.columns import text
from unshelve.notebook.editing import replaced, tail, text_of
from unshelve.notebook.naming import slug
from unshelve.notebook.notebook import Notebook
from unshelve.notebook.watched import ValueInfo, Watched

_NAMED: Final = ("load_iris", "load_wine", "load_breast_cancer", "load_diabetes", "load_digits")
"""Loaders of scikit-learn whose bundles name their columns."""
_TARGET: Final = "target"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bundle:
    """A data set of scikit-learn that a name holds."""

    name: str
    table: str
    call: str
    """The author's call that loads it."""

    def in_table(self, node: ast.expr) -> str | None:
        """What is read of the table where the author reads the bundle; None for anything else."""
        if isinstance(node, ast.Call) and tail(node.func) == "DataFrame" and self._is_frame(node):
            return f'{self.table}.drop(columns="{_TARGET}")'
        part = self._part(node)
        if part == "data":
            return f'{self.table}.drop(columns="{_TARGET}").to_numpy()'
        if part == _TARGET:
            return f'{self.table}["{_TARGET}"].to_numpy()'
        return f"{self.call}.{part}" if part is not None else None

    def _part(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == self.name:
            return node.attr
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == self.name:
            return text(node.slice)
        return None

    def _is_frame(self, call: ast.Call) -> bool:
        """Whether a call makes a frame of the data with the data's own names, and nothing else."""
        given = [*call.args, *(word.value for word in call.keywords)]
        named = [word.arg for word in call.keywords]
        fits = len(given) == 2 and named in (["columns"], ["data", "columns"], ["columns", "data"])
        parts = {self._part(each) for each in given}
        return fits and parts == {"data", "feature_names"}


def tabled(notebook: Notebook, watched: Watched) -> Mapping[int, tuple[str, ...]]:
    """For each statement that changes the texts that stand for it."""
    found: dict[int, tuple[str, ...]] = {}
    bundles: dict[str, _Bundle] = {}
    taken = {name for run in watched.statements for name in run.bound}
    pandas: tuple[str, ...] = ("import pandas as pd",)
    for statement, run in zip(notebook.statements, watched.statements, strict=False):
        source, tree = statement.source, ast.parse(statement.source).body[0]
        if "pd" in run.bound:
            pandas = ()
        if bundles and not isinstance(tree, ast.FunctionDef | ast.ClassDef):
            source = _with_tables(source, bundles)
        texts: list[str] = [source]
        if isinstance(tree, ast.Assign) and len(tree.targets) == 1 and isinstance(tree.value, ast.Call):
            call = tree.value
            target = tree.targets[0]
            if isinstance(target, ast.Name):
                bundles.pop(target.id, None)
                info = run.bound.get(target.id)
                if _is_bundle(call, info):
                    table = _free_name(f"{target.id}_table", taken)
                    bundles[target.id] = _Bundle(name=target.id, table=table, call=text_of(statement.source, call))
                    texts += [*pandas, *_of_bundle(target.id, table)]
            elif isinstance(target, ast.Tuple) and (made := _of_arrays(target, call, run.bound, taken)):
                texts += [*pandas, *made]
        if texts != [statement.source]:
            found[statement.number] = tuple(texts)
    return found if _is_read(found, bundles) else {}


def _with_tables(source: str, bundles: Mapping[str, _Bundle]) -> str:
    def wanted(node: ast.expr) -> str | None:
        return next((said for each in bundles.values() if (said := each.in_table(node)) is not None), None)

    said = replaced(source, wanted)
    try:
        ast.parse(said)
    except SyntaxError:  # inside a formatted text
        return source
    return said


def _is_bundle(call: ast.Call, info: ValueInfo | None) -> bool:
    plain = not any(word.arg in ("as_frame", "return_X_y") for word in call.keywords)
    return plain and info is not None and info.type.endswith("Bunch") and tail(call.func) in _NAMED


def _of_bundle(name: str, table: str) -> Iterator[str]:
    yield f"{table} = pd.DataFrame({name}.data, columns={name}.feature_names)"
    yield f'{table}["{_TARGET}"] = {name}.{_TARGET}'


def _of_arrays(target: ast.Tuple, call: ast.Call, bound: Mapping[str, ValueInfo], taken: set[str]) -> Sequence[str]:
    """Statements behind `X, y = load(...)` that make one table of both, and both of the table."""
    names = [each.id for each in target.elts if isinstance(each, ast.Name)]
    if len(names) != 2 or len(target.elts) != 2 or not tail(call.func).startswith(("make_", "load_", "fetch_")):
        return ()
    one, two = bound.get(names[0]), bound.get(names[1])
    if one is None or two is None or one.kind != "array" or two.kind != "array" or not one.width or two.width:
        return ()
    if one.rows != two.rows:
        return ()
    subject = slug(tail(call.func).partition("_")[2]) or "rows"
    table = _free_name(subject, taken)
    if tail(call.func) in _NAMED:
        columns = f"{ast.unparse(call.func)}().feature_names"
    else:
        columns = "[" + ", ".join(f'"{names[0]}{place}"' for place in range(one.width)) + "]"
    return (
        f"{table} = pd.DataFrame({names[0]}, columns={columns})",
        f'{table}["{names[1]}"] = {names[1]}',
        f'{names[0]} = {table}.drop(columns="{names[1]}").to_numpy()',
        f'{names[1]} = {table}["{names[1]}"].to_numpy()',
    )


def _free_name(wish: str, taken: set[str]) -> str:
    name = wish
    while name in taken:
        name += "_rows"
    taken.add(name)
    return name


def _is_read(found: Mapping[int, tuple[str, ...]], bundles: Mapping[str, _Bundle]) -> bool:
    """Whether a statement reads a table that would be made; else the notebook may stay as it is."""
    return any(
        (len(texts) == 1 and any(each.table in texts[0] for each in bundles.values())) or texts[-1].endswith("()")
        for texts in found.values()
    )
