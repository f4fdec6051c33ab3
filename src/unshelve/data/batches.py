"""Rows and tables as Arrow batches of few, plain types: what every source's rows become before they are stored.

Booleans, whole numbers, floats, texts, bytes, dates, moments. A decimal becomes a float (a whole one an integer), any
type that is not known becomes text; each time that is said. Names of columns must be different texts.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unshelve.errors import Refused, TooLarge

MOST_COLUMNS: Final = 10_000
CHUNK_ROWS: Final = 20_000

Tell = Callable[[str], None]
"""Takes a remark on what was changed in reading; the same one again is passed over."""


def check_columns(names: Sequence[object], what: str) -> list[str]:
    """The names of a result's columns. Refused for two of one name, an empty one, or far too many."""
    if len(names) > MOST_COLUMNS:
        raise TooLarge(
            f"{what} has {len(names):,} columns; at most {MOST_COLUMNS:,} are read.",
            code="too-many-columns",
            hint="Is the separator right? Name the columns that are needed.",
        )
    seen: set[str] = set()
    for name in names:
        if not isinstance(name, str) or not name:
            raise Refused(
                f"{what} has a column without a name.", code="column-unnamed", hint="Give it one: select … as NAME."
            )
        if name in seen:
            raise Refused(
                f"{what} has two columns named {name!r}.",
                code="column-twice",
                hint="Give one of them another name: select a.id as a_id, b.id as b_id.",
            )
        seen.add(name)
    return [str(name) for name in names]


