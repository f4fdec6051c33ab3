"""Parts of a dataset: a stream of record batches becomes Parquet blobs of bounded size while it comes in.

Where a part ends depends on the rows alone, never on how the stream was cut: rows are gathered into blocks of about
BLOCK_BYTES, which are the row groups, and PART_BLOCKS of them are a part. So equal rows give equal parts, and rows that
are appended leave all full parts as they are. Memory holds the block that is gathered and the bytes of one part.
Parts of a stream that broke off are nobody's, and are used again when it is repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from unshelve.storage.blobs import BlobStore

BLOCK_BYTES: Final = 8 << 20
PART_BLOCKS: Final = 8
"""A part is about 64 MiB in memory, less on the disk."""

_NESTED_BYTES: Final = 64


class Part(msgspec.Struct, frozen=True):
    """One blob of a dataset: Parquet with so many rows, in so many bytes."""

    digest: str
    rows: int
    size_bytes: int


def write_parts(schema: pa.Schema, batches: Iterable[pa.RecordBatch], blobs: BlobStore) -> Iterator[Part]:
    """Stores batches of one schema as parts, each when it is full."""
    texts = [each.name for each in schema if _repeats(each.type)]
    sink: Any = None
    writer: Any = None
    rows = groups = 0
    for block in _blocks(schema, batches):
        if writer is None:
            sink, rows, groups = pa.BufferOutputStream(), 0, 0
            # Plain pages for wide numbers: their dictionary is built, found too large and thrown away again.
            writer = pq.ParquetWriter(sink, schema, compression="zstd", use_dictionary=texts, write_statistics=False)
        writer.write_table(block, row_group_size=block.num_rows)
        rows, groups = rows + block.num_rows, groups + 1
        if groups == PART_BLOCKS:
            yield _stored(writer, sink, rows, blobs)
            writer = None
    if writer is not None:
        yield _stored(writer, sink, rows, blobs)


def _stored(writer: Any, sink: Any, rows: int, blobs: BlobStore) -> Part:  # Any: pyarrow has no types
    writer.close()
    data = sink.getvalue()
    return Part(blobs.put(memoryview(data)), rows, data.size)


def _blocks(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The rows in blocks that end at the row that fills them, however they came."""
    fixed, variable = _fixed_bytes(schema), [each.name for each in schema if not _is_fixed(each.type)]
    held: list[pa.RecordBatch] = []
    room = BLOCK_BYTES
    for given in batches:
        batch = given
        while batch.num_rows:
            ends = _ends(batch, fixed, variable)
            taken = min(int(np.searchsorted(ends, room)) + 1, batch.num_rows)
            held.append(batch.slice(0, taken))
            room -= int(ends[taken - 1])
            batch = batch.slice(taken)
            if room <= 0:
                yield pa.Table.from_batches(held, schema=schema).combine_chunks()
                held, room = [], BLOCK_BYTES
    if held:
        yield pa.Table.from_batches(held, schema=schema).combine_chunks()


def _ends(batch: pa.RecordBatch, fixed: int, variable: list[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """After each row, the bytes of the rows so far, by the values alone."""
    sizes = np.full(batch.num_rows, fixed, dtype=np.int64)
    for name in variable:
        column = batch.column(name)
        kind = column.type
        if pa.types.is_string(kind) or pa.types.is_binary(kind):
            sizes += pc.binary_length(column).fill_null(0).to_numpy(zero_copy_only=False)
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
            sizes += 8 * pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        else:
            sizes += _NESTED_BYTES
    return np.cumsum(sizes)


def _fixed_bytes(schema: pa.Schema) -> int:
    """Bytes of a row that every row has: numbers, and where each text begins."""
    return max(1, sum((each.type.bit_width + 7) // 8 if _is_fixed(each.type) else 4 for each in schema))


def _is_fixed(kind: pa.DataType) -> bool:
    try:
        return bool(kind.bit_width >= 0)
    except ValueError:
        return False


def _repeats(kind: pa.DataType) -> bool:
    """Whether the values of such a column are likely to repeat, so that a dictionary of them pays."""
    return bool(
        pa.types.is_string(kind) or pa.types.is_date(kind) or (pa.types.is_integer(kind) and kind.bit_width <= 16)
    )
