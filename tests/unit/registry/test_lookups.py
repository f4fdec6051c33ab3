"""Copies of lookups in the registry: the newest one of each, and the refreshes before it."""

from __future__ import annotations

from pathlib import Path

from databases import database_of
from unshelve.registry.lookups import Refresh, add_refresh, drop_refreshes, newest_copies, refreshes_of
from unshelve.storage.home import Home
from unshelve.storage.migration import migrate


def refresh(hour: int, *, name: str = "weather", digest: str | None = "a" * 64, error: str | None = None) -> Refresh:
    made_at = f"2026-03-01T{hour:02}:00:00+00:00"
    big = 3_000_000_000
    return Refresh(
        solution="flights", name=name, made_at=made_at, run_id="r", digest=digest, size_bytes=big, rows=big, keys=big,
        newest=big * 1000, columns={"temp": "float64"}, error=error,
    )  # fmt: skip


def test_the_newest_copy_is_the_last_that_came_whatever_failed_since(tmp_path: Path) -> None:
    database = database_of(Home.create_or_open(tmp_path / "home"))
    migrate(database)
    failed = refresh(9, digest=None, error="no rows")
    with database.write() as connection:
        for one in (refresh(7), refresh(8, digest="b" * 64), failed, refresh(3, name="planes")):
            add_refresh(connection, one)
            add_refresh(connection, one)
    with database.read() as connection:
        assert newest_copies(connection) == {
            "flights.weather": refresh(8, digest="b" * 64),
            "flights.planes": refresh(3, name="planes"),
        }
        assert newest_copies(connection, "trains") == {}
        assert refreshes_of(connection, "flights", "weather", limit=2) == [failed, refresh(8, digest="b" * 64)]


def test_what_an_old_run_brought_is_forgotten_but_never_the_copy_that_answers(tmp_path: Path) -> None:
    database = database_of(Home.create_or_open(tmp_path / "home"))
    migrate(database)
    with database.write() as connection:
        for one in (refresh(7), refresh(8), refresh(9, digest=None, error="no rows")):
            add_refresh(connection, one)
        drop_refreshes(connection, "another")
        assert len(refreshes_of(connection, "flights", "weather")) == 3
        drop_refreshes(connection, "r")
        assert refreshes_of(connection, "flights", "weather") == [refresh(8)]
