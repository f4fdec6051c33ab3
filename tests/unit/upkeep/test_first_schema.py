"""A home as the first schema had it, with the rows of a real run, goes through every migration since and answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, MetaData, Table, select

from postgres_server import fresh_database
from unshelve.registry.releases import releases
from unshelve.security import audit
from unshelve.serving.releases import LiveReleases
from unshelve.solution.control import Control
from unshelve.solution.stored import stored
from unshelve.storage.database import Database
from unshelve.storage.migration import NEWEST, migrate, stored_revision
from unshelve.upkeep.copying import add_rows
from unshelve.upkeep.damage import examine

from .conftest import MODEL, ROW, Kept

FIRST = 1
Rows = dict[str, list[tuple[object, ...]]]


@contextmanager
def an_address(kind: str, tmp_path: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield str(tmp_path / "old.db")
    else:
        with fresh_database() as url:
            yield url


def declared(connection: Connection) -> list[Table]:
    known = MetaData()
    known.reflect(connection)
    return [table for table in known.sorted_tables if table.name != "schema_revision"]


def rows_of(connection: Connection, tables: list[Table]) -> Rows:
    """The rows of these tables, of the columns that they have."""
    found = {}
    for table in tables:
        rows = connection.execute(select(*table.columns))
        found[table.name] = sorted((tuple(row) for row in rows), key=repr)
    return found


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_home_of_the_first_schema_goes_to_the_newest(kept: Kept, tmp_path: Path, kind: str) -> None:
    control = kept.control
    with an_address(kind, tmp_path) as address:
        old = Database.open(address)
        migrate(old, upto=FIRST)
        with old.read() as connection:
            first = declared(connection)
            assert stored_revision(connection) == FIRST
        with control.database.read() as ours, old.write() as theirs:
            before = rows_of(ours, first)
            for table in first:
                add_rows(theirs, table, before[table.name])
        assert {name for name, rows in before.items() if rows} > {"version", "result", "run", "run_step", "audit"}

        migrate(old)
        with old.read() as connection:
            assert stored_revision(connection) == NEWEST
            assert rows_of(connection, first) == before
            audit.verify(connection)
        old.close()

        home = control.home
        live = LiveReleases(control.database, control.blobs, control.verifier).version(MODEL, 1)
        answered = list(live.answer(live.decoder.decode_rows([ROW])))
        control.close()
        (home.blobs / "home.json").unlink()  # whose the blobs are, no home of that time said
        home.settings_file.write_text(f"database = {json.dumps(address)}\n", encoding="utf-8")
        with Control.open(home.root) as reopened:
            with reopened.database.read() as connection:
                assert releases(connection)[MODEL].champion == 1
            again = LiveReleases(reopened.database, reopened.blobs, reopened.verifier).version(MODEL, 1)
            assert list(again.answer(again.decoder.decode_rows([ROW]))) == answered
        with stored(home) as opened:
            assert [damage.message for part in examine(opened) for damage in part.damages] == []
