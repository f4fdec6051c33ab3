"""The job queue: work that waits in the database until a worker takes it.

A worker *leases* a job for some seconds and renews the lease while it works. A worker that dies lets its lease
run out, and another one takes the job up again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec
from sqlalchemy import Connection, Row, and_, case, or_, select

from unshelve.clock import milliseconds
from unshelve.errors import Conflict, NotFound
from unshelve.ids import canonical_json, new_id
from unshelve.storage.tables import JOBS

MOST_ATTEMPTS: Final = 5
"""How often a job is taken up before it is given up: one that kills its worker must not go round for ever."""

_MOST_LOOKED_AT: Final = 100


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Queued work. `payload` and `result` are JSON values; `error` is one sentence."""

    id: str
    kind: str
    payload: object
    actor: str
    state: JobState
    created: datetime
    not_before: datetime
    attempts: int
    worker: str | None
    leased_until: datetime | None
    finished: datetime | None
    result: object
    error: str | None
    stop_asked: bool = False
    """Whether somebody wants its worker to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is wanted. With a `unique` text, one such job at a time waits or runs, and asking again gives that one."""

    kind: str
    payload: object
    actor: str
    not_before: datetime | None = None
    unique: str | None = None


def enqueue(connection: Connection, order: Order, *, now: datetime) -> str:
    """Queues work and gives the job's id."""
    if order.unique is not None:
        waiting = select(JOBS.c.id).where(JOBS.c.unique_key == order.unique, JOBS.c.state.in_(_OPEN))
        there = connection.execute(waiting).scalar()
        if there is not None:
            return str(there)
    job_id = new_id(milliseconds(now))
    connection.execute(
        JOBS.insert().values(
            id=job_id,
            kind=order.kind,
            payload=canonical_json(order.payload),
            actor=order.actor,
            state=JobState.QUEUED.value,
            created=milliseconds(now),
            not_before=milliseconds(order.not_before or now),
            attempts=0,
            unique_key=order.unique,
        )
    )
    return job_id


def lease(
    connection: Connection,
    worker: str,
    *,
    kinds: Collection[str],
    now: datetime,
    lasts: timedelta,
    suits: Callable[[object], bool] | None = None,
) -> Job | None:
    """The oldest job of these kinds that is due, for this worker alone until the lease runs out; None when none is.

    Jobs whose lease has run out are due again; those that were taken up too often are given up first. `suits` is
    asked with a payload whether this worker can do it at all; of the others, the oldest 100 are looked at.
    """
    moment = milliseconds(now)
    _give_up_lost(connection, moment)
    due = or_(
        and_(JOBS.c.state == JobState.QUEUED.value, JOBS.c.not_before <= moment),
        and_(JOBS.c.state == JobState.LEASED.value, JOBS.c.leased_until <= moment),
    )
    oldest = (
        select(JOBS.c.id, JOBS.c.payload)
        .where(due, JOBS.c.kind.in_(list(kinds)))
        .order_by(JOBS.c.not_before, JOBS.c.id)
        .limit(1 if suits is None else _MOST_LOOKED_AT)
    )
    found = (
        row.id for row in connection.execute(oldest).all() if suits is None or suits(msgspec.json.decode(row.payload))
    )
    job_id = next(found, None)
    return None if job_id is None else take(connection, str(job_id), worker, now=now, lasts=lasts)


def take(connection: Connection, job_id: str, worker: str, *, now: datetime, lasts: timedelta) -> Job:
    """A job that nobody has, leased to this worker. Raises NotFound, or Conflict when it is over or another's."""
    moment = milliseconds(now)
    free = or_(JOBS.c.state == JobState.QUEUED.value, JOBS.c.leased_until <= moment)
    changed = connection.execute(
        JOBS.update()
        .where(JOBS.c.id == job_id, JOBS.c.state.in_(_OPEN), free)
        .values(
            state=JobState.LEASED.value,
            worker=worker,
            leased_until=milliseconds(now + lasts),
            attempts=JOBS.c.attempts + 1,
        )
    )
    job = get_job(connection, job_id)
    if changed.rowcount == 0:
        raise Conflict(f"The job {job_id} is {job.state.value} and cannot be taken up.", code="job-not-free")
    return job


