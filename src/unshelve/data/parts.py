"""Parts: a table that grows, as Parquet blobs written while its rows come in.

Memory holds one part and the one that is being written. Columns may turn out wider than they began (whole numbers
that become floats); the parts before are then written anew at the end, one at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from unshelve.data.batches import cast, widened
from unshelve.data.loaded import Part
from unshelve.errors import Damaged, NotFound, Refused, UnshelveError
from unshelve.schema.near import near
from unshelve.storage.blobs import BlobStore

MOST_CELLS: Final = 10_000_000
MOST_ROWS: Final = 1_000_000
MOST_BYTES: Final = 192 << 20
"""Where a part ends: so many cells, rows or bytes in memory."""

GROUP_ROWS: Final = 1 << 16
"""So many rows of a part can be read without the others."""


@dataclass(frozen=True, slots=True)
class Noted:
    """Columns whose range is noted with each part: of the key, and of the watermark."""

    key: str | None = None
    watermark: str | None = None


@dataclass(slots=True)
class PartWriter:
    """Takes batches, gives parts. Use it as a context manager: leaving it early drops what is not written."""

    blobs: BlobStore
    noted: Noted = Noted()
    union: bool = False
    """Whether rows may have other columns than those before: what they lack is missing."""
    schema: pa.Schema | None = None
    rows: int = 0
    _parts: list[tuple[pa.Schema, Part]] = field(default_factory=list)
    _held: list[pa.RecordBatch] = field(default_factory=list)
    _held_rows: int = 0
    _held_bytes: int = 0
    _writing: list[tuple[pa.Schema, Future[Part]]] = field(default_factory=list)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "unshelve-parts"))

    def __enter__(self) -> PartWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    def add(self, batch: pa.RecordBatch, *, what: str = "The rows") -> None:
        """Takes a batch. Refused when its columns are others than those before."""
        self._widen(batch.schema, what)
        most = self._most_rows()
        while batch.num_rows:
            room = most - self._held_rows
            taken = batch.slice(0, room)
            batch = batch.slice(room)
            self._held.append(taken)
            self._held_rows += taken.num_rows
            self._held_bytes += taken.nbytes
            self.rows += taken.num_rows
            if self._held_rows >= most or self._held_bytes >= MOST_BYTES:
                self.flush()

    def keep(self, schema: pa.Schema, parts: Iterable[Part]) -> None:
        """Takes parts that are stored already, behind what came so far."""
        self.flush()
        self._settle(0)
        self._widen(schema, "The stored rows")
        for part in parts:
            self._parts.append((schema, part))
            self.rows += part.rows

    def flush(self) -> None:
        """Writes what is held as a part."""
        if not self._held_rows or self.schema is None:
            return
        schema = self.schema
        batches = [cast(batch, schema) for batch in self._held]
        self._held, self._held_rows, self._held_bytes = [], 0, 0
        self._settle(1)
        self._writing.append((schema, self._threads.submit(self._write, schema, batches)))

    def finish(self) -> tuple[pa.Schema, list[Part]]:
        """The schema and all parts, each of that schema. A column that never held anything is one of texts."""
        self.flush()
        self._settle(0)
        if self.schema is None:
            return pa.schema([]), []
        final = pa.schema(
            [pa.field(each.name, pa.string() if pa.types.is_null(each.type) else each.type) for each in self.schema]
        )
        parts = [
            part if schema.equals(final) else self._write(final, cast(read_part(self.blobs, part), final).to_batches())
            for schema, part in self._parts
        ]
        self.schema = final
        return final, parts

    def _most_rows(self) -> int:
        width = len(self.schema) if self.schema is not None else 1
        return max(1_000, min(MOST_ROWS, MOST_CELLS // max(width, 1)))

    def _widen(self, schema: pa.Schema, what: str) -> None:
        if self.schema is None:
            self.schema = schema.remove_metadata()
            return
        if schema.equals(self.schema):
            return
        if set(schema.names) != set(self.schema.names):
            if not self.union:
                raise columns_differ(what, self.schema.names, schema.names)
            new = [pa.field(name, pa.null()) for name in schema.names if name not in self.schema.names]
            self.schema = pa.schema([*self.schema, *new])
            lacking = [pa.field(name, pa.null()) for name in self.schema.names if name not in schema.names]
            schema = pa.schema([*schema, *lacking])
        self.schema = widened(self.schema, schema)

    def _settle(self, leave: int) -> None:
        while len(self._writing) > leave:
            schema, writing = self._writing.pop(0)
            self._parts.append((schema, writing.result()))

    def _write(self, schema: pa.Schema, batches: Sequence[pa.RecordBatch]) -> Part:
        return write_part(self.blobs, pa.Table.from_batches(batches, schema=schema), self.noted)


def columns_differ(what: str, before: Sequence[str], now: Sequence[str]) -> UnshelveError:
    """What is said where rows have other columns than the ones before."""
    gone = [name for name in before if name not in set(now)]
    new = [name for name in now if name not in set(before)]
    said = "; ".join(
        filter(
            None,
            (
                f"without {', '.join(gone[:8])}" if gone else "",
                f"with {', '.join(new[:8])} that the ones before do not have" if new else "",
            ),
        )
    )
    return Refused(
        f"{what} came {said}.",
        code="columns-differ",
        near=near(gone[0], new) if gone and new else (),
        hint='For files: columns="union" takes all columns and leaves missing what a file does not have.',
    )


def write_part(blobs: BlobStore, table: pa.Table, noted: Noted) -> Part:
    """Stores a table as one part."""
    table = table.combine_chunks().replace_schema_metadata(None)
    texts = [each.name for each in table.schema if pa.types.is_string(each.type)]
    sink = pa.BufferOutputStream()
    # Plain pages for numbers: a dictionary of floats is built, found too large and thrown away again.
    pq.write_table(
        table,
        sink,
        row_group_size=GROUP_ROWS,
        compression="zstd",
        compression_level=1,
        write_statistics=False,
        use_dictionary=texts,
    )
    data = sink.getvalue()
    return Part(
        digest=blobs.put(memoryview(data)),
        rows=table.num_rows,
        size_bytes=data.size,
        **_ranges(table, noted),
    )


def read_part(blobs: BlobStore, part: Part, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of a part, or some of its columns."""
    with _opened(blobs, part) as file:
        return file.read(columns=None if columns is None else list(columns))


