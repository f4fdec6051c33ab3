"""Questions to the log: sealed and unsealed answers as one, each once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from operator import attrgetter
from pathlib import Path

import msgspec
import pytest

from databases import open_database
from predictions_log_files import HOUR, NOON, closed, record, segment
from unshelve.errors import BadRequest, NotFound
from unshelve.predictions.looked_up import LookupCount
from unshelve.predictions.parquet import ParquetFiles
from unshelve.predictions.query import DayCount, PredictionLog
from unshelve.predictions.record import Record
from unshelve.predictions.sealing import Sealer
from unshelve.predictions.segment import SegmentFile, frame
from unshelve.security.actors import LOCAL
from unshelve.storage.migration import migrate

DAY = 24 * HOUR


class Counted(ParquetFiles):
    """Sealed files that remember which of them were opened."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.opened: list[str] = []

    def recent(self, path: str, *, model: str | None, before: str | None, limit: int) -> list[Record]:
        self.opened.append(path)
        return super().recent(path, model=model, before=before, limit=limit)

    def find(self, path: str, record_id: str) -> Record | None:
        self.opened.append(path)
        return super().find(path, record_id)


class Kept:
    """A log with three sealed segments of two days, and one that is being written."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "predictions"
        self.database = open_database(root / "unshelve.db")
        migrate(self.database)
        self.files = Counted(self.folder)
        self.log = PredictionLog(self.database, self.folder, self.files)
        first = [record(NOON + n, version=1) for n in range(20)]
        beside = [record(NOON + n, model="flights.delay") for n in range(10)]
        second = [record(NOON + DAY + n, version=2) for n in range(20)]
        self.newest = [record(NOON + 2 * DAY + n, version=2) for n in range(5)]
        for part in (first, beside, second):
            closed(self.folder, part)
        self.seal()
        self.writing: SegmentFile = segment(self.folder, self.newest)
        self.all = sorted(first + beside + second + self.newest, key=attrgetter("id"), reverse=True)

    def seal(self) -> None:
        Sealer(self.database, self.folder, self.files, actor=LOCAL).seal()

    def of(self, model: str) -> list[Record]:
        return [each for each in self.all if each.model == model]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path)
    yield made
    made.writing.close()
    made.database.close()


def test_the_newest_answers_come_first_from_every_segment(kept: Kept) -> None:
    assert kept.log.recent(limit=100) == kept.all


def test_the_answers_of_one_model_leave_out_the_others(kept: Kept) -> None:
    assert kept.log.recent("flights.delay", limit=100) == kept.of("flights.delay")


@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_pages_together_are_the_whole(kept: Kept, size: int) -> None:
    pages: list[Record] = []
    while page := kept.log.recent(limit=size, before=pages[-1].id if pages else None):
        assert len(page) <= size
        pages.extend(page)

    assert pages == kept.all


def test_what_is_recent_is_answered_without_opening_what_is_past(kept: Kept) -> None:
    kept.log.recent(limit=5)
    assert kept.files.opened == []

    kept.log.recent(limit=10)
    assert len(kept.files.opened) == 1


def test_an_answer_is_found_by_its_id_whether_sealed_or_not(kept: Kept) -> None:
    assert [kept.log.find(each.id) for each in kept.all] == kept.all


def test_looking_for_one_answer_opens_the_files_of_its_time_only(kept: Kept) -> None:
    kept.log.find(kept.of("flights.lateness")[-1].id)

    assert len(kept.files.opened) <= 2


@pytest.mark.parametrize("name", ["", "nothing", "0" * 26, "u" * 26, "z" * 26])
def test_an_id_that_no_answer_has_is_not_found(kept: Kept, name: str) -> None:
    with pytest.raises(NotFound):
        kept.log.find(name)


def test_a_page_before_something_that_is_no_id_is_refused(kept: Kept) -> None:
    with pytest.raises(BadRequest):
        kept.log.recent(before="yesterday")


def test_answers_are_counted_by_day_model_and_version(kept: Kept) -> None:
    counts = kept.log.counts(date(2026, 3, 1), date(2026, 3, 3))

    assert counts == [
        DayCount(day="2026-03-01", model="flights.delay", version=1, answers=10),
        DayCount(day="2026-03-01", model="flights.lateness", version=1, answers=20),
        DayCount(day="2026-03-02", model="flights.lateness", version=2, answers=20),
        DayCount(day="2026-03-03", model="flights.lateness", version=2, answers=5),
    ]
    assert kept.log.counts(date(2026, 3, 2), date(2026, 3, 2), "flights.delay") == []


def test_sealing_changes_no_answer_to_a_question(kept: Kept) -> None:
    before = kept.log.counts(date(2026, 3, 1), date(2026, 3, 3))
    kept.writing.close()
    kept.seal()

    assert kept.log.recent(limit=100) == kept.all
    assert kept.log.counts(date(2026, 3, 1), date(2026, 3, 3)) == before
    kept.writing = segment(kept.folder, [record(NOON + 3 * DAY)])


def test_a_growing_segment_is_read_on_from_where_it_was(kept: Kept) -> None:
    kept.log.recent(limit=1)
    more = [record(NOON + 2 * DAY + 100 + n) for n in range(3000)]
    for each in more:
        kept.writing.write(frame([each]))

    newest = kept.log.recent(limit=2000)

    assert newest == sorted(more, key=attrgetter("id"), reverse=True)[:2000]
    assert kept.log.find(more[17].id) == more[17]


def test_a_segment_that_is_in_the_table_already_is_not_counted_twice(kept: Kept) -> None:
    data = kept.writing.path.read_bytes()
    path = kept.writing.path
    kept.writing.close()
    kept.seal()
    path.write_bytes(data)

    assert kept.log.recent(limit=100) == kept.all
    kept.writing = segment(kept.folder, [record(NOON + 3 * DAY)])


def looked_up(time: int, found: str | None, age: float | None = 60.0, model: str = "flights.lateness") -> Record:
    one = {"copy": "ab", "age_seconds": age, **({"found": found} if found else {})}
    return msgspec.structs.replace(record(time, model=model), lookups=msgspec.json.encode({"weather": one}))


def test_what_lookups_gave_is_summed_by_day_whether_sealed_or_not_and_nothing_twice(kept: Kept) -> None:
    closed(kept.folder, [looked_up(NOON, "entry"), looked_up(NOON, "stale", 180.0), looked_up(NOON, None)])
    closed(kept.folder, [looked_up(NOON + 1, "none", None), looked_up(NOON, "entry", model="flights.delay")])
    closed(kept.folder, [looked_up(NOON + DAY, "entry")])
    asked = (date(2026, 3, 1), date(2026, 3, 1), ["flights.lateness"])
    expected = LookupCount(
        model="flights.lateness",
        lookup="weather",
        rows=3,
        stale=1,
        missing=1,
        aged=2,
        age_seconds=240.0,
        oldest_seconds=180.0,
    )
    assert kept.log.looked_up(*asked) == [("2026-03-01", expected)]
    kept.seal()
    kept.files.opened.clear()
    assert kept.log.looked_up(*asked) == [("2026-03-01", expected)]
    assert kept.files.opened == []
    closed(kept.folder, [looked_up(NOON, "stale", 60.0)])
    assert [(one.rows, one.stale, one.age_seconds) for _, one in kept.log.looked_up(*asked)] == [(4, 2, 300.0)]
    assert [day for day, _ in kept.log.looked_up(date(2026, 3, 1), date(2026, 3, 2), ["flights.lateness"])] == [
        "2026-03-01",
        "2026-03-02",
    ]
    assert kept.log.looked_up(date(2026, 3, 3), date(2026, 3, 4), ["flights.lateness"]) == []
