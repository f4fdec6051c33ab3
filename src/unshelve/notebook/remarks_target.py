"""Features that hold or tell what is to be predicted, as far as the text shows it for certain: N114 and N119."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from unshelve.notebook.divided import DividedText, root
from unshelve.notebook.editing import calls, tail
from unshelve.notebook.notebook import Statement
from unshelve.notebook.numbered import remark
from unshelve.solution.origin import NotebookFinding

_LOOKS_THROUGH: Final = frozenset({"copy", "ravel", "to_numpy", "astype", "flatten"})
_TELLING: Final = frozenset(
    {"map", "apply", "replace", "where", "cut", "qcut", "astype", "factorize", "gt", "ge", "lt", "le", "eq"}
)
"""Calls by which one column is made of another one, value by value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What a model learns from: columns of a table, with the column that it is to predict."""

    statement: Statement
    table: str
    target: str
    made: int
    """The statement in which the features were taken from the table."""
    only: frozenset[str] | None = None
    """Where the columns are listed."""
    without: frozenset[str] = frozenset()
    """Where some are dropped."""

    def has(self, column: str) -> bool:
        return column in self.only if self.only is not None else column not in self.without


def target_remarks(text: DividedText) -> Iterator[NotebookFinding]:
    told: set[tuple[str, str]] = set()
    gone = frozenset(_dropped(text))
    for features in _all_features(text):
        key = (features.table, features.target)
        if key in told:
            continue
        if features.has(features.target):
            if features.target in gone:
                continue
            told.add(key)
            yield remark(
                "N114",
                text.statements[features.made],
                f"{features.target} is to be predicted, and is a column of the features too.",
                f"Leave it out: drop(columns=[{features.target!r}]).",
            )
            continue
        for statement, column, why in _telling(text, features):
            if features.has(column) and column not in gone:
                told.add(key)
                yield remark("N119", statement, why, f"Leave {column} out of the features: no request has it.")


def _all_features(text: DividedText) -> Iterator[Features]:
    """Of each call that takes X and y: where both come from one table, and it is known how."""
    for statement in text.statements:
        for call in calls(statement.node):
            if tail(call.func) not in ("fit", "train_test_split") or len(call.args) != 2:
                continue
            target = _target(text, statement.number, call.args[1])
            if target is None:
                continue
            found = _columns(text, statement, call.args[0], target)
            if found is not None:
                yield found


def _target(text: DividedText, number: int, node: ast.expr) -> tuple[str, str, int] | None:
    """The table, the column and the statement of a target: `y = df["late"]`."""
    node, number = _through(text, number, node)
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        key = node.slice
        if isinstance(key, ast.List) and len(key.elts) == 1:
            key = key.elts[0]
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            return node.value.id, key.value, number
    return None


def _through(text: DividedText, number: int, node: ast.expr) -> tuple[ast.expr, int]:
    """What a name was bound to, and where, through copies and changes of form."""
    for _ in range(6):
        if isinstance(node, ast.Name):
            maker = text.made_by(number, node.id)
            if maker is None or not isinstance(maker.node, ast.Assign):
                return node, number
            if not text.flow.touches[maker.number].reads:
                return node, number
            if isinstance(maker.node.value, ast.Call) and tail(maker.node.value.func) not in _LOOKS_THROUGH | {"drop"}:
                return node, number  # a table that was read or made: it is known by its name
            node, number = maker.node.value, maker.number
        elif isinstance(node, ast.Attribute) and node.attr == "values":
            node = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LOOKS_THROUGH:
            node = node.func.value
        else:
            break
    return node, number


def _columns(text: DividedText, statement: Statement, node: ast.expr, target: tuple[str, str, int]) -> Features | None:
    table, column, target_made = target
    node, made = _through(text, statement.number, node)
    if not text.same(table, made, target_made):
        return None
    if isinstance(node, ast.Name) and node.id == table:
        return Features(statement=statement, table=table, target=column, made=made)
    if isinstance(node, ast.Subscript) and root(node.value) == table and isinstance(node.value, ast.Name):
        names = _texts(node.slice)
        if names is None:
            return None
        return Features(statement=statement, table=table, target=column, made=made, only=names)
    if isinstance(node, ast.Call) and tail(node.func) == "drop" and isinstance(node.func, ast.Attribute):
        if not isinstance(node.func.value, ast.Name) or node.func.value.id != table:
            return None
        words = {word.arg: word.value for word in node.keywords}
        given = words.get("columns") or words.get("labels") or (node.args[0] if node.args else None)
        axis = words.get("axis") or (node.args[1] if len(node.args) > 1 else None)
        by_column = "columns" in words or (isinstance(axis, ast.Constant) and axis.value in (1, "columns"))
        names = _texts(given) if given is not None and by_column else None
        if names is not None:
            return Features(statement=statement, table=table, target=column, made=made, without=names)
    return None


def _texts(node: ast.expr) -> frozenset[str] | None:
    """The texts of a list that is written out."""
    parts = node.elts if isinstance(node, ast.List | ast.Tuple) else [node]
    found = [each.value for each in parts if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return frozenset(found) if found and len(found) == len(parts) else None


def _telling(text: DividedText, features: Features) -> Iterator[tuple[Statement, str, str]]:
    """Columns of the same table that are made of the target, and the one that the target is made of."""
    needed = text.needed(features.made)
    for statement in text.statements[: features.made]:
        node = statement.node
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        written = _column_of(node.targets[0], features.table)
        if written is None or statement.number not in needed:
            continue
        read = {each for part in ast.walk(node.value) if (each := _column_of(part, features.table)) is not None}
        grouped = any(
            isinstance(each, ast.Subscript)
            and isinstance(each.value, ast.Call)
            and tail(each.value.func) == "groupby"
            and isinstance(each.slice, ast.Constant)
            and each.slice.value == features.target
            for each in ast.walk(node.value)
        )
        if written != features.target and (features.target in read or grouped):
            yield (
                statement,
                written,
                f"{written} is a feature, and is computed from {features.target}, which it predicts.",
            )
        elif written == features.target and len(read) == 1 and features.target not in read and _by_value(node.value):
            source = next(iter(read))
            yield statement, source, f"{source} is a feature, and {features.target} is computed from it alone."


def _column_of(node: ast.AST, table: str) -> str | None:
    if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name) or node.value.id != table:
        return None
    found = node.slice.value if isinstance(node.slice, ast.Constant) else None
    return found if isinstance(found, str) else None


def _by_value(node: ast.expr) -> bool:
    """Whether each value comes of the value beside it: a comparison, a map, a cut."""
    told = isinstance(node, ast.Compare) or any(tail(call.func) in _TELLING for call in calls(node))
    return told and not any(tail(call.func) in ("shift", "rolling", "diff", "groupby") for call in calls(node))


def _dropped(text: DividedText) -> Iterator[str]:
    """All columns that any statement drops, deletes or takes out."""
    for statement in text.statements:
        for node in ast.walk(statement.node):
            drops = isinstance(node, ast.Call) and tail(node.func) in ("drop", "pop")
            if not drops and not isinstance(node, ast.Delete):
                continue
            for each in ast.walk(node):
                if isinstance(each, ast.Constant) and isinstance(each.value, str):
                    yield each.value
