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
from unshelve.notebook.watched import Call, Watched


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
                value=_value(work.again, work, each.call, each.value),
                stable=_stable(work, each.call),
            )
            for each in draft.metrics
        ),
        random=_random(work, draft),
        model_stable=_same(work, fit, receiver=True) or (_untold(work, fit) and _predicted_alike(work, predict)),
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


def _value(run: Watched, work: Work, call: int, otherwise: float) -> float:
    found = _call_in(run, work, call)
    return otherwise if found is None or found.value is None else found.value


def _stable(work: Work, call: int) -> bool:
    """Whether both runs gave the same number."""
    one, two = _value(work.watched, work, call, math.nan), _value(work.again, work, call, math.inf)
    return compare_plain(one, two) in GOOD


def _same(work: Work, call: int, *, receiver: bool) -> bool:
    first, second = (_call_in(run, work, call) for run in (work.watched, work.again))
    if first is None or second is None:
        return False
    one, two = (first.receiver, second.receiver) if receiver else (first.result, second.result)
    return one is not None and two is not None and one.fingerprint == two.fingerprint != ""


def _untold(work: Work, fit: int) -> bool:
    """Whether neither run can tell what the fitted model holds: a library in C keeps it for itself."""
    calls = [_call_in(run, work, fit) for run in (work.watched, work.again)]
    return all(each is not None and each.receiver is not None and not each.receiver.fingerprint for each in calls)


def _predicted_alike(work: Work, predict: int | None) -> bool:
    return predict is not None and _same(work, predict, receiver=False)


def _call_in(run: Watched, work: Work, call: int) -> Call | None:
    """The same call in another run, which may have made more or fewer calls inside others before it."""
    calls = work.seen.watched.calls
    if calls[call].inside:
        return run.calls[call] if call < len(run.calls) else None
    before = sum(not each.inside for each in calls[:call])
    outer = [each for each in run.calls if not each.inside]
    return outer[before] if before < len(outer) else None


def _random(work: Work, draft: Draft) -> dict[str, tuple[Drawing, ...]]:
    """Steps that draw random numbers, with the statements in them that do."""
    found = {}
    for step in draft.steps:
        drawing = [n for n in sorted(step.statements) if (run := work.again.run_of(n)) is not None and run.drew]
        if drawing and step.kind not in ("metric", "transform", "keep"):  # what answers a request is left as it is
            found[step.name] = tuple(Drawing(statement=n, source=work.seen.source(n)) for n in drawing)
    return found
