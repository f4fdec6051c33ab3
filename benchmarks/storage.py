"""What storing costs: rows in commits, blobs, the change token, letting a caller in.

    python benchmarks/storage.py

CPU time of one process, the best and the median of five rounds; ratios are to the bare calls that do the same work.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from unshelve.security.actors import LOCAL, Role
from unshelve.security.authenticate import Doorkeeper
from unshelve.security.keys import create_key
from unshelve.storage.blobs import FolderBlobs
from unshelve.storage.database import Database
from unshelve.storage.migration import migrate

ROUNDS = 5
ROWS = [(f"run-{number % 50}", f"step {number}", "cached", "x" * 64, 1.5, number) for number in range(5_000)]
BATCH = 50


def microseconds(work: Callable[[], object], count: int) -> tuple[float, float]:
    """CPU time of this process for one of `count`, the best and the median round."""
    found = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        work()
        found.append((time.process_time() - begin) / count * 1e6)
    return min(found), statistics.median(found)


def show(name: str, measured: tuple[float, float], against: tuple[float, float] | None = None) -> None:
    ratio = f"{measured[0] / against[0]:5.2f} x" if against else ""
    print(f"{name:58} {measured[0]:8.2f} us  (median {measured[1]:8.2f})  {ratio}")


def rows(folder: Path) -> None:
    database = Database.open(folder / "rows.db")
    plain = sqlite3.connect(folder / "plain.db", isolation_level=None)
    plain.executescript("pragma journal_mode=wal; pragma synchronous=normal")
    table = "create table step (run text, name text, state text, key text, seconds real, number integer)"
    plain.execute(table)
    with database.write() as connection:
        connection.exec_driver_sql(table)
    insert = "insert into step values (?, ?, ?, ?, ?, ?)"

    def by_hand() -> None:
        for start in range(0, len(ROWS), BATCH):
            plain.execute("begin immediate")
            plain.executemany(insert, ROWS[start : start + BATCH])
            plain.execute("commit")

    def here() -> None:
        for start in range(0, len(ROWS), BATCH):
            with database.write() as connection:
                connection.exec_driver_sql(insert, ROWS[start : start + BATCH])

    bare = microseconds(by_hand, len(ROWS))
    show(f"one row, {BATCH} in a commit, bare sqlite3", bare)
    show(f"one row, {BATCH} in a commit, Database.write", microseconds(here, len(ROWS)), bare)
    show(
        "asking whether anything changed",
        microseconds(lambda: [database.change_token() for _ in range(5000)], 5000),
    )
    plain.close()
    database.close()


def blobs(folder: Path) -> None:
    count, made = 2_000, iter(range(10**9))

    def by_hand() -> None:
        place = folder / f"plain-{next(made)}"
        place.mkdir()
        for number in range(count):
            new = f"{place}/{number}.new"
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(handle, b"%d" % number * 40)
            os.close(handle)
            os.rename(new, f"{place}/{number}")  # noqa: PTH104  what the store does, without Path objects

    def here() -> None:
        store = FolderBlobs(folder / f"blobs-{next(made)}")
        for number in range(count):
            store.put(b"%d" % number * 40)

    store = FolderBlobs(folder / "again")
    digests = [store.put(b"%d" % number * 40) for number in range(count)]
    bare = microseconds(by_hand, count)
    show("a small file: open, write, close, rename", bare)
    show("a small blob, new, folders included", microseconds(here, count), bare)
    show(
        "the same blob again",
        microseconds(lambda: [store.put(b"%d" % number * 40) for number in range(count)], count),
        bare,
    )
    show("a blob read and checked", microseconds(lambda: [store.get(digest) for digest in digests], count))
    show("is a blob there, asked for many", microseconds(lambda: store.has_many(digests), count))


def doors(folder: Path) -> None:
    database = Database.open(folder / "doors.db")
    migrate(database)
    now = datetime.now(UTC)
    with database.write() as connection:
        key = create_key(connection, "bench", Role.USER, actor=LOCAL, now=now).text
    keeper = Doorkeeper(database)

    def known() -> None:
        for _ in range(2000):
            keeper.actor(bearer=key, session=None, now=now)

    def first() -> None:
        for _ in range(500):
            Doorkeeper(database).actor(bearer=key, session=None, now=now)

    show("letting in a caller who was here before", microseconds(known, 2000))
    show("letting in a caller for the first time", microseconds(first, 500))
    database.close()


if __name__ == "__main__":
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    print(f"{machine}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}")
    with tempfile.TemporaryDirectory() as made_here:
        for part in (rows, blobs, doors):
            part(Path(made_here))
