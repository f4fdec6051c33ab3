"""Questions to the prediction log, sealed or not: the newest answers, one answer, how many by day.

An answer is in an unsealed segment until the row of its sealed file is committed, and never counts twice:
segments are read first and the table afterwards, and what the table knows by then is left out of the first.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, func, select

from unshelve.errors import BadRequest, NotFound
from unshelve.ids import ALPHABET, new_id
from unshelve.predictions.looked_up import LookupCount
from unshelve.predictions.record import Record
from unshelve.predictions.sealed import SealedFiles
from unshelve.predictions.segment import segments
from unshelve.predictions.tables import SEGMENT, SEGMENT_COUNT, SEGMENT_FILE, SEGMENT_LOOKUP
from unshelve.predictions.tail import Tail
from unshelve.storage.blobs import BlobStore
from unshelve.storage.database import Database

_DAY: Final = 86_400_000
_TIME_LETTERS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCount:
    """How many answers one version gave on one day (UTC)."""

    day: str
    model: str
    version: int
    answers: int


class _File(NamedTuple):
    """A sealed file: where it lies below the folder, or under which digest among the blobs."""

    path: str
    digest: str


class PredictionLog:
    """What has been answered. May be asked by several threads."""

    def __init__(self, database: Database, folder: Path, files: SealedFiles, *, blobs: BlobStore | None = None) -> None:
        self.folder = folder
        self._blobs = blobs
        self._database = database
        self._files = files
        self._tails: dict[str, Tail] = {}
        self._lock = threading.Lock()

    def recent(self, model: str | None = None, *, limit: int = 50, before: str | None = None) -> list[Record]:
        """The newest answers, newest first: of one model or of all, with ids below `before`."""
        if before is not None and _milliseconds(before) is None:
            raise BadRequest(f"`before` must be the id of an answer, and {before[:40]!r} is none.")
        with self._lock, self._unsealed() as (tails, connection):
            found: list[Record] = []
            for tail in tails:
                _merge(found, tail.recent(model=model, before=before, limit=limit), limit)
            with closing(_files_before(connection, model, before)) as files:
                for path, last_id in files:
                    if len(found) >= limit and last_id < found[-1].id:
                        break
                    here = self._here(path)
                    _merge(found, self._files.recent(here, model=model, before=before, limit=limit), limit)
            return found

    def find(self, record_id: str) -> Record:
        """One answer. Raises NotFound when no answer has that id."""
        if _milliseconds(record_id) is not None:
            with self._lock, self._unsealed() as (tails, connection):
                for tail in tails:
                    record = tail.find(record_id)
                    if record is not None:
                        return record
                for path in _files_around(connection, record_id):
                    record = self._files.find(self._here(path), record_id)
                    if record is not None:
                        return record
        raise NotFound(f"No answer has the id {record_id[:40]!r}.", code="prediction-not-found")

    def counts(self, first: date, last: date, model: str | None = None) -> list[DayCount]:
        """How many answers each version gave on each day from `first` to `last`, both included."""
        sums: dict[tuple[str, str, int], int] = {}
        days = (first.isoformat(), last.isoformat())
        with self._lock, self._unsealed() as (tails, connection):
            for tail in tails:
                for key, answers in tail.counts.items():
                    if days[0] <= key[0] <= days[1] and model in (None, key[1]):
                        sums[key] = sums.get(key, 0) + answers
            for day, name, version, answers in connection.execute(_counts(days, model)):
                sums[day, name, version] = sums.get((day, name, version), 0) + answers
        return [
            DayCount(day=day, model=name, version=version, answers=answers)
            for (day, name, version), answers in sorted(sums.items())
        ]

    def looked_up(self, first: date, last: date, models: Sequence[str]) -> list[tuple[str, LookupCount]]:
        """What lookups gave to the rows of some models on each day from `first` to `last`, both included, as sums.

        In the order of days, models and lookups. Cost: the segments of these days.
        """
        sums: dict[tuple[str, str, str], LookupCount] = {}
        days = (first.isoformat(), last.isoformat())
        with self._lock, self._unsealed() as (tails, connection):
            found = [each for tail in tails for each in tail.lookups.items()]
            for day, *values in connection.execute(_lookups(days, models)):
                one = LookupCount(**dict(zip(LookupCount.__struct_fields__, values, strict=True)))
                found.append(((day, one.model, one.lookup), one))
        for key, one in found:
            if days[0] <= key[0] <= days[1] and key[1] in models:
                sums[key] = one if key not in sums else sums[key].plus(one)
        return [(key[0], sums[key]) for key in sorted(sums)]

    def _here(self, file: _File) -> str:
        """Where this machine has a sealed file: in the folder, or among the blobs."""
        if self._blobs is None or (self.folder / file.path).exists():
            return file.path
        found = self._blobs.path(file.digest)
        if found is not None:
            return str(found)
        fetched = self.folder / "fetched"
        fetched.mkdir(mode=0o700, exist_ok=True)
        place = fetched / f"{file.digest}.parquet"
        if not place.exists():
            self._blobs.copy_to(file.digest, place)
        return str(place)

    @contextmanager
    def _unsealed(self) -> Iterator[tuple[list[Tail], Connection]]:
        """The segments that are not sealed, and a connection at a moment after they were read."""
        tails = self._refreshed()
        with self._database.read() as connection:
            names = [tail.path.stem for tail in tails]
            sealed = set(connection.execute(select(SEGMENT.c.id).where(SEGMENT.c.id.in_(names))).scalars())
            yield [tail for tail in tails if tail.path.stem not in sealed], connection

    def _refreshed(self) -> list[Tail]:
        tails = {}
        for path in segments(self.folder / "open"):
            tail = self._tails.get(path.stem) or Tail(path)
            try:
                tail.refresh()
            except FileNotFoundError:
                continue
            tails[path.stem] = tail
        self._tails = tails
        return list(tails.values())


def _merge(found: list[Record], more: Iterable[Record], limit: int) -> None:
    found.extend(more)
    found.sort(key=attrgetter("id"), reverse=True)
    del found[limit:]


def _files_before(
    connection: Connection, model: str | None, before: str | None
) -> Generator[tuple[_File, str], None, None]:
    """(file, newest id) of the sealed files with answers below `before`, those with the newest answers first.

    A file holds answers of one day, so none that ends more than a day after `before` begins below it: the index
    over the newest id is entered there, and left by the caller when it has enough.
    """
    table = SEGMENT_FILE if model is None else SEGMENT_COUNT
    statement = select(table.c.segment, table.c.day, table.c.last_id).order_by(table.c.last_id.desc())
    if model is not None:
        statement = statement.where(table.c.model == model)
    if before is not None:
        latest = _first_id((_milliseconds(before) or 0) + _DAY)
        statement = statement.where(table.c.first_id < before, table.c.last_id < latest)
    seen = set()
    with connection.execute(statement, execution_options={"yield_per": 16}) as rows:
        for segment, day, last_id in rows:
            if (segment, day) not in seen:
                seen.add((segment, day))
                yield _file(connection, segment, day), last_id


def _file(connection: Connection, segment: str, day: str) -> _File:
    table = SEGMENT_FILE
    statement = select(table.c.path, table.c.digest).where(table.c.segment == segment, table.c.day == day)
    row = connection.execute(statement).one()
    return _File(row.path, row.digest)


def _files_around(connection: Connection, record_id: str) -> list[_File]:
    """The sealed files whose ids begin below and end above an id."""
    table = SEGMENT_FILE
    moment = _milliseconds(record_id) or 0
    statement = select(table.c.path, table.c.digest).where(
        table.c.last_id >= record_id, table.c.last_id < _first_id(moment + _DAY), table.c.first_id <= record_id
    )
    return [_File(row.path, row.digest) for row in connection.execute(statement)]


def _counts(days: tuple[str, str], model: str | None) -> Select[str, str, int, int]:
    """The sum of answers for each day, model and version within some days."""
    table = SEGMENT_COUNT
    statement = (
        select(table.c.day, table.c.model, table.c.version, func.sum(table.c.answers))
        .where(table.c.day.between(*days))
        .group_by(table.c.day, table.c.model, table.c.version)
    )
    return statement if model is None else statement.where(table.c.model == model)


def _lookups(days: tuple[str, str], models: Sequence[str]) -> Select[Any]:
    """What lookups gave to the rows of some models within some days, summed by day, model and lookup."""
    table = SEGMENT_LOOKUP
    summed = [func.sum(table.c[name]) for name in ("rows", "stale", "missing", "aged", "age_seconds")]
    return (
        select(table.c.day, table.c.model, table.c.lookup, *summed, func.max(table.c.oldest_seconds))
        .where(table.c.day.between(*days), table.c.model.in_(models))
        .group_by(table.c.day, table.c.model, table.c.lookup)
    )


def _milliseconds(record_id: str) -> int | None:
    """The time in an id: its first ten letters; None when it is no id."""
    if len(record_id) != 26 or any(letter not in ALPHABET for letter in record_id):
        return None
    value = 0
    for letter in record_id[:_TIME_LETTERS]:
        value = value << 5 | ALPHABET.index(letter)
    return value


def _first_id(moment: int) -> str:
    """The lowest id of a millisecond."""
    return new_id(moment)[:_TIME_LETTERS] + ALPHABET[0] * 16
