"""Puts a batch into a PostgreSQL table: COPY into a temporary table of the same types, then one upsert by the key.

The driver's own connection is used for COPY; nothing here commits.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv as pc
from sqlalchemy import Connection, DateTime, Table, TextClause, text
from sqlalchemy.exc import DBAPIError

from unshelve.data.row_refused import RowRefused, named
from unshelve.data.spool import Batch

_STAGE: Final = "unshelve_stage"
_ROW: Final = "unshelve_row"
_SORT_MEMORY: Final = "64MB"
"""What the server may use to sort a batch by its key, where it would use 4 MB and a file."""
_QUOTED: Final = re.compile(r'"(?:[^"]|"")*"')
_PLACE: Final = re.compile(r"line (\d+), column (\w+)")
_REFUSED_CLASSES: Final = ("22", "23", "P0", "42804")
"""SQLSTATEs that speak of values: they do not fit, break a constraint, or a trigger raised."""


def put(link: Connection, table: Table, batch: Batch) -> int:
    """Put the rows in, in the transaction of `link`, and tell how many were put in or replaced. Raises RowRefused."""
    quote = link.dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in batch.columns)
    target = link.dialect.identifier_preparer.format_table(table)
    link.execute(_sql(f"CREATE TEMPORARY TABLE {_STAGE} ON COMMIT DROP AS SELECT {columns} FROM {target} WITH NO DATA"))  # noqa: S608
    moments = {name for name in batch.columns if isinstance(table.c[name].type, DateTime)}
    with _in_utc(link):
        _copy(link, batch, moments, f"COPY {_STAGE} ({columns}) FROM STDIN (FORMAT csv)")
    link.exec_driver_sql(f"SET LOCAL work_mem = '{_SORT_MEMORY}'")
    try:
        with link.begin_nested():
            return link.execute(_upsert(link, target, batch)).rowcount
    except DBAPIError as error:
        if not _speaks_of_values(error):
            raise
        raise _refused(link, target, batch, error) from None


@contextmanager
def _in_utc(link: Connection) -> Iterator[None]:
    """Reads moments without a zone as those of UTC, for as long as the block lasts and not in anybody's trigger."""
    zone = link.exec_driver_sql("SELECT current_setting('TimeZone')").scalar_one()
    link.exec_driver_sql("SET LOCAL TimeZone = 'UTC'")
    yield
    link.execute(text("SELECT set_config('TimeZone', :zone, true)"), {"zone": zone})


def _copy(link: Connection, batch: Batch, moments: Collection[str], statement: str) -> None:
    driver: Any = link.connection.driver_connection  # Any: psycopg, which is imported by SQLAlchemy alone
    failures: Any = link.dialect.dbapi  # Any: the same
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for table in batch.tables():
                buffer = io.BytesIO()
                # A missing value is nothing between commas, an empty text is "": PostgreSQL reads them so too.
                options = pc.WriteOptions(include_header=False, quoting_style="all_valid")
                pc.write_csv(_plain(table, moments), buffer, options)
                copy.write(buffer.getvalue())
    except failures.DataError as error:
        place = _PLACE.search(str(error.diag.context or ""))
        row = f"row {place[1]} of the batch, column {place[2]}" if place else "a value"
        raise RowRefused(row, str(error.diag.message_primary)) from None


def _plain(table: pa.Table, moments: Collection[str] = ()) -> pa.Table:
    """A table whose columns can be written as CSV: bytes in PostgreSQL's hexadecimal form, categories as texts.

    The columns `moments` are moments in their table too: they are written in UTC without a zone, which is many times
    faster than with one.
    """
    for place, field in enumerate(table.schema):
        column = table.column(place)
        if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            told = [None if one is None else f"\\x{one.hex()}" for one in column.to_pylist()]
            table = table.set_column(place, field.name, pa.array(told, pa.string()))
        elif field.name in moments and pa.types.is_timestamp(field.type) and field.type.tz is not None:
            table = table.set_column(place, field.name, column.cast(pa.timestamp(field.type.unit)))
        elif pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, column.cast(field.type.value_type))
        elif pa.types.is_duration(field.type):
            told = [None if one is None else f"{one.total_seconds()} seconds" for one in column.to_pylist()]
            table = table.set_column(place, field.name, pa.array(told, pa.string()))
    return table


def _upsert(link: Connection, target: str, batch: Batch, rows: str = "") -> TextClause:
    """The statement that puts the staged rows in, all of them or those of a condition."""
    quote = link.dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in batch.columns)
    keys = ", ".join(quote(name) for name in batch.key)
    others = [quote(name) for name in batch.columns if name not in batch.key]
    replaced = ", ".join(f"{name} = excluded.{name}" for name in others)
    statement = (  # names are quoted, and values are parameters
        # In the order of the key, so that two sinks at one table wait for each other and never for ever.
        f"INSERT INTO {target} AS there ({columns}) SELECT {columns} FROM {_STAGE} "  # noqa: S608
        f"{rows} ORDER BY {keys} ON CONFLICT ({keys}) DO UPDATE SET {replaced}"
    )
    if batch.changed and batch.values:
        values = [quote(name) for name in batch.values]
        there = ", ".join(f"there.{name}" for name in values)
        new = ", ".join(f"excluded.{name}" for name in values)
        statement += f" WHERE ({there}) IS DISTINCT FROM ({new})"
    return _sql(statement)


def _sql(statement: str) -> TextClause:
    """A statement whose names are quoted; a colon in a name is no parameter."""
    return text(_QUOTED.sub(lambda found: found[0].replace(":", "\\:"), statement))


def _refused(link: Connection, target: str, batch: Batch, error: DBAPIError) -> RowRefused:
    """Finds the first row that the table refuses, by halves; each try is taken back."""
    link.exec_driver_sql(f"ALTER TABLE {_STAGE} ADD COLUMN {_ROW} bigserial")  # in the order in which they came
    upsert = _upsert(link, target, batch, f"WHERE {_ROW} BETWEEN :first AND :last")
    first, last = 1, batch.rows
    while first < last:
        middle = (first + last) // 2
        found = _try(link, upsert, first, middle)
        if found is None:
            first = middle + 1
        else:
            error, last = found, middle
    keys = ", ".join(link.dialect.identifier_preparer.quote(name) for name in batch.key)
    row = link.execute(_sql(f"SELECT {keys} FROM {_STAGE} WHERE {_ROW} = {first}")).first()  # noqa: S608
    said = str(getattr(getattr(error.orig, "diag", None), "message_primary", None) or error.orig)
    return RowRefused(named(batch.key, tuple(row) if row is not None else ()), said)


def _try(link: Connection, upsert: TextClause, first: int, last: int) -> DBAPIError | None:
    nested = link.begin_nested()
    try:
        link.execute(upsert, {"first": first, "last": last})
    except DBAPIError as error:
        if not _speaks_of_values(error):
            raise
        return error
    finally:
        nested.rollback()
    return None


def _speaks_of_values(error: DBAPIError) -> bool:
    return str(getattr(error.orig, "sqlstate", "") or "").startswith(_REFUSED_CLASSES)
