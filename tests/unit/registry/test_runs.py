from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from databases import open_database
from unshelve.errors import NotFound
from unshelve.registry import runs
from unshelve.registry.metrics import RunMetric, metric_history, metrics_of, record_metrics
from unshelve.registry.results import (
    StoredResult,
    forget_results,
    keep_results,
    newest_of_task,
    newest_results,
    result_of_key,
)
from unshelve.registry.runs import Run, RunState, RunStep, StepState
from unshelve.storage.database import Database
from unshelve.storage.migration import migrate

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ARTIFACT = {"digest": "ab" * 32, "kind": "json", "size_bytes": 1, "summary": {}}
STEP = RunStep(
    task="features",
    state=StepState.FAILED,
    reason="it has not run before",
    key="k",
    outputs={"": ARTIFACT},
    started_at=NOON,
    seconds=1.5,
    peak_bytes=10,
    attempts=2,
    log="cd" * 32,
    error={"message": "wrong"},
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "unshelve.db")
    migrate(opened)
    yield opened
    opened.close()


def queued(database: Database, solution: str = "flights", *, at: datetime = NOON, start: bool = False) -> Run:
    with database.write() as connection:
        run = runs.queue(connection, solution=solution, cause="by hand", actor="anna", parameters={"a.n": 1}, now=at)
        if start:
            runs.start(connection, run.id, environment={"python": "3.11"}, graph=[{"name": "a"}], now=at)
    return run


def end(database: Database, run: Run, state: RunState) -> None:
    with database.write() as connection:
        runs.end(connection, run.id, state, now=NOON + timedelta(minutes=1), error=None)


def test_runs_are_numbered_within_their_solution(database: Database) -> None:
    made = [queued(database, name) for name in ("flights", "churn", "flights")]
    assert [(run.solution, run.number) for run in made] == [("flights", 1), ("churn", 1), ("flights", 2)]
    with database.read() as connection:
        assert runs.numbered_run(connection, "flights", 2) == made[2]
        with pytest.raises(NotFound, match="flights has no run 3"):
            runs.numbered_run(connection, "flights", 3)


def test_a_run_is_read_back_as_it_went(database: Database) -> None:
    run = queued(database, start=True)
    end(database, run, RunState.DONE)
    with database.read() as connection:
        found = runs.get_run(connection, run.id)
        assert runs.graph_of(connection, run.id) == [{"name": "a"}]
    assert found == Run(
        id=run.id, solution="flights", number=1, state=RunState.DONE, cause="by hand", actor="anna", queued_at=NOON,
        started_at=NOON, ended_at=NOON + timedelta(minutes=1), parameters={"a.n": 1}, environment={"python": "3.11"},
    )  # fmt: skip


def test_runs_of_one_step_are_told_from_runs_of_the_whole(database: Database) -> None:
    whole = queued(database)
    with database.write() as connection:
        part = runs.queue(
            connection,
            solution="flights",
            cause="x",
            actor="anna",
            parameters={},
            now=NOON + timedelta(minutes=1),
            only="weather",
        )
    with database.read() as connection:
        assert runs.get_run(connection, part.id).only == "weather"
        assert runs.runs_of(connection, "flights") == [part, whole]
        assert runs.runs_of(connection, "flights", whole=True) == [whole]


def test_an_unknown_run_is_not_found(database: Database) -> None:
    with database.write() as connection:
        with pytest.raises(NotFound):
            runs.get_run(connection, "x")
        with pytest.raises(NotFound):
            runs.graph_of(connection, "x")
        with pytest.raises(NotFound):
            runs.step_of(connection, "x", "a")
        with pytest.raises(NotFound):
            runs.start(connection, "x", environment={}, graph=[], now=NOON)


def test_steps_are_read_back_in_the_order_in_which_they_ended(database: Database) -> None:
    run = queued(database, start=True)
    cached = RunStep(task="a", state=StepState.CACHED, reason="unchanged")
    with database.write() as connection:
        runs.record(connection, [runs.step_row(run.id, STEP, 0), runs.step_row(run.id, cached, 1)])
        runs.record(connection, [runs.step_row(run.id, STEP, 0)])
    with database.read() as connection:
        assert runs.steps_of(connection, run.id) == [STEP, cached]
        assert runs.step_of(connection, run.id, "features") == STEP


def test_runs_are_listed_from_the_newest_page_by_page(database: Database) -> None:
    for minute in range(5):
        queued(database, at=NOON + timedelta(minutes=minute))
    queued(database, "churn", at=NOON + timedelta(hours=1))
    with database.read() as connection:
        assert [run.number for run in runs.runs_of(connection, "flights", limit=2)] == [5, 4]
        assert [run.number for run in runs.runs_of(connection, "flights", limit=2, before=4)] == [3, 2]
        assert [run.solution for run in runs.runs_of(connection, limit=2)] == ["churn", "flights"]


