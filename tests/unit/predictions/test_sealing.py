"""Sealing: each answer ends in exactly one file, wherever the process was cut short."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from databases import open_database
from predictions_log_files import HOUR, NOON, closed, record, segment
from unshelve.errors import Damaged
from unshelve.predictions.parquet import ParquetFiles
from unshelve.predictions.query import PredictionLog
from unshelve.predictions.sealed import SealedSegment
from unshelve.predictions.sealing import Sealer
from unshelve.predictions.segment import frame
from unshelve.predictions.tables import SEGMENT, SEGMENT_COUNT, SEGMENT_FILE
from unshelve.security import audit
from unshelve.security.actors import LOCAL
from unshelve.storage.database import Database
from unshelve.storage.migration import migrate
from unshelve.testing.memory import MemoryBlobs


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "unshelve.db")
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "predictions"
    made.mkdir()
    return made


def sealer(database: Database, folder: Path) -> Sealer:
    return Sealer(database, folder, ParquetFiles(folder), actor=LOCAL)


def answers(database: Database, folder: Path) -> list[str]:
    files = ParquetFiles(folder)
    with database.read() as connection:
        paths = connection.execute(select(SEGMENT_FILE.c.path)).scalars().all()
    return sorted(found.id for path in paths for found in files.recent(path, model=None, before=None, limit=10**6))


def test_a_segment_becomes_a_file_a_day_with_its_counts(database: Database, folder: Path) -> None:
    today = [record(NOON), record(NOON + 1, version=2)]
    tomorrow = [record(NOON + 13 * HOUR)]
    closed(folder, today + tomorrow, name="s1")

    done = sealer(database, folder).seal()

    assert (done.segments, done.records, done.failures) == (1, 3, ())
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")) == [
        "day=2026-03-01/s1.parquet",
        "day=2026-03-02/s1.parquet",
    ]
    assert answers(database, folder) == sorted(each.id for each in today + tomorrow)
    assert list((folder / "open").iterdir()) == []
    counts = select(SEGMENT_COUNT.c.day, SEGMENT_COUNT.c.version, SEGMENT_COUNT.c.answers).order_by("day", "version")
    with database.read() as connection:
        found = [tuple(row) for row in connection.execute(counts)]
    assert found == [("2026-03-01", 1, 1), ("2026-03-01", 2, 1), ("2026-03-02", 1, 1)]


def test_a_record_comes_back_from_its_file_as_it_was_written(database: Database, folder: Path) -> None:
    written = record(NOON, row='{"name":"Zoë","x":0.1}'.encode())
    closed(folder, [written], name="s1")

    sealer(database, folder).seal()

    assert ParquetFiles(folder).find("day=2026-03-01/s1.parquet", written.id) == written


def test_a_segment_that_is_being_written_is_left_alone(database: Database, folder: Path) -> None:
    writing = segment(folder, [record(NOON)])

    done = sealer(database, folder).seal()

    assert (done.segments, writing.path.exists()) == (0, True)
    writing.close()


def test_the_audit_entry_names_the_digest_of_the_segments_files(database: Database, folder: Path) -> None:
    closed(folder, [record(NOON)], name="s1")

    sealer(database, folder).seal()

    with database.read() as connection:
        entry = audit.entries(connection, subject="segment s1")[0]
        audit.verify(connection)
        digest = connection.execute(select(SEGMENT.c.digest)).scalar_one()
    assert entry.details["digest"] == digest


def test_a_torn_tail_is_cut_and_said(database: Database, folder: Path) -> None:
    whole = record(NOON)
    closed(folder, [whole], name="s1", tail=frame([record(NOON + 1)])[:-3])

    sealer(database, folder).seal()

    with database.read() as connection:
        row = connection.execute(select(SEGMENT.c.records, SEGMENT.c.ending, SEGMENT.c.lost_bytes)).one()
    assert answers(database, folder) == [whole.id]
    assert (row.records, row.ending) == (1, "torn")
    assert row.lost_bytes > 0


def test_a_damaged_segment_is_kept_beside_what_could_be_read(database: Database, folder: Path) -> None:
    whole = record(NOON)
    bad = bytearray(frame([record(NOON + 1)]))
    bad[-1] ^= 1
    closed(folder, [whole], name="s1", tail=bytes(bad) + frame([record(NOON + 2)]))

    sealer(database, folder).seal()

    assert answers(database, folder) == [whole.id]
    assert [path.name for path in (folder / "damaged").iterdir()] == ["s1.segment"]


def test_an_empty_segment_leaves_nothing_behind(database: Database, folder: Path) -> None:
    closed(folder, [], name="s1")

    sealer(database, folder).seal()

    assert list((folder / "open").iterdir()) == []
    with database.read() as connection:
        assert connection.execute(select(SEGMENT)).all() == []


class CutShort:
    """Sealed files whose process ends right after they were written."""

    def __init__(self, folder: Path) -> None:
        self._files = ParquetFiles(folder)

    def seal(self, segment: Path) -> SealedSegment:
        self._files.seal(segment)
        raise Damaged("cut short")

    recent = ParquetFiles.recent
    find = ParquetFiles.find


def test_a_seal_cut_short_before_its_transaction_is_repeated_without_doubles(database: Database, folder: Path) -> None:
    written = record(NOON)
    closed(folder, [written], name="s1")
    cut = Sealer(database, folder, CutShort(folder), actor=LOCAL).seal()
    first = (folder / "day=2026-03-01/s1.parquet").read_bytes()

    sealer(database, folder).seal()

    assert len(cut.failures) == 1
    assert answers(database, folder) == [written.id]
    assert (folder / "day=2026-03-01/s1.parquet").read_bytes() == first


def test_a_seal_cut_short_after_its_transaction_only_removes_the_segment(database: Database, folder: Path) -> None:
    written = record(NOON)
    path = closed(folder, [written], name="s1")
    data = path.read_bytes()
    sealer(database, folder).seal()
    path.write_bytes(data)

    done = sealer(database, folder).seal()

    assert (done.records, path.exists()) == (0, False)
    assert answers(database, folder) == [written.id]


def test_one_segment_that_cannot_be_sealed_does_not_hold_up_the_others(database: Database, folder: Path) -> None:
    closed(folder, [record(NOON)], name="a")
    good = record(NOON + 1)
    closed(folder, [good], name="b")
    (folder / "day=2026-03-01").mkdir()
    (folder / "day=2026-03-01/a.parquet").mkdir()
    (folder / "day=2026-03-01/a.parquet/in-the-way").touch()

    done = Sealer(database, folder, Translated(folder), actor=LOCAL).seal()

    assert (done.segments, len(done.failures)) == (1, 1)
    assert answers(database, folder) == [good.id]
    assert (folder / "open/a.segment").exists()


class Translated(CutShort):
    """Sealed files in this process, with the failures that another process would report."""

    def seal(self, segment: Path) -> SealedSegment:
        try:
            return self._files.seal(segment)
        except OSError as error:
            raise Damaged(str(error)) from error


def test_sealed_files_go_to_the_blobs_where_others_read_them(database: Database, folder: Path, tmp_path: Path) -> None:
    answered = [record(NOON), record(NOON + 13 * HOUR)]
    closed(folder, answered, name="s1")
    blobs = MemoryBlobs()
    Sealer(database, folder, ParquetFiles(folder), actor=LOCAL, blobs=blobs).seal()
    assert list(folder.rglob("*.parquet")) == []
    elsewhere = tmp_path / "another server"
    elsewhere.mkdir()
    log = PredictionLog(database, elsewhere, ParquetFiles(elsewhere), blobs=blobs)
    assert [found.id for found in log.recent()] == [each.id for each in reversed(answered)]
    assert log.find(answered[0].id) == answered[0]


def test_a_sealing_that_was_cut_off_before_the_files_left_is_brought_to_its_end(
    database: Database, folder: Path
) -> None:
    path = closed(folder, [record(NOON)], name="s1")
    kept = path.read_bytes()
    sealer(database, folder).seal()
    path.write_bytes(kept)  # the process ended before the segment was removed
    blobs = MemoryBlobs()
    for file in folder.rglob("*.parquet"):
        blobs.put_file(file)
    Sealer(database, folder, ParquetFiles(folder), actor=LOCAL, blobs=blobs).seal()
    assert not path.exists() and list(folder.rglob("*.parquet")) == []
