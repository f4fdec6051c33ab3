"""Dataset: a table that may be larger than memory, kept as several Parquet blobs and read a batch at a time.

The handle is small and frozen: a schema, the parts in their order, and the store that holds them. What it stands for
as bytes is its manifest, canonical JSON with the digest, rows and bytes of each part; equal manifests are equal rows.
Worker side: imports pyarrow.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from unshelve.data.dataset_parts import Part, write_parts
from unshelve.data.memory import memory_left
from unshelve.data.table_streams import arrow_of, as_kept, batches_of, tables_in
from unshelve.errors import Damaged, NotFound, Refused
from unshelve.ids import canonical_json
from unshelve.storage.blobs import BlobStore

if TYPE_CHECKING:
    import pandas as pd

FORMAT: Final = 1
"""Of the manifest. Raised when its fields change their meaning."""

_BATCH_ROWS: Final = 1 << 17
_VARIABLE_BYTES: Final = 40
"""What a value of a column of texts or lists is taken to need where there is no row to look at."""

_ARROW_SLACK: Final = 1.15
"""What conversion needs beyond the table itself: one column at a time is there twice."""


class _Manifest(msgspec.Struct, frozen=True):
    format: int
    schema: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dataset:
    """A table kept in parts. Iterating gives Arrow record batches in the order of the rows, in flat memory.

    `Dataset.of(table)` holds a table in memory instead, for unit tests of a step that takes a dataset.
    """

    schema: pa.Schema
    parts: tuple[Part, ...] = ()
    _blobs: BlobStore | None = None
    _held: pa.Table | None = None

    @classmethod
    def of(cls, table: Any) -> Dataset:  # Any: a pandas, polars or Arrow table, told apart when it comes
        """A pandas, polars or Arrow table as a dataset in memory."""
        held = arrow_of(table, "The table")
        return cls(schema=held.schema, _held=held)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self._held.num_rows if self._held is not None else sum(part.rows for part in self.parts)

    def __len__(self) -> int:
        return self.rows

    def __repr__(self) -> str:
        where = f"in {len(self.parts):,} part{'' if len(self.parts) == 1 else 's'}" if self.in_store else "in memory"
        return f"<Dataset of {self.rows:,} rows x {len(self.columns):,} columns {where}>"

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self.schema.names)

    @property
    def size_bytes(self) -> int:
        """What the parts need in the store."""
        return sum(part.size_bytes for part in self.parts)

    @property
    def in_store(self) -> bool:
        """Whether the rows lie in a store and not in memory."""
        return self._held is None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self.batches()

    def batches(self, columns: Sequence[str] | None = None, *, start: int = 0) -> Iterator[pa.RecordBatch]:
        """The rows from the row `start` on as Arrow record batches, all columns or some of them.

        Raises Damaged or NotFound, with the number of the part, for one that is not what was stored.
        """
        names = self._chosen(columns)
        if self._held is not None:
            yield from self._held.select(names).slice(start).to_batches(max_chunksize=_BATCH_ROWS)
            return
        kept = as_kept(self.schema)
        for number, part in enumerate(self.parts, start=1):
            if start >= part.rows:
                start -= part.rows
                continue
            for batch in self._read(number, part, names, kept):
                if start < batch.num_rows:
                    yield batch.slice(start)
                start = max(0, start - batch.num_rows)

    def frames(self, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """The rows as pandas tables, each with an index that goes on from the one before.

        The type of a column may differ between two of them: whole numbers with a gap are floats in pandas.
        """
        import pandas as pd

        begin = 0
        for batch in self.batches(columns):
            frame: pd.DataFrame = batch.to_pandas()
            frame.index = pd.RangeIndex(begin, begin + len(frame))
            begin += len(frame)
            yield frame

    def reader(self, columns: Sequence[str] | None = None) -> pa.RecordBatchReader:
        """The rows as a reader that other libraries take: DuckDB, polars, Arrow."""
        chosen = pa.schema([self.schema.field(name) for name in self._chosen(columns)])
        return pa.RecordBatchReader.from_batches(chosen, self.batches(columns))

    def head(self, rows: int = 5) -> pd.DataFrame:
        """The first rows as a pandas table."""
        taken, found = 0, []
        for batch in self.batches():
            found.append(batch.slice(0, rows - taken))
            taken += found[-1].num_rows
            if taken >= rows:
                break
        frame: pd.DataFrame = pa.Table.from_batches(found, schema=self.schema).to_pandas()
        return frame

    def to_arrow(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows as one Arrow table in memory. Raises Refused when they need more memory than there is."""
        chosen = pa.schema([self.schema.field(name) for name in self._chosen(columns)])
        self._fits(columns)
        try:
            return pa.Table.from_batches(self.batches(columns), schema=chosen)
        except (MemoryError, pa.ArrowMemoryError) as error:
            raise self._too_large(columns) from error

    def to_pandas(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """All rows as one pandas table. Raises Refused, with the memory it needs, when that is more than there is."""
        table = self.to_arrow(columns)
        if self._held is not None:
            frame: pd.DataFrame = table.to_pandas()
            return frame
        try:
            # Each column is given up once it is converted, so that the rows are not there twice.
            frame = table.to_pandas(split_blocks=True, self_destruct=True)
        except (MemoryError, pa.ArrowMemoryError) as error:
            raise self._too_large(columns) from error
        return frame

    def memory_bytes(self, columns: Sequence[str] | None = None) -> int:
        """About what all rows need in memory; columns of texts are judged by the first rows."""
        names = self._chosen(columns)
        fixed = [name for name in names if _width(self.schema.field(name).type) is not None]
        others = [name for name in names if name not in set(fixed)]
        row = sum(_width(self.schema.field(name).type) or 0.0 for name in fixed)
        if others:
            first = next(self.batches(others), None)
            row += _VARIABLE_BYTES * len(others) if first is None else first.nbytes / max(1, first.num_rows)
        return int(row * self.rows)

    def appended(self, stream: Any) -> Dataset:  # Any: whatever `batches_of` takes
        """This dataset with more rows after its own. The parts that are full are used again; the last one is joined.

        The same as writing all rows at once, to the byte.
        """
        if self._blobs is None:
            raise Refused(
                "A dataset in memory has no store to append to.",
                code="dataset-in-memory",
                hint="Append to a dataset that a step was given.",
            )
        _, more = batches_of(chain([self.schema.empty_table()], tables_in(stream, "The rows")), "The rows")
        last = Dataset(schema=self.schema, parts=self.parts[-1:], _blobs=self._blobs)
        added = write_parts(self.schema, chain(last, more), self._blobs)
        return Dataset(schema=self.schema, parts=(*self.parts[:-1], *added), _blobs=self._blobs)

    def manifest(self) -> bytes:
        """The bytes that stand for the dataset."""
        return canonical_json(_Manifest(FORMAT, schema_to_text(self.schema), self.parts))

    def __reduce__(self) -> str:
        raise TypeError("a Dataset cannot be pickled: return it by itself, or the value that was computed from it")

    def _chosen(self, columns: Sequence[str] | None) -> list[str]:
        if columns is None:
            return list(self.schema.names)
        for name in columns:
            if name not in self.schema.names:
                raise Refused(
                    f"The dataset has no column {name!r}.",
                    code="column-gone",
                    near=get_close_matches(name, self.schema.names, n=2),
                    hint=f"It has {', '.join(self.schema.names[:12])}{', …' if len(self.schema.names) > 12 else ''}.",
                )
        return list(columns)

    def _read(self, number: int, part: Part, names: list[str], kept: pa.Schema) -> Iterator[pa.RecordBatch]:
        assert self._blobs is not None
        wanted = None if kept.equals(self.schema) else pa.schema([self.schema.field(name) for name in names])
        which = f"Part {number} of {len(self.parts)} of a dataset"
        source = _bytes_of(self._blobs, part, which)
        rows = 0
        try:
            with pq.ParquetFile(source) as file:
                if file.metadata.num_rows != part.rows:
                    raise _lies(which, part, f"says that it has {file.metadata.num_rows:,} rows")
                if not file.schema_arrow.remove_metadata().equals(kept):
                    raise _lies(which, part, "has other columns")
                for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=names):
                    rows += batch.num_rows
                    if rows > part.rows:
                        break
                    yield batch.select(names) if wanted is None else batch.select(names).cast(wanted)
        except (pa.ArrowException, OSError) as error:
            said = next(iter(str(error).splitlines()), type(error).__name__)
            raise Damaged(
                f"{which} cannot be read: {said}",
                code="dataset-part-damaged",
                hint="`unshelve fsck` lists what else is damaged.",
                details={"digest": part.digest},
            ) from error
        if rows != part.rows:
            raise _lies(which, part, f"gave {'more' if rows > part.rows else format(rows, ',')} rows")

    def _fits(self, columns: Sequence[str] | None) -> None:
        left = memory_left()
        if left is not None and self.in_store and self.memory_bytes(columns) * _ARROW_SLACK > left:
            raise self._too_large(columns, left)

    def _too_large(self, columns: Sequence[str] | None, left: int | None = None) -> Refused:
        need = self.memory_bytes(columns)
        have = "" if left is None else f", and {left / 1e9:,.1f} GB are free"
        return Refused(
            f"{self.rows:,} rows of {len(self._chosen(columns))} columns need about {need / 1e9:,.1f} GB as one table"
            f"{have}.",
            code="dataset-too-large",
            hint="Annotate the parameter with unshelve.Dataset and read it in batches, or let a step make a smaller "
            "table of it.",
        )


