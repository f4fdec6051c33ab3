"""What the text says of training and test rows that mix: N109, N110, N115 to N118 and N121. Only what is certain."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from unshelve.notebook.divided import DividedText, root
from unshelve.notebook.editing import calls, tail
from unshelve.notebook.notebook import Notebook, Statement
from unshelve.notebook.numbered import remark
from unshelve.notebook.remarks_paths import path_remarks
from unshelve.notebook.remarks_target import target_remarks
from unshelve.solution.origin import NotebookFinding

TRANSFORMERS: Final = re.compile(r"(Scaler|Encoder|Imputer|Vectorizer|PCA|SelectKBest|Transformer|Discretizer)$")
_LEARN_NOTHING: Final = frozenset(
    {"LabelEncoder", "OneHotEncoder", "OrdinalEncoder", "FunctionTransformer", "HashingVectorizer"}
)
"""They learn no more than which values there are, or nothing: what they saw makes no metric too good."""
_MEASURES: Final = re.compile("Importance|Explainer|Visualizer|Curve|Report|Display|Plot|Error|Nearest")
"""What is fitted to look at a model, not to make one."""
_SUMS: Final = frozenset({"mean", "median", "mode", "std", "min", "max", "quantile", "nanmean", "nanmedian"})
_JUDGES: Final = frozenset({"predict", "predict_proba", "score", "decision_function"})


def row_remarks(notebook: Notebook) -> Iterator[NotebookFinding]:
    """All of them, in no order."""
    text = DividedText(notebook)
    kinds = dict(_kinds(notebook))
    for statement in notebook.statements:
        yield from _on_test_rows(text, statement, kinds)
        yield from _from_test_rows(text, statement)
        yield from _loop(text, statement)
        yield from _stopped_early(text, statement)
    yield from _before_division(text, kinds)
    yield from _seen_rows(text, kinds)
    yield from path_remarks(text, kinds)
    yield from target_remarks(text)


def _kinds(notebook: Notebook) -> Iterator[tuple[str, str]]:
    """The class of what a name was made of: "scaler" is a "StandardScaler"."""
    for statement in notebook.statements:
        node = statement.node
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and isinstance(node.targets[0], ast.Name):
            made = node.value
            while isinstance(made.func, ast.Attribute) and isinstance(made.func.value, ast.Call):
                made = made.func.value  # `StandardScaler().fit(X)`
            yield node.targets[0].id, tail(made.func)


def _kind(call: ast.Call, kinds: dict[str, str]) -> str:
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    return tail(owner.func) if isinstance(owner, ast.Call) else kinds.get(root(owner), "") if owner is not None else ""


def _on_test_rows(text: DividedText, statement: Statement, kinds: dict[str, str]) -> Iterator[NotebookFinding]:
    for call in calls(statement.node):
        if _MEASURES.search(_kind(call, kinds)):
            continue
        if tail(call.func) not in ("fit", "fit_transform", "fit_predict") or not isinstance(call.func, ast.Attribute):
            continue
        if call.args and text.is_test(root(call.args[0])):
            yield remark(
                "N110",
                statement,
                f"{ast.unparse(call.func)[:40]}() is fitted on {ast.unparse(call.args[0])[:40]}.",
                "Fit on the training rows, and only transform or predict the test rows.",
            )


def _from_test_rows(text: DividedText, statement: Statement) -> Iterator[NotebookFinding]:
    """`X_test["a"].fillna(X_test["a"].mean())`: alone, a row has no mean."""
    for call in calls(statement.node):
        if tail(call.func) != "fillna" or not isinstance(call.func, ast.Attribute):
            continue
        own = root(call.func.value)
        given = [*call.args, *(word.value for word in call.keywords if word.arg == "value")]
        if not text.is_test(own) or not given:
            continue
        for each in calls(given[0]):
            if tail(each.func) in _SUMS and own in {root(each.func), *map(root, each.args)}:
                yield remark(
                    "N118",
                    statement,
                    f"The {tail(each.func)} of {own} fills {own}: it is another one for each set of rows, and a "
                    "single request has none.",
                    "Take it from the training rows.",
                )
                return


def _loop(text: DividedText, statement: Statement) -> Iterator[NotebookFinding]:
    """`for k in …: model = KNN(k).fit(X_train, y_train); model.score(X_test, y_test)`."""
    node = statement.node
    if not isinstance(node, ast.For) or not isinstance(node.target, ast.Name):
        return
    inside = [call for part in node.body for call in calls(part)]
    tried = [
        call
        for call in inside
        if tail(call.func)[:1].isupper()
        and any(isinstance(each, ast.Name) and each.id == node.target.id for each in [*call.args, *_values(call)])
    ]
    fits = [call for call in inside if tail(call.func) == "fit"]
    judged = [call for call in inside if tail(call.func) in _JUDGES and call.args and text.is_test(root(call.args[0]))]
    if tried and fits and judged:
        yield remark(
            "N115",
            statement,
            f"{tail(tried[0].func)} is tried with several values of {node.target.id}, and each is judged by "
            f"{root(judged[0].args[0])}: what is chosen so has seen the test rows.",
            "Choose by cross-validation on the training rows, and judge the chosen one once.",
        )


def _values(call: ast.Call) -> list[ast.expr]:
    return [word.value for word in call.keywords]


def _stopped_early(text: DividedText, statement: Statement) -> Iterator[NotebookFinding]:
    for call in calls(statement.node):
        given = {word.arg: word.value for word in call.keywords}
        if tail(call.func) != "fit" or "early_stopping_rounds" not in given or "eval_set" not in given:
            continue
        pairs = given["eval_set"].elts if isinstance(given["eval_set"], ast.List | ast.Tuple) else []
        last = pairs[-1] if pairs else None
        rows = root(last.elts[0]) if isinstance(last, ast.Tuple | ast.List) and last.elts else ""
        if text.is_test(rows):
            yield remark(
                "N115",
                statement,
                f"{rows} says when training stops: the number of rounds is chosen by test rows.",
                "Take a part of the training rows for that.",
            )


def _before_division(text: DividedText, kinds: dict[str, str]) -> Iterator[NotebookFinding]:
    """What was fitted or drawn on rows that a later statement divides."""
    needed = [(each.statement, text.needed(each.statement)) for each in text.divisions]
    for statement in text.statements:
        later = [number for number, slice_ in needed if statement.number < number and statement.number in slice_]
        if not later or isinstance(statement.node, ast.FunctionDef | ast.ClassDef):
            continue
        for call in calls(statement.node):
            kind, name = _kind(call, kinds), tail(call.func)
            place = text.statements[later[0]].place
            if call.args and text.is_train(root(call.args[0])):
                continue
            if name == "fit_resample":
                yield remark(
                    "N121",
                    statement,
                    f"{kind or 'A sampler'} draws rows before they are divided ({place}): what it draws for the "
                    "training rows is made of test rows too.",
                    "Divide first, and draw among the training rows alone.",
                )
            elif name in ("fit", "fit_transform") and TRANSFORMERS.search(kind) and kind not in _LEARN_NOTHING:
                yield remark(
                    "N109",
                    statement,
                    f"{kind} is fitted before the rows are divided ({place}): it has seen the test rows.",
                    "Divide first, then fit on the training rows.",
                )


def _seen_rows(text: DividedText, kinds: dict[str, str]) -> Iterator[NotebookFinding]:
    """Models and searches that were fitted on all rows, and are then asked for a part of them."""
    for statement in text.statements:
        for call in calls(statement.node):
            fitted = root(call.func.value) if isinstance(call.func, ast.Attribute) else ""
            if tail(call.func) != "fit" or not call.args or not isinstance(call.args[0], ast.Name) or not fitted:
                continue
            rows, kind = call.args[0].id, kinds.get(fitted, "")
            tests = {
                each.parts[each.taken.index(rows)][1]
                for each in text.divisions
                if rows in each.taken and each.parts and text.same(rows, each.statement, statement.number)
            }
            if not tests or TRANSFORMERS.search(kind):
                continue
            judged = _judged(text, statement.number, fitted, tests)
            if judged is None:
                continue
            where = f"{rows}, of which {judged[1]} is a part, and is then asked for that in {judged[0].place}"
            if kind.endswith(("SearchCV", "Search")):
                yield remark(
                    "N115",
                    statement,
                    f"{fitted} searches on {where}.",
                    f"Let it search on the training rows of {rows}.",
                )
            else:
                yield remark(
                    "N116", statement, f"{fitted} is fitted on {where}.", f"Fit it on the training rows of {rows}."
                )


def _judged(text: DividedText, fit: int, model: str, tests: set[str]) -> tuple[Statement, str] | None:
    """The first later statement that asks a model, as it was fitted here, for test rows."""
    for statement in text.statements[fit:]:
        for call in calls(statement.node):
            if tail(call.func) not in _JUDGES or not isinstance(call.func, ast.Attribute) or not call.args:
                continue
            if root(call.func.value) != model or root(call.args[0]) not in tests:
                continue
            if statement.number == fit or fit in text.flow.at(statement.number, model):
                return statement, root(call.args[0])
    return None
