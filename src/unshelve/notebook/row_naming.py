"""Rows that are given to a model without a name get one: `model.fit(train[cols], train["y"])` in three statements.

Then the rows a model is fitted on and asked about are versions of names, as all others are.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final

from unshelve.notebook.columns import column_of
from unshelve.notebook.editing import Edit, calls, edited, reads, tail, text_of
from unshelve.notebook.naming import slug
from unshelve.notebook.notebook import Notebook
from unshelve.notebook.watched import Call, ValueInfo, Watched

_KINDS: Final = ("fit", "search", "predict", "score", "metric")
_ROWY: Final = ("frame", "series", "array", "sparse")
_ASKS: Final = ("predict", "predict_proba", "decision_function")
_MODULES: Final = frozenset({"np", "numpy", "pd", "pandas", "math", "int", "round", "list"})
_SAME_ROWS: Final = ("drop", "reset_index", "to_numpy", "ravel", "copy", "astype", "squeeze", "reshape")


def rows_named(notebook: Notebook, watched: Watched) -> Mapping[int, tuple[str, ...]]:
    """For each statement that gives rows without a name the texts that stand for it."""
    names: dict[str, str] = {}
    taken = {name for run in watched.statements for name in run.bound}
    recorded: dict[int, list[Call]] = {}
    for call in watched.calls:
        if call.kind in _KINDS and not call.inside:
            recorded.setdefault(call.statement, []).append(call)
    found: dict[int, tuple[str, ...]] = {}
    for number, made in recorded.items():
        source = notebook.statements[number].source
        tree = ast.parse(source).body[0]
        if not isinstance(tree, ast.Assign | ast.Expr | ast.AnnAssign):
            continue
        edits, before = [], []
        for node, info, kind in _given(tree, made):
            if not (_is_rows_expression(node, info) or (kind == "metric" and _is_made(node, info))):
                continue
            text = text_of(source, node)
            if "\n" in text:
                text = ast.unparse(node)
            name = _name(node, text, names, taken)
            edits.append(Edit(node, name))
            if f"{name} = {text}" not in before:
                before.append(f"{name} = {text}")
        if edits:
            found[number] = (*before, edited(source, edits))
    return found


def _given(tree: ast.stmt, made: list[Call]) -> Iterator[tuple[ast.expr, ValueInfo, str]]:
    """The arguments of the recorded calls, each with what it held and what the call is."""
    nodes = list(calls(tree))
    for call in made:
        method = call.name.rpartition(".")[2]
        node = next((each for each in nodes if tail(each.func) == method), None)
        if node is None:
            continue
        nodes.remove(node)
        if any(isinstance(each, ast.Starred) for each in node.args):
            continue
        for argument, info in zip(node.args[:2], call.arguments, strict=False):
            yield argument, info, call.kind


def _is_rows_expression(node: ast.expr, info: ValueInfo) -> bool:
    """Whether an argument is an expression of a table, and not a model's answer or a typed-in row."""
    if info.kind not in _ROWY or (info.rows or 0) < 2 or isinstance(node, ast.Name):
        return False
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _SAME_ROWS:
            node = node.func.value
        elif isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        else:
            return False
    return True


def _is_made(node: ast.expr, info: ValueInfo) -> bool:
    """Whether an argument of a metric is made of one name in its own brackets: `np.expm1(predicted)`, `proba > 0.4`."""
    if info.kind not in _ROWY or isinstance(node, ast.Name) or any(tail(each.func) in _ASKS for each in calls(node)):
        return False
    return len(reads(node) - _MODULES) == 1


def _name(node: ast.expr, text: str, names: dict[str, str], taken: set[str]) -> str:
    """A name of the same words for rows of the training part and for the same of the test part."""
    said = _said(text, _PARTS)
    if said not in names:
        table = _base(node)
        column = column_of(node, table)
        wish = _said(slug(f"{table}_{column if column and slug(column) else 'rows'}"), _PARTS)
        number, name = 1, wish
        while name in {*names.values(), *taken} or _said(name, _BACK) in taken:
            number += 1
            name = f"{wish}_{number}"
        names[said] = name
    return _said(names[said], _BACK) if said != text else names[said]


def _base(node: ast.expr) -> str:
    """The table that an expression takes from, or the one name that it is made of."""
    root = node
    while isinstance(root, ast.Attribute | ast.Subscript | ast.Call):
        root = root.func if isinstance(root, ast.Call) else root.value
    if isinstance(root, ast.Name) and root.id not in _MODULES:
        return root.id
    return min(reads(node) - _MODULES, default="rows")


def _said(text: str, words: tuple[tuple[str, str], ...]) -> str:
    for old, new in words:
        text = text.replace(old, new)
    return text


_PARTS: Final = (("train", "test"), ("Train", "Test"), ("TRAIN", "TEST"))
_BACK: Final = (("test", "train"),)
