"""Records and segments for the tests of the prediction log."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from unshelve.clock import milliseconds
from unshelve.ids import new_id
from unshelve.predictions.record import Record
from unshelve.predictions.segment import SegmentFile, frame

NOON = milliseconds(datetime(2026, 3, 1, 12, tzinfo=UTC))
HOUR = 3_600_000


def record(time: int, model: str = "flights.lateness", version: int = 1, row: bytes = b'{"a":1}') -> Record:
    return Record(
        id=new_id(time),
        time=time,
        model=model,
        version=version,
        actor="key-1",
        route="model",
        row=row,
        answer=b'{"label":true}',
        seconds=0.001,
    )


def segment(folder: Path, records: Iterable[Record], *, name: str | None = None, tail: bytes = b"") -> SegmentFile:
    """A segment that is still being written, one frame a record."""
    written = list(records)
    file = SegmentFile.create(folder / "open", name or new_id(written[0].time))
    for each in written:
        file.write(frame([each]))
    if tail:
        file.write(tail)
    return file


def closed(folder: Path, records: Iterable[Record], *, name: str | None = None, tail: bytes = b"") -> Path:
    file = segment(folder, records, name=name, tail=tail)
    file.close()
    return file.path
