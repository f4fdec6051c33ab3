"""Sealed files as Parquet, one for each segment and day. Imported only where they are worked on: pyarrow is big.

Rows are ordered by id, which begins with the time, so that one answer is found by the row groups' statistics.
Columns: id, time (timestamp, ms, UTC), model, version, actor, route, row and answer (JSON text), seconds, lookups
(JSON text, empty without; older files do not have it).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from unshelve.predictions.looked_up import counted
from unshelve.predictions.record import Record
from unshelve.predictions.sealed import ModelCount, SealedFile, SealedSegment
from unshelve.predictions.segment import read_records

_ROWS_IN_GROUP: Final = 8192
_NAME: Final = pa.dictionary(pa.int32(), pa.string())
_SCHEMA: Final = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("time", pa.timestamp("ms", tz="UTC"), nullable=False),
        pa.field("model", _NAME, nullable=False),
        pa.field("version", pa.int32(), nullable=False),
        pa.field("actor", _NAME, nullable=False),
        pa.field("route", _NAME, nullable=False),
        pa.field("row", pa.string(), nullable=False),
        pa.field("answer", pa.string(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),
        pa.field("lookups", _NAME, nullable=False),
    ],
    metadata={"unshelve.predictions": "1"},
)

# pyarrow has no types of its own: its tables and files are Any here.
_Arrow = Any


class ParquetFiles:
    """Sealed files below one folder, worked on in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def seal(self, segment: Path) -> SealedSegment:
        """Writes the files of a segment; the same segment gives the same files, however often."""
        data = segment.read_bytes()
        records, found = read_records(data)
        records.sort(key=attrgetter("id"))
        days: dict[str, list[Record]] = {}
        for record in records:
            days.setdefault(_day(record), []).append(record)
        return SealedSegment(
            files=tuple(self._write(segment.stem, day, of_day) for day, of_day in sorted(days.items())),
            records=len(records),
            lost_bytes=len(data) - found.end,
            ending=str(found.ending),
        )

    def recent(self, path: str, *, model: str | None, before: str | None, limit: int) -> list[Record]:
        """The newest answers of a file, newest first: of one model or of all, with ids below `before`."""
        found: list[Record] = []
        with pq.ParquetFile(self.folder / path) as file:
            for group in reversed(range(file.num_row_groups)):
                if len(found) >= limit:
                    break
                if before is not None and _bounds(file, group)[0] >= before:
                    continue
                table = file.read_row_group(group)
                table = table.filter(_mask(table, model, before))
                found.extend(_records(table.slice(max(table.num_rows - (limit - len(found)), 0)))[::-1])
        return found

    def find(self, path: str, record_id: str) -> Record | None:
        """One answer of a file."""
        with pq.ParquetFile(self.folder / path) as file:
            for group in range(file.num_row_groups):
                first, last = _bounds(file, group)
                if first <= record_id <= last:
                    table = file.read_row_group(group)
                    for record in _records(table.filter(pc.equal(table["id"], record_id))):
                        return record
        return None

    def _write(self, segment: str, day: str, records: Sequence[Record]) -> SealedFile:
        path = f"day={day}/{segment}.parquet"
        target = self.folder / path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = target.with_name(f"{segment}.{os.getpid()}.tmp")
        try:
            pq.write_table(_table(records), temporary, row_group_size=_ROWS_IN_GROUP, compression="zstd")
            temporary.chmod(0o600)
            digest = _to_disk(temporary)
            size = temporary.stat().st_size
            temporary.rename(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _folder_to_disk(target.parent)
        return SealedFile(
            day=day,
            path=path,
            digest=digest,
            size_bytes=size,
            records=len(records),
            first_id=records[0].id,
            last_id=records[-1].id,
            counts=tuple(_counts(records)),
            lookups=counted(records),
        )


def _day(record: Record) -> str:
    return datetime.fromtimestamp(record.time / 1000, UTC).strftime("%Y-%m-%d")


def _counts(records: Sequence[Record]) -> Iterator[ModelCount]:
    of = attrgetter("model", "version")
    for (model, version), group in groupby(sorted(records, key=of), key=of):
        each = list(group)  # still in the order of ids: sorting is stable
        yield ModelCount(
            model=model,
            version=version,
            answers=len(each),
            seconds=sum(record.seconds for record in each),
            first_id=each[0].id,
            last_id=each[-1].id,
        )


def _table(records: Sequence[Record]) -> _Arrow:
    columns = {
        "id": [record.id for record in records],
        "time": [record.time for record in records],
        "model": [record.model for record in records],
        "version": [record.version for record in records],
        "actor": [record.actor for record in records],
        "route": [record.route for record in records],
        "row": [record.row.decode("utf-8", "replace") for record in records],
        "answer": [record.answer.decode("utf-8", "replace") for record in records],
        "seconds": [record.seconds for record in records],
        "lookups": [record.lookups.decode("utf-8", "replace") for record in records],
    }
    return pa.table(columns, schema=_SCHEMA)


def _bounds(file: _Arrow, group: int) -> tuple[str, str]:
    statistics = file.metadata.row_group(group).column(0).statistics
    return statistics.min, statistics.max


def _mask(table: _Arrow, model: str | None, before: str | None) -> _Arrow:
    mask = pa.array([True] * table.num_rows) if before is None else pc.less(table["id"], before)
    if model is not None:
        mask = pc.and_(mask, pc.equal(table["model"].cast(pa.string()), model))
    return mask


def _records(table: _Arrow) -> list[Record]:
    columns = table.set_column(1, "time", table["time"].cast(pa.int64())).to_pydict()
    columns["row"] = [text.encode() for text in columns["row"]]
    columns["answer"] = [text.encode() for text in columns["answer"]]
    columns["lookups"] = [text.encode() for text in columns.get("lookups") or [""] * table.num_rows]
    names = _SCHEMA.names
    return [
        Record(**dict(zip(names, values, strict=True))) for values in zip(*(columns[n] for n in names), strict=True)
    ]


def _to_disk(path: Path) -> str:
    """Brings a file to the disk and gives its digest."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folder_to_disk(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
