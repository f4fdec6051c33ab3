"""The job queue: each job once, also when workers die."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from databases import open_database
from unshelve.errors import Conflict, NotFound
from unshelve.storage import jobs
from unshelve.storage.jobs import MOST_ATTEMPTS, Job, JobState, Order
from unshelve.storage.tables import METADATA

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    database = open_database(tmp_path / "jobs.db")
    with database.write() as connection:
        METADATA.tables["jobs"].create(connection)
        yield connection
    database.close()


def order(kind: str = "train", unique: str | None = None, not_before: datetime | None = None) -> Order:
    return Order(kind=kind, payload={"model": "a.b"}, actor="ada", unique=unique, not_before=not_before)


def take(connection: Connection, worker: str = "w1", now: datetime = NOW) -> Job | None:
    return jobs.lease(connection, worker, kinds=["train"], now=now, lasts=MINUTE)


def test_a_job_is_taken_once_and_finished(connection: Connection) -> None:
    job_id = jobs.enqueue(connection, order(), now=NOW)
    job = take(connection)
    assert job is not None
    assert (job.id, job.payload, job.attempts, job.worker) == (job_id, {"model": "a.b"}, 1, "w1")
    assert take(connection, "w2") is None
    jobs.finish(connection, job_id, "w1", result={"run": 7}, now=NOW)
    done = jobs.get_job(connection, job_id)
    assert (done.state, done.result, done.finished) == (JobState.DONE, {"run": 7}, NOW)


def test_the_oldest_due_job_comes_first_and_later_ones_wait_for_their_time(connection: Connection) -> None:
    later = jobs.enqueue(connection, order(not_before=NOW + MINUTE), now=NOW)
    first = jobs.enqueue(connection, order(), now=NOW)
    assert [job and job.id for job in (take(connection), take(connection))] == [first, None]
    jobs.finish(connection, first, "w1", result=None, now=NOW)
    assert [job and job.id for job in (take(connection, now=NOW + MINUTE),)] == [later]


def test_a_worker_gets_only_its_kinds(connection: Connection) -> None:
    jobs.enqueue(connection, order(kind="backup"), now=NOW)
    assert take(connection) is None


def test_a_unique_order_waits_once(connection: Connection) -> None:
    first = jobs.enqueue(connection, order(unique="retrain a.b"), now=NOW)
    assert jobs.enqueue(connection, order(unique="retrain a.b"), now=NOW) == first
    assert take(connection) is not None
    assert jobs.enqueue(connection, order(unique="retrain a.b"), now=NOW) == first
    jobs.finish(connection, first, "w1", result=None, now=NOW)
    assert jobs.enqueue(connection, order(unique="retrain a.b"), now=NOW) != first


def test_a_dead_workers_job_is_taken_up_by_another(connection: Connection) -> None:
    job_id = jobs.enqueue(connection, order(), now=NOW)
    take(connection, "w1")
    assert take(connection, "w2", NOW + MINUTE / 2) is None
    again = take(connection, "w2", NOW + MINUTE)
    assert again is not None
    assert (again.id, again.worker, again.attempts) == (job_id, "w2", 2)
    with pytest.raises(Conflict, match="no longer w1's"):
        jobs.finish(connection, job_id, "w1", result=None, now=NOW + MINUTE)


def test_a_renewed_lease_is_kept(connection: Connection) -> None:
    job_id = jobs.enqueue(connection, order(), now=NOW)
    take(connection)
    jobs.renew(connection, job_id, "w1", now=NOW + MINUTE / 2, lasts=MINUTE)
    assert take(connection, "w2", NOW + MINUTE) is None


def test_a_job_that_kills_its_workers_is_given_up(connection: Connection) -> None:
    job_id = jobs.enqueue(connection, order(), now=NOW)
    for attempt in range(MOST_ATTEMPTS):
        assert take(connection, now=NOW + attempt * MINUTE) is not None
    assert take(connection, now=NOW + MOST_ATTEMPTS * MINUTE) is None
    job = jobs.get_job(connection, job_id)
    assert (job.state, job.error) == (
        JobState.FAILED,
        "It was taken up 5 times, and each time its worker ended before the work did.",
    )


def test_a_failed_job_can_be_queued_again(connection: Connection) -> None:
    job_id = jobs.enqueue(connection, order(), now=NOW)
    take(connection)
    jobs.fail(connection, job_id, "w1", error="no network", now=NOW, again=NOW + MINUTE)
    assert take(connection) is None
    assert take(connection, now=NOW + MINUTE) is not None
    jobs.fail(connection, job_id, "w1", error="still no network", now=NOW + MINUTE)
    assert [job.error for job in jobs.jobs(connection, state=JobState.FAILED)] == ["still no network"]


def test_only_a_waiting_job_is_taken_back(connection: Connection) -> None:
    job_id = jobs.enqueue(connection, order(), now=NOW)
    jobs.cancel(connection, job_id, reason="not wanted", now=NOW)
    assert take(connection) is None
    with pytest.raises(Conflict, match="cannot be taken back"):
        jobs.cancel(connection, job_id, reason="again", now=NOW)
    with pytest.raises(NotFound):
        jobs.cancel(connection, "none", reason="x", now=NOW)


def test_finished_jobs_are_forgotten_and_others_stay(connection: Connection) -> None:
    done, waiting = jobs.enqueue(connection, order(), now=NOW), jobs.enqueue(connection, order(kind="x"), now=NOW)
    take(connection)
    jobs.finish(connection, done, "w1", result=None, now=NOW)
    assert jobs.forget_finished(connection, before=NOW + MINUTE) == 1
    assert [job.id for job in jobs.jobs(connection)] == [waiting]
