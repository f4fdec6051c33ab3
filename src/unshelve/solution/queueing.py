"""Queued runs: a run and the job that carries it out, made in one transaction, so that neither is without the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Final

import msgspec
from sqlalchemy import Connection

from unshelve.errors import Conflict
from unshelve.registry import runs
from unshelve.registry.runs import Run
from unshelve.registry.states import RunState
from unshelve.security.actors import Actor
from unshelve.security.audit import append
from unshelve.solution.control import Cause, Control
from unshelve.solution.leasing import Holding
from unshelve.storage import jobs
from unshelve.storage.jobs import Job, JobState, Order

KIND: Final = "run"
"""The kind of the jobs that carry out runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """What a run's job says: which run, of which folder, for whom and why."""

    run: str
    solution: str
    folder: str
    actor: Actor
    sentence: str
    arguments: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    only: str | None = None
    """The one step that is wanted; None for all."""

    @property
    def cause(self) -> Cause:
        return Cause(self.actor, self.sentence)


@dataclass(frozen=True, slots=True)
class QueuedRun:
    """A run that waits, and the id of its job."""

    run: Run
    job: str


def order_of(payload: object) -> RunOrder:
    """The order in a job's payload."""
    return msgspec.convert(payload, RunOrder)


def open_orders(connection: Connection) -> list[object]:
    """The payloads of the jobs of all runs that wait or go on."""
    return [job.payload for job in jobs.open_jobs(connection, KIND)]


def runs_here(payload: object) -> bool:
    """Whether this machine has the folder that a run is of."""
    return Path(order_of(payload).folder).is_dir()


def queue_run(
    connection: Connection,
    control: Control,
    folder: Path,
    solution: str,
    cause: Cause,
    arguments: Mapping[str, Mapping[str, object]] | None = None,
    *,
    only: str | None = None,
) -> QueuedRun:
    """A new run of a solution, its job and its audit entry, in the caller's transaction.

    Runs of the solution that were broken off and wait to be taken up again give way to it, unless it is of one step
    only: what they had finished counts for this one.
    """
    now = control.clock.now()
    if only is None:
        _give_way(connection, solution, control)
    queued = runs.queue(
        connection,
        solution=solution,
        cause=cause.sentence,
        actor=cause.actor.name,
        parameters=dict(arguments or {}),
        now=now,
        only=only,
    )
    order = RunOrder(
        run=queued.id,
        solution=solution,
        folder=str(folder),
        actor=replace(cause.actor, credential=""),
        sentence=cause.sentence,
        arguments=arguments or {},
        only=only,
    )
    job = jobs.enqueue(
        connection,
        Order(kind=KIND, payload=msgspec.to_builtins(order), actor=cause.actor.name, unique=_unique(queued.id)),
        now=now,
    )
    append(connection, cause.actor, "run", f"{solution}#{queued.number}", {"cause": cause.sentence}, now=now)
    return QueuedRun(queued, job)


def take_up(control: Control) -> Job | None:
    """The oldest run's job that is due and can be done here, leased to this process; None when none is."""
    with control.database.write() as connection:
        now = control.clock.now()
        job = jobs.lease(connection, control.worker, kinds=[KIND], now=now, lasts=control.lease, suits=runs_here)
        if job is not None and job.attempts > 1:
            runs.interrupt(connection, order_of(job.payload).run, now=now)
        return job


def close_given_up(control: Control) -> None:
    """Says of runs whose job was given up, because each process that took it up ended, that they failed."""
    with control.database.read() as connection:
        failed = jobs.jobs(connection, state=JobState.FAILED, kind=KIND, limit=20)
        open_runs = [job for job in failed if _is_open(connection, order_of(job.payload).run)]
    if open_runs:
        with control.database.write() as connection:
            for job in open_runs:
                now = control.clock.now()
                runs.end(connection, order_of(job.payload).run, RunState.FAILED, now=now, error=job.error)


def stop_run(connection: Connection, control: Control, run: Run, *, actor: Actor) -> None:
    """Stops a run that waits, or asks whoever carries it out to end it. Raises Conflict for one that has ended."""
    job = jobs.open_job(connection, _unique(run.id))
    if job is None:
        raise Conflict(f"Run {run.number} of {run.solution} has ended: {run.state}.", code="run-ended")
    now = control.clock.now()
    append(connection, actor, "stop run", f"{run.solution}#{run.number}", {}, now=now)
    if job.state is JobState.QUEUED:
        jobs.cancel(connection, job.id, reason="stopped before it began", now=now)
        runs.end(connection, run.id, RunState.STOPPED, now=now, error="stopped before it began")
    else:
        jobs.ask_to_stop(connection, job.id, now=now)


@contextmanager
def holding(control: Control, job: str, stop: Event) -> Iterator[Control]:
    """Control as the holder of a leased job sees it: it may write as long as the lease is its own.

    The job is done when the block ends, whatever came of the run.
    """
    with Holding(control.database, job, control.worker, lasts=control.lease, clock=control.clock, stop=stop) as held:
        try:
            yield replace(control, database=held.database)
        finally:
            _finish(control, job)


def _finish(control: Control, job: str) -> None:
    try:
        with control.database.write() as connection:
            jobs.finish(connection, job, control.worker, result=None, now=control.clock.now())
    except Conflict:
        return  # another one has it by now


def _give_way(connection: Connection, solution: str, control: Control) -> None:
    now = control.clock.now()
    for job in jobs.open_jobs(connection, KIND):
        order = order_of(job.payload)
        gone = job.state is JobState.QUEUED or (job.leased_until is not None and job.leased_until <= now)
        if order.solution == solution and job.attempts > 0 and gone:
            jobs.drop(connection, job.id, reason="A newer run of the solution was begun.", now=now)
            runs.interrupt(connection, order.run, now=now)


def _is_open(connection: Connection, run_id: str) -> bool:
    return runs.get_run(connection, run_id).state in (RunState.QUEUED, RunState.RUNNING, RunState.INTERRUPTED)


def _unique(run_id: str) -> str:
    return f"run:{run_id}"
