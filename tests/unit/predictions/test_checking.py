"""Sealed files that were tampered with are found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from databases import open_database
from predictions_log_files import HOUR, NOON, closed, record
from unshelve.predictions.checking import damages
from unshelve.predictions.parquet import ParquetFiles
from unshelve.predictions.sealing import Sealer
from unshelve.predictions.tables import SEGMENT_FILE
from unshelve.security.actors import LOCAL
from unshelve.storage.database import Database
from unshelve.storage.migration import migrate
from unshelve.testing.memory import MemoryBlobs


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "unshelve.db")
    migrate(opened)
    closed(tmp_path / "predictions", [record(NOON), record(NOON + 13 * HOUR)], name="s1")
    folder = tmp_path / "predictions"
    Sealer(opened, folder, ParquetFiles(folder), actor=LOCAL).seal()
    yield opened
    opened.close()


def found(database: Database, tmp_path: Path) -> list[str]:
    with database.read() as connection:
        return [each.subject_code for each in damages(connection, tmp_path / "predictions", MemoryBlobs())]


def test_files_as_they_were_sealed_are_whole(database: Database, tmp_path: Path) -> None:
    assert found(database, tmp_path) == []


def test_a_file_that_is_gone_and_one_that_was_changed_are_named(database: Database, tmp_path: Path) -> None:
    (tmp_path / "predictions/day=2026-03-01/s1.parquet").unlink()
    with (tmp_path / "predictions/day=2026-03-02/s1.parquet").open("ab") as file:
        file.write(b"more")

    assert found(database, tmp_path) == ["predictions-gone", "predictions-changed"]


def test_a_digest_that_was_changed_with_its_file_is_found_by_the_segments(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "predictions/day=2026-03-01/s1.parquet"
    file.write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    with database.write() as connection:
        connection.execute(update(SEGMENT_FILE).where(SEGMENT_FILE.c.day == "2026-03-01").values(digest=empty))

    assert found(database, tmp_path) == ["segment-changed"]
