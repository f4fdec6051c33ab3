"""PostgreSQL by ADBC: rows come by COPY in binary form, straight into Arrow batches.

COPY takes no parameters. So each value is bound to a setting of the session (`set_config($1, $2)`), and what stands in
the query is that setting, cast to the type that the server itself found for the parameter. No value is ever text of
the query. `pip install 'unshelve[postgresql]'` brings the driver.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pyarrow as pa
import pyarrow.compute as pc

from unshelve.data.batches import Tell, check_columns, settled
from unshelve.data.connections import Connection
from unshelve.data.engines.reading import Lowest, no_start, not_installed
from unshelve.data.placeholders import Query

try:
    import adbc_driver_postgresql.dbapi as dbapi
except ImportError as missing:
    raise not_installed("The driver of PostgreSQL", "postgresql") from missing

Cursor = Any  # the driver has no types


def read(connection: Connection, query: Query, values: Mapping[str, Any], tell: Tell) -> Iterator[pa.RecordBatch]:
    """See engines.reading.Reader."""
    with dbapi.connect(driver_address(connection.url)) as session, session.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read, read only")
        cursor.execute("set timezone = 'UTC'")
        text = _bound(cursor, query, values)
        cursor.execute(f"select * from ({text}\n) unshelve limit 0")  # noqa: S608 - the author's own query
        schema = cursor.fetch_record_batch().schema
        check_columns(schema.names, "The query's result")
        whole = _in_plain_types(text, schema, tell)
        cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(_BATCH_BYTES)})
        cursor.execute(whole)
        reader = cursor.fetch_record_batch()
        empty = True
        for batch in reader:
            empty = False
            yield settled(_finite(batch, tell), tell)
        if empty:
            yield _none(reader.schema, tell)


def driver_address(url: str) -> str:
    """The address as libpq takes it, which gives up on a server that is silent for a minute."""
    parts = urlsplit(url)
    options = {**_PATIENCE, **dict(parse_qsl(parts.query))}
    return urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(options), ""))


def _none(schema: pa.Schema, tell: Tell) -> pa.RecordBatch:
    arrays = [pa.array([], type=_storage(each.type)) for each in schema]
    return settled(pa.RecordBatch.from_arrays(arrays, names=schema.names), tell)


def _storage(kind: pa.DataType) -> pa.DataType:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _bound(cursor: Cursor, query: Query, values: Mapping[str, Any]) -> str:
    """The query with its values bound to settings of the session."""
    names = query.parameters
    if not names:
        return query.written(str)
    numbers = {name: f"${place}" for place, name in enumerate(names, start=1)}
    cursor.execute(f"prepare unshelve_query as {query.written(numbers.__getitem__)}")
    cursor.execute("select parameter_types::text[] from pg_prepared_statements where name = 'unshelve_query'")
    types = dict(zip(names, cursor.fetchone()[0], strict=True))
    cursor.execute("deallocate unshelve_query")
    written = {}
    for place, name in enumerate(names):
        value = values[name]
        if value is None:
            written[name] = f"(null::{types[name]})"
            continue
        text = _lowest(types[name], name) if isinstance(value, Lowest) else _text(value)
        cursor.execute("select set_config($1, $2, false)", (f"unshelve.p{place}", text))
        cursor.fetchall()
        written[name] = f"(current_setting('unshelve.p{place}')::{types[name]})"
    return query.written(written.__getitem__)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def _lowest(kind: str, name: str) -> str:
    for start, lowest in _LOWEST.items():
        if kind.startswith(start):
            return lowest
    raise no_start(name, kind)


def _in_plain_types(text: str, schema: pa.Schema, tell: Tell) -> str:
    """The query around which the server itself turns what has no plain type into one that has."""
    columns, changed = [], False
    for each in schema:
        kind = (each.metadata or {}).get(b"POSTGRESQL:type", b"").decode()
        quoted = '"' + each.name.replace('"', '""') + '"'
        into = _into(each.name, kind, int((each.metadata or {}).get(b"POSTGRESQL:typmod", b"-1")), tell)
        changed = changed or into is not None
        columns.append(quoted if into is None else f"{quoted}::{into} as {quoted}")
    return f"select {', '.join(columns)} from ({text}\n) unshelve" if changed else text  # noqa: S608


def _into(name: str, kind: str, modifier: int, tell: Tell) -> str | None:
    if kind in _PLAIN:
        return None
    if kind == "numeric":
        scale, precision = (modifier - 4) & 0xFFFF, (modifier - 4) >> 16
        if modifier >= 0 and scale == 0 and precision <= 18:
            return "int8"
        tell(f"Column {name} holds decimals; they are kept as floats of 64 bits.")
        return "float8"
    if kind not in _TEXTS:
        tell(f"Column {name} holds {kind or 'a type'}, which has no type here; its values are kept as texts.")
    return "int8" if kind == "oid" else "text"


def _finite(batch: pa.RecordBatch, tell: Tell) -> pa.RecordBatch:
    """The batch with `infinity` and `-infinity` of dates and moments as missing ones: no calendar has them."""
    columns = batch.columns
    for place, each in enumerate(batch.schema):
        if pa.types.is_timestamp(each.type):
            limits, whole = _EARLIEST_MICROS, pa.int64()
        elif pa.types.is_date32(each.type):
            limits, whole = _EARLIEST_DAY, pa.int32()
        else:
            continue
        column = columns[place]
        # The driver moves the numbers that stand for infinity past the end: they come out as years before any.
        endless = pc.less(column.view(whole), limits)
        if pc.any(endless).as_py():
            tell(f"Column {each.name} holds infinite times; they are kept as missing.")
            columns[place] = pc.if_else(endless, pa.scalar(None, each.type), column)
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


_BATCH_BYTES: Final = 4 << 20
_PATIENCE: Final = {
    "connect_timeout": "15",
    "keepalives_idle": "20",
    "keepalives_interval": "10",
    "keepalives_count": "4",
    "tcp_user_timeout": "60000",
    "application_name": "unshelve",
}
_PLAIN: Final = frozenset(
    {
        "bool", "int2", "int4", "int8", "float4", "float8", "text", "varchar", "bpchar", "name", "char", "date",
        "timestamp", "timestamptz", "bytea",
    }
)  # fmt: skip
_TEXTS: Final = frozenset({"uuid", "json", "jsonb", "time", "timetz", "citext", "xml", "oid"})
_LOWEST: Final = {
    "timestamp": "-infinity",
    "date": "-infinity",
    "smallint": "-32768",
    "integer": "-2147483648",
    "bigint": "-9223372036854775808",
    "numeric": "-1e131000",
    "real": "-infinity",
    "double": "-infinity",
    "text": "",
    "character": "",
}
_EARLIEST_MICROS: Final = -215_000_000_000_000_000
_EARLIEST_DAY: Final = -2_500_000
