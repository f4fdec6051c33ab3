"""The writer of the prediction log: an answer is in the log before it leaves.

Everything that is appended in one turn of the event loop is written by one `write` at the turn's end, and the
callers go on after it. What was written survives the end of the process, `kill -9` included; what survives a
loss of power is a matter of `Flush`.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from unshelve.clock import Clock, SystemClock, milliseconds
from unshelve.errors import StorageFull, Unavailable
from unshelve.ids import new_id
from unshelve.predictions.record import Record
from unshelve.predictions.segment import SegmentFile, frame

_LOGGER: Final = logging.getLogger("unshelve.predictions")
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SYNC_SECONDS: Final = 1.0


class Flush(StrEnum):
    """When answers are made to survive a loss of power."""

    NEVER = "never"
    """When the operating system sees fit, usually within half a minute."""
    EACH_SECOND = "each-second"
    ALWAYS = "always"
    """Before they leave: each answer waits for the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """How the log is kept."""

    flush: Flush = Flush.EACH_SECOND
    segment_bytes: int = 16 * 2**20
    """A segment is closed, and can be sealed, once it is this big …"""
    segment_seconds: float = 900.0
    """… or this old."""


@dataclass(slots=True)
class _Turn:
    """What one turn of the loop has appended."""

    records: list[Record]
    waiting: list[asyncio.Future[None]]


class LogWriter:
    """The one writer of a process, used from its event loop. It makes a segment when there is something to write."""

    def __init__(self, folder: Path, settings: LogSettings | None = None, clock: Clock | None = None) -> None:
        self.folder = folder
        self.failure: Unavailable | None = None
        """Why the last write failed; None while writing works."""
        self._settings = settings or LogSettings()
        self._clock = clock or SystemClock()
        self._segment: SegmentFile | None = None
        self._opened = 0.0
        self._turn = _Turn([], [])
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="log-sync")
        self._sync_timer: asyncio.TimerHandle | None = None
        self._age_timer: asyncio.TimerHandle | None = None
        self._closed = False

    def append(self, records: Sequence[Record]) -> asyncio.Future[None]:
        """A future that is done once the records are in the log, with all that this turn of the loop appends.

        It fails with StorageFull or Unavailable, and then none of them is in the log.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        if not records:
            future.set_result(None)
            return future
        if self._closed:
            future.set_exception(Unavailable("The prediction log is closed: the server is ending."))
            return future
        turn = self._turn
        if not turn.records:
            loop.call_soon(self._commit)
        turn.records.extend(records)
        turn.waiting.append(future)
        return future

    async def close(self) -> None:
        """Writes what is still waiting and lets go of the segment, so that it can be sealed."""
        self._commit()
        self._closed = True
        for timer in (self._sync_timer, self._age_timer):
            if timer is not None:
                timer.cancel()
        self._rotate()
        await asyncio.get_running_loop().run_in_executor(None, self._disk.shutdown)

    def _commit(self) -> None:
        turn, self._turn = self._turn, _Turn([], [])
        if not turn.records:
            return
        try:
            segment = self._writable()
            segment.write(frame(turn.records))
        except OSError as error:
            if self._segment is not None and self._segment.broken:
                self._rotate()
            self._fail(turn, error)
            return
        self.failure = None
        if self._settings.flush is Flush.ALWAYS:
            self._in_background(segment.sync, lambda error: self._synced(turn, error))
            return
        if self._settings.flush is Flush.EACH_SECOND and self._sync_timer is None:
            self._sync_timer = asyncio.get_running_loop().call_later(_SYNC_SECONDS, self._sync_due)
        _resolve(turn)

    def _writable(self) -> SegmentFile:
        if self._segment is not None and self._segment.size >= self._settings.segment_bytes:
            self._rotate()
        if self._segment is None:
            self._segment = SegmentFile.create(self.folder, new_id(milliseconds(self._clock.now())))
            self._age_timer = asyncio.get_running_loop().call_later(self._settings.segment_seconds, self._rotate)
        return self._segment

    def _rotate(self) -> None:
        """Closes the segment: at once, or after its last sync, behind those that are under way."""
        segment, self._segment = self._segment, None
        if self._age_timer is not None:
            self._age_timer.cancel()
            self._age_timer = None
        if segment is None:
            return

        def finish() -> None:
            try:
                if self._settings.flush is not Flush.NEVER:
                    segment.sync()
            finally:
                segment.close()

        self._in_background(finish, self._reported)

    def _fail(self, turn: _Turn, error: OSError) -> None:
        failure = _meaning(error, self.folder)
        if self.failure is None:
            _LOGGER.error("answers are refused: %s (%s)", failure.message, error)
        self.failure = failure
        for future in turn.waiting:
            if not future.done():
                # One exception each: it collects the traceback of the one who waits for it.
                future.set_exception(_meaning(error, self.folder))

    def _sync_due(self) -> None:
        self._sync_timer = None
        if self._segment is not None:
            self._in_background(self._segment.sync, self._reported)

    def _synced(self, turn: _Turn, error: OSError | None) -> None:
        if error is not None:
            # After a failed sync the kernel may have dropped the pages: this segment is not to be trusted further.
            self._rotate()
            self._fail(turn, error)
        else:
            _resolve(turn)

    def _reported(self, error: OSError | None) -> None:
        if error is not None:
            self.failure = _meaning(error, self.folder)
            _LOGGER.error("the prediction log could not be brought to the disk: %s", error)
            self._rotate()

    def _in_background(self, work: Callable[[], None], done: Callable[[OSError | None], None]) -> None:
        loop = asyncio.get_running_loop()

        def report(future: Future[None]) -> None:
            error = future.exception()
            if error is not None and not isinstance(error, OSError):
                raise error
            if not loop.is_closed():
                loop.call_soon_threadsafe(done, error)

        self._disk.submit(work).add_done_callback(report)


def _resolve(turn: _Turn) -> None:
    for future in turn.waiting:
        if not future.done():
            future.set_result(None)


def _meaning(error: OSError, folder: Path) -> Unavailable:
    if error.errno in _FULL:
        return StorageFull(
            f"There is no room left for the prediction log in {folder}, and no answer leaves unlogged.",
            hint="Make room on that disk; answers go on by themselves.",
            details={"retry_after_seconds": 10},
        )
    return Unavailable(
        f"The prediction log in {folder} cannot be written to ({error.strerror}), and no answer leaves unlogged.",
        code="prediction-log-unwritable",
        details={"retry_after_seconds": 10},
    )