def check_lease(connection: Connection, job_id: str, worker: str) -> None:
    """Returns while a worker has the job: what it writes in this transaction is its to write. Raises Conflict."""
    held = select(JOBS.c.id).where(JOBS.c.id == job_id, JOBS.c.worker == worker, JOBS.c.state == JobState.LEASED.value)
    if connection.execute(held).first() is None:
        raise _lost(connection, job_id, worker)


def ask_to_stop(connection: Connection, job_id: str, *, now: datetime) -> None:
    """Asks the worker of a job to end it; nothing happens to one that nobody has."""
    connection.execute(JOBS.update().where(JOBS.c.id == job_id).values(stop_asked=milliseconds(now)))


def free_leases(connection: Connection, *, kinds: Collection[str], now: datetime) -> None:
    """Lets leased jobs be due at once: for the only process that can have leased them, when it starts again."""
    connection.execute(
        JOBS.update()
        .where(JOBS.c.state == JobState.LEASED.value, JOBS.c.kind.in_(list(kinds)))
        .values(leased_until=milliseconds(now))
    )


def open_job(connection: Connection, unique: str) -> Job | None:
    """The job with this `unique` text that waits or is being done, if there is one."""
    row = connection.execute(select(JOBS).where(JOBS.c.unique_key == unique, JOBS.c.state.in_(_OPEN))).first()
    return None if row is None else _job(row)


def renew(connection: Connection, job_id: str, worker: str, *, now: datetime, lasts: timedelta) -> None:
    """Makes a lease last longer. Raises Conflict when the worker has lost it."""
    _change_leased(connection, job_id, worker, {"leased_until": milliseconds(now + lasts)})


def finish(connection: Connection, job_id: str, worker: str, *, result: object, now: datetime) -> None:
    """Says that the work is done. Raises Conflict when the worker has lost the lease: another one has the job."""
    _change_leased(
        connection,
        job_id,
        worker,
        {
            "state": JobState.DONE.value,
            "finished": milliseconds(now),
            "result": canonical_json(result),
            "leased_until": None,
        },
    )


def fail(
    connection: Connection, job_id: str, worker: str, *, error: str, now: datetime, again: datetime | None = None
) -> None:
    """Says that the work failed; with `again` it is queued once more for that time. Raises Conflict as `finish`."""
    values: dict[str, object] = {"error": error, "leased_until": None}
    if again is None:
        values |= {"state": JobState.FAILED.value, "finished": milliseconds(now)}
    else:
        values |= {"state": JobState.QUEUED.value, "not_before": milliseconds(again)}
    _change_leased(connection, job_id, worker, values)


def hand_back(connection: Connection, job_id: str, worker: str, *, now: datetime) -> None:
    """Lets another worker have a job that this one is not to finish; it does not count as an attempt."""
    _change_leased(
        connection,
        job_id,
        worker,
        {
            "state": JobState.QUEUED.value,
            "not_before": milliseconds(now),
            "attempts": JOBS.c.attempts - 1,
            "leased_until": None,
        },
    )


def put_back(connection: Connection, job_id: str, *, now: datetime) -> None:
    """Queues a job that was given up once more, with all its tries. Raises Conflict for one that has not failed."""
    changed = connection.execute(
        JOBS.update()
        .where(JOBS.c.id == job_id, JOBS.c.state == JobState.FAILED.value)
        .values(state=JobState.QUEUED.value, attempts=0, not_before=milliseconds(now), finished=None, error=None)
    )
    if changed.rowcount == 0:
        raise Conflict(f"The job {job_id} has not failed.", code="job-not-failed")


def cancel(connection: Connection, job_id: str, *, reason: str, now: datetime) -> None:
    """Takes back a job that nobody has taken up yet. Raises NotFound, or Conflict when it is too late."""
    changed = connection.execute(
        JOBS.update()
        .where(JOBS.c.id == job_id, JOBS.c.state == JobState.QUEUED.value)
        .values(state=JobState.FAILED.value, finished=milliseconds(now), error=reason)
    )
    if changed.rowcount == 0:
        state = get_job(connection, job_id).state
        raise Conflict(f"The job {job_id} is {state.value} and cannot be taken back.", code="job-not-queued")


