"""Recorder: writes what ended to the database, many at a time, and tells the listener only after that.

What was announced as ended is therefore never done again, whenever the process is killed. At most 50 ms or 100
tasks wait to be written.
"""

from __future__ import annotations

from typing import Final

import msgspec

from unshelve.clock import Clock
from unshelve.pipeline.cache import Key
from unshelve.pipeline.outcome import Listener, RunEvent, RunEventKind, RunRequest, StepOutcome
from unshelve.registry.results import StoredResult, keep_results
from unshelve.registry.runs import StepState, record, time_text
from unshelve.storage.database import Database

_LONGEST_WAIT_SECONDS: Final = 0.05
_MOST_WAITING: Final = 100


class Recorder:
    """Takes ended tasks of one run."""

    def __init__(self, database: Database, request: RunRequest, clock: Clock, listener: Listener | None) -> None:
        self._database = database
        self._request = request
        self._clock = clock
        self._listener = listener
        self._rows: list[dict[str, object]] = []
        self._results: list[StoredResult] = []
        self._events: list[RunEvent] = []
        self._position = 0
        self._since: float | None = None
        self._seconds = 0.0

    def add(self, step: StepOutcome, key: Key | None = None) -> None:
        """Takes an ended task; `key` is given when its result is to be stored."""
        outputs = msgspec.json.encode(step.outputs).decode() if step.outputs else None
        self._rows.append(_row(step, self._position, outputs))
        self._position += 1
        now = self._clock.now()
        if key is not None:
            self._results.append(
                StoredResult(key.digest, step.task, outputs or "{}", key.parts, self._request.run_id, time_text(now))
            )
            self._seconds += step.seconds or 0.0
        if self._listener is not None:
            self._events.append(
                RunEvent(run_id=self._request.run_id, kind=RunEventKind.ENDED, at=now, task=step.task, outcome=step)
            )
        if self._since is None:
            self._since = self._clock.monotonic()

    def tell(self, kind: RunEventKind, *, task: str = "", done: int = 0, of: int = 0, text: str = "") -> None:
        """Tells the listener at once what is not recorded: that a task began, or how far it is."""
        if self._listener is not None:
            self._listener(
                RunEvent(
                    run_id=self._request.run_id, kind=kind, at=self._clock.now(), task=task, done=done, of=of, text=text
                )
            )

    def due_in(self) -> float | None:
        """How soon what waits must be written; None when nothing waits."""
        if self._since is None:
            return None
        if self._seconds >= _LONGEST_WAIT_SECONDS or len(self._results) >= _MOST_WAITING:
            return 0.0
        return max(0.0, self._since + _LONGEST_WAIT_SECONDS - self._clock.monotonic())

    def flush_if_due(self) -> None:
        """Writes what waits if it waited long enough."""
        if self.due_in() == 0.0:
            self.flush()

    def flush(self) -> None:
        """Writes what waits, results before steps in one transaction, and then announces it."""
        if self._since is None:
            return
        with self._database.write() as connection:
            keep_results(connection, self._request.solution, self._results)
            record(connection, self._request.run_id, self._rows)
        events, self._events = self._events, []
        self._rows, self._results, self._since, self._seconds = [], [], None, 0.0
        if self._listener is not None:
            for event in events:
                self._listener(event)


def _row(step: StepOutcome, position: int, outputs: str | None) -> dict[str, object]:
    error = step.error
    return {
        "task": step.task,
        "position": position,
        "state": step.state.value,
        "reason": step.reason,
        "key": step.key,
        "outputs": outputs if step.state is not StepState.FAILED else None,
        "started_at": None if step.started_at is None else time_text(step.started_at),
        "seconds": step.seconds,
        "peak_bytes": step.peak_bytes,
        "attempts": step.attempts,
        "log": step.log,
        "error": None if error is None else msgspec.json.encode(error).decode(),
    }
