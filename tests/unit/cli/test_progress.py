"""Progress where standard error is no terminal: a line for each step."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from unshelve.cli.progress import RunProgress
from unshelve.pipeline.outcome import RunEvent, RunEventKind, StepError, StepOutcome
from unshelve.registry.runs import StepState

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def event(kind: RunEventKind, task: str = "", outcome: StepOutcome | None = None, of: int = 0) -> RunEvent:
    return RunEvent(run_id="r", kind=kind, at=NOW, task=task, outcome=outcome, of=of)


def ended(task: str, state: StepState, error: StepError | None = None) -> RunEvent:
    outcome = StepOutcome(task=task, state=state, reason="", seconds=1.25, error=error)
    return event(RunEventKind.ENDED, task, outcome)


def test_each_step_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgress() as shown:
        shown.event(event(RunEventKind.PLANNED, of=2))
        shown.event(event(RunEventKind.STARTED, "rows"))
        shown.event(ended("rows", StepState.RAN))
        shown.event(ended("model", StepState.CACHED))
        shown.event(event(RunEventKind.CLOSED))
        shown.proof("Proof of a.b v1", 10, 30)
        shown.proof("Proof of a.b v1", 30, 30)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "2 steps",
        "  ran      rows in 1.2 s",
        "  cached   model",
        "  Proof of a.b v1: 30 answers compared",
    ]


def test_a_failed_step_says_why_where_and_with_what(capsys: pytest.CaptureFixture[str]) -> None:
    error = StepError(
        step="model",
        message="model raised ValueError: no rows",
        traceback='  File "solution.py", line 7, in model\n',
        place="solution.py:7",
        inputs={"rows": "0 x 3 table"},
    )
    with RunProgress() as shown:
        shown.event(ended("model", StepState.FAILED, error))
    lines = [line.strip() for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        "failed   model",
        "model raised ValueError: no rows",
        "at solution.py:7",
        "rows: 0 x 3 table",
        'File "solution.py", line 7, in model',
    ]
