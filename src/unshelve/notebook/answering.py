"""What the author makes of a prediction before it is judged or shown: `np.expm1(model.predict(X))`, a threshold."""

from __future__ import annotations

import ast
from typing import Final

from unshelve.notebook.bodies import Body, Collector, Param, Rewritten, lines_of, names_for, returning
from unshelve.notebook.choosing import LOWER, Choice, Measured
from unshelve.notebook.draft import CannotShape, DraftStep
from unshelve.notebook.editing import Edit, calls, edited, tail
from unshelve.notebook.naming import Names, slug
from unshelve.notebook.seen import Seen

_AMOUNTS: Final = frozenset({"r2_score", "explained_variance_score", *LOWER} - {"log_loss", "brier_score_loss"})
"""Metrics of models that predict amounts."""


def answer_step(
    seen: Seen, choice: Choice, model: str, names: Names, tops: set[int]
) -> tuple[DraftStep, tuple[int, str]] | None:
    """The step that makes an answer of a prediction, and the statement and name of what the notebook made so.

    None where the prediction is the answer, or where more than the prediction goes into it.
    """
    if choice.predict is None:
        return None
    predicted = seen.watched.calls[choice.predict].statement
    for measured in choice.model.measured:
        name = None if measured.direct else _answered(seen, choice, measured)
        if name is None:
            continue
        try:
            step = _step(seen, choice, measured, name, model, names, tops)
        except CannotShape:
            continue
        makers = seen.makers(measured.statement, name)
        if len(makers) == 1 and min(makers) >= predicted and not _is_prediction(step.lines, model):
            return step, (min(makers), name)
    return None


def _is_prediction(lines: list[str], model: str) -> bool:
    """Whether these lines give back what they are handed, under whatever names."""
    holding = model
    for line in lines:
        name, equals, value = line.partition(" = ")
        if line == f"return {holding}":
            return True
        if not (equals and name.isidentifier() and value == holding):
            return False
        holding = name
    return False


def _answered(seen: Seen, choice: Choice, measured: Measured) -> str | None:
    """The name of what was made of the predictions, as a metric is given it."""
    assert choice.predict is not None
    call = seen.watched.calls[measured.call]
    given = {each.fingerprint for each in call.arguments if each.fingerprint}
    result = seen.watched.calls[choice.predict].result
    rows = None if result is None else result.rows
    predicted = seen.watched.calls[choice.predict].statement
    for each in calls(seen.trees[measured.statement]):
        if tail(each.func) != measured.name:
            continue
        for node in each.args[:2]:
            info = seen.before(measured.statement, node.id) if isinstance(node, ast.Name) else None
            if info is None or not isinstance(node, ast.Name) or info.fingerprint not in given or info.rows != rows:
                continue
            if predicted in seen.flow.slice(seen.makers(measured.statement, node.id)):
                return node.id
    return None


def _step(
    seen: Seen, choice: Choice, measured: Measured, name: str, model: str, names: Names, tops: set[int]
) -> DraftStep:
    assert choice.predict is not None
    predicted = seen.watched.calls[choice.predict].statement
    source = edited(seen.source(predicted), [Edit(_prediction(seen, choice, measured), model)])

    def rewrite(number: int) -> Rewritten:
        return Rewritten(source, (model,)) if number == predicted else Rewritten(seen.source(number))

    collector = Collector(seen, lambda _version: None, rewrite, tops=tops)
    body: Body = collector.collect([(measured.statement, name)])
    if any(seen.roles[number] in ("origin", "split", "keep") for number in body.inline) or predicted not in body.inline:
        raise CannotShape("more than the prediction goes into the answer")
    body.extra = {model: Param(model)}
    kept = names_for(seen, body)
    lines = returning(lines_of(seen, body, rewrite, kept), kept.get(name, name))
    return DraftStep(
        name=names.give("" if "pred" in name else slug(name), f"{model}_answer"),
        kind="answer",
        parameters=[model],
        lines=lines,
        title="What the author makes of a prediction",
        statements=set(body.inline) - {predicted},
    )


def _prediction(seen: Seen, choice: Choice, measured: Measured) -> ast.expr:
    """The expression that an answer step is handed the value of: an amount, or the score of the second class."""
    assert choice.predict is not None
    call = seen.watched.calls[choice.predict]
    method = call.name.rpartition(".")[2]
    tree = seen.trees[call.statement]
    found = next((each for each in calls(tree) if tail(each.func) == method), None)
    if found is not None and method == "predict" and measured.name in _AMOUNTS:
        return found
    if found is not None and method == "predict_proba":
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Subscript)
                and node.value is found
                and ast.unparse(node.slice) in (":, 1", "(:, 1)")
            ):
                return node
    raise CannotShape("an answer step is not handed what the author takes of the model")
