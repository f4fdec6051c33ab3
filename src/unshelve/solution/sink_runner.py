"""Carries batches of sinks out: a thread of control takes Jobs one after the other and starts a process for each.

Killed at any moment, a batch is taken up again by whoever gets its lease next, with the same rows and the same id; what
was answered is in the spool, and what was written is in the target's ledger. So nothing is lost and nothing is there
twice.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Final
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection

from unshelve.data.memory import killed_for_memory
from unshelve.data.spool import rows_in
from unshelve.errors import Conflict, NotFound, Unavailable, UnshelveError, UserCodeFailed
from unshelve.pipeline.outcome import Listener
from unshelve.registry.runs import RunState, steps_of
from unshelve.registry.sinks import BatchState, SinkBatch, change_batch, end_batch, get_batch, open_batches
from unshelve.registry.solutions import get_solution
from unshelve.security.actors import LOCAL
from unshelve.solution.control import Cause, Control
from unshelve.solution.declaration import Declaration, SinkInfo
from unshelve.solution.running import run_solution
from unshelve.solution.sink_findings import answers_and_rows
from unshelve.solution.sink_orders import SinkDone, SinkOrders, SinkSaid
from unshelve.solution.sink_tries import (
    AGAIN_AFTER,
    Standing,
    broken_off,
    how_it_ended,
    is_given_up,
    said_of,
    wait_after_break,
    was_ended,
)
from unshelve.solution.sinking import JOB, ROWS_FOR, order_forgotten, sink_named
from unshelve.storage.jobs import Job, JobState, fail, finish, get_job, lease, put_back, renew

_LOGGER: Final = logging.getLogger("unshelve.sinks")

POLL_SECONDS: Final = 1.0
LEASE: Final = timedelta(seconds=30)
_SAY_SECONDS: Final = 2.0
_ENDED: Final = "sink-broken-off"
"""Of a batch whose process somebody ended."""
_UNSAID: Final = "The server, or the process that wrote the batch, was ended."

Progress = Callable[[int, int], None]


class SinkRunner:
    """Takes batches that are due and carries them out. `listener` is told of the runs that fetch rows."""

    def __init__(
        self,
        control: Control,
        listener: Listener = lambda _event: None,
        *,
        lasts: timedelta = LEASE,
        again_after: Sequence[timedelta] = AGAIN_AFTER,
    ) -> None:
        self._control = control
        self._listener = listener
        self._lasts = lasts
        self._again_after = again_after
        self._worker = f"{socket.gethostname()} {os.getpid()} {threading.get_native_id()}"
        self._closing = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._work, name="sinks", daemon=True)

    def begin(self) -> None:
        """Begin to carry batches out, those first that a killed control left."""
        order_forgotten(self._control)
        self._thread.start()

    def close(self) -> None:
        """End what is going on, to be taken up again later, and the thread."""
        self._closing.set()
        if self._process is not None:
            self._process.kill()
        if self._thread.is_alive():
            self._thread.join(timeout=20)

    def take(self, progress: Progress = lambda _done, _of: None) -> SinkBatch | None:
        """Carry out the next batch that is due and give what became of it; None when none is due."""
        control = self._control
        with control.database.read() as connection:
            waiting = open_batches(connection)
        if not waiting:
            return None
        with control.database.write() as connection:
            job = lease(connection, self._worker, kinds=(JOB,), now=control.clock.now(), lasts=self._lasts)
            _put_back_lost(connection, waiting, control)
        if job is None:
            return None
        with self._renewing(job):
            self._carry_out(job, progress)
        with control.database.read() as connection:
            return get_batch(connection, job.id)

    def _work(self) -> None:
        told = ""
        while not self._closing.is_set():
            try:
                while not self._closing.is_set() and self.take() is not None:
                    told = ""
            except Exception as error:  # the edge of the thread: logged once, and tried again
                if str(error) != told:
                    _LOGGER.exception("a batch could not be taken up")
                told = str(error)
            self._closing.wait(POLL_SECONDS)

    def _carry_out(self, job: Job, progress: Progress) -> None:
        control = self._control
        with control.database.read() as connection:
            batch = get_batch(connection, job.id)
        if batch.state is BatchState.RUNNING and not self._goes_on(job, batch, _UNSAID):
            return
        with control.database.write() as connection:
            now = control.clock.now().isoformat()
            change_batch(
                connection,
                batch.id,
                state=BatchState.RUNNING.value,
                attempts=batch.attempts + 1,
                started_at=batch.started_at or now,
                stands_since=batch.stands_since or now,
            )
            batch = get_batch(connection, job.id)
        try:
            done = self._write(batch, progress)
        except UnshelveError as error:
            self._failed(job, batch, error)
        except Exception as error:  # the edge of the thread: said where people look, and logged
            _LOGGER.exception("the batch %s failed", batch.id)
            said = UnshelveError(f"The batch failed inside unshelve: {type(error).__name__}.")
            self._failed(job, batch, said)
        else:
            self._done(job, batch, done)

    def _write(self, batch: SinkBatch, progress: Progress) -> SinkDone:
        control = self._control
        with control.database.read() as connection:
            known = get_solution(connection, batch.solution)
            step = sink_named(connection, batch.full_name)
        declaration = Declaration.from_json(known.declaration)
        model, rows_of = answers_and_rows(declaration, step)
        rows = batch.rows or self._rows(batch, Path(known.folder), rows_of)
        said = step.sink
        assert isinstance(said, SinkInfo)
        with control.answering() as address:
            orders = SinkOrders(
                home=str(control.home.root),
                sink=batch.full_name,
                batch=batch.id,
                model=f"{batch.solution}.{model}",
                rows=rows,
                rows_of=rows_of,
                to=said.to,
                changed=said.changed,
                folder=known.folder,
                ordered_at=_in_zone(batch.ordered_at, declaration.zone),
                address=address,
                actor=LOCAL,
            )
            return self._converse(batch, orders, progress)

    def _rows(self, batch: SinkBatch, folder: Path, rows_of: str) -> Mapping[str, object]:
        """The artifact with the rows: of the run that the batch is for, or of one that fetches them now."""
        control = self._control
        run_id = batch.run_id
        if run_id is None:
            cause = Cause(LOCAL, f"{ROWS_FOR}{batch.sink}")
            result = run_solution(control, folder, cause, only=rows_of, listener=self._listener, stop=self._closing)
            if result.run.state is not RunState.DONE:
                raise _rows_failed(result.run.state, rows_of, [each.message for each in result.failures])
            run_id = result.run.id
        with control.database.read() as connection:
            steps = steps_of(connection, run_id)
        for step in steps:
            if step.task.partition("@")[0] == rows_of and "" in step.outputs:
                rows: Mapping[str, object] = step.outputs[""]
                with control.database.write() as connection:
                    # Another try takes the same rows: they are what the batch is made of.
                    change_batch(connection, batch.id, rows=rows, run_id=run_id)
                return rows
        raise NotFound(f"The run gave no rows of {rows_of}.", code="sink-without-rows")

    def _converse(self, batch: SinkBatch, orders: SinkOrders, progress: Progress) -> SinkDone:
        """Start the process, hand it its orders and listen until its last word. Raises what it reports."""
        killed = killed_for_memory()
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "unshelve.solution.sink_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "UNSHELVE_HOME": orders.home},
            )
            self._process = process
            try:
                last = self._listen(process, batch, orders, progress)
            finally:
                self._process = None
                process.kill()
                process.wait()
            if last.finished is not None:
                return last.finished
            if last.message is not None:
                kind = Unavailable if last.status in (409, 503) else UnshelveError
                raise kind(last.message, code=last.code, near=last.near, hint=last.hint)
            out_of_memory = killed_for_memory() > killed
            raise Unavailable(
                how_it_ended(process.returncode, out_of_memory, _last_line(errors)),
                code=_ENDED if was_ended(process.returncode, out_of_memory) else "sink-process-ended",
                hint="It tries again by itself, from where it was.",
            )

    def _listen(
        self, process: subprocess.Popen[bytes], batch: SinkBatch, orders: SinkOrders, progress: Progress
    ) -> SinkSaid:
        said = SinkSaid()
        if process.stdin is None or process.stdout is None:
            return said
        with process.stdin, process.stdout:
            try:
                process.stdin.write(msgspec.json.encode(orders))
                process.stdin.close()
            except BrokenPipeError:
                return said
            told = 0.0
            for line in process.stdout:
                said = msgspec.json.decode(line, type=SinkSaid)
                if said.finished is not None or said.message is not None:
                    return said
                progress(said.done, said.of)
                if self._control.clock.monotonic() - told > _SAY_SECONDS:
                    told = self._control.clock.monotonic()
                    with self._control.database.write() as connection:
                        change_batch(connection, batch.id, done=said.done, total=said.of)
        process.wait()
        return SinkSaid()

    def _done(self, job: Job, batch: SinkBatch, done: SinkDone) -> None:
        control, now = self._control, self._control.clock.now()
        try:
            with control.database.write() as connection:
                finish(connection, job.id, self._worker, result=msgspec.to_builtins(done), now=now)
                end_batch(
                    connection,
                    batch,
                    BatchState.DONE,
                    now=now,
                    done=done.rows,
                    total=done.rows,
                    written=done.written,
                    unchanged=done.unchanged,
                    refused=done.refused,
                    versions=list(done.versions),
                    set_aside=[msgspec.to_builtins(each) for each in done.set_aside],
                    place=done.where,
                    error=None,
                )
        except Conflict:
            _LOGGER.info("the batch %s was written, and another worker has its lease", batch.id)
            return
        forget_spool(control, batch.id)

    def _failed(self, job: Job, batch: SinkBatch, error: UnshelveError) -> None:
        failures = batch.failures + 1
        if self._closing.is_set():
            self._try_again(job, batch, str(error), failures=batch.failures, after=timedelta(0))
        elif error.subject_code == _ENDED:
            if self._goes_on(job, batch, str(error)):
                self._try_again(job, batch, str(error), failures=batch.failures, after=timedelta(0))
        elif isinstance(error, Unavailable) and failures <= len(self._again_after):
            self._try_again(job, batch, str(error), failures=failures, after=self._again_after[failures - 1])
        else:
            self._give_up(job, batch, str(error))

    def _goes_on(self, job: Job, batch: SinkBatch, why: str) -> bool:
        """Write down that a batch was broken off; whether it may be taken up again without a wait.

        Otherwise it waits, or is given up.
        """
        control, now = self._control, self._control.clock.now()
        since = now if batch.stands_since is None else datetime.fromisoformat(batch.stands_since)
        row = rows_in(control.home.sinks / "batches" / batch.id)
        standing = broken_off(Standing(batch.stands_at, since, batch.breaks), row, now)
        with control.database.write() as connection:
            change_batch(
                connection,
                batch.id,
                stands_at=standing.row,
                stands_since=standing.since.isoformat(),
                breaks=standing.breaks,
            )
        after = wait_after_break(standing, self._again_after)
        if is_given_up(standing, now):
            self._give_up(job, batch, said_of(standing, now, why))
        elif after:
            self._try_again(job, batch, why, failures=batch.failures, after=after)
        return not after and not is_given_up(standing, now)

    def _try_again(self, job: Job, batch: SinkBatch, error: str, *, failures: int, after: timedelta) -> None:
        """Let the batch wait, to be taken up again by whoever comes first."""
        control, now = self._control, self._control.clock.now()
        try:
            with control.database.write() as connection:
                fail(connection, job.id, self._worker, error=error[:1000], now=now, again=now + after)
                values = {"state": BatchState.WAITING.value, "error": error[:1000], "failures": failures}
                change_batch(connection, batch.id, **values)
        except Conflict:
            _LOGGER.info("the batch %s failed here, and another worker has its lease", batch.id)

    def _give_up(self, job: Job, batch: SinkBatch, error: str) -> None:
        control, now = self._control, self._control.clock.now()
        try:
            with control.database.write() as connection:
                fail(connection, job.id, self._worker, error=error[:1000], now=now)
                end_batch(connection, batch, BatchState.FAILED, now=now, error=error[:1000])
        except Conflict:
            _LOGGER.info("the batch %s failed here, and another worker has its lease", batch.id)
            return
        forget_spool(control, batch.id)

    @contextmanager
    def _renewing(self, job: Job) -> Iterator[None]:
        """Keeps the lease for as long as the block lasts."""
        over = threading.Event()

        def keep() -> None:
            while not over.wait(self._lasts.total_seconds() / 3):
                try:
                    with self._control.database.write() as connection:
                        now = self._control.clock.now()
                        renew(connection, job.id, self._worker, now=now, lasts=self._lasts)
                except UnshelveError as error:
                    _LOGGER.warning("the lease of the batch %s was not renewed: %s", job.id, error)

        thread = threading.Thread(target=keep, name="sink lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def forget_spool(control: Control, batch_id: str) -> None:
    """Remove the spool of a batch that is over."""
    folder = control.home.sinks / "batches" / batch_id
    if folder.is_dir():
        for path in folder.iterdir():
            path.unlink(missing_ok=True)
        folder.rmdir()


def _put_back_lost(connection: Connection, batches: list[SinkBatch], control: Control) -> None:
    """Puts batches back whose job was given up because each worker that took it up was killed.

    A job is given up soon, for it may itself be what kills; a batch is carried out by a process of its own, and when
    it is given up, `sink_tries.py` says.
    """
    for batch in batches:
        if get_job(connection, batch.id).state is JobState.FAILED:
            put_back(connection, batch.id, now=control.clock.now())


def _rows_failed(state: RunState, rows_of: str, messages: list[str]) -> UnshelveError:
    if state is RunState.STOPPED:
        return Unavailable(f"Fetching the rows of {rows_of} was stopped.", code="sink-rows-stopped")
    said = messages[0] if messages else f"the run ended {state.value}"
    return UserCodeFailed(f"The rows of {rows_of} could not be fetched: {said}", code="sink-rows-failed")


def _in_zone(moment: str, zone: str) -> str:
    return datetime.fromisoformat(moment).astimezone(ZoneInfo(zone)).isoformat()


def _last_line(errors: IO[bytes]) -> str:
    errors.seek(max(0, errors.seek(0, 2) - 4000))
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else ""
