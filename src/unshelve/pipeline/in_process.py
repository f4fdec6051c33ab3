"""InProcess: carries out tasks in the calling process, one after the other.

For tests, small graphs and programs that hold their functions in memory. It cannot enforce time limits, and a
step that ends the process ends the run; `processes` can.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unshelve.clock import Clock, SystemClock
from unshelve.pipeline.captured import Captured, CapturedText
from unshelve.pipeline.executor import Ended, Order, Progressed, Report, Started
from unshelve.pipeline.outputs import call_function
from unshelve.pipeline.performing import Functions, Operations, Performer
from unshelve.pipeline.task import CALL
from unshelve.storage.blobs import BlobStore


class InProcess:
    """An executor over functions that are there already."""

    def __init__(
        self,
        functions: Functions,
        blobs: BlobStore,
        *,
        operations: Operations | None = None,
        folder: Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._performer = Performer(folder or Path.cwd(), functions, operations or {CALL: call_function}, blobs)
        self._clock = clock or SystemClock()
        self._written: list[bytes] = []
        self._text = CapturedText(self._written.append)
        self._captured = Captured(self._text)
        self._order: Order | None = None

    @property
    def free(self) -> int:
        return 1 if self._order is None else 0

    def submit(self, order: Order) -> None:
        if self._order is not None:
            raise RuntimeError("an order was submitted while another one waits")
        self._order = order

    def wait(self, timeout_seconds: float | None) -> Sequence[Report]:  # noqa: ARG002 - the work is done here and now
        order, self._order = self._order, None
        if order is None:
            return []
        moves: list[Report] = []
        self._written.clear()
        self._text.begin()
        began = self._clock.monotonic()
        with self._captured:
            outputs, error = self._performer.perform(
                order, lambda done, of: moves.append(Progressed(order.number, done, of))
            )
        seconds = self._clock.monotonic() - began
        ended = Ended(order.number, outputs, error, seconds, None, b"".join(self._written))
        return [Started(order.number), *moves, ended]

    def stop(self) -> None:
        self._order = None

    def close(self) -> None:
        self.stop()
