"""Writes a batch into a file, exactly once: it is written beside its place and renamed, and the rename is what counts.

A place may also be elsewhere (`write_objects.py`): then the file waits in the memory of the sink until it is sent.
What was done last stands in a small file of the home (`Last`). It is written before the rename; a batch that was broken
off finds out by whether the file beside the place is still there. So a file that somebody has fetched and removed
meanwhile is not put there a second time.
"""

from __future__ import annotations

import csv
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from unshelve.data.spool import Batch, Written
from unshelve.errors import Refused, StorageFull, Unavailable
from unshelve.ids import digest

MOST_EXCEL_ROWS: Final = 1_048_575
"""Rows below the header that a worksheet holds."""

# Any: a value of a row, of whatever type its column has.
Value = Any


class Last(msgspec.Struct, frozen=True, kw_only=True):
    """The last batch of a sink that writes files."""

    batch: str
    path: str
    beside: str
    rows: int
    written: int


class Place(Protocol):
    """Where a file is to be in the end."""

    @property
    def name(self) -> str:
        """Its address, for people."""

    @property
    def kind(self) -> str:
        """The ending of its name, in small letters."""

    def beside(self, batch: str) -> Path:
        """The file in which it waits until it is whole."""

    def publish(self, waiting: Path) -> None:
        """Put it in its place, in one step; the file in which it waited is gone afterwards."""


@dataclass(frozen=True, slots=True)
class PathPlace:
    """A path of this machine."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def kind(self) -> str:
        return self.path.suffix.lower()

    def beside(self, batch: str) -> Path:
        return self.path.with_name(f".{self.path.name}.{batch}.new")

    def publish(self, waiting: Path) -> None:
        if self.path.is_dir():
            raise Refused(f"{self.path} is a folder.", code="sink-target-odd")
        waiting.replace(self.path)
        _sync(self.path.parent)


def write_file(batch: Batch, path: Path, memory: Path) -> Written:
    """Write a batch to a path; see `write_to`."""
    return write_to(batch, PathPlace(path), memory)


def write_to(batch: Batch, place: Place, memory: Path) -> Written:
    """Write a batch to a place. `memory` is a folder of the sink's own, in which the last batch is kept in mind.

    With `changed`, the file holds only the rows whose answer is another than in the batch before. Raises Refused when
    the path cannot be written to, StorageFull when there is no room; nothing is at the path then that was not before.
    """
    memory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(memory):
        return _write(batch, place, memory)


def _write(batch: Batch, place: Place, memory: Path) -> Written:
    last = _last(memory)
    if last is not None and last.batch == batch.id:
        return _finish(last, place, memory)
    beside = place.beside(batch.id)
    known = _known(memory) if batch.changed else {}
    try:
        beside.parent.mkdir(parents=True, exist_ok=True)
        written = _WRITERS[place.kind](batch, _rows(batch, known), beside)
        _sync(beside)
    except PermissionError:
        beside.unlink(missing_ok=True)
        raise Refused(f"{beside.parent} may not be written to.", code="sink-not-allowed") from None
    except (NotADirectoryError, FileExistsError, IsADirectoryError):
        raise Refused(f"{beside.parent} is not a folder.", code="sink-target-odd") from None
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StorageFull(
            f"{place.name} could not be written ({error.strerror}). Nothing is there that was not before."
        ) from None
    if batch.changed:
        _remember(batch, known, memory)
    last = Last(batch=batch.id, path=place.name, beside=str(beside), rows=batch.rows, written=written)
    _put(memory / _LAST, msgspec.json.encode(last))
    return _finish(last, place, memory)


def _finish(last: Last, place: Place, memory: Path) -> Written:
    """Put the file in its place, if that was not done before."""
    beside = Path(last.beside)
    again = not beside.exists()
    if not again:
        place.publish(beside)
    new = memory / f"{_KNOWN}.{last.batch}"
    if new.exists():
        new.replace(memory / _KNOWN)
    return Written(rows=last.rows, written=last.written, unchanged=last.rows - last.written, again=again)


@contextmanager
def _alone(memory: Path) -> Iterator[None]:
    """Held by one process at a time: one that seems dead, and is not, must not write beside the one after it."""
    handle = os.open(memory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _last(memory: Path) -> Last | None:
    try:
        return msgspec.json.decode((memory / _LAST).read_bytes(), type=Last)
    except FileNotFoundError:
        return None


def _put(path: Path, data: bytes) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_bytes(data)
    _sync(temporary)
    temporary.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        raise Unavailable(
            f"{path} could not be brought to the disk ({error.strerror}).", code="sink-not-synced"
        ) from None
    finally:
        os.close(handle)


def _known(memory: Path) -> dict[str, str]:
    """The digest of each row's answer as it was written last, by its key."""
    try:
        table = pq.read_table(memory / _KNOWN)
    except FileNotFoundError:
        return {}
    return dict(zip(table.column("key").to_pylist(), table.column("answer").to_pylist(), strict=True))


