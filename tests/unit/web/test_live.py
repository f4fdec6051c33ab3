from __future__ import annotations

from datetime import UTC, datetime

from unshelve.pipeline.outcome import RunEvent, RunEventKind
from unshelve.web.live import LiveRuns, LiveTask

AT = datetime(2026, 3, 14, tzinfo=UTC)


def _event(kind: RunEventKind, task: str = "late", done: int = 0, of: int = 0, run: str = "r1") -> RunEvent:
    return RunEvent(run_id=run, kind=kind, at=AT, task=task, done=done, of=of)


def test_a_task_goes_on_from_its_start_to_its_end() -> None:
    live = LiveRuns()
    live.listen(_event(RunEventKind.STARTED))
    live.listen(_event(RunEventKind.PROGRESSED, done=62, of=100))
    assert live.going_on("r1") == {"late": LiveTask(AT, 62, 100)}
    live.listen(_event(RunEventKind.ENDED))
    assert live.going_on("r1") == {}


def test_nothing_is_kept_of_a_closed_run_nor_of_very_many() -> None:
    live = LiveRuns()
    for number in range(200):
        live.listen(_event(RunEventKind.STARTED, run=f"r{number}"))
    assert live.going_on("r0") == {}
    assert live.going_on("r199") != {}
    live.listen(_event(RunEventKind.CLOSED, run="r199"))
    assert live.going_on("r199") == {}
