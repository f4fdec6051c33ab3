"""What runs are doing this moment, gathered from what they tell; the database knows only what has ended."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import datetime

from unshelve.pipeline.outcome import RunEvent, RunEventKind

_MOST_RUNS = 50


@dataclass(frozen=True, slots=True)
class LiveTask:
    """A task that is going on: since when, how far, and what it said last."""

    started_at: datetime
    done: int = 0
    of: int = 0
    note: str = ""


class LiveRuns:
    """Listens to runs (`listen` is a `pipeline.outcome.Listener`) and answers what is going on. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, dict[str, LiveTask]] = {}

    def listen(self, event: RunEvent) -> None:
        """Takes in one thing that happened."""
        with self._lock:
            if event.kind is RunEventKind.CLOSED:
                self._runs.pop(event.run_id, None)
                return
            tasks = self._runs.setdefault(event.run_id, {})
            if event.kind is RunEventKind.ENDED:
                tasks.pop(event.task, None)
            elif event.kind is RunEventKind.STARTED:
                tasks[event.task] = LiveTask(event.at)
            elif event.kind is RunEventKind.PROGRESSED and event.task in tasks:
                tasks[event.task] = replace(tasks[event.task], done=event.done, of=event.of)
            elif event.kind is RunEventKind.RETRYING:
                started = tasks[event.task].started_at if event.task in tasks else event.at
                tasks[event.task] = LiveTask(started, note=f"tried again: {event.text}")
            while len(self._runs) > _MOST_RUNS:
                self._runs.pop(next(iter(self._runs)))

    def going_on(self, run_id: str) -> dict[str, LiveTask]:
        """The tasks of a run that are going on now, by name."""
        with self._lock:
            return dict(self._runs.get(run_id, {}))
