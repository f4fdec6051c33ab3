"""Adding many rows at once, for the tables that a run writes a row to for each step.

SQLAlchemy prepares the parameters of each row of an `execute` anew, which costs as much as SQLite's own work.
Here a statement is compiled once, and rows go to the driver as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from operator import itemgetter

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect


def add_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Adds rows that name every column; one whose primary key is there already is left out."""
    _send(connection, table, (), rows)


def put_rows(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, object]], *, replace: tuple[str, ...]
) -> None:
    """Adds rows that name every column; where the primary key is there already, these columns are replaced."""
    _send(connection, table, replace, rows)


def _send(connection: Connection, table: Table, replace: tuple[str, ...], rows: Sequence[Mapping[str, object]]) -> None:
    if not rows:
        return
    text, order = _compiled(connection.dialect, table, replace)
    if order is None:
        connection.exec_driver_sql(text, [dict(row) for row in rows])
    else:
        values = itemgetter(*order)
        connection.exec_driver_sql(text, [values(row) for row in rows])


@cache
def _compiled(dialect: Dialect, table: Table, replace: tuple[str, ...]) -> tuple[str, tuple[str, ...] | None]:
    """The statement in the database's own words, and the order of its parameters where they have no names."""
    insert = postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)
    if replace:
        keys = [column.name for column in table.primary_key]
        statement = insert.on_conflict_do_update(
            index_elements=keys, set_={name: insert.excluded[name] for name in replace}
        )
    else:
        statement = insert.on_conflict_do_nothing()
    compiled = statement.compile(dialect=dialect)
    positions = compiled.positiontup if compiled.positional else None
    return str(compiled), None if positions is None else tuple(positions)