def write_dataset(stream: Any, blobs: BlobStore, who: str = "The stream") -> Dataset:  # Any: see `batches_of`
    """Stores a stream of tables and gives the dataset. Raises Refused for one of no tables, or of changing columns.

    Nobody sees any of it before the manifest is stored, which is left to the caller.
    """
    if isinstance(stream, Dataset) and stream.in_store:
        stored = {part.digest for part in stream.parts}
        if blobs.has_many(stored) == stored:
            return Dataset(schema=stream.schema, parts=stream.parts, _blobs=blobs)
    schema, batches = batches_of(stream, who)
    return Dataset(schema=schema, parts=tuple(write_parts(schema, batches, blobs)), _blobs=blobs)


def dataset_from(manifest: bytes, blobs: BlobStore) -> Dataset:
    """The dataset that a manifest stands for. Raises Damaged for bytes that are none."""
    try:
        read = msgspec.json.decode(manifest, type=_Manifest)
        if read.format > FORMAT:
            raise Damaged(f"The dataset was written by a newer unshelve (form {read.format}).")
        schema = schema_from_text(read.schema)
    except (msgspec.DecodeError, ValueError, pa.ArrowException) as error:
        raise Damaged(f"The list of a dataset's parts cannot be read: {error}") from error
    if any(part.rows < 0 or part.size_bytes < 0 for part in read.parts):
        raise Damaged("The list of a dataset's parts counts fewer than no rows.")
    return Dataset(schema=schema, parts=read.parts, _blobs=blobs)


