"""What runs of the solution `trains` found of its expectations, for the tests of pages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from unshelve.ids import canonical_json
from unshelve.pipeline.step import Kind
from unshelve.registry import runs
from unshelve.registry.expectations import ExpectationResult, Outcome, put_expectations
from unshelve.registry.runs import RunState, RunStep, StepState
from unshelve.solution.declaration import Place, StepInfo
from unshelve.storage.blobs import BlobStore
from unshelve.storage.database import Database

EXPECTED = StepInfo(
    name="trains_hold",
    kind=Kind.EXPECT,
    parameters=(),
    title="trains hold",
    description="",
    place=Place(file="solution.py", line=7),
    code={},
    severity="quarantine",
    table="timetable",
    at_most=0.05,
)

REPORT: dict[str, Any] = {
    "rows": 1200,
    "failing": 3,
    "facts": {"rows": 1200, "newest": {}},
    "checks": [
        {"says": "train is unique", "held": True, "message": "", "failing": 0, "rows": []},
        {
            "says": "cars is between 1 and 20",
            "held": False,
            "message": "3 of 1,200 do not.",
            "failing": 3,
            "rows": [4, 8, 9],
        },
    ],
    "examples": {
        "columns": ["row", "fails", "train", "driver_name", "cars"],
        "rows": [
            [str(row), "cars is between 1 and 20", f"<b>IC {row}</b>", "hidden", cars]
            for row, cars in ((4, "0"), (8, None), (9, "-1"))
        ],
        "left_out": 0,
        "hidden": ["driver_name"],
    },
}
CLEANING: dict[str, Any] = {
    "rows": {"before": 1200, "after": 1150, "dropped": 50, "added": 0, "changed": 12},
    "columns": [{"name": "platform", "changed": 12, "filled": 5, "emptied": 0}],
    "changes": [{"name": "platform", "pairs": [[3, None, "1"], [7, " 2b", "2B"]]}],
    "dropped": {"columns": ["row", "train"], "rows": [["1", "IC 1"]], "left_out": 0, "hidden": []},
    "matched": "row",
}


def furnish_expectations(database: Database, blobs: BlobStore, run_id: str, now: datetime) -> None:
    """A history of three runs; the last is `run_id`. One step says what it changed."""
    report = blobs.put(canonical_json(REPORT))
    csv = b"row,fails,train\n4,cars,IC 4\n"
    aside = {"csv": {"digest": blobs.put(csv), "kind": "bytes", "size_bytes": len(csv), "summary": {}}}
    cleaning = canonical_json(CLEANING)
    changed = {"digest": blobs.put(cleaning), "kind": "json", "size_bytes": len(cleaning), "summary": {}}
    outcomes = ((Outcome.HELD, 0), (Outcome.STOPPED, 400), (Outcome.SET_ASIDE, 3))
    with database.write() as connection:
        kept = []
        for place, (outcome, failing) in enumerate(outcomes):
            at = now - timedelta(days=3 - place)
            run = run_id
            if place < 2:
                run = runs.queue(
                    connection, solution="trains", cause="earlier", actor="local", parameters={}, now=at
                ).id
                runs.start(connection, run, environment={}, graph=[], now=at)
                runs.end(connection, run, RunState.DONE, now=at)
            kept.append(
                ExpectationResult(
                    run_id=run,
                    name=EXPECTED.name,
                    solution="trains",
                    table="timetable",
                    severity="quarantine",
                    outcome=outcome,
                    rows=1200,
                    failing=failing,
                    message="cars is between 1 and 20: 3 of 1,200 do not." if failing else "",
                    report=report,
                    aside=aside if outcome is Outcome.SET_ASIDE else None,
                    made_at=at.isoformat(),
                )
            )
        put_expectations(connection, kept)
        step = RunStep(
            task="tidied",
            state=StepState.RAN,
            reason="it has not run before",
            outputs={"cleaning": changed},
            started_at=now,
            seconds=0.1,
            peak_bytes=1,
            attempts=1,
            log=None,
            error=None,
        )
        runs.record(connection, [runs.step_row(run_id, step, 99)])
