"""Spool: the answers of one batch on disk until they are in their target, so that nothing is asked twice.

A part is a Parquet file with the rows from one number on; it appears whole or not at all. A batch that was broken off
goes on behind its last part. Rows that cannot be written stand in the part's own metadata, each with why.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from unshelve.data.target import STAMPS

# Any: a value of an answer or of a row, of whatever type its column has.
Value = Any


class SetAside(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is not written: its number from 1 on, its key as text, and why."""

    row: int
    key: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The answers of one batch as they are to be written."""

    sink: str
    id: str
    key: tuple[str, ...]
    parts: tuple[Path, ...]
    columns: Mapping[str, pa.DataType]
    """Every column of the target that is written, the key first and the stamps last."""
    rows: int
    changed: bool = False

    @property
    def values(self) -> tuple[str, ...]:
        """The columns that hold the answer: a row whose values are equal is unchanged."""
        return tuple(name for name in self.columns if name not in self.key and name not in STAMPS)

    def tables(self) -> Iterator[pa.Table]:
        """The rows, part by part, all with the same columns."""
        for path in self.parts:
            table = pq.read_table(path)
            if table.num_rows:
                yield pa.table({name: _column(table, name, kind) for name, kind in self.columns.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of a batch: rows it held, rows that were put in or replaced, rows that were left as they were."""

    rows: int
    written: int
    unchanged: int = 0
    again: bool = False
    """Whether it had been written before, by a process that could not say so."""


class Spool:
    """The folder in which the parts of a batch are kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def next_row(self) -> int:
        """The row that is to be answered next: the first one behind the last part."""
        return rows_in(self.folder)

    def paths(self) -> list[Path]:
        return sorted(self.folder.glob("*-*.parquet"))

    def add(self, start: int, end: int, columns: Mapping[str, pa.Array], aside: Sequence[SetAside]) -> None:
        """Keep the answers of the rows from `start` up to `end`, which is not in it."""
        table = pa.table(dict(columns)).replace_schema_metadata({_ASIDE: msgspec.json.encode(aside)})
        path = self.folder / f"{start:012}-{end:012}.parquet"
        # A process that outlived its control may still be at this part: each writes a file of its own.
        temporary = path.with_suffix(f".{os.getpid()}.new")
        pq.write_table(table, temporary, compression="zstd")
        temporary.rename(path)

    def set_aside(self, most: int) -> tuple[list[SetAside], int]:
        """The first rows that are not written, in order and at most so many, and how many there are in all."""
        first: list[SetAside] = []
        number = 0
        for path in self.paths():
            metadata = pq.read_schema(path).metadata or {}
            found = msgspec.json.decode(metadata.get(_ASIDE, b"[]"), type=list[SetAside])
            first += found[: most - len(first)]
            number += len(found)
        return first, number

    def batch(self, *, sink: str, batch: str, key: tuple[str, ...], changed: bool) -> Batch:
        """The whole batch; to be asked once every row is answered."""
        paths = self.paths()
        kinds: dict[str, pa.DataType] = {}
        rows = 0
        for path in paths:
            rows += pq.read_metadata(path).num_rows
            for field in pq.read_schema(path):
                kinds[field.name] = _wider(kinds.get(field.name), field.type)
        middle = {name: kind for name, kind in kinds.items() if name not in key and name not in STAMPS}
        order = {**{name: kinds.get(name, pa.string()) for name in key}, **middle}
        order |= {name: kinds.get(name, kind) for name, kind in _STAMP_TYPES.items()}
        return Batch(sink=sink, id=batch, key=key, parts=tuple(paths), columns=order, rows=rows, changed=changed)

    def remove(self) -> None:
        """Remove the parts; those of a batch that is done are of no use."""
        for path in self.folder.iterdir():
            path.unlink(missing_ok=True)
        self.folder.rmdir()


def rows_in(folder: Path) -> int:
    """How many rows of a batch are answered: those of the parts in its folder, which need not be there."""
    last = max(folder.glob("*-*.parquet"), default=None)
    return 0 if last is None else int(last.stem.split("-")[1])


def column_of(values: Sequence[Value]) -> pa.Array:
    """Values of answers as a column: of one type, or as JSON text where they have none. NaN is missing."""
    plain = [None if isinstance(one, float) and math.isnan(one) else one for one in values]
    if not any(isinstance(one, list | tuple | dict) for one in plain):
        try:
            return pa.array(plain)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            pass
    return pa.array([one if one is None or isinstance(one, str) else _json(one) for one in plain], pa.string())


def infinite(values: Iterable[Value]) -> bool:
    """Whether there is an infinity among some values, which most databases cannot keep."""
    return any(isinstance(one, float) and math.isinf(one) for one in values)


def _json(value: Value) -> str:
    return msgspec.json.encode(value).decode()


def _wider(one: pa.DataType | None, other: pa.DataType) -> pa.DataType:
    """The type that holds the values of two parts."""
    if one is None or one == other or pa.types.is_null(one):
        return other
    if pa.types.is_null(other):
        return one
    numbers = (pa.types.is_integer(one) or pa.types.is_floating(one)) and (
        pa.types.is_integer(other) or pa.types.is_floating(other)
    )
    return pa.float64() if numbers else pa.string()


def _column(table: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray:
    if name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, kind)])
    column = table.column(name)
    if column.type == kind:
        return column
    if pa.types.is_string(kind) and not pa.types.is_string(column.type):
        return pa.chunked_array(
            [pa.array([None if one is None else _json(one) for one in column.to_pylist()], pa.string())]
        )
    return column.cast(kind)


_ASIDE: Final = b"unshelve.set_aside"
_STAMP_TYPES: Final = {"version": pa.int64(), "answer_id": pa.string(), "answered_at": pa.timestamp("ms", tz="UTC")}