def _remember(batch: Batch, known: dict[str, str], memory: Path) -> None:
    for table in batch.tables():
        known.update((_key_of(batch, row), _answer_of(batch, row)) for row in table.to_pylist())
    table = pa.table({"key": list(known), "answer": list(known.values())}, schema=_KNOWN_SCHEMA)
    pq.write_table(table, memory / f"{_KNOWN}.{batch.id}", compression="zstd")


def _rows(batch: Batch, known: Mapping[str, str]) -> Iterator[pa.Table]:
    for table in batch.tables():
        if batch.changed:
            differs = [known.get(_key_of(batch, row)) != _answer_of(batch, row) for row in table.to_pylist()]
            table = table.filter(pa.array(differs, pa.bool_()))
        yield table


def _key_of(batch: Batch, row: Mapping[str, Value]) -> str:
    return msgspec.json.encode([row[name] for name in batch.key], enc_hook=str).decode()


def _answer_of(batch: Batch, row: Mapping[str, Value]) -> str:
    return digest(msgspec.json.encode([row[name] for name in batch.values], enc_hook=str))[:24]


def _write_csv(batch: Batch, tables: Iterable[pa.Table], out: Path) -> int:
    written = 0
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(batch.columns)
        for table in tables:
            written += table.num_rows
            writer.writerows([_text(value) for value in row.values()] for row in table.to_pylist())
    return written


def _write_json_lines(_batch: Batch, tables: Iterable[pa.Table], out: Path) -> int:
    written = 0
    encoder = msgspec.json.Encoder(enc_hook=str)
    with out.open("wb") as file:
        for table in tables:
            written += table.num_rows
            for row in table.to_pylist():
                file.write(encoder.encode(row) + b"\n")
    return written


def _write_parquet(batch: Batch, tables: Iterable[pa.Table], out: Path) -> int:
    written = 0
    with pq.ParquetWriter(out, pa.schema(list(batch.columns.items())), compression="zstd") as writer:
        for table in tables:
            written += table.num_rows
            writer.write_table(table)
    return written


def _write_excel(batch: Batch, tables: Iterable[pa.Table], out: Path) -> int:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Answers")
    sheet.append(list(batch.columns))
    written = 0
    for table in tables:
        written += table.num_rows
        if written > MOST_EXCEL_ROWS:
            raise Refused(
                f"The batch has more than {MOST_EXCEL_ROWS:,} rows, and a worksheet cannot hold them.",
                code="sink-too-many-rows",
                hint="Write Parquet or CSV.",
            )
        for row in table.to_pylist():
            sheet.append([_cell(sheet, value) for value in row.values()])
    book.save(out)
    return written


def _cell(sheet: Value, value: Value) -> Value:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, str):
        # A text that begins with = is an answer and not a formula.
        cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value)[:32_767])
        cell.data_type = "s"
        return cell
    return value if value is None or isinstance(value, bool | int | float | date) else str(value)


def _text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


_LAST: Final = "last.json"
_KNOWN: Final = "known.parquet"
_KNOWN_SCHEMA: Final = pa.schema([("key", pa.string()), ("answer", pa.string())])
_WRITERS: Final[Mapping[str, Callable[[Batch, Iterable[pa.Table], Path], int]]] = {
    ".csv": _write_csv,
    ".jsonl": _write_json_lines,
    ".parquet": _write_parquet,
    ".xlsx": _write_excel,
}
