"""The child of a proof: holds what a run of the solution made against what the notebook computed.

Run as `python -m unshelve.notebook.compare_process FOLDER`, in the folder of the solution. It alone unpickles: the
kept values need the notebook's classes, the artifacts those of the solution. The order comes from `proving.py`; the
answer holds verdicts, and beside it stand the raw test rows with what the notebook answered, as JSON lines.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from unshelve.data.tables import length
from unshelve.notebook.asking import TestRow
from unshelve.notebook.compare_order import ANSWER, ORDER, ROWS, CompareAnswer, CompareOrder
from unshelve.notebook.comparing_objects import Found, as_array, compare_estimators, compare_predictions, compare_tables
from unshelve.notebook.outcome import OF_ESTIMATOR
from unshelve.notebook.rows_to_ask import rows_to_ask
from unshelve.notebook.sides import Sides, has_rows, reachable
from unshelve.notebook.typed_as_raw import typed_asks
from unshelve.solution.loading import load_functions
from unshelve.solution.origin import ProvenValue, Verdict


def compare_features(sides: Sides) -> list[ProvenValue]:
    """What the model was given, for the rows it was fitted on and the test rows."""
    found = []
    place = sides.order.features or sides.order.model
    calls = (("fitted", "training", sides.order.fit_call), ("tested", "test", sides.order.predict_call))
    for part, words, number in calls:
        call = sides.call(number)
        what = f"what the model is given: {words} rows"
        if call is None or not has_rows(call.rows):
            detail = sides.why_not_kept(number) if call is None else "it was given no rows that could be compared"
            found.append(_value(what, "features", Found(verdict=Verdict.NOT_COVERED, detail=detail), place))
        elif not reachable(sides, part):
            detail = "the solution did not come so far"
            found.append(_value(what, "features", Found(verdict=Verdict.NOT_COVERED, detail=detail), place))
        else:
            what = f"what the model is given: {length(call.rows):,} {words} rows"
            found.append(_value(what, "features", compare_tables(call.rows, sides.given(part)), place))
    return found


def compare_model(sides: Sides) -> ProvenValue:
    """The fitted estimator."""
    model = sides.order.model
    if not sides.has(sides.parameters["estimator"]):
        found = Found(verdict=Verdict.NOT_COVERED, detail="the solution did not come so far")
        return _value("the fitted model", "model", found, model)
    if sides.model is None:
        found = Found(verdict=Verdict.NOT_COVERED, detail=sides.why_not_kept(sides.order.fit_call))
        return _value("the fitted model", "model", found, model)
    what = f"the fitted {type(sides.model).__name__}"
    return _value(what, "model", compare_estimators(sides.model, sides.estimator), model)


def compare_answers(sides: Sides) -> ProvenValue:
    """The predictions of the test rows, from each side's own estimator and rows."""
    model = sides.order.model
    what = "predictions of the test rows"
    if not (sides.has(sides.parameters["estimator"]) and reachable(sides, "tested")):
        why = "the solution did not come so far"
        return _value(what, "prediction", Found(verdict=Verdict.NOT_COVERED, detail=why), model)
    if sides.answers is None:
        why = "the notebook's predictions and its fitted model were not kept"
        return _value(what, "prediction", Found(verdict=Verdict.NOT_COVERED, detail=why), model)
    found = compare_predictions(sides.answers, getattr(sides.estimator, sides.method)(sides.given("tested")))
    count = len(as_array(sides.answers))
    if not sides.own_answers:
        found = _with(found, f"the notebook itself never predicted them: {OF_ESTIMATOR}")
    return _value(f"predictions of {count:,} test rows", "prediction", found, model)


def compare_results(sides: Sides) -> Iterator[ProvenValue]:
    """The values that a notebook ends with, held against those that its one step gives."""
    step = sides.order.model
    given = sides.inputs[step] if sides.has(step) else {}
    for name, (file, part) in sides.order.results.items():
        kept = sides.kept_value(file)
        if name not in given or kept is None:
            said = "the solution did not come so far" if name not in given else "it could not be kept"
            found = Found(verdict=Verdict.NOT_COVERED, detail=said)
        else:
            found = compare_estimators(kept[0], given[name])
        yield _value(f"{name}, as the notebook ends", part, found, step)


def not_compared(sides: Sides) -> Iterator[ProvenValue]:
    """What the requests cannot speak for."""
    step = sides.parameters.get("answer")
    if step is not None and sides.kept_answers is None:
        said = "what the notebook makes of its predictions was not kept: the solution's own step was called"
        yield _value(
            f"what {step} makes of a prediction", "request", Found(verdict=Verdict.NOT_COVERED, detail=said), step
        )
    if not sides.own_answers and sides.answers is not None:
        said = f"the notebook never predicted test rows: {OF_ESTIMATOR}"
        yield _value(
            "which answers are right", "request", Found(verdict=Verdict.NOT_COVERED, detail=said), sides.order.model
        )


def _with(found: Found, said: str) -> Found:
    return Found(
        verdict=found.verdict,
        detail=f"{found.detail}; {said}" if found.detail else said,
        notebook=found.notebook,
        solution=found.solution,
        row=found.row,
    )


def _value(what: str, part: Any, found: Found, step: str) -> ProvenValue:
    return ProvenValue(
        what=what,
        part=part,
        verdict=found.verdict,
        step=step,
        notebook=found.notebook,
        solution=found.solution,
        detail=found.detail,
    )


def carry_out(place: Path, functions: Mapping[str, Callable[..., Any]]) -> None:
    """Compare what the order in a folder names, and write the answer beside it."""
    sides = Sides(msgspec.json.decode((place / ORDER).read_bytes(), type=CompareOrder), functions)
    rows: list[TestRow] = []
    of, why = 0, None
    if sides.order.results:
        values = list(compare_results(sides))
    else:
        values = [*compare_features(sides), compare_model(sides), compare_answers(sides)]
        rows, of, why = rows_to_ask(sides)
    if rows:
        values.extend(not_compared(sides))
    (place / ROWS).write_bytes(b"\n".join(msgspec.json.encode(row) for row in rows))
    answer = CompareAnswer(values=values, of=of, why_none=why, typed=typed_asks(sides) if rows else [])
    (place / ANSWER).write_bytes(msgspec.json.encode(answer))


def main(folder: Path) -> None:
    """Load the solution, wait for the order's place on standard input, and carry it out.

    Loading takes seconds where libraries are large, so it goes on while the solution still runs.
    """
    functions = load_functions(folder)
    place = sys.stdin.readline().strip()
    if place:
        carry_out(Path(place), functions)
    os._exit(0)  # all is written: threads that libraries left running must not end it as a failure


if __name__ == "__main__":
    main(Path(sys.argv[1]))
