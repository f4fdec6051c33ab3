"""WorkerPool: warm workers, shared by all runs of a server, that end when nobody needs them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from unshelve.clock import Clock, SystemClock
from unshelve.errors import Unavailable
from unshelve.pipeline.worker_process import Program, WorkerProcess

_STORE_OPENER: Final = "unshelve.storage.opening:open_blobs"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """How many workers there may be, and how long one may wait for work before it ends."""

    workers: int = 2
    idle_seconds: float = 60.0


class WorkerPool:
    """Starts workers when they are wanted, keeps them warm, and ends those that nobody wanted for a while.

    `store` is the address of the blob store, which `store_opener` ("module:name") opens in the worker.
    `environment` is added to each worker's own. Safe to use from several threads.
    """

    def __init__(
        self,
        store: str,
        *,
        limits: PoolLimits | None = None,
        store_opener: str = _STORE_OPENER,
        environment: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.limits = limits or PoolLimits()
        self._store = store
        self._store_opener = store_opener
        self._environment = dict(environment or {})
        self._clock = clock or SystemClock()
        self._changed = threading.Condition()
        self._idle: list[tuple[WorkerProcess, float]] = []
        self._leased: set[WorkerProcess] = set()
        self._reaper: threading.Thread | None = None
        self._closed = False

    def lease(self, program: Program, *, timeout_seconds: float = 0.0) -> WorkerProcess | None:
        """A worker for a program; None when all are busy for so long. Raises Unavailable after `close`."""
        deadline = self._clock.monotonic() + timeout_seconds
        with self._changed:
            while True:
                worker = self._take(program)
                if worker is not None:
                    self._leased.add(worker)
                    return worker
                left = deadline - self._clock.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    return None

    def warm(self, program: Program) -> None:
        """Starts a worker for a program that will be asked for soon, where there is room for one more."""
        with self._changed:
            full = len(self._leased) + len(self._idle) >= self.limits.workers
            known = any(worker.program == program for worker, _ in self._idle)
            worker = None if full or known else self._take(program)
        if worker is not None:
            self.give_back(worker)

    def can_lease(self) -> int:
        """How many workers could be had now."""
        with self._changed:
            return 0 if self._closed else self.limits.workers - len(self._leased)

    def give_back(self, worker: WorkerProcess) -> None:
        """Takes back a worker that has nothing to do."""
        with self._changed:
            self._leased.discard(worker)
            if self._closed:
                worker.close()
            else:
                self._idle.append((worker, self._clock.monotonic()))
                self._start_reaper()
            self._changed.notify_all()

    def discard(self, worker: WorkerProcess) -> None:
        """Ends a leased worker."""
        worker.close()
        with self._changed:
            self._leased.discard(worker)
            self._changed.notify_all()

    def pids(self) -> list[int]:
        """The processes of all workers, busy and idle."""
        with self._changed:
            return sorted(worker.pid for worker in [*self._leased, *(worker for worker, _ in self._idle)])

    def close(self) -> None:
        """Ends all workers; those that are leased end too."""
        with self._changed:
            self._closed = True
            workers = [*self._leased, *(worker for worker, _ in self._idle)]
            self._idle.clear()
            self._leased.clear()
            self._changed.notify_all()
        for worker in workers:
            worker.close()
        if self._reaper is not None:
            self._reaper.join()

    def _take(self, program: Program) -> WorkerProcess | None:
        """An idle worker of the program, else a new one in the place of none or of an idle one of another program."""
        if self._closed:
            raise Unavailable("The workers have been ended.", code="workers-ended")
        for place in reversed(range(len(self._idle))):
            worker, _ = self._idle[place]
            if worker.program == program:
                del self._idle[place]
                if worker.alive:
                    return worker
                worker.close()
        if len(self._leased) >= self.limits.workers:
            return None
        if len(self._leased) + len(self._idle) >= self.limits.workers:
            self._idle.pop(0)[0].close()
        return WorkerProcess(program, store_opener=self._store_opener, store=self._store, environment=self._environment)

    def _start_reaper(self) -> None:
        if self._reaper is None or not self._reaper.is_alive():
            self._reaper = threading.Thread(target=self._reap, name="unshelve-idle-workers", daemon=True)
            self._reaper.start()

    def _reap(self) -> None:
        """Ends workers whose time is over; ends itself when none is left."""
        with self._changed:
            while self._idle and not self._closed:
                now = self._clock.monotonic()
                over = [worker for worker, since in self._idle if now - since >= self.limits.idle_seconds]
                self._idle = [entry for entry in self._idle if entry[0] not in over]
                for worker in over:
                    worker.close()
                if self._idle:
                    first = min(since for _, since in self._idle)
                    self._changed.wait(max(0.01, first + self.limits.idle_seconds - now))
            self._reaper = None
