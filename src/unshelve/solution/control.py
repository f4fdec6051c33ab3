"""Control: an opened home, with everything that may change it. There is one per home at a time.

It never imports a solution's code: it plans from declarations and lets workers run the functions.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType

from sqlalchemy import Connection

from unshelve.clock import Clock, SystemClock, milliseconds
from unshelve.ids import new_id
from unshelve.pipeline.pool import PoolLimits, WorkerPool
from unshelve.predictions.log import Flush, LogSettings
from unshelve.registry.runs import interrupt_open_runs
from unshelve.security.actors import Actor
from unshelve.security.secrets import remember_all
from unshelve.security.signing import Signer, Verifier
from unshelve.serving.hash_seed import hash_seed
from unshelve.serving.limits import Limits
from unshelve.serving.process import AnswerProcesses, AnswerSettings
from unshelve.serving.relay import control_socket
from unshelve.settings import Settings, read_settings
from unshelve.storage.blobs import BlobStore
from unshelve.storage.database import Database
from unshelve.storage.home import Home, HomeLock
from unshelve.storage.house import House, enter_house
from unshelve.storage.jobs import free_leases, open_jobs
from unshelve.storage.migration import migrate
from unshelve.storage.opening import BlobPlace, blob_place, open_blobs
from unshelve.storage.probing import claim

WORKER_ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads of numeric libraries that wait give their core to the next worker: spinning costs 40 s of a 1 s fit here."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(slots=True, kw_only=True)
class Control:
    """An opened home. Use it as a context manager: leaving it gives the home back."""

    home: Home
    database: Database
    blobs: BlobStore
    blob_place: BlobPlace
    """Where they are, for other processes."""
    signer: Signer
    clock: Clock
    settings: Settings
    house: House
    worker: str
    """The name by which this process holds jobs; no other process has it."""
    address: str | None = None
    """Where this home's answer processes listen, once they do: "http://127.0.0.1:8000"."""
    pool: WorkerPool
    """Warm worker processes, shared by all runs."""
    running: threading.Lock = field(default_factory=threading.Lock)
    """Held while a run goes on: runs of one home take turns."""
    _lock: HomeLock

    @classmethod
    def open(cls, path: Path, *, clock: Clock | None = None) -> Control:
        """Take a home, making it if it is not there. HomeInUse when another process has it."""
        home = Home.create_or_open(path)
        lock = home.lock()
        try:
            settings = read_settings(home.settings_file, os.environ)
            database = Database.open(settings.database or home.database_file)
            migrate(database)
            told = clock or SystemClock()
            signer = Signer.load_or_create(home.keys)
            with database.write() as connection:
                house = enter_house(
                    connection, signer.key_id, verifies=Verifier.load(home.keys).key_ids, now=told.now()
                )
                if database.is_file:
                    _begin_again(connection, now=told.now())
            limits = PoolLimits(
                workers=settings.workers or os.cpu_count() or 1, idle_seconds=settings.worker_idle_seconds
            )
            place = blob_place(home, settings)
            blobs = open_blobs(place)
            claim(blobs, house.id)
            remember_all(home.secrets)
            return cls(
                home=home,
                database=database,
                blobs=blobs,
                blob_place=place,
                signer=signer,
                house=house,
                worker=f"{socket.gethostname()}:{os.getpid()}:{new_id(milliseconds(told.now()))[-6:]}",
                clock=told,
                settings=settings,
                pool=WorkerPool(
                    place.text,
                    limits=limits,
                    clock=told,
                    environment={**WORKER_ENVIRONMENT, "UNSHELVE_HOME": str(home.root)},
                ),
                _lock=lock,
            )
        except BaseException:
            lock.release()
            raise

    @property
    def lease(self) -> timedelta:
        """How long after the last word of a process its jobs are free again."""
        return timedelta(seconds=self.settings.lease_seconds)

    @property
    def verifier(self) -> Verifier:
        return Verifier.load(self.home.keys)

    @contextmanager
    def answering(self) -> Iterator[str]:
        """An address at which versions of this home answer: the present one, or one for as long as it is needed."""
        if self.address is not None:
            yield self.address
            return
        with _BriefAnswers(answer_settings(self, port=0)) as address:
            yield address

    def close(self) -> None:
        self.pool.close()
        self.database.close()
        self._lock.release()

    def __enter__(self) -> Control:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _begin_again(connection: Connection, *, now: datetime) -> None:
    """What an earlier process of the only writer left: its jobs are free, its runs are broken off."""
    free_leases(connection, kinds=["run"], now=now)
    waiting = [str(job.payload["run"]) for job in open_jobs(connection, "run") if isinstance(job.payload, dict)]
    interrupt_open_runs(connection, waiting=waiting, now=now)


def answer_settings(control: Control, *, port: int, host: str = "127.0.0.1", processes: int = 1) -> AnswerSettings:
    """How the answer processes of a home are run."""
    return AnswerSettings(
        home=control.home.root,
        database=control.database.address,
        blobs=control.blob_place.text,
        control=control_socket(control.home.root),
        releases="unshelve.serving.releases:live_releases",
        host=host,
        port=port,
        processes=processes,
        log=LogSettings(flush=Flush(control.settings.flush)),
        limits=Limits(body_bytes=control.settings.body_bytes),
        hash_seed=hash_seed(control.home.keys),
    )


class _BriefAnswers:
    """Answer processes for as long as a block lasts, kept by an event loop in a thread of its own."""

    def __init__(self, settings: AnswerSettings) -> None:
        self._processes = AnswerProcesses(settings)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="answers", daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._processes.start(), self._loop).result()
        except BaseException:
            self._end()
            raise
        return f"http://127.0.0.1:{self._processes.port}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._processes.stop(), self._loop).result()
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass(frozen=True, slots=True)
class Cause:
    """Who or what started something: an actor, and one sentence for people."""

    actor: Actor
    sentence: str
