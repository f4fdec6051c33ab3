"""The proof of a lifted solution: it computes what the notebook computed, and answers what the notebook predicted.

The solution runs fresh in a home of its own (`lift_run.py`), a child process compares fitted model, predictions and
what the model was given (`compare_process.py`), then the raw test rows go through HTTP (`asking.py`), then spoiled
ones (`mutating.py`). What follows from it all says `outcome.py`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from unshelve.errors import UnshelveError
from unshelve.notebook.asking import TestRow, ask_rows
from unshelve.notebook.compare_order import ANSWER, ORDER, ROWS, CompareAnswer, CompareOrder
from unshelve.notebook.comparing import compare_plain, shown
from unshelve.notebook.expected import Expected, ExpectedMetric
from unshelve.notebook.kept_answers import answers_of
from unshelve.notebook.lift_run import LiftRun, Told, asker, lift_run
from unshelve.notebook.mutating import ask_mutations
from unshelve.notebook.narrowing import Gaps, gaps_in
from unshelve.notebook.outcome import GOOD, Outcome, outcome_of
from unshelve.notebook.typed_asked import ask_typed
from unshelve.schema.schema import Schema
from unshelve.solution.control import Control
from unshelve.solution.origin import AuthorsRow, LiftAnswers, ProvenValue, Requests, Verdict

COMPARE_SECONDS: Final = 600.0
PUT_BACK: Final = "with the random state put back as it was in the notebook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What a proof found."""

    outcome: Outcome
    reason: str | None
    """The first thing that stands against it."""
    values: tuple[ProvenValue, ...]
    request: Requests | None
    failure: str | None = None
    """Why the solution did not run to its end, in plain words."""
    failed_step: str | None = None
    failed_code: str | None = None
    """The platform's code for it, such as "transform-not-row-wise"."""
    equal_metrics: int = 0
    stable_metrics: int = 0
    seconds: float = 0.0
    answers: LiftAnswers | None = None
    """What the test rows were answered; None where none were."""
    gaps: Gaps | None = None
    """Which test rows lack values; None where there were no test rows."""
    examples: tuple[AuthorsRow, ...] = ()
    """Rows that the author typed in, and that were answered as the notebook did."""


def prove(
    solution: Path, expected: Expected, *, control: Control | None = None, told: Told = lambda _said: None
) -> Proven:
    """Prove a lifted solution against what its notebook computed. It never changes the solution's folder.

    The run goes into `control`'s home where one is given, else into a home that is gone afterwards.
    """
    began = time.perf_counter()
    with ExitStack() as stack:
        try:
            ran = stack.enter_context(lift_run(solution, expected, control=control, told=told))
        except UnshelveError as error:
            found = _proven(expected, (), None, (str(error), None, error.subject_code))
        else:
            found = held_against(ran, expected, told=told)
    return replace(found, seconds=time.perf_counter() - began)


def held_against(ran: LiftRun, expected: Expected, *, told: Told = lambda _said: None) -> Proven:
    """Hold a run of a solution against what a notebook computed."""
    told("Comparing with the notebook")
    compared, rows = _compared(ran, expected)
    if expected.results:
        values = [*_metrics(ran, expected), *_results_by_stability(compared.values, ran, expected)]
    else:
        values = [*_metrics(ran, expected), *_by_stability(compared.values, ran, expected)]
    heard: dict[int, Mapping[str, Any]] = {}
    request, asked, examples = _requests(ran, expected, compared, rows, told, heard=heard)
    found = replace(_proven(expected, (*values, *asked), request, ran.failure), examples=examples)
    if rows:
        found = replace(found, gaps=gaps_in(rows, _schema(ran), _required(ran)))
    if not heard:
        return found
    about_people = any(each.sensitive for each in _schema(ran).fields)
    return replace(found, answers=answers_of(ran, expected, rows, heard, about_people=about_people))


# -- metrics -------------------------------------------------------------------------------------------------------


def _metrics(ran: LiftRun, expected: Expected) -> Iterator[ProvenValue]:
    """The author's metrics against those that the solution's metric steps gave."""
    for metric in expected.metrics:
        found = ran.value(metric.step)
        number = found.get(metric.key) if isinstance(found, dict) else None
        yield _metric(metric, number, expected, replayed=bool(expected.random) and not ran.lacking)


