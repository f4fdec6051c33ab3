"""Puts a batch into a table of any database that SQLAlchemy knows, some hundred rows at a time. Commits nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, DateTime, Table, and_, bindparam, or_, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

from unshelve.data.row_refused import RowRefused, named
from unshelve.data.spool import Batch

_CHUNK: Final = 200

# Any: a value of a row, of whatever type its column has.
Row = dict[str, Any]


def put(link: Connection, table: Table, batch: Batch) -> int:
    """Put the rows in, in the transaction of `link`, and tell how many were put in or replaced. Raises RowRefused."""
    written = 0
    for part in batch.tables():
        rows = part.to_pylist()
        for row in rows:
            _fit(table, row)
        for start in range(0, len(rows), _CHUNK):
            written += _put_some(link, table, batch, rows[start : start + _CHUNK])
    return written


def _put_some(link: Connection, table: Table, batch: Batch, rows: Sequence[Row]) -> int:
    there = _there(link, table, batch, rows)
    new = [row for row in rows if _key(batch, row) not in there]
    old = [row for row in rows if _key(batch, row) in there]
    if batch.changed:
        old = [row for row in old if not _equal(batch, row, there[_key(batch, row)])]
    try:
        with link.begin_nested():
            _send(link, table, batch, new, old)
    except (IntegrityError, DataError, DBAPIError, StatementError) as error:
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise
        found = _refused(link, table, batch, new, old)
        if found is None:
            raise
        raise found from None
    return len(new) + len(old)


def _send(link: Connection, table: Table, batch: Batch, new: Sequence[Row], old: Sequence[Row]) -> None:
    if new:
        link.execute(table.insert(), list(new))
    if old:
        update = (
            table.update()
            .where(and_(*(table.c[name] == bindparam(f"key {place}") for place, name in enumerate(batch.key))))
            .values({name: bindparam(f"value {place}") for place, name in enumerate(_others(batch))})
        )
        sent = [
            {f"key {place}": row[name] for place, name in enumerate(batch.key)}
            | {f"value {place}": row[name] for place, name in enumerate(_others(batch))}
            for row in old
        ]
        link.execute(update, sent)


def _refused(link: Connection, table: Table, batch: Batch, new: Sequence[Row], old: Sequence[Row]) -> RowRefused | None:
    """The first row that the table refuses by itself; None when each alone would do: then it was something else."""
    for row in (*new, *old):
        nested = link.begin_nested()
        try:
            _send(link, table, batch, [row] if row in new else [], [] if row in new else [row])
        except (DBAPIError, StatementError) as error:
            if _is_about_locks(error):
                return None
            original = error.orig if error.orig is not None else error
            said = str(original.args[-1]) if original.args else str(original)
            return RowRefused(named(batch.key, [row[name] for name in batch.key]), said)
        finally:
            if nested.is_active:
                nested.rollback()
    return None


def _is_about_locks(error: Exception) -> bool:
    original = getattr(error, "orig", None)
    first = original.args[0] if original is not None and original.args else None
    return first in (1205, 1213, 2006, 2013) or "locked" in str(original)


def _there(link: Connection, table: Table, batch: Batch, rows: Sequence[Row]) -> dict[tuple[object, ...], Row]:
    """The rows of the table that have these keys."""
    wanted = [*batch.key, *(batch.values if batch.changed else ())]
    if len(batch.key) == 1:
        name = batch.key[0]
        where: Any = table.c[name].in_([row[name] for row in rows])
    else:
        where = or_(*(and_(*(table.c[name] == row[name] for name in batch.key)) for row in rows))
    found = link.execute(select(*(table.c[name] for name in wanted)).where(where)).mappings()
    return {tuple(_same(row[name]) for name in batch.key): dict(row) for row in found}


def _key(batch: Batch, row: Row) -> tuple[object, ...]:
    return tuple(_same(row[name]) for name in batch.key)


def _equal(batch: Batch, row: Row, there: Mapping[str, Any]) -> bool:
    return all(_same(row[name]) == _same(there[name]) for name in batch.values)


def _same(value: object) -> object:
    """A value as it is compared: a database gives a number back as another kind of number, and a time without zone."""
    if isinstance(value, bool | int | Decimal):
        return float(value)
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def _fit(table: Table, row: Row) -> None:
    """Times as the table keeps them: in UTC without a zone where its column has none."""
    for name, value in row.items():
        if isinstance(value, datetime) and value.tzinfo is not None:
            kind = table.c[name].type
            if not (isinstance(kind, DateTime) and kind.timezone):
                row[name] = value.astimezone(UTC).replace(tzinfo=None)


def _others(batch: Batch) -> list[str]:
    return [name for name in batch.columns if name not in batch.key]
