"""What every database does, on real ones: whole transactions, writers that take turns, readers that see one moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, MetaData, Table, Text, func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from postgres_server import fresh_database
from unshelve.storage.database import Database

METADATA = MetaData()
THING = Table(
    "thing", METADATA, Column("id", Integer, primary_key=True), Column("text", Text), Column("raw", LargeBinary)
)
CHILD = Table("child", METADATA, Column("thing", Integer, ForeignKey("thing.id"), primary_key=True))

BEGIN = """
import os, signal, sys
from sqlalchemy import Column, Integer, MetaData, Table, Text, func, insert, select
from unshelve.storage.database import Database
THING = Table("thing", MetaData(), Column("id", Integer, primary_key=True), Column("text", Text))
db = Database.open(sys.argv[1])
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield str(tmp_path / "test.db")
    else:
        with fresh_database() as url:
            yield url


@pytest.fixture
def database(address: str) -> Iterator[Database]:
    opened = Database.open(address)
    with opened.write() as connection:
        METADATA.create_all(connection)
    yield opened
    opened.close()


def texts(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(select(THING.c.text).order_by(THING.c.id)).scalars())


def add(database: Database, *given: str) -> None:
    with database.write() as connection:
        connection.execute(insert(THING), [{"text": text} for text in given])


def script(address: str, text: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BEGIN + text, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_a_transaction_is_kept_whole(database: Database) -> None:
    add(database, "one", "two")
    assert texts(database) == ["one", "two"]


def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.execute(insert(THING), {"text": "half"})
        _ = 1 / 0
    assert texts(database) == []


def test_tables_made_in_a_transaction_that_raises_are_gone_too(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.exec_driver_sql("create table other (id integer)")
        _ = 1 / 0
    with pytest.raises(DBAPIError), database.read() as connection:
        connection.exec_driver_sql("select * from other")


def test_a_read_cannot_change_anything(database: Database) -> None:
    with pytest.raises(DBAPIError, match=r"read-?only"), database.read() as connection:
        connection.execute(insert(THING), {"text": "no"})
    assert texts(database) == []


def test_a_read_sees_one_moment(database: Database) -> None:
    count = select(func.count()).select_from(THING)
    with database.read() as connection:
        assert connection.execute(count).scalar() == 0
        add(database, "meanwhile")
        assert connection.execute(count).scalar() == 0
    assert texts(database) == ["meanwhile"]


def test_a_write_inside_a_write_is_said_to_be_a_mistake(database: Database) -> None:
    with pytest.raises(RuntimeError, match="inside another"), database.write(), database.write():
        pass
    add(database, "still works")


def test_writers_of_many_processes_take_turns(database: Database) -> None:
    """Each reads how many there are and adds the next number: two that did so at once would add one twice."""
    text = (
        "for _ in range(25):\n"
        "    with db.write() as c:\n"
        "        known = c.execute(select(func.count()).select_from(THING)).scalar_one()\n"
        "        c.execute(insert(THING), {'text': str(known)})\n"
    )
    writers = [script(database.address, text) for _ in range(4)]
    assert [writer.wait(timeout=60) for writer in writers] == [0] * 4
    for writer in writers:
        writer.communicate()
    assert texts(database) == [str(number) for number in range(100)]


def test_foreign_keys_are_kept(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(insert(CHILD), {"thing": 99})


def test_bytes_come_back_as_they_were(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(THING), {"raw": b"\x00\xff'"})
    with database.read() as connection:
        assert connection.execute(select(THING.c.raw)).scalar_one() == b"\x00\xff'"


def test_the_change_token_moves_with_each_commit_and_only_then(database: Database) -> None:
    first = await_quiet(database)
    texts(database)
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.execute(insert(THING), {"text": "half"})
        _ = 1 / 0
    if database.is_file:
        assert database.change_token() == first
    add(database, "one")
    second = await_other(database, first)
    assert database.change_token() == second


def test_the_change_token_sees_another_process_write(database: Database) -> None:
    before = await_quiet(database)
    with script(database.address, "with db.write() as c: c.execute(insert(THING), {'text': 'news'})") as writer:
        writer.communicate()
    await_other(database, before)
    assert texts(database) == ["news"]


def test_what_is_not_committed_is_not_seen_elsewhere(database: Database) -> None:
    text = "with db.read() as c: print(c.execute(select(func.count()).select_from(THING)).scalar())"
    with database.write() as connection:
        connection.execute(insert(THING), {"text": "not yet"})
        with script(database.address, text) as reader:
            assert reader.communicate()[0] == "0\n"
    with script(database.address, text) as reader:
        assert reader.communicate()[0] == "1\n"


def test_a_killed_writer_leaves_what_it_had_committed_and_nothing_in_the_way(database: Database) -> None:
    text = (
        "with db.write() as c: c.execute(insert(THING), {'text': 'kept'})\n"
        "with db.write() as c:\n"
        "    c.execute(insert(THING), {'text': 'lost'})\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    with script(database.address, text) as writer:
        writer.communicate()
    assert writer.returncode == -signal.SIGKILL
    add(database, "next")
    assert texts(database) == ["kept", "next"]


def test_a_database_opened_to_read_refuses_to_write(database: Database) -> None:
    reader = Database.open(database.address, read_only=True)
    with pytest.raises(RuntimeError, match="read only"), reader.write():
        pass
    reader.close()


def test_many_threads_write_through_one_database(database: Database) -> None:
    threads = [threading.Thread(target=add, args=(database, str(number))) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(texts(database), key=int) == [str(number) for number in range(16)]


def await_other(database: Database, before: int, seconds: float = 10.0) -> int:
    """The token once it is another one. A server's word comes some milliseconds after the commit."""
    until = time.monotonic() + seconds
    while (token := database.change_token()) == before:
        assert time.monotonic() < until, "the commit was not noticed"
        os.sched_yield()
    return token


def await_quiet(database: Database) -> int:
    """The token after all that was committed before has been heard."""
    token = database.change_token()
    if not database.is_file:
        with database.write() as connection:
            number = int(connection.exec_driver_sql("select pg_current_xact_id()::text").scalar_one())
        until = time.monotonic() + 10
        while (token := database.change_token()) & (2**64 - 1) < number:
            assert time.monotonic() < until, "the commit was not noticed"
            os.sched_yield()
    return token
