"""What a draft must compute again, as the notebook's two runs tell it."""

from __future__ import annotations

import math

from unshelve.notebook.comparing import compare_plain
from unshelve.notebook.draft import NOTHING_HELD_OUT, Draft
from unshelve.notebook.expected import Drawing, Expected, ExpectedMetric, Result
from unshelve.notebook.outcome import GOOD
from unshelve.notebook.script_form import at_end
from unshelve.notebook.typed_rows import typed_rows
from unshelve.notebook.understanding import Work
from unshelve.notebook.watched import Watched


def expected_of(work: Work, draft: Draft) -> Expected:
    """What the draft must compute again."""
    fit, predict = work.choice.model.fit, _judging(work, draft)
    return Expected(
        kept=work.kept,
        model=draft.model,
        features=draft.features,
        fit_call=None if draft.own_rows else fit,
        predict_call=predict,
        metrics=tuple(
            ExpectedMetric(
                step=each.step,
                key=each.key,
                name=each.name,
                statement=each.statement,
                value=_value(work.again, each.call, each.value),
                stable=_stable(work, each.call),
            )
            for each in draft.metrics
        ),
        random=_random(work, draft),
        model_stable=_same(work, fit, receiver=True),
        predictions_stable=predict is None or _same(work, predict, receiver=False),
        answered=None if draft.answered is None else f"{draft.answered[0]}-{draft.answered[1]}.pkl",
        entry=draft.entry,
        required=draft.required,
        typed=typed_rows(work.seen, work.choice, work.secrets),
        results={name: _result(work, name) for name in draft.results},
        places={each.number: each.place for each in work.notebook.statements},
    )


def _result(work: Work, name: str) -> Result:
    """What the notebook ends with under a name."""
    one, two = at_end(work.watched).get(name), at_end(work.again).get(name)
    return Result(
        file=f"{len(work.notebook.statements) - 1}-{name}.pkl",
        part="model" if two is not None and two.kind == "estimator" else "metric",
        stable=one is not None and two is not None and one.fingerprint == two.fingerprint != "",
    )


def _judging(work: Work, draft: Draft) -> int | None:
    """The call that predicted the solution's test rows; None where the notebook asked about rows of another table."""
    predict, calls = work.choice.predict, work.seen.watched.calls
    if predict is None or not any(step.title == NOTHING_HELD_OUT for step in draft.steps):
        return predict
    fitted, asked = calls[work.choice.model.fit].arguments, calls[predict].arguments
    return predict if fitted and asked and fitted[0].fingerprint == asked[0].fingerprint else None


def _value(watched: Watched, call: int, otherwise: float) -> float:
    value = watched.calls[call].value if call < len(watched.calls) else None
    return otherwise if value is None else value


def _stable(work: Work, call: int) -> bool:
    """Whether both runs gave the same number."""
    return compare_plain(_value(work.watched, call, math.nan), _value(work.again, call, math.inf)) in GOOD


def _same(work: Work, call: int, *, receiver: bool) -> bool:
    if call >= len(work.again.calls):
        return False
    first, second = work.watched.calls[call], work.again.calls[call]
    one, two = (first.receiver, second.receiver) if receiver else (first.result, second.result)
    return one is not None and two is not None and one.fingerprint == two.fingerprint != ""


def _random(work: Work, draft: Draft) -> dict[str, tuple[Drawing, ...]]:
    """Steps that draw random numbers, with the statements in them that do."""
    found = {}
    for step in draft.steps:
        drawing = [n for n in sorted(step.statements) if (run := work.again.run_of(n)) is not None and run.drew]
        if drawing and step.kind not in ("metric", "transform", "keep"):  # what answers a request is left as it is
            found[step.name] = tuple(Drawing(statement=n, source=work.seen.source(n)) for n in drawing)
    return found
