"""Sinks on the platform: answers of a trained model, logged and written back, once, whatever is killed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from object_servers import BUCKET, KEY, KEY_ID, moto
from postgres_server import fresh_database
from sink_house import TABLE, connect, newest, order, road, sinks, sql, sqlite, to_scores, write
from sink_kills import WATCHED, Kills, children_of
from solution_house import House, open_house
from unshelve.clock import FakeClock
from unshelve.data.buckets import listed
from unshelve.data.connections import connection_of
from unshelve.predictions.parquet_process import ParquetProcess
from unshelve.predictions.query import PredictionLog
from unshelve.registry.sinks import BatchState, batches_of, change_batch
from unshelve.serving.process import AnswerProcesses
from unshelve.solution.control import Control, answer_settings
from unshelve.solution.running import read_solution
from unshelve.solution.scheduling import keep_schedules, queue_due_runs
from unshelve.solution.sink_runner import SinkRunner

ROWS = 30
BAD = """id,weight,zone
1,1.0,a
2,99.0,a
3,3.0,q
3,4.0,a
,5.0,a
6,6.0,b
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A home in which `lateness` was trained and answers; each test declares its own sinks anew."""
    with open_house(tmp_path_factory.mktemp("sinks")) as opened:
        opened.run("parcels", sinks(), {"tonight.csv": road(5)})
        assert opened.champion("parcels.lateness") == 1
        yield opened


def declare(house: House, *declared: str, **files: str) -> Path:
    """Give the solution these sinks and this file of tonight, without training anew."""
    folder = house.write("parcels", sinks(*declared), {"tonight.csv": files.get("tonight", road(5))})
    read_solution(house.control, folder)
    return folder


@pytest.fixture
def target(house: House, tmp_path: Path) -> str:
    """A database with the table that answers go to."""
    url = sqlite(tmp_path)
    connect(house, url)
    sql(url, TABLE)
    return url


def test_answers_are_written_with_their_version_and_are_in_the_log_under_the_same_id(house: House, target: str) -> None:
    declare(house, to_scores())
    batch = write(house)
    rows = sql(target, "select id, label, version, answer_id from scores order by id")
    assert (batch.state, batch.total, batch.written, batch.versions) == (BatchState.DONE, 5, 5, [1])
    assert [row[:3] for row in rows] == [(n, 0, 1) for n in range(1, 6)]
    with closing(ParquetProcess(house.control.home.predictions)) as files:
        log = PredictionLog(house.control.database, house.control.home.predictions, files)
        logged = [log.find(row[3]) for row in rows]
    assert [(one.model, one.version, one.route) for one in logged] == [("parcels.lateness", 1, "sink")] * 5


def test_rows_that_cannot_be_written_are_counted_and_named(house: House, target: str) -> None:
    declare(house, to_scores(), tonight=BAD)
    batch = write(house)
    assert batch.error is None
    assert [row[0] for row in sql(target, "select id from scores order by id")] == [1, 6]
    assert (batch.total, batch.written, batch.refused) == (6, 2, 4)
    assert [(one["row"], one["problem"].split(":")[0]) for one in batch.set_aside] == [
        (2, "weight"),
        (3, "zone"),
        (4, "its key stands in row 3 already"),
        (5, "the key id is missing"),
    ]


def test_text_with_nul_and_infinities_are_left_out(house: House, target: str) -> None:
    sql(target, "alter table scores add column note text", "alter table scores add column how double precision")
    columns = ', columns={"label": "label", "note": "note", "how": "how"}'
    odd = (
        "pd.DataFrame({'id': [1, 2, 3], 'weight': [1.0] * 3, 'zone': ['a'] * 3, 'note': ['fine', 'a\\0b', 'x'], "
        "'how': [1.0, 2.0, np.inf]})"
    )
    text = sinks(to_scores(columns)).replace('pd.read_csv(Path(__file__).parent / "tonight.csv")', odd)
    folder = house.write("parcels", text)
    read_solution(house.control, folder)
    batch = write(house)
    assert batch.error is None
    assert sql(target, "select id, note, how from scores") == [(1, "fine", 1.0)]
    assert [one["problem"] for one in batch.set_aside] == [
        "it holds a text with a NUL character, which databases do not take",
        "it holds an infinity, which most databases cannot keep",
    ]


def test_only_what_changed_is_written_when_that_is_asked(house: House, target: str) -> None:
    declare(house, to_scores(sink=', schedule="@daily", changed=True'))
    assert (write(house).written, write(house).written) == (5, 0)
    changed = road(6, weight=[9.0, 1.0, 2.0, 3.0, 4.0, 9.0])
    declare(house, to_scores(sink=', schedule="@daily", changed=True'), tonight=changed)
    batch = write(house)
    assert (batch.written, batch.unchanged) == (2, 4)


STREAM = """
import pyarrow as pa
def frames():
    for first in (1, 4):
        yield pd.DataFrame({"id": pd.array([first, first + 1, None], dtype="Int64"), "weight": [1.0, 2.0, 99.0],
                            "zone": ["a", "b", "a"]})
    yield pd.DataFrame({"id": pd.array([2, 7], dtype="Int64"), "weight": [1.0, 1.0], "zone": ["a", "a"]})

