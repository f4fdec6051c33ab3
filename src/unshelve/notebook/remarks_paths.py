"""Training and test rows that are prepared by two texts which are not alike: N117. Only what is certain."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from unshelve.notebook.divided import DividedText, root
from unshelve.notebook.editing import calls, reads, tail
from unshelve.notebook.notebook import Statement
from unshelve.notebook.numbered import remark
from unshelve.solution.origin import NotebookFinding

_SCALERS: Final = re.compile(r"(Scaler|Imputer|PCA|Normalizer|PowerTransformer|QuantileTransformer)$")
_ASKED: Final = frozenset({"predict", "predict_proba", "score", "decision_function"})


def path_remarks(text: DividedText, kinds: dict[str, str]) -> Iterator[NotebookFinding]:
    for train, test in sorted(text.pairs):
        if _in_one_loop(text, train, test):
            continue
        yield from _columns(text, train, test)
        yield from _one_only(text, train, test, kinds)


def _in_one_loop(text: DividedText, train: str, test: str) -> bool:
    """Whether a loop goes over both, so that their text is one: what it does to them is not seen here."""
    return any(
        isinstance(node, ast.For | ast.comprehension) and {train, test} <= reads(node.iter)
        for each in text.statements
        for node in ast.walk(each.node)
    )


def _columns(text: DividedText, train: str, test: str) -> Iterator[NotebookFinding]:
    """Columns that are written as often in both, and not by the same words."""
    one, two = _writes(text, train), _writes(text, test)
    for column in sorted(one.keys() & two.keys()):
        if len(one[column]) != len(two[column]):
            continue
        for (_, mine), (statement, theirs) in zip(one[column], two[column], strict=True):
            first, second = _neutral(mine, train, test), _neutral(theirs, train, test)
            if first == second or not _comparable(mine, train, test) or not _comparable(theirs, train, test):
                continue
            yield remark(
                "N117",
                statement,
                f"{column} of {test} is `{_short(theirs)}`, and of {train} `{_short(mine)}`.",
                f"Prepare {train} and {test} by the same words, with what was learned from {train}.",
            )


def _writes(text: DividedText, table: str) -> dict[str, list[tuple[Statement, ast.expr]]]:
    """`table["c"] = …` and `table["c"].fillna(…, inplace=True)`, by column."""
    found: dict[str, list[tuple[Statement, ast.expr]]] = {}
    for statement in text.statements:
        for target, value in _written(statement.node):
            if not isinstance(target, ast.Subscript) or not isinstance(target.value, ast.Name):
                continue
            column = target.slice.value if isinstance(target.slice, ast.Constant) else None
            if target.value.id == table and isinstance(column, str):
                found.setdefault(column, []).append((statement, value))
    return found


def _written(node: ast.stmt) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What a statement writes to, with what it writes."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        yield node.targets[0], node.value
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        if isinstance(call.func, ast.Attribute) and any(word.arg == "inplace" for word in call.keywords):
            yield call.func.value, call


def _neutral(node: ast.expr, train: str, test: str) -> str:
    """The text with both tables under one name, and no word on where the result goes."""
    said = ast.unparse(node)
    said = re.sub(rf"\b({re.escape(train)}|{re.escape(test)})\b", "ROWS", said)
    return re.sub(r",? ?inplace=True", "", said)


def _comparable(node: ast.expr, train: str, test: str) -> bool:
    """Whether it is made of the two tables, of columns and constants alone: then another text is another meaning."""
    return reads(node) <= {train, test, "pd", "np"} and not any(isinstance(each, ast.Lambda) for each in ast.walk(node))


def _short(node: ast.expr) -> str:
    said = ast.unparse(node)
    return said if len(said) <= 60 else said[:57] + "…"


def _one_only(text: DividedText, train: str, test: str, kinds: dict[str, str]) -> Iterator[NotebookFinding]:
    """`X_train = scaler.fit_transform(X_train)`, and X_test goes to the model as it was."""
    scaled: Statement | None = None
    kind = ""
    for statement in text.statements:
        node = statement.node
        whole = isinstance(node, ast.Assign) and any(
            isinstance(each, ast.Name) and each.id == train for each in node.targets
        )
        for call in calls(node):
            found = kinds.get(root(call.func), "")
            if tail(call.func) in ("transform", "fit_transform") and call.args and _SCALERS.search(found):
                if root(call.args[0]) == test or {train, test} <= reads(call):
                    return
                if whole and isinstance(call.args[0], ast.Name) and call.args[0].id == train:
                    scaled, kind = statement, found
    if scaled is None or _made_again(text, scaled, train, test):
        return
    for statement in text.statements[scaled.number + 1 :]:
        for call in calls(statement.node):
            if (
                tail(call.func) in _ASKED
                and call.args
                and isinstance(call.args[0], ast.Name)
                and call.args[0].id == test
            ):
                yield remark(
                    "N117",
                    scaled,
                    f"{kind} changes {train} and not {test}, which the model is asked for in {statement.place}.",
                    f"Write {test} = {_owner(scaled)}.transform({test}).",
                )
                return


def _made_again(text: DividedText, scaled: Statement, train: str, test: str) -> bool:
    """Whether one of the two is made or changed again later: then what the model is asked for is not known."""
    later = text.flow.touches[scaled.number + 1 :]
    return any({train, test} & (touch.binds | touch.may_bind | touch.changes) for touch in later) or any(
        test in reads(each.node) and isinstance(each.node, ast.FunctionDef) for each in text.statements
    )


def _owner(statement: Statement) -> str:
    return next(
        (root(call.func) for call in calls(statement.node) if tail(call.func) in ("fit_transform", "transform")), "it"
    )