def test_runs_that_nobody_carries_on_are_interrupted(database: Database) -> None:
    going, waiting = queued(database, start=True), queued(database)
    with database.write() as connection:
        assert runs.interrupt_open_runs(connection, waiting=[], now=NOON) == [going.id]
    with database.read() as connection:
        assert runs.get_run(connection, going.id).state is RunState.INTERRUPTED
        assert runs.get_run(connection, waiting.id).state is RunState.STOPPED


@pytest.mark.parametrize(
    ("states", "hours_ago", "since"),
    [
        ([], 0, None),
        ([RunState.DONE], 0, None),
        ([RunState.FAILED], 0, None),
        ([RunState.INTERRUPTED], 0, 0),
        ([RunState.INTERRUPTED, RunState.DONE], 0, None),
        ([RunState.DONE, RunState.INTERRUPTED, RunState.STOPPED], 0, 1),
        ([RunState.INTERRUPTED], 25, None),
    ],
)
def test_a_run_resumes_from_the_start_of_the_first_broken_one(
    database: Database, states: list[RunState], hours_ago: int, since: int | None
) -> None:
    for minute, state in enumerate(states):
        end(database, queued(database, at=NOON + timedelta(minutes=minute), start=True), state)
    queued(database)
    with database.read() as connection:
        found = runs.resume_point(connection, "flights", now=NOON + timedelta(minutes=9, hours=hours_ago))
    assert found == (None if since is None else NOON + timedelta(minutes=since))


def test_the_usual_time_of_a_task_is_that_of_its_last_run(database: Database) -> None:
    for minute, seconds in enumerate((5.0, 2.0)):
        run = queued(database, at=NOON + timedelta(minutes=minute), start=True)
        ran = RunStep(task="a", state=StepState.RAN, reason="", seconds=seconds)
        with database.write() as connection:
            runs.record(connection, [runs.step_row(run.id, ran, 0), runs.step_row(run.id, STEP, 1)])
    with database.read() as connection:
        assert runs.usual_seconds(connection, "flights") == {"a": 2.0}


def stored(key: str, task: str = "a", *, minute: int = 0, outputs: str = "{}") -> StoredResult:
    return StoredResult(key, task, outputs, '{"code":{}}', "run", runs.time_text(NOON + timedelta(minutes=minute)))


def test_results_are_found_by_key_and_the_newest_by_task(database: Database) -> None:
    rows = [stored("k1"), stored("k2", minute=1), stored("k3", "b", minute=2)]
    with database.write() as connection:
        keep_results(connection, "flights", rows)
        keep_results(connection, "churn", [stored("k4", minute=3)])
    with database.read() as connection:
        assert result_of_key(connection, "k1") == rows[0]
        assert result_of_key(connection, "k9") is None
        assert newest_of_task(connection, "flights", "a") == rows[1]
        assert newest_of_task(connection, "flights", "z") is None
        assert newest_results(connection, "flights", limit=2) == [rows[2], rows[1]]
        assert rows[0].read_parts() == {"code": {}}


def test_a_result_under_a_known_key_takes_the_place_of_the_old_one(database: Database) -> None:
    outputs = '{"":{"digest":"ff","kind":"json"}}'
    with database.write() as connection:
        keep_results(connection, "flights", [stored("k1")])
        keep_results(connection, "flights", [stored("k1", minute=5, outputs=outputs)])
    with database.read() as connection:
        assert newest_results(connection, "flights", limit=9) == [stored("k1", minute=5, outputs=outputs)]


def test_results_can_be_forgotten(database: Database) -> None:
    with database.write() as connection:
        keep_results(connection, "flights", [stored("k1"), stored("k2", "b")])
        assert forget_results(connection, "flights", task="b") == 1
        assert forget_results(connection, "flights") == 1
        assert newest_results(connection, "flights", limit=9) == []


def test_times_as_texts_sort_as_times_do() -> None:
    times = [NOON, NOON + timedelta(microseconds=1), NOON + timedelta(seconds=1)]
    assert sorted(map(runs.time_text, reversed(times))) == list(map(runs.time_text, times))


def test_metrics_are_kept_with_their_run_and_followed_over_runs(database: Database) -> None:
    values = []
    for minute in range(2):
        run = queued(database, at=NOON + timedelta(minutes=minute))
        auc = RunMetric(model="flights.late", name="roc_auc", value=0.7 + minute / 100, low=0.6, high=0.8, rows=100)
        own = RunMetric(model="flights", name="rows_lost", value=3.0, own=True, unit="rows")
        with database.write() as connection:
            record_metrics(connection, run.id, [auc, own])
        values.append((run.id, auc))
    with database.read() as connection:
        assert metric_history(connection, "flights.late", "roc_auc") == values
        assert metrics_of(connection, values[0][0]) == [own, values[0][1]]