def batches_of_rows(names: Sequence[str], rows: Iterable[Sequence[object]], tell: Tell) -> Iterator[pa.RecordBatch]:
    """Rows of Python values as batches, each with the types that its own rows have (see `widened`)."""
    chunk: list[Sequence[object]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK_ROWS:
            yield _batch(names, chunk, tell)
            chunk = []
    if chunk:
        yield _batch(names, chunk, tell)


def empty_batch(names: Sequence[str]) -> pa.RecordBatch:
    """A batch without rows, whose types are still open."""
    return pa.RecordBatch.from_arrays([pa.nulls(0) for _ in names], names=list(names))


def settled(batch: pa.RecordBatch, tell: Tell) -> pa.RecordBatch:
    """A batch of any types in the plain ones."""
    columns = [_settled(array, name, tell) for name, array in zip(batch.schema.names, batch.columns, strict=True)]
    if all(new is old for new, old in zip(columns, batch.columns, strict=True)):
        return batch.replace_schema_metadata(None)
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def widened(one: pa.Schema, other: pa.Schema) -> pa.Schema:
    """The schema that rows of two schemas with the same columns fit in; the order is that of the first."""
    return pa.schema([pa.field(each.name, wider(each.type, other.field(each.name).type)) for each in one])


def wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The narrowest plain type that holds the values of two: text, where nothing else does."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if _is_number(one) and _is_number(other):
        if pa.types.is_integer(one) and pa.types.is_integer(other):
            return pa.int64()
        return pa.float64()
    if pa.types.is_temporal(one) and pa.types.is_temporal(other):
        zones = {each.tz if pa.types.is_timestamp(each) else None for each in (one, other)}
        return pa.timestamp("us", tz=zones.pop()) if len(zones) == 1 else pa.string()
    return pa.string()


def cast(table: Any, schema: pa.Schema) -> Any:
    """A table or batch with its columns in the order and of the types of a schema that they fit in.

    A column that it lacks is missing in all rows.
    """
    arrays = []
    for each in schema:
        if each.name not in table.schema.names:
            arrays.append(pa.nulls(table.num_rows, each.type))
            continue
        column = table.column(each.name)
        if column.type != each.type:
            column = _as_text(column) if pa.types.is_string(each.type) else column.cast(each.type)
        arrays.append(column)
    return type(table).from_arrays(arrays, schema=schema)


def fits(one: pa.Schema, into: pa.Schema) -> bool:
    """Whether rows of a schema can stand under another without making it wider."""
    return set(one.names) == set(into.names) and widened(into, one).equals(into)


def _batch(names: Sequence[str], chunk: list[Sequence[object]], tell: Tell) -> pa.RecordBatch:
    columns = zip(*chunk, strict=True)
    arrays = [_array(name, list(values), tell) for name, values in zip(names, columns, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=list(names))


def _array(name: str, values: list[Any], tell: Tell) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= _PLAIN and len(kinds) <= 1:
        return _plain_array(name, values, kinds, tell)
    if kinds <= {int, float, bool, Decimal}:
        if bool in kinds:
            values = [int(value) if isinstance(value, bool) else value for value in values]
        return _numbers(name, values, kinds - {bool}, tell)
    if kinds <= {dt.date, dt.datetime}:
        whole = [dt.datetime.combine(value, dt.time()) if type(value) is dt.date else value for value in values]
        return _plain_array(name, whole, {dt.datetime}, tell)
    if kinds == {bytearray} or kinds == {memoryview} or kinds == {bytes, memoryview}:
        return pa.array([None if value is None else bytes(value) for value in values], type=pa.binary())
    odd = sorted(kind.__name__ for kind in kinds)
    if len(kinds) > 1:
        tell(f"Column {name} holds {' and '.join(odd)}; its values are kept as texts.")
    elif not kinds <= _TEXT_WITHOUT_SAYING:
        tell(f"Column {name} holds {odd[0]}, which has no type here; its values are kept as texts.")
    return pa.array([_text(value) for value in values], type=pa.string())


def _plain_array(name: str, values: list[Any], kinds: set[type], tell: Tell) -> pa.Array:
    if not kinds:
        return pa.nulls(len(values))
    kind = next(iter(kinds))
    if kind is dt.datetime:
        aware = {value.tzinfo is not None for value in values if value is not None}
        if aware == {True}:
            return pa.array([None if value is None else value.astimezone(dt.UTC) for value in values], _UTC)
        if len(aware) == 1:
            return pa.array(values, type=pa.timestamp("us"))
        tell(f"Column {name} holds moments with and without a zone; they are kept as texts.")
        return pa.array([_text(value) for value in values], type=pa.string())
    if kind in (int, Decimal):
        return _numbers(name, values, kinds, tell)
    return pa.array(values, type=_ARROW_OF[kind])


def _numbers(name: str, values: list[Any], kinds: set[type], tell: Tell) -> pa.Array:
    """Numbers as 64-bit integers if all are such, else as floats."""
    if kinds == {int}:
        try:
            return pa.array(values, type=pa.int64())
        except (pa.ArrowInvalid, OverflowError):
            tell(f"Column {name} holds whole numbers beyond 64 bits; they are kept as floats.")
    if Decimal in kinds:
        tell(f"Column {name} holds decimals; they are kept as floats of 64 bits.")
    return pa.array([None if value is None else _float(value) for value in values], type=pa.float64())


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _settled(array: pa.Array, name: str, tell: Tell) -> pa.Array:
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        array = array.storage
        kind = array.type
    if pa.types.is_dictionary(kind):
        return _settled(array.dictionary_decode(), name, tell)
    if _KEPT(kind):
        return array
    if pa.types.is_timestamp(kind):
        return array.cast(pa.timestamp("us", tz="UTC" if kind.tz else None), safe=False)
    if pa.types.is_decimal(kind):
        tell(f"Column {name} holds decimals; they are kept as floats of 64 bits.")
        return array.cast(pa.float64(), safe=False)
    if pa.types.is_unsigned_integer(kind):
        whole = pa.int64() if kind.bit_width < 64 or (pc.max(array).as_py() or 0) < 2**63 else pa.float64()
        return array.cast(whole, safe=False)
    for test, wanted in _CASTS:
        if test(kind):
            return array.cast(wanted)
    tell(f"Column {name} holds {kind}, which has no type here; its values are kept as texts.")
    return _as_text(array)


def _as_text(array: Any) -> Any:
    """Values as texts. Also for types that Arrow has no text of: lists, records."""
    try:
        return array.cast(pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return pa.array([_text(value) for value in array.to_pylist()], type=pa.string())


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _KEPT(kind: pa.DataType) -> bool:  # noqa: N802 - a table of types, written as a function because types are made
    return kind in _AS_THEY_ARE


_UTC: Final = pa.timestamp("us", tz="UTC")
_AS_THEY_ARE: Final = frozenset(
    {
        pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.string(),
        pa.binary(), pa.date32(), pa.timestamp("us"), _UTC, pa.null(),
    }
)  # fmt: skip
_CASTS: Final = (
    (pa.types.is_large_string, pa.string()),
    (lambda kind: kind == pa.string_view(), pa.string()),
    (pa.types.is_large_binary, pa.binary()),
    (pa.types.is_fixed_size_binary, pa.binary()),
    (pa.types.is_date64, pa.date32()),
    (pa.types.is_float16, pa.float32()),
    (pa.types.is_time, pa.string()),
)
_ARROW_OF: Final = {
    bool: pa.bool_(),
    float: pa.float64(),
    str: pa.string(),
    bytes: pa.binary(),
    dt.date: pa.date32(),
}
_PLAIN: Final = frozenset({bool, int, float, str, bytes, dt.date, dt.datetime, Decimal})
_TEXT_WITHOUT_SAYING: Final = frozenset({UUID, dt.time, str, np.str_})
