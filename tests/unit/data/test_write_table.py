"""Tables of answers, in SQLite and in a real PostgreSQL: by key, once, whole or not at all, and refused in words."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import create_engine, event

from answers_spool import NOW, batch_of, scores
from postgres_server import fresh_database, postgres_server
from sink_house import sql
from source_engines import ODD_PASSWORD, has_mariadb, open_database
from unshelve.data import write_table
from unshelve.data.connections import connection_of
from unshelve.data.spool import Batch, Written
from unshelve.data.target import TableTarget, to_table
from unshelve.data.write_table import Writer
from unshelve.errors import NotAllowed, NotFound, Refused, Unavailable, UnshelveError

TABLE = (
    "create table scores (id integer primary key, label varchar(20), version integer, answer_id varchar(26), "
    "answered_at timestamp)"
)
TARGET = to_table("scores", connection="dwh", key="id")


MARIADB = pytest.param("mysql", marks=pytest.mark.skipif(not has_mariadb(), reason="MariaDB is not installed here"))


@pytest.fixture(params=["sqlite", "postgresql", MARIADB])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'dwh.db'}"
    elif request.param == "mysql":
        yield open_database("mysql", tmp_path).url
    else:
        with fresh_database() as address:
            yield address


@pytest.fixture
def postgres() -> Iterator[str]:
    with fresh_database() as address:
        yield address


def put(url: str, batch: Batch, target: TableTarget = TARGET) -> Written:
    with Writer(target, connection_of("dwh", url)) as writer:
        return writer.write(batch, now=NOW)


def refusal(url: str, batch: Batch, target: TableTarget = TARGET) -> UnshelveError:
    """How a batch is refused."""
    with pytest.raises(UnshelveError) as refused:
        put(url, batch, target)
    return refused.value


def rows(url: str) -> list[tuple[Any, ...]]:
    return sql(url, "select id, label, version from scores order by id")


def test_rows_are_put_in_and_replaced_by_their_key(url: str, tmp_path: Path) -> None:
    sql(url, TABLE)
    assert put(url, batch_of(tmp_path, scores("a", "b", "c"))) == Written(rows=3, written=3)
    put(url, batch_of(tmp_path, scores("B", "d", first=2), batch="b2", version=2))
    assert rows(url) == [(1, "a", 1), (2, "B", 2), (3, "d", 2)]


def test_a_batch_is_written_once_however_often_it_is_taken_up(url: str, tmp_path: Path) -> None:
    sql(url, TABLE)
    batch = batch_of(tmp_path, scores("a", "b"))
    put(url, batch)
    sql(url, "delete from scores where id = 1")  # what somebody did since then stays done
    assert put(url, batch) == Written(rows=2, written=2, again=True)
    assert rows(url) == [(2, "b", 1)]
    assert [row[:4] for row in sql(url, "select * from unshelve_batches")] == [("shop.nightly", "b1", 2, 2)]


def test_with_changed_a_row_whose_answer_is_the_same_is_left_as_it_is(url: str, tmp_path: Path) -> None:
    sql(url, TABLE)
    put(url, batch_of(tmp_path, scores("a", "b", None)))
    second = batch_of(tmp_path, scores("a", "B", None, "d"), batch="b2", version=2, changed=True)
    assert put(url, second) == Written(rows=4, written=2, unchanged=2)
    assert rows(url) == [(1, "a", 1), (2, "B", 2), (3, None, 1), (4, "d", 2)]


def test_a_key_of_several_columns_finds_its_row(url: str, tmp_path: Path) -> None:
    target = to_table("pairs", connection="dwh", key=["day", "id"])
    sql(url, "create table pairs (day varchar(10), id integer, label varchar(9), version integer, "
        "answer_id varchar(26), answered_at timestamp, primary key (id, day))")  # fmt: skip
    for name, label in (("b1", "a"), ("b2", "b")):
        batch = batch_of(tmp_path, scores(label, label, day="2026-03-14"), batch=name, key=("day", "id"))
        put(url, batch, target)
    assert sql(url, "select day, id, label from pairs order by id") == [("2026-03-14", 1, "b"), ("2026-03-14", 2, "b")]


def test_a_missing_table_is_told_with_the_statement_that_makes_it(url: str, tmp_path: Path) -> None:
    error = refusal(url, batch_of(tmp_path, scores("a")))
    assert isinstance(error, NotFound)
    assert error.subject_code == "sink-table-gone"
    assert "CREATE TABLE scores" in str(error)
    assert "PRIMARY KEY (id)" in str(error)


def test_with_create_the_table_is_made(url: str, tmp_path: Path) -> None:
    target = to_table("scores", connection="dwh", key="id", create=True)
    put(url, batch_of(tmp_path, scores(0.5, None)), target)
    assert rows(url) == [(1, 0.5, 1), (2, None, 1)]


def test_a_table_without_the_key_is_told_with_the_statement_that_makes_it(url: str, tmp_path: Path) -> None:
    sql(url, TABLE.replace(" primary key", ""))
    error = refusal(url, batch_of(tmp_path, scores("a")))
    assert error.subject_code == "sink-table-without-key"
    assert "CREATE UNIQUE INDEX scores_key ON scores (id);" in str(error)
    sql(url, "create unique index scores_key on scores (id)")
    put(url, batch_of(tmp_path, scores("a"), batch="b2"))
    assert rows(url) == [(1, "a", 1)]


def test_a_missing_column_is_told_with_the_statement_that_adds_it(url: str, tmp_path: Path) -> None:
    sql(url, TABLE.replace("label varchar(20), ", ""))
    error = refusal(url, batch_of(tmp_path, scores(0.5)))
    assert error.subject_code == "sink-column-gone"
    assert "ALTER TABLE scores ADD COLUMN label DOUBLE" in str(error)


def test_the_row_that_a_constraint_refuses_is_named_and_nothing_is_written(url: str, tmp_path: Path) -> None:
    sql(url, TABLE.replace("varchar(20)", "varchar(20) check (label <> 'bad')"))
    error = refusal(url, batch_of(tmp_path, scores("a", "b", "c", "bad", "e")))
    assert error.subject_code == "sink-row-refused"
    assert "the row with id = 4" in str(error)
    assert rows(url) == []
    assert sql(url, "select count(*) from unshelve_batches") == [(0,)]


def test_a_trigger_that_fails_on_one_row_names_it_and_nothing_is_written(url: str, tmp_path: Path) -> None:
    sql(url, TABLE)
    if url.startswith("sqlite"):
        sql(url, "create trigger guard before insert on scores when new.label = 'bad' "
            "begin select raise(abort, 'no bad ones here'); end")  # fmt: skip
    elif url.startswith("mysql"):
        sql(url, "create trigger guard before insert on scores for each row if new.label = 'bad' then signal sqlstate "
            "'45000' set message_text = 'no bad ones here'; end if")  # fmt: skip
    else:
        sql(url, "create function guard() returns trigger language plpgsql as $$ begin if new.label = 'bad' then "
            "raise exception 'no bad ones here'; end if; return new; end $$",
            "create trigger guard before insert on scores for each row execute function guard()")  # fmt: skip
    error = refusal(url, batch_of(tmp_path, scores("a", "b", "bad")))
    assert "the row with id = 3: no bad ones here" in str(error)
    assert rows(url) == []


def test_a_value_that_does_not_fit_its_column_is_placed(postgres: str, tmp_path: Path) -> None:
    sql(postgres, TABLE.replace("varchar(20)", "integer"))
    error = refusal(postgres, batch_of(tmp_path, scores("1", "2", "late")))
    assert error.subject_code == "sink-row-refused"
    assert 'row 3 of the batch, column label: invalid input syntax for type integer: "late"' in str(error)
    assert rows(postgres) == []


@pytest.mark.skipif(not has_mariadb(), reason="MariaDB is not installed here")
def test_mariadb_refuses_a_value_that_does_not_fit_and_keeps_moments_in_utc(tmp_path: Path) -> None:
    url = open_database("mysql", tmp_path).url
    sql(url, TABLE.replace("varchar(20)", "varchar(2)"))
    error = refusal(url, batch_of(tmp_path, scores("a", "b", "late")))
    assert error.subject_code == "sink-row-refused"
    assert "the row with id = 3: Data too long for column 'label'" in str(error)
    assert rows(url) == []
    assert ODD_PASSWORD not in str(error)
    put(url, batch_of(tmp_path, scores("a"), batch="b2"))
    assert sql(url, "set time_zone = '+00:00'", "select answered_at from scores") == [(NOW.replace(tzinfo=None),)]


@pytest.mark.skipif(not has_mariadb(), reason="MariaDB is not installed here")
def test_a_user_of_mariadb_without_the_right_is_told_what_is_to_be_granted(tmp_path: Path) -> None:
    url = open_database("mysql", tmp_path).url
    name = url.rpartition("/")[2]
    sql(url, TABLE)
    put(url, batch_of(tmp_path, scores("a")))
    root = url.replace(quote(ODD_PASSWORD, safe=""), "").replace("house:", "root:")
    sql(root, f"create user {name} identified by 'reads'", f"grant select on {name}.* to {name}")
    own = url.replace(quote(ODD_PASSWORD, safe=""), "reads").replace("house:", f"{name}:")
    error = refusal(own, batch_of(tmp_path, scores("b"), batch="b2"))
    assert isinstance(error, NotAllowed)
    assert "GRANT SELECT, INSERT, UPDATE ON scores" in str(error)


@pytest.mark.skipif(not has_mariadb(), reason="MariaDB is not installed here")
def test_a_row_that_somebody_holds_in_mariadb_is_waited_for_and_then_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(write_table._WAITS, "mysql", ("SET SESSION innodb_lock_wait_timeout = 1",))
    url = open_database("mysql", tmp_path).url
    sql(url, TABLE)
    put(url, batch_of(tmp_path, scores("a", "b")))
    engine = create_engine(
        url.replace("mysql://", "mysql+pymysql://"), connect_args={"password": ODD_PASSWORD.encode()}
    )
    with engine.begin() as link:
        link.exec_driver_sql("update scores set label = 'mine' where id = 2")
        error = refusal(url, batch_of(tmp_path, scores("A", "B"), batch="b2"))
    engine.dispose()
    assert isinstance(error, Unavailable)
    assert error.subject_code == "sink-locked"
    assert [row[1] for row in rows(url)] == ["a", "mine"]
    put(url, batch_of(tmp_path, scores("A", "B"), batch="b2"))
    assert [row[1] for row in rows(url)] == ["A", "B"]


def test_a_locked_table_is_waited_for_and_then_said(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_table, "WAIT_SECONDS", 1)
    monkeypatch.setitem(write_table._WAITS, "postgresql", ("SET LOCAL lock_timeout = '300ms'",))
    monkeypatch.setitem(write_table._WAITS, "mysql", ("SET SESSION lock_wait_timeout = 1",))
    sql(url, TABLE)
    if url.startswith("mysql"):
        url = url.replace(quote(ODD_PASSWORD, safe=""), "").replace("house:", "root:")
    engine = create_engine(
        url.replace("postgresql://", "postgresql+psycopg://").replace("mysql://", "mysql+pymysql://")
    )
    if url.startswith("sqlite"):
        event.listen(engine, "begin", lambda link: link.exec_driver_sql("BEGIN IMMEDIATE"))
        event.listen(engine, "connect", lambda driver, _record: setattr(driver, "isolation_level", None))
    with engine.begin() as link:
        if url.startswith("postgresql"):
            link.exec_driver_sql("lock table scores in access exclusive mode")
        elif url.startswith("mysql"):
            link.exec_driver_sql("lock tables scores write")
        error = refusal(url, batch_of(tmp_path, scores("a")))
    engine.dispose()
    assert isinstance(error, Unavailable)
    assert error.subject_code in ("sink-locked", "connection-lost")
    put(url, batch_of(tmp_path, scores("a")))
    assert rows(url) == [(1, "a", 1)]


def test_a_user_without_the_right_is_told_what_is_to_be_granted(postgres: str, tmp_path: Path) -> None:
    sql(postgres, TABLE, "create role reader login password 'reads'", "grant select on scores to reader",
        "grant create on schema public to reader")  # fmt: skip
    try:
        own = postgres.replace(f"house:{postgres_server().password}", "reader:reads")
        error = refusal(own, batch_of(tmp_path, scores("a")))
    finally:
        sql(postgres, "drop owned by reader", "drop role reader")
    assert isinstance(error, NotAllowed)
    assert "GRANT SELECT, INSERT, UPDATE ON scores" in str(error)
    assert "reads" not in str(error)


def test_a_connection_that_ends_in_the_middle_leaves_nothing_and_is_tried_again(postgres: str, tmp_path: Path) -> None:
    sql(postgres, TABLE, "create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.2); "
        "return new; end $$", "create trigger slow before insert on scores for each row execute function slow()"
    )  # fmt: skip
    ended = threading.Event()

    def end() -> None:
        while not ended.is_set():
            found = sql(
                postgres,
                "select pg_terminate_backend(pid) from pg_stat_activity where query like 'INSERT INTO scores%'",
            )
            if found:
                return

    thread = threading.Thread(target=end)
    thread.start()
    try:
        error = refusal(postgres, batch_of(tmp_path, scores(*"abcdefghij")))
    finally:
        ended.set()
        thread.join()
    assert isinstance(error, Unavailable)
    assert rows(postgres) == []
    sql(postgres, "drop trigger slow on scores")
    assert put(postgres, batch_of(tmp_path, scores(*"abcdefghij"))).written == 10


def test_two_processes_with_one_batch_write_it_once(postgres: str, tmp_path: Path) -> None:
    sql(postgres, TABLE)
    batch = batch_of(tmp_path, [row for n in range(200) for row in scores("x", first=n)])
    found: list[Written | UnshelveError] = []

    def work() -> None:
        try:
            found.append(put(postgres, batch))
        except UnshelveError as error:
            found.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(one, Written) and not one.again for one in found) == 1
    assert sql(postgres, "select count(*) from scores") == [(200,)]


def test_odd_names_and_texts_arrive_as_they_are(url: str, tmp_path: Path) -> None:
    target = to_table("odd", connection="dwh", key="Key: 1")
    quoted = ("set sql_mode = 'ANSI_QUOTES'",) if url.startswith("mysql") else ()
    sql(url, *quoted, 'create table odd ("Key\\: 1" integer primary key, "se""t" text, version integer, '
        "answer_id varchar(26), answered_at timestamp)")  # fmt: skip
    texts = ["", None, 'a "quoted", text', "two\nlines", "\\N", "Ünïcode ☃"]
    batch = batch_of(tmp_path, [{"Key: 1": n, 'se"t': one} for n, one in enumerate(texts)], key=("Key: 1",))
    put(url, batch, target)
    assert [row[0] for row in sql(url, *quoted, 'select "se""t" from odd order by "Key\\: 1"')] == texts


def test_an_address_that_does_not_answer_shows_no_password(tmp_path: Path) -> None:
    error = refusal("postgresql://me:hunter22@127.0.0.1:1/db", batch_of(tmp_path, scores("a")))
    assert isinstance(error, Unavailable)
    assert "hunter22" not in str(error)


def test_a_database_whose_driver_is_not_there_says_so(tmp_path: Path) -> None:
    error = refusal("nosuch://me@host/db", batch_of(tmp_path, scores("a")))
    assert isinstance(error, Refused)
    assert error.subject_code == "driver-not-installed"


def test_moments_are_the_same_whatever_zone_the_server_has_and_triggers_see_its_zone(
    postgres: str, tmp_path: Path
) -> None:
    name = postgres.rpartition("/")[2].partition("?")[0]
    sql(postgres, f"alter database \"{name}\" set timezone to 'America/New_York'")
    sql(
        postgres,
        TABLE.replace(
            "answered_at timestamp", "answered_at timestamptz, zone text default current_setting('TimeZone')"
        ),
        "alter table scores add column at timestamptz, add column plain timestamp, add column said text",
    )
    moment = datetime(2026, 7, 1, 12, tzinfo=UTC)
    put(postgres, batch_of(tmp_path, scores("a", at=moment, plain=moment, said=moment)))
    found = sql(postgres, "select at, answered_at, plain, said, zone from scores")[0]
    assert found[:3] == (moment, NOW, moment.replace(tzinfo=None))
    assert found[3:] == ("2026-07-01 12:00:00.000000Z", "America/New_York")


def test_a_table_that_a_sink_makes_leaves_room_for_the_rows_that_replace_others(postgres: str, tmp_path: Path) -> None:
    target = to_table("scores", connection="dwh", key="id", create=True)
    put(postgres, batch_of(tmp_path, scores("a")), target)
    assert sql(postgres, "select reloptions from pg_class where relname = 'scores'") == [(["fillfactor=50"],)]
