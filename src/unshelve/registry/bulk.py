"""Adding many rows at once, for the tables that a run writes a row to for each step.

SQLAlchemy prepares the parameters of each row of an `execute` anew, which costs as much as SQLite's own work.
Here a statement is compiled once, and rows go to the driver as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module

from sqlalchemy import Connection, Table
from sqlalchemy.engine import Dialect

Rows = Sequence[tuple[object, ...]]
"""Values in the order of the table's columns, one for each."""


def add_rows(connection: Connection, table: Table, rows: Rows) -> None:
    """Adds rows; one whose primary key is there already is left out."""
    _send(connection, table, (), rows)


def put_rows(connection: Connection, table: Table, rows: Rows, *, replace: tuple[str, ...]) -> None:
    """Adds rows; where the primary key is there already, these columns are replaced."""
    _send(connection, table, replace, rows)


def _send(connection: Connection, table: Table, replace: tuple[str, ...], rows: Rows) -> None:
    if not rows:
        return
    text, by_name = _compiled(connection.dialect, table, replace)
    if by_name:
        names = table.columns.keys()
        connection.exec_driver_sql(text, [dict(zip(names, row, strict=True)) for row in rows])
    else:
        connection.exec_driver_sql(text, list(rows))


@cache
def _compiled(dialect: Dialect, table: Table, replace: tuple[str, ...]) -> tuple[str, bool]:
    """The statement in the database's own words, and whether its parameters have names."""
    insert = import_module(f"sqlalchemy.dialects.{dialect.name}").insert(table)  # both know "on conflict"
    if replace:
        keys = [column.name for column in table.primary_key]
        statement = insert.on_conflict_do_update(
            index_elements=keys, set_={name: insert.excluded[name] for name in replace}
        )
    else:
        statement = insert.on_conflict_do_nothing()
    compiled = statement.compile(dialect=dialect)
    if compiled.positional and compiled.positiontup != table.columns.keys():
        raise RuntimeError(f"parameters of {table.name} come in another order than its columns")
    return str(compiled), not compiled.positional
