"""Copying tables from one database to another, of whatever kind each is, and telling that they are equal."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, Row, Table, func, insert, select

from unshelve.errors import Damaged, Refused
from unshelve.upkeep.every_table import tables

_ROWS_AT_ONCE: Final = 500
_ENCODER: Final = msgspec.msgpack.Encoder()

Values = Sequence[object]
"""The values of a row in the order of the table's columns: None, booleans, numbers, texts, bytes."""


def copy_tables(source: Connection, target: Connection, *, told: Callable[[str, int], None]) -> None:
    """Copies every row. The target must have the same tables, all of them empty (Refused).

    `told` hears each table and how many of its rows are there.
    """
    check_empty(target)
    for table in tables():
        told(table.name, add_rows(target, table, rows_of(source, table)))


def remove_rows(connection: Connection) -> None:
    """Removes every row, those first that refer to others."""
    for table in reversed(tables()):
        connection.execute(table.delete())


def rows_of(connection: Connection, table: Table, *, oldest_first: bool = False) -> Iterator[Values]:
    """The rows of a table in the order of its primary key, in little memory.

    With `oldest_first` by the time they were made where they say it, so that new ones come last though keys are hashes.
    """
    first = [table.c.made_at] if oldest_first and "made_at" in table.c else []
    wanted = select(table).order_by(*first, *table.primary_key.columns)
    with connection.execute(wanted, execution_options={"yield_per": _ROWS_AT_ONCE}) as rows:
        for row in rows:
            yield _plain(row)


def add_rows(connection: Connection, table: Table, rows: Iterable[Values]) -> int:
    """Adds rows and tells how many."""
    names = table.columns.keys()
    careful = connection.dialect.name != "sqlite"
    waiting: list[dict[str, object]] = []
    count = 0
    for row in rows:
        waiting.append(dict(zip(names, row, strict=True)))
        if careful:
            _refuse_nul(table, waiting[-1])
        count += 1
        if len(waiting) == _ROWS_AT_ONCE:
            connection.execute(insert(table), waiting)
            waiting.clear()
    if waiting:
        connection.execute(insert(table), waiting)
    return count


def _refuse_nul(table: Table, row: Mapping[str, object]) -> None:
    """Raises Refused for a text that SQLite keeps and PostgreSQL cannot."""
    for name, value in row.items():
        if isinstance(value, str) and "\x00" in value:
            key = ", ".join(str(row[column.name])[:40] for column in table.primary_key.columns)
            raise Refused(
                f"{name} of {table.name} ({key}) holds a NUL character, which this database cannot keep.",
                code="text-holds-nul",
                hint="Stay with SQLite, or change that text first.",
            )


def fingerprints(connection: Connection) -> dict[str, str]:
    """A digest of the rows of each table: equal where two databases hold the same, of whatever kind they are."""
    return {table.name: fingerprint(rows_of(connection, table)) for table in tables()}


def fingerprint(rows: Iterable[Values]) -> str:
    """The digest of rows in their order."""
    hasher = hashlib.sha256()
    for row in rows:
        encoded = _ENCODER.encode(row)
        hasher.update(len(encoded).to_bytes(8, "little"))
        hasher.update(encoded)
    return hasher.hexdigest()


def check_equal(one: dict[str, str], other: dict[str, str]) -> None:
    """Raises Damaged, naming the tables, where fingerprints differ."""
    odd = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    if odd:
        raise Damaged(f"What was copied is not equal in {', '.join(odd)}.", code="copy-differs")


def check_empty(connection: Connection) -> None:
    """Raises Refused for a database that holds something already."""
    for table in tables():
        if connection.execute(select(func.count()).select_from(table)).scalar_one():
            raise Refused(
                f"The database to copy to is not empty: it has rows in {table.name}.",
                code="target-not-empty",
                hint="Make a new one, or name another.",
            )


def _plain(row: Row[tuple[object, ...]]) -> list[object]:
    return [bytes(value) if isinstance(value, memoryview) else value for value in row]