@source
def tonight():
    yield from frames()
"""


def test_rows_that_are_a_dataset_are_answered_part_by_part_and_written_once(house: House, target: str) -> None:
    text = sinks(to_scores())
    folder = house.write("parcels", text[: text.index("@source\ndef tonight")] + STREAM + to_scores())
    read_solution(house.control, folder)
    batch = write(house)
    assert batch.error is None
    assert batch.rows is not None
    assert batch.rows["kind"] == "dataset"
    assert [row[0] for row in sql(target, "select id from scores order by id")] == [1, 2, 4, 5, 7]
    assert (batch.total, batch.written, batch.refused) == (8, 5, 3)
    assert [(one["row"], one["problem"]) for one in batch.set_aside] == [
        (3, "the key id is missing"),
        (6, "the key id is missing"),
        (7, "its key stands in row 2 already"),
    ]


def test_files_are_written_beside_and_renamed(house: House) -> None:
    folder = declare(house, '\n@sink(to_files("out/{day}.csv", key="id"))\ndef files(lateness, tonight): ...\n')
    batch = write(house, "parcels.files")
    frame = pd.read_csv(folder / batch.place)
    assert list(frame) == ["id", "label", "score", "version", "answer_id", "answered_at"]
    assert batch.place == f"out/{batch.ordered_at[:10]}.csv"


def test_objects_are_written_by_the_connection_of_the_home(house: House) -> None:
    server = moto()
    lake = f"s3://{KEY_ID}:{KEY}@?endpoint=http://127.0.0.1:{server.port}&region=us-east-1"
    connect(house, lake, "LAKE")
    to = f'to_files("s3://{BUCKET}/nightly/{{day}}.parquet", key="id", connection="lake")'
    declare(house, f"\n@sink({to})\ndef objects(lateness, tonight): ...\n")
    batch = write(house, "parcels.objects")
    assert (batch.error, batch.state, batch.written) == (None, BatchState.DONE, 5)
    assert batch.place == f"s3://{BUCKET}/nightly/{batch.ordered_at[:10]}.parquet"
    (found,) = listed([f"s3://{BUCKET}/nightly/*.parquet"], connection_of("lake", lake))
    with found.opened() as path:
        assert pd.read_parquet(path)["id"].tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("", "has no table scores"),
        (TABLE.replace(" primary key", ""), "not unique by id"),
        (TABLE.replace("score double precision, ", ""), "has no column 'score'"),
    ],
)
def test_a_target_that_does_not_fit_fails_the_batch_and_says_what_to_do(
    house: House, tmp_path: Path, made: str, said: str
) -> None:
    connect(house, sqlite(tmp_path))
    if made:
        sql(sqlite(tmp_path), made)
    declare(house, to_scores())
    batch = write(house)
    assert batch.state is BatchState.FAILED
    assert said in str(batch.error)
    assert not list((house.control.home.sinks / "batches").glob("*"))


def test_a_connection_that_is_not_set_says_how_to_set_it(house: House) -> None:
    declare(house, to_scores().replace('"dwh"', '"nowhere"'))
    assert "unshelve secret set nowhere" in str(write(house).error)


def test_rows_that_cannot_be_fetched_fail_the_batch_with_the_reason(house: House, target: str) -> None:
    folder = declare(house, to_scores())
    (folder / "tonight.csv").unlink()
    batch = write(house)
    assert batch.state is BatchState.FAILED
    assert "tonight" in str(batch.error)
    assert "FileNotFoundError" in str(batch.error)


def test_a_target_that_is_away_is_tried_again_with_the_same_rows(house: House, tmp_path: Path) -> None:
    connect(house, f"sqlite:///{tmp_path}/not/there/dwh.db")
    folder = declare(house, to_scores())
    waiting = write(house)
    assert (waiting.state, waiting.attempts) == (BatchState.WAITING, 1)
    (folder / "tonight.csv").write_text(road(9))
    connect(house, sqlite(tmp_path))
    sql(sqlite(tmp_path), TABLE)
    clock, house.control.clock = house.control.clock, FakeClock(house.control.clock.now() + timedelta(minutes=1))
    try:
        SinkRunner(house.control).take()
    finally:
        house.control.clock = clock
    assert (newest(house).state, newest(house).id, newest(house).written) == (BatchState.DONE, waiting.id, 5)


@pytest.fixture
def later(house: House) -> Iterator[FakeClock]:
    """A clock that stands where it is set, for the time of a test."""
    clock, house.control.clock = house.control.clock, FakeClock(house.control.clock.now())
    yield house.control.clock
    house.control.clock = clock


def kill_each(runner: SinkRunner, kind: signal.Signals, times: int, clock: FakeClock, apart: timedelta) -> None:
    """Take the batch up so many times and kill the process that writes it each time."""

    def kill(_done: int, _of: int) -> None:
        for child in children_of(os.getpid()):
            if "sink_process" in Path(f"/proc/{child}/cmdline").read_text():
                os.kill(child, kind)

    for _ in range(times):
        runner.take(kill)
        clock.move(apart)


def test_a_batch_whose_process_is_killed_six_times_is_written_all_the_same(
    house: House, target: str, later: FakeClock
) -> None:
    declare(house, to_scores())
    order(house)
    runner = SinkRunner(house.control, again_after=[timedelta(0)])
    kill_each(runner, signal.SIGKILL, 6, later, timedelta(seconds=1))
    batch = newest(house)
    assert (batch.state, batch.attempts, batch.breaks, batch.failures) == (BatchState.WAITING, 6, 6, 0)
    assert "SIGKILL" in str(batch.error)
    runner.take()
    assert (newest(house).state, newest(house).written, newest(house).error) == (BatchState.DONE, 5, None)


def test_a_batch_that_gets_no_further_for_a_day_is_given_up_in_words(
    house: House, target: str, later: FakeClock
) -> None:
    declare(house, to_scores())
    batch_id = order(house)
    kill_each(SinkRunner(house.control), signal.SIGKILL, 1, later, timedelta(hours=33))
    with house.control.database.write() as connection:
        change_batch(connection, batch_id, breaks=11)
    kill_each(SinkRunner(house.control), signal.SIGKILL, 1, later, timedelta(0))
    batch = newest(house)
    assert batch.state is BatchState.FAILED
    assert "It was broken off 12 times in 33 hours at row 1, each time by the end of a process" in str(batch.error)
    assert not list((house.control.home.sinks / "batches").glob("*"))


def test_a_process_that_falls_over_by_itself_uses_the_tries_of_a_batch_up(
    house: House, target: str, later: FakeClock
) -> None:
    declare(house, to_scores())
    order(house)
    kill_each(SinkRunner(house.control, again_after=[timedelta(0)]), signal.SIGSEGV, 2, later, timedelta(0))
    batch = newest(house)
    assert (batch.state, batch.breaks, batch.failures) == (BatchState.FAILED, 0, 1)
    assert "ended by SIGSEGV" in str(batch.error)


def test_a_schedule_orders_a_batch_once_and_a_run_orders_those_without_one(house: House, target: str) -> None:
    daily = to_scores(sink=', schedule="@daily"')
    after = '\n@sink(to_files("after.csv"))\ndef after(lateness, tonight): ...\n'
    folder = declare(house, daily, after)
    declaration, _ = read_solution(house.control, folder)
    keep_schedules(house.control, declaration)
    clock, house.control.clock = house.control.clock, FakeClock(house.control.clock.now() + timedelta(days=3))
    try:
        assert queue_due_runs(house.control) == 1
        assert queue_due_runs(house.control) == 0
    finally:
        house.control.clock = clock
    with house.control.database.read() as connection:
        ordered = [one for one in batches_of(connection, "parcels", "nightly") if one.state is BatchState.WAITING]
    assert [one.cause for one in ordered] == ["the schedule of nightly: At 00:00 every day"]
    house.run("parcels", sinks(daily, after), {"tonight.csv": road(4)})
    runner = SinkRunner(house.control)
    while runner.take() is not None:
        pass
    batch = newest(house, "after")
    assert (batch.state, batch.written, batch.cause) == (BatchState.DONE, 4, "a run ended")
    assert len((folder / "after.csv").read_text().splitlines()) == 5


def test_whatever_is_killed_no_row_is_lost_and_none_is_there_twice(tmp_path: Path) -> None:
    with fresh_database() as url:
        with open_house(tmp_path) as own:
            connect(own, url)
            sql(url, TABLE, *WATCHED)
            run = own.run("parcels", sinks(to_scores(sink=', schedule="@yearly"')), {"tonight.csv": road(ROWS)})
            run_id = run.result.run.id
        with answering(tmp_path / "home") as address:
            kills = Kills(tmp_path / "home", address, url, run_id, random.Random(7))
            kills.go_on(6, 4.0)
        assert kills.lost_and_twice(ROWS) == (0, 0)
        assert [batch.state for batch in kills.found()] == [BatchState.DONE] * len(kills.batches)


@contextmanager
def answering(home: Path) -> Iterator[str]:
    """Answer processes over a home that nobody holds, so that controls can come and go."""
    with Control.open(home) as control:
        settings = answer_settings(control, port=0)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    processes = AnswerProcesses(settings)
    asyncio.run_coroutine_threadsafe(processes.start(), loop).result()
    try:
        yield f"http://127.0.0.1:{processes.port}"
    finally:
        asyncio.run_coroutine_threadsafe(processes.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