def _metric(metric: ExpectedMetric, solution: float | None, expected: Expected, *, replayed: bool) -> ProvenValue:
    detail = ""
    if solution is None:
        verdict, detail = Verdict.NOT_COVERED, f"the solution gives no {metric.key}"
    else:
        verdict = compare_plain(float(metric.value), float(solution))
    if not metric.stable and (not replayed or verdict not in GOOD):
        verdict, detail = Verdict.UNSTABLE, "two runs of the notebook gave two values"
    elif not metric.stable:
        detail = PUT_BACK
    place = expected.places.get(metric.statement)
    return ProvenValue(
        what=f"{metric.name} in {place}" if place else metric.name,
        part="metric",
        verdict=verdict,
        statement=metric.statement,
        step=metric.step,
        notebook=shown(float(metric.value)),
        solution="" if solution is None else shown(float(solution)),
        detail=detail,
    )


# -- model and predictions -----------------------------------------------------------------------------------------


def _compared(ran: LiftRun, expected: Expected) -> tuple[CompareAnswer, tuple[TestRow, ...]]:
    """What the child process found, and the rows that it wrote down."""
    order = CompareOrder(
        kept=str(expected.kept.resolve()),
        blobs=ran.control.blob_place.text,
        model=expected.model,
        features=expected.features,
        fit_call=expected.fit_call,
        predict_call=expected.predict_call,
        typed=expected.typed,
        answered=expected.answered,
        results={name: (each.file, each.part) for name, each in expected.results.items()},
        parameters=dict(ran.parameters),
        inputs={label: dict(artifact) for label, artifact in ran.inputs.items()},
    )
    place = Path(tempfile.mkdtemp(dir=ran.room))
    (place / ORDER).write_bytes(msgspec.json.encode(order))
    child = ran.child()
    try:
        trouble = child.compare(place, COMPARE_SECONDS)
    finally:
        child.close()
    if trouble is not None:
        why = f"the comparison failed ({trouble})"
        return CompareAnswer(values=list(_uncompared(why)), why_none=why), ()
    answer = msgspec.json.decode((place / ANSWER).read_bytes(), type=CompareAnswer)
    lines = [line for line in (place / ROWS).read_bytes().split(b"\n") if line]
    return answer, tuple(msgspec.json.decode(line, type=TestRow) for line in lines)


def _uncompared(why: str) -> Iterator[ProvenValue]:
    yield ProvenValue(what="the fitted model", part="model", verdict=Verdict.NOT_COVERED, detail=why)
    yield ProvenValue(what="predictions of the test rows", part="prediction", verdict=Verdict.NOT_COVERED, detail=why)


def _by_stability(values: Sequence[ProvenValue], ran: LiftRun, expected: Expected) -> Iterator[ProvenValue]:
    """The verdicts as they stand once it is known what the notebook gives again by itself.

    What it does not is "unstable" even where it happens to be equal, unless the random state was put back.
    """
    stable = {"model": expected.model_stable, "prediction": expected.predictions_stable}
    replayed = bool(expected.random) and not ran.lacking
    for value in values:
        if stable.get(value.part, True) or value.verdict is Verdict.NOT_COVERED:
            yield value
        elif replayed and value.verdict in GOOD:
            yield _put_back(value)
        else:
            yield msgspec.structs.replace(value, verdict=Verdict.UNSTABLE)


def _results_by_stability(values: Sequence[ProvenValue], ran: LiftRun, expected: Expected) -> Iterator[ProvenValue]:
    """The same for the values that a notebook ends with, in the order in which they were asked for."""
    replayed = bool(expected.random) and not ran.lacking
    for result, value in zip(expected.results.values(), values, strict=False):
        if result.stable or value.verdict is Verdict.NOT_COVERED:
            yield value
        elif replayed and value.verdict in GOOD:
            yield _put_back(value)
        else:
            yield msgspec.structs.replace(value, verdict=Verdict.UNSTABLE)