def read_rows(blobs: BlobStore, part: Part, wanted: np.ndarray[Any, np.dtype[np.bool_]]) -> pa.Table:
    """Those rows of a part that a mask has, in little more than the groups that they are in."""
    with _opened(blobs, part) as file:
        ends = np.cumsum([file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)])
        groups = np.unique(np.searchsorted(ends, np.flatnonzero(wanted), side="right"))
        begins = ends - np.diff(ends, prepend=0)
        mask = np.concatenate([wanted[begins[group] : ends[group]] for group in groups] or [wanted[:0]])
        return file.read_row_groups(groups.tolist()).filter(pa.array(mask))


@contextmanager
def _opened(blobs: BlobStore, part: Part) -> Iterator[pq.ParquetFile]:
    path = blobs.path(part.digest)
    source = str(path) if path is not None else pa.BufferReader(blobs.get(part.digest))
    try:
        with pq.ParquetFile(source, memory_map=path is not None) as file:
            yield file
    except FileNotFoundError:
        raise NotFound(f"The part {part.digest[:12]} of a table is gone.", code="blob-not-found") from None
    except pa.ArrowException as error:
        raise Damaged(f"A stored part of a table cannot be read: {error}") from error


def read_parts(blobs: BlobStore, parts: Iterable[Part]) -> Iterator[pa.RecordBatch]:
    """The rows of parts, one part in memory at a time."""
    for part in parts:
        yield from read_part(blobs, part).to_batches()


def _ranges(table: pa.Table, noted: Noted) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if noted.key is not None:
        found["lowest"], found["highest"] = range_of(table.column(noted.key))
    if noted.watermark is not None:
        found["latest"] = range_of(table.column(noted.watermark))[1]
    return found


def range_of(column: Any) -> tuple[Any, Any]:
    """The smallest and the largest value as JSON values that sort alike: texts, numbers, microseconds, days."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us", tz=kind.tz)).cast(pa.int64())
    elif pa.types.is_date32(kind):
        column = column.cast(pa.int32())
    elif not (pa.types.is_integer(kind) or pa.types.is_string(kind)):
        return None, None
    ends = pc.min_max(column)
    return ends["min"].as_py(), ends["max"].as_py()
