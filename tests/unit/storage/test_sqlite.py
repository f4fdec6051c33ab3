"""What SQLite does in its own way; tests/contract/test_databases.py has what it shares with others."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from unshelve.errors import Damaged, NotFound, Refused, StorageFull
from unshelve.storage.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "test.db")
    with opened.write() as connection:
        connection.exec_driver_sql("create table thing (id integer primary key, text text)")
    yield opened
    opened.close()


def texts(database: Database) -> list[str]:
    with database.read() as connection:
        return [row[0] for row in connection.exec_driver_sql("select text from thing order by id")]


def add(database: Database, *given: str) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("insert into thing (text) values (?)", [(text,) for text in given])


def in_another_process(database: Database, script: str) -> str:
    begin = (
        f"from unshelve.storage.database import Database\ndb = Database.open({database.address!r}, read_only=True)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", begin + script], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_change_token_moves_with_each_commit_and_only_then(database: Database) -> None:
    first = database.change_token()
    texts(database)
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.exec_driver_sql("insert into thing (text) values ('half')")
        _ = 1 / 0
    assert database.change_token() == first
    add(database, "one")
    second = database.change_token()
    assert second != first
    assert database.change_token() == second


def test_the_change_token_sees_another_process_write(database: Database) -> None:
    script = (
        "import sys; first = db.change_token(); print('ready', flush=True); sys.stdin.readline()\n"
        "print(db.change_token() != first)"
    )
    begin = (
        f"from unshelve.storage.database import Database\ndb = Database.open({database.address!r}, read_only=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", begin + script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        add(database, "news")
        assert reader.communicate("go\n")[0] == "True\n"


def test_what_a_killed_writer_had_committed_is_read_by_a_process_that_may_only_read(tmp_path: Path) -> None:
    path = tmp_path / "killed.db"
    script = (
        "import os, signal, sys; from unshelve.storage.database import Database\n"
        "db = Database.open(sys.argv[1])\n"
        "with db.write() as c: c.exec_driver_sql('create table thing (id integer primary key, text text)')\n"
        "with db.write() as c: c.exec_driver_sql(\"insert into thing (text) values ('kept')\")\n"
        "with db.write() as c:\n"
        "    c.exec_driver_sql(\"insert into thing (text) values ('lost')\")\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    reader = Database.open(path, read_only=True)
    assert texts(reader) == ["kept"]
    reader.close()


def test_reading_does_not_make_a_database(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Database.open(tmp_path / "none.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_for_its_owner_alone(database: Database) -> None:
    assert Path(database.address).stat().st_mode & 0o077 == 0


def test_a_url_names_a_database_as_a_path_does(database: Database) -> None:
    add(database, "here")
    again = Database.open(f"sqlite:///{database.address}", read_only=True)
    assert texts(again) == ["here"]
    again.close()


@pytest.mark.parametrize("url", ["mysql://x", "sqlite://", "sqlite:///"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(Refused, match="sqlite:///PATH"):
        Database.open(url)


def test_a_file_that_is_no_database_is_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "not.db"
    path.write_bytes(b"this is not a database, it is a text " * 100)
    with pytest.raises(Damaged, match="is not a database"):
        Database.open(path)
    assert path.read_bytes().startswith(b"this is not")


def test_a_full_disk_leaves_the_database_as_it_was(database: Database) -> None:
    add(database, "before")
    script = (
        "import resource, sys; from unshelve.storage.database import Database\n"
        "db = Database.open(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "try:\n"
        "    with db.write() as c:\n"
        "        c.exec_driver_sql('insert into thing (text) values (?)', [('x' * 1000,) for _ in range(5000)])\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    said = subprocess.run(
        [sys.executable, "-c", script, database.address], capture_output=True, text=True, check=True
    ).stdout
    assert said.startswith("StorageFull")
    assert "nothing was changed" in said
    assert texts(database) == ["before"]
    add(database, "after")
    assert texts(database) == ["before", "after"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root; RLIMIT_FSIZE above covers the rest")
def test_a_really_full_disk_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine does not let root mount")
    try:
        database = Database.open(disk / "small.db")
        with database.write() as connection:
            connection.exec_driver_sql("create table thing (id integer primary key, text text)")
        with pytest.raises(StorageFull):
            add(database, *["x" * 1000] * 5000)
        assert texts(database) == []
        add(database, "fits")
        assert texts(database) == ["fits"]
        database.close()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_batch_of_rows_costs_little(database: Database) -> None:
    rows = [(f"text {number}",) for number in range(20_000)]
    begin = resource.getrusage(resource.RUSAGE_SELF)
    for start in range(0, len(rows), 100):
        with database.write() as connection:
            connection.exec_driver_sql("insert into thing (text) values (?)", rows[start : start + 100])
    end = resource.getrusage(resource.RUSAGE_SELF)
    cpu = end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime
    assert cpu / len(rows) < 10e-6
