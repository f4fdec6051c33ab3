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
from unshelve.registry.runs import record, time_text
from unshelve.registry.states import StepState
from unshelve.storage.database import Database

_LONGEST_WAIT_SECONDS: Final = 0.05
_MOST_WAITING: Final = 100
_ENCODER: Final = msgspec.json.Encoder()


class Recorder:
    """Takes ended tasks of one run."""

    def __init__(self, database: Database, request: RunRequest, clock: Clock, listener: Listener | None) -> None:
        self._database = database
        self._request = request
        self._clock = clock
        self._listener = listener
        self._rows: list[tuple[object, ...]] = []
        self._results: list[tuple[Key, str, str]] = []
        self._ended: list[StepOutcome] = []
        self._position = 0
        self._due = 0.0

    def add(self, step: StepOutcome, key: Key | None = None) -> None:
        """Takes an ended task; `key` is given when its result is to be stored."""
        now = self._clock.monotonic()
        if not self._rows:
            self._due = now + _LONGEST_WAIT_SECONDS
        outputs = _ENCODER.encode(step.outputs).decode() if step.outputs else None
        self._rows.append(_row(self._request.run_id, step, self._position, outputs))
        self._position += 1
        if self._listener is not None:
            self._ended.append(step)
        if key is not None:
            self._results.append((key, step.task, outputs or "{}"))
            # Work that took long is not left waiting: what it took is taken off the time that is left.
            self._due -= step.seconds or 0.0
            if len(self._results) >= _MOST_WAITING:
                self._due = now

    def tell(self, kind: RunEventKind, *, task: str = "", done: int = 0, of: int = 0, text: str = "") -> None:
        """Tells the listener at once what is not recorded: that a task began, or how far it is."""
        if self._listener is not None:
            at = self._clock.now()
            self._listener(
                RunEvent(run_id=self._request.run_id, kind=kind, at=at, task=task, done=done, of=of, text=text)
            )

    def due_in(self) -> float | None:
        """How soon what waits must be written; None when nothing waits."""
        return max(0.0, self._due - self._clock.monotonic()) if self._rows else None

    def flush_if_due(self) -> None:
        """Writes what waits if it waited long enough."""
        if self._rows and self._clock.monotonic() >= self._due:
            self.flush()

    def flush(self) -> None:
        """Writes what waits, results before steps in one transaction, and then announces it."""
        if not self._rows:
            return
        now = self._clock.now()
        made_at, run_id = time_text(now), self._request.run_id
        results = [
            StoredResult(key.digest, task, outputs, key.parts, run_id, made_at) for key, task, outputs in self._results
        ]
        with self._database.write() as connection:
            keep_results(connection, self._request.solution, results)
            record(connection, self._rows)
        self._rows, self._results = [], []
        ended, self._ended = self._ended, []
        if self._listener is not None:
            for step in ended:
                self._listener(RunEvent(run_id=run_id, kind=RunEventKind.ENDED, at=now, task=step.task, outcome=step))


def _row(run_id: str, step: StepOutcome, position: int, outputs: str | None) -> tuple[object, ...]:
    """What `runs.step_row` gives, from the values that are at hand here; it is made once per step."""
    return (
        run_id,
        step.task,
        position,
        step.state.value,
        step.reason,
        step.key,
        outputs if step.state is not StepState.FAILED else None,
        None if step.started_at is None else time_text(step.started_at),
        step.seconds,
        step.peak_bytes,
        step.attempts,
        step.log,
        None if step.error is None else _ENCODER.encode(step.error).decode(),
    )
