"""Streams of tables: Arrow, pandas and polars tables as Arrow record batches of one schema, which Parquet keeps.

Worker side: imports pyarrow.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from unshelve.errors import Refused

_CHUNK_ROWS: Final = 1 << 17
_MOST_NAMED: Final = 40
_NOTHING: Final = object()
_TABLES: Final = frozenset({("pandas", "DataFrame"), ("polars", "DataFrame")})


def batches_of(stream: Any, who: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The schema of a stream and its batches, all of that schema. The first table says what the columns are.

    Takes a generator or other iterable of Arrow batches, Arrow, pandas or polars tables; a Dataset; a
    RecordBatchReader. Types that say the same in another width are converted where no value
    changes; anything else is Refused, and both schemas are named.
    """
    items = tables_in(stream, who)
    first = stream.schema.empty_table() if _knows_its_schema(stream) else next(items, _NOTHING)
    if first is _NOTHING:
        raise Refused(
            f"{who} yielded nothing, so there are no columns.",
            code="stream-empty",
            hint="Yield at least one table; one of no rows says what the columns are.",
        )
    begin = arrow_of(first, who)
    return begin.schema, _aligned(begin, items, who)


def arrow_of(value: Any, who: str) -> pa.Table:  # Any: a table of one of four libraries
    """One table of a stream as an Arrow table without notes. Categories become the values that they stand for."""
    kind = (type(value).__module__.partition(".")[0], type(value).__name__)
    try:
        if isinstance(value, pa.RecordBatch):
            table = pa.Table.from_batches([value])
        elif isinstance(value, pa.Table):
            table = value
        elif kind == ("pandas", "DataFrame"):
            _check_names([str(name) for name in value.columns], who)
            named = [name for name in value.index.names if name is not None]
            table = pa.Table.from_pandas(value.reset_index() if named else value, preserve_index=False)
        elif kind == ("polars", "DataFrame"):
            table = value.to_arrow()
        else:
            raise Refused(
                f"{who} yielded {'None' if value is None else f'a {type(value).__name__}'}, not a table.",
                code="stream-not-tables",
                hint="Yield pandas, polars or Arrow tables, or Arrow record batches.",
            )
        _check_names(table.schema.names, who)
        return table.cast(_plain(table.schema))
    except (pa.ArrowException, TypeError, ValueError) as error:
        if isinstance(error, Refused):
            raise
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise Refused(
            f"{who} yielded a table that cannot be kept as Parquet: {said}.",
            code="stream-not-parquet",
            hint="Give each column one type.",
        ) from error


def _check_names(names: list[str], who: str) -> None:
    if not names:
        raise Refused(f"{who} yielded a table without columns.", code="odd-column")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Refused(f"{who} yielded a table with two columns named {twice!r}.", code="odd-column")


def _plain(schema: pa.Schema) -> pa.Schema:
    """The schema without notes and dictionaries, with one type for each kind of text, as Parquet gives it back."""
    return as_kept(pa.schema([pa.field(each.name, _plain_type(each.type)) for each in schema]))


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    return kind


def _knows_its_schema(stream: Any) -> bool:
    """Whether a stream has a schema before its first row: a reader of batches, a dataset."""
    return isinstance(stream, pa.RecordBatchReader) or isinstance(getattr(stream, "schema", None), pa.Schema)


def tables_in(stream: Any, who: str) -> Iterator[Any]:  # Any: as `batches_of` takes it
    """The tables of a stream one after the other, as they are."""
    kind = (type(stream).__module__.partition(".")[0], type(stream).__name__)
    if isinstance(stream, pa.Table | pa.RecordBatch) or kind in _TABLES:
        yield stream
    else:
        try:
            iterator = iter(stream)
        except TypeError:
            raise Refused(f"{who} is a {type(stream).__name__}, not a stream of tables.") from None
        yield from iterator


def _aligned(begin: pa.Table, items: Iterator[Any], who: str) -> Iterator[pa.RecordBatch]:
    yield from begin.to_batches(max_chunksize=_CHUNK_ROWS)
    schema, rows = begin.schema, begin.num_rows
    for item in items:
        table = arrow_of(item, who)
        if not table.schema.equals(schema):
            table = _cast(table, schema, who, rows)
        rows += table.num_rows
        yield from table.to_batches(max_chunksize=_CHUNK_ROWS)


def _cast(table: pa.Table, schema: pa.Schema, who: str, rows: int) -> pa.Table:
    said = None
    if set(table.schema.names) == set(schema.names):
        try:
            return table.select(schema.names).cast(schema)
        except (pa.ArrowException, ValueError) as error:
            said = next(iter(str(error).splitlines()), type(error).__name__)
    was, now = _differing(schema, table.schema), _differing(table.schema, schema)
    lost = f" ({said})" if said else ""
    raise Refused(
        f"{who} changed its columns after {rows:,} rows: they were {was}, and are {now} now{lost}.",
        code="columns-changed",
        hint="Give each table the same columns with the same types, for example table.astype({...}).",
    )


def _differing(schema: pa.Schema, other: pa.Schema) -> str:
    """The columns that two schemas do not share, as one of them has them; all columns where they are few."""
    few = len(schema) <= _MOST_NAMED
    shown = [each for each in schema if few or other.get_field_index(each.name) < 0 or other.field(each.name) != each]
    text = ", ".join(f"{each.name}: {each.type}" for each in shown[:_MOST_NAMED])
    return f"[{text}{'' if few and len(shown) <= _MOST_NAMED else ', …'}]"


@lru_cache(maxsize=8)
def as_kept(schema: pa.Schema) -> pa.Schema:
    """The schema that Parquet gives back: times in seconds come in milliseconds, for one."""
    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink)
    with pq.ParquetFile(pa.BufferReader(sink.getvalue())) as file:
        return file.schema_arrow.remove_metadata()
