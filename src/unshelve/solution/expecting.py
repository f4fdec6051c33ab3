"""What a run found of its expectations, written down where pages, and the next run, find it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from unshelve.data.timely import MOST_COUNTS
from unshelve.ids import canonical_json
from unshelve.pipeline.outcome import RunOutcome
from unshelve.pipeline.step import Kind
from unshelve.registry.expectations import ExpectationResult, Outcome, put_expectations, usual_rows
from unshelve.registry.states import StepState
from unshelve.solution.control import Control
from unshelve.solution.declaration import Declaration, StepInfo
from unshelve.solution.training import Training
from unshelve.solution.verdicts import sentences, stopped_by, timely_results


def counts_of(control: Control, declaration: Declaration) -> dict[str, list[int]]:
    """How many rows earlier runs had, by expectation, the newest first."""
    names = [step.name for step in declaration.of_kind(Kind.EXPECT)]
    with control.database.read() as connection:
        return usual_rows(connection, declaration.name, names, limit=MOST_COUNTS)


def keep_expectations(control: Control, declaration: Declaration, plan: Training, outcome: RunOutcome) -> None:
    """Write down what became of a run's expectations."""
    now = control.clock.now()
    results = [
        found
        for step in declaration.of_kind(Kind.EXPECT)
        if (found := _result(control, declaration, plan, step, outcome, now)) is not None
    ]
    if results:
        with control.database.write() as connection:
            put_expectations(connection, results)


def _result(
    control: Control, declaration: Declaration, plan: Training, step: StepInfo, outcome: RunOutcome, now: datetime
) -> ExpectationResult | None:
    looked, decided = outcome.steps.get(f"{step.name}:checked"), outcome.steps.get(step.name)
    if looked is None or decided is None or StepState.STOPPED in (looked.state, decided.state):
        return None
    common: dict[str, Any] = {
        "run_id": outcome.run_id,
        "name": step.name,
        "solution": declaration.name,
        "table": step.table or "",
        "severity": step.severity,
        "made_at": now.isoformat(),
    }
    if "report" not in looked.outputs:
        because = next((one.error.message for one in (looked, decided) if one.error is not None), "")
        message = because or f"{step.table} was not made."
        empty: dict[str, Any] = {"rows": None, "failing": None, "report": None, "aside": None}
        return ExpectationResult(**common, **empty, outcome=Outcome.BROKEN, message=message)
    report = msgspec.json.decode(control.blobs.get(looked.outputs["report"].digest))
    parameters = plan.graph.tasks[step.name].parameters
    said = sentences(report, parameters, now=now)
    report["checks"] = [*report["checks"], *timely_results(report, parameters, now=now)]
    aside = {
        kind: looked.outputs[name].to_json()
        for kind, name in (("parquet", "aside"), ("csv", "aside_csv"))
        if name in looked.outputs
    }
    return ExpectationResult(
        **common,
        outcome=_outcome(step, decided.state, said),
        rows=report["rows"],
        failing=report["failing"],
        message=stopped_by(report, parameters, said) or " ".join(said),
        report=control.blobs.put(canonical_json(report)),
        aside=aside or None,
    )


def _outcome(step: StepInfo, state: StepState, said: list[str]) -> Outcome:
    if state is StepState.FAILED:
        return Outcome.STOPPED
    if not said:
        return Outcome.HELD
    return Outcome.SET_ASIDE if step.severity == "quarantine" else Outcome.WARNED
