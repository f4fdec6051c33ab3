"""Holding a job: its lease is renewed while the work goes on, and the work is ended when it is lost or not wanted.

Who holds a job writes through a database that checks the lease in each transaction. A process that slept through
its lease can therefore write nothing more, whatever it still believes.
"""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from types import TracebackType
from typing import Final

from sqlalchemy import Connection

from unshelve.clock import Clock
from unshelve.errors import Conflict, UnshelveError
from unshelve.storage.database import Database
from unshelve.storage.jobs import check_lease, get_job, renew

_LOOK_SECONDS: Final = 0.3
_LOGGER: Final = logging.getLogger("unshelve.jobs")


class Holding:
    """A leased job, held for as long as the block lasts. `stop` is set when the work has to end."""

    def __init__(
        self, database: Database, job_id: str, worker: str, *, lasts: timedelta, clock: Clock, stop: threading.Event
    ) -> None:
        self.database = database.guarded(self._check)
        """For what is written on behalf of the job."""
        self.stop = stop
        self._plain = database
        self._job_id = job_id
        self._worker = worker
        self._lasts = lasts
        self._clock = clock
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> Holding:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _check(self, connection: Connection) -> None:
        check_lease(connection, self._job_id, self._worker)

    def _keep(self) -> None:
        renewed = self._clock.monotonic()
        token: int | None = None
        while not self._over.wait(_LOOK_SECONDS):
            try:
                now = self._plain.change_token()
                if now != token:
                    token = now
                    self._look()
                if self._clock.monotonic() - renewed > self._lasts.total_seconds() / 3:
                    with self._plain.write() as connection:
                        renew(connection, self._job_id, self._worker, now=self._clock.now(), lasts=self._lasts)
                    renewed = self._clock.monotonic()
            except Conflict as error:
                _LOGGER.warning("the work is ended: %s", error)
                self.stop.set()
                return
            except UnshelveError as error:
                # The database is away. Until the lease is over nobody else may begin; then this one must have ended.
                _LOGGER.warning("the lease could not be renewed: %s", error)
                if self._clock.monotonic() - renewed > self._lasts.total_seconds():
                    self.stop.set()
                    return

    def _look(self) -> None:
        with self._plain.read() as connection:
            if get_job(connection, self._job_id).stop_asked:
                self.stop.set()