def get_job(connection: Connection, job_id: str) -> Job:
    """The job of an id. Raises NotFound."""
    row = connection.execute(select(JOBS).where(JOBS.c.id == job_id)).first()
    if row is None:
        raise NotFound(f"There is no job {job_id[:40]}.", code="job-not-found")
    return _job(row)


def open_jobs(connection: Connection, kind: str) -> list[Job]:
    """The jobs of a kind that wait or are being done, oldest first."""
    rows = connection.execute(select(JOBS).where(JOBS.c.kind == kind, JOBS.c.state.in_(_OPEN)).order_by(JOBS.c.id))
    return [_job(row) for row in rows]


def drop(connection: Connection, job_id: str, *, reason: str, now: datetime) -> None:
    """Gives up a job that waits, or whose worker is known to be gone."""
    connection.execute(
        JOBS.update()
        .where(JOBS.c.id == job_id, JOBS.c.state.in_(_OPEN))
        .values(state=JobState.FAILED.value, finished=milliseconds(now), error=reason, leased_until=None)
    )


def jobs(
    connection: Connection, *, state: JobState | None = None, kind: str | None = None, limit: int = 100
) -> list[Job]:
    """The newest jobs first, of all or of one state or kind."""
    query = select(JOBS).order_by(JOBS.c.id.desc()).limit(limit)
    if state is not None:
        query = query.where(JOBS.c.state == state.value)
    if kind is not None:
        query = query.where(JOBS.c.kind == kind)
    return [_job(row) for row in connection.execute(query)]


def forget_finished(connection: Connection, *, before: datetime) -> int:
    """Removes jobs that ended before a time and tells how many."""
    return connection.execute(JOBS.delete().where(JOBS.c.finished < milliseconds(before))).rowcount


def _give_up_lost(connection: Connection, moment: int) -> None:
    lost = and_(JOBS.c.state == JobState.LEASED.value, JOBS.c.leased_until <= moment, JOBS.c.attempts >= MOST_ATTEMPTS)
    if connection.execute(select(JOBS.c.id).where(lost).limit(1)).first() is None:
        return
    said = f"It was taken up {MOST_ATTEMPTS} times, and each time its worker ended before the work did."
    connection.execute(
        JOBS.update()
        .where(lost)
        .values(
            state=JobState.FAILED.value,
            finished=moment,
            leased_until=None,
            error=case((JOBS.c.error.is_(None), said), else_=JOBS.c.error),
        )
    )


def _change_leased(connection: Connection, job_id: str, worker: str, values: dict[str, object]) -> None:
    changed = connection.execute(
        JOBS.update()
        .where(JOBS.c.id == job_id, JOBS.c.worker == worker, JOBS.c.state == JobState.LEASED.value)
        .values(values)
    )
    if changed.rowcount == 0:
        raise _lost(connection, job_id, worker)


def _lost(connection: Connection, job_id: str, worker: str) -> Conflict:
    job = get_job(connection, job_id)
    return Conflict(
        f"The job {job_id} is no longer {worker}'s: it is {job.state.value}"
        + (f", with {job.worker}." if job.worker and job.state is JobState.LEASED else "."),
        code="lease-lost",
    )


def _job(row: Row[tuple[object, ...]]) -> Job:
    return Job(
        id=row.id,
        kind=row.kind,
        payload=msgspec.json.decode(row.payload),
        actor=row.actor,
        state=JobState(row.state),
        created=_moment(row.created),
        not_before=_moment(row.not_before),
        attempts=row.attempts,
        worker=row.worker,
        leased_until=None if row.leased_until is None else _moment(row.leased_until),
        finished=None if row.finished is None else _moment(row.finished),
        result=None if row.result is None else msgspec.json.decode(row.result),
        error=row.error,
        stop_asked=row.stop_asked is not None,
    )


def _moment(value: int) -> datetime:
    return datetime.fromtimestamp(value / 1000, UTC)


_OPEN: Final = (JobState.QUEUED.value, JobState.LEASED.value)