def _put_back(value: ProvenValue) -> ProvenValue:
    return msgspec.structs.replace(value, detail=f"{value.detail}; {PUT_BACK}" if value.detail else PUT_BACK)


# -- requests ------------------------------------------------------------------------------------------------------


def _requests(
    ran: LiftRun,
    expected: Expected,
    compared: CompareAnswer,
    rows: tuple[TestRow, ...],
    told: Told,
    *,
    heard: dict[int, Mapping[str, Any]],
) -> tuple[Requests | None, list[ProvenValue], tuple[AuthorsRow, ...]]:
    """The raw test rows through HTTP, spoiled ones, and those that the author typed in."""
    if expected.entry == "script":
        return None, [_not_covered("requests", "the notebook was not sliced, so it answers no rows")], ()
    values = []
    if expected.entry == "table":
        said = "a request is a row of the prepared table, and what the notebook does before is not covered"
        values.append(_not_covered("what comes before the prepared table", said))
    said = "they are refused: what the notebook makes of them depends on other rows"
    values += [_not_covered(f"rows with a missing {name}", said) for name in expected.required]
    if ran.version is None or not rows:
        why = compared.why_none or "the run made no version that could be asked"
        return None, [*values, _not_covered("raw test rows through HTTP", why)], ()
    with asker(ran.control, ran.full_name, ran.version) as ask:
        told(f"Asking the version about {len(rows):,} test rows")
        schema = _schema(ran)
        private = frozenset(each.name for each in schema.fields if each.sensitive)
        request, asked = ask_rows(
            ask, rows, compared.of, expected.model, private=private, required=_required(ran), heard=heard
        )
        told("Asking the version about rows with one field spoiled")
        good = [row.row for row in rows if not row.problems]
        spoiled = ask_mutations(ask, good[:: max(1, len(good) // 20)], schema, expected.model)
        typed, examples = ask_typed(ask, compared.typed, expected.model)
    told_of = [*asked, *typed]
    if not (expected.predictions_stable or (expected.random and not ran.lacking)):
        told_of = [_unstable(value) for value in told_of]
    return request, [*values, *told_of, spoiled, *_own_proof(ran, expected)], examples


def _own_proof(ran: LiftRun, expected: Expected) -> Iterator[ProvenValue]:
    """The difference that the platform's own Proof found between training and the served version, if it did."""
    decision = next(each for each in ran.result.decisions if each.model == ran.full_name)
    if decision.proof == "not-proven":
        yield ProvenValue(
            what="what training computed and what the version answers",
            part="request",
            verdict=Verdict.DIFFERENT,
            step=expected.model,
            detail=ran.difference() or decision.message,
        )


def _unstable(value: ProvenValue) -> ProvenValue:
    return value if value.verdict is Verdict.NOT_COVERED else msgspec.structs.replace(value, verdict=Verdict.UNSTABLE)


def _not_covered(what: str, why: str) -> ProvenValue:
    return ProvenValue(what=what, part="request", verdict=Verdict.NOT_COVERED, detail=why)


def _schema(ran: LiftRun) -> Schema:
    assert ran.tasks is not None
    described = ran.value(f"{ran.tasks.schema}.schema")
    return Schema.from_json({key: described[key] for key in ("format", "fields")})


def _required(ran: LiftRun) -> tuple[str, ...]:
    """The fields that a request must hold though training rows lack them."""
    return () if ran.tasks is None else ran.declaration.step(ran.tasks.model).required


# -- the whole -----------------------------------------------------------------------------------------------------


def _proven(
    expected: Expected,
    values: Sequence[ProvenValue],
    request: Requests | None,
    failure: tuple[str, str | None, str] | None,
) -> Proven:
    message, step, code = failure or (None, None, None)
    outcome, reason = outcome_of(values, request, failure=message, entry=expected.entry)
    compared = zip(expected.metrics, (value for value in values if value.part == "metric"), strict=False)
    return Proven(
        outcome=outcome,
        reason=reason,
        values=tuple(values),
        request=request,
        failure=message,
        failed_step=step,
        failed_code=code,
        equal_metrics=sum(1 for metric, value in compared if metric.stable and value.verdict in GOOD),
        stable_metrics=sum(1 for metric in expected.metrics if metric.stable),
    )