def stored_dataset(schema: pa.Schema, parts: Sequence[Part], blobs: BlobStore) -> Dataset:
    """A dataset of parts that are in a store already."""
    return Dataset(schema=schema.remove_metadata(), parts=tuple(parts), _blobs=blobs)


def schema_to_text(schema: pa.Schema) -> str:
    """A schema as an Arrow message in base 64."""
    return base64.b64encode(schema.serialize().to_pybytes()).decode()


def schema_from_text(text: str) -> pa.Schema:
    """The schema that `schema_to_text` wrote."""
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text, validate=True)))


def _bytes_of(blobs: BlobStore, part: Part, which: str) -> Any:  # Any: pyarrow has no types
    """The bytes of a part, checked: mapped where the store has a file of it."""
    path = blobs.path(part.digest)
    try:
        if path is None:
            data = pa.py_buffer(blobs.get(part.digest))
        else:
            with pa.memory_map(str(path)) as file:
                data = file.read_buffer()
            if hashlib.sha256(data).hexdigest() != part.digest:
                raise Damaged("", code="blob-damaged")
    except (NotFound, FileNotFoundError) as error:
        raise NotFound(
            f"{which} is gone from the store ({part.digest[:12]}…).",
            code="dataset-part-gone",
            hint="Run the solution again: what is missing is made anew.",
            details={"digest": part.digest},
        ) from error
    except Damaged as error:
        raise Damaged(
            f"{which} is not what was written ({part.digest[:12]}…).",
            code="dataset-part-damaged",
            hint="`unshelve fsck` lists what else is damaged.",
            details={"digest": part.digest},
        ) from error
    if data.size != part.size_bytes:
        raise _lies(which, part, f"has {data.size:,} bytes")
    return pa.BufferReader(data)


def _lies(which: str, part: Part, what: str) -> Damaged:
    return Damaged(
        f"{which} {what}, where {part.rows:,} rows in {part.size_bytes:,} bytes are noted.",
        code="dataset-part-differs",
        hint="It was not written by unshelve. Make the dataset anew.",
        details={"digest": part.digest},
    )


def _width(kind: pa.DataType) -> float | None:
    """Bytes of a value in memory, for types of a fixed width."""
    try:
        return float(kind.bit_width) / 8
    except ValueError:
        return None
