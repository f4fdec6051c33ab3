"""Writes a batch into a table of a database, exactly once: rows and a line in a ledger are one transaction.

Before anything is asked, the table is looked at: a table, a column or a key that is not there is told with the
statement that makes it. A batch that fails leaves nothing; the row that a database refuses is named. Any database that
SQLAlchemy knows is written to by `write_sql.py`, and PostgreSQL in bulk by `write_postgres.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    create_engine,
    event,
    inspect,
    select,
)
from sqlalchemy import Connection as Link
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, NoSuchTableError
from sqlalchemy.schema import CreateTable
from sqlalchemy.types import TypeEngine

from unshelve.data import write_postgres, write_sql
from unshelve.data.connections import Connection, engine_errors
from unshelve.data.row_refused import RowRefused
from unshelve.data.spool import Batch, Written
from unshelve.data.target import STAMPS, TableTarget
from unshelve.errors import Conflict, NotAllowed, NotFound, Refused, Unavailable

LEDGER: Final = "unshelve_batches"
"""The table, beside the target, in which each batch that was written has its line."""
_HALF_FULL: Final = 50
WAIT_SECONDS: Final = 30
"""How long a batch waits for a table or a row that somebody else has locked."""

# Any: SQLAlchemy's column types are generic over what they hold.
SqlType = TypeEngine[Any]


class Writer:
    """A table that batches are written into. Use it as a context manager."""

    def __init__(self, target: TableTarget, connection: Connection) -> None:
        self.target = target
        self.connection = connection
        self._engine = _engine(connection)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    def check(self, columns: Sequence[str] = ()) -> None:
        """Raise what would stand against a batch: no such table, column or key. `columns` are those that are known."""
        with self._translated(), self._engine.connect() as link:
            inspector = inspect(link)
            schema, name = self._names()
            if not inspector.has_table(name, schema=schema):
                if not self.target.create:
                    raise self._no_table(self._statement(dict.fromkeys(columns)))
                return
            self._check_columns(inspector, columns)
            self._check_key(inspector)

    def write(self, batch: Batch, *, now: datetime) -> Written:
        """Write a batch, or find that it was written already. All of it is there afterwards, or nothing of it."""
        with self._translated():
            if self.target.create:
                self._create(batch)
            self._make_ledger()
            with self._engine.begin() as link:
                _wait_at_most(link)
                known = self._enter(link, batch, now)
                if known is not None:
                    return known
                table = self._reflected(link, batch)
                if link.dialect.name == "postgresql":
                    written = write_postgres.put(link, table, batch)
                else:
                    written = write_sql.put(link, table, batch)
                ledger = _ledger(self._names()[0])
                link.execute(
                    ledger.update()
                    .where(ledger.c.sink == batch.sink, ledger.c.batch == batch.id)
                    .values(rows=batch.rows, written=written)
                )
            return Written(rows=batch.rows, written=written, unchanged=batch.rows - written)

    def _names(self) -> tuple[str | None, str]:
        schema, dot, name = self.target.table.rpartition(".")
        return (schema or None) if dot else None, name

    def _enter(self, link: Link, batch: Batch, now: datetime) -> Written | None:
        """The batch's line in the ledger; what it says when it is there already.

        The primary key makes a second process, that took the batch up because this one seemed dead, wait for this
        transaction and then find its line.
        """
        ledger = _ledger(self._names()[0])
        wanted = select(ledger.c.rows, ledger.c.written).where(ledger.c.sink == batch.sink, ledger.c.batch == batch.id)
        known = link.execute(wanted).first()
        if known is not None:
            return Written(rows=known.rows, written=known.written, unchanged=known.rows - known.written, again=True)
        link.execute(
            ledger.insert().values(
                sink=batch.sink, batch=batch.id, rows=0, written=0, at=now.isoformat(timespec="seconds")
            )
        )
        return None

    def _make_ledger(self) -> None:
        ledger = _ledger(self._names()[0])
        with self._engine.connect() as link:
            if inspect(link).has_table(LEDGER, schema=ledger.schema):
                return
        try:
            with self._engine.begin() as link:
                ledger.create(link, checkfirst=True)
        except DBAPIError as error:
            if _state(error) not in _PERMISSION:
                raise
            statement = " ".join(str(CreateTable(ledger).compile(self._engine)).split())
            raise NotAllowed(
                f"The sink keeps a line for each batch in a table {LEDGER} beside {self.target.table}, and "
                f"{self.connection.name} does not let it make that table.",
                code="sink-ledger-refused",
                hint=f"Somebody who may runs, once: {statement};",
            ) from None

    def _create(self, batch: Batch) -> None:
        schema, name = self._names()
        with self._engine.begin() as link:
            if not inspect(link).has_table(name, schema=schema):
                # Where each batch replaces all rows, pages that are half empty take the new ones in at their place.
                room = {} if batch.changed else {"postgresql_with": {"fillfactor": _HALF_FULL}}
                self._table(batch.columns, link.dialect, **room).create(link, checkfirst=True)

    def _reflected(self, link: Link, batch: Batch) -> Table:
        schema, name = self._names()
        try:
            table = Table(name, MetaData(), schema=schema, autoload_with=link)
        except NoSuchTableError:
            raise self._no_table(self._statement(batch.columns)) from None
        inspector = inspect(link)
        self._check_columns(inspector, list(batch.columns), batch.columns)
        self._check_key(inspector)
        return table

    def _check_columns(
        self, inspector: Inspector, columns: Sequence[str], kinds: Mapping[str, pa.DataType | None] | None = None
    ) -> None:
        schema, name = self._names()
        there = {column["name"] for column in inspector.get_columns(name, schema=schema)}
        gone = [column for column in (*self.target.key, *columns, *STAMPS) if column not in there]
        if gone:
            quoted = inspector.dialect.identifier_preparer.quote
            listed = ", ".join(dict.fromkeys(map(repr, gone)))
            said = "; ".join(
                f"ALTER TABLE {self.target.table} ADD COLUMN {quoted(column)} "
                f"{self._type(column, (kinds or {}).get(column)).compile(inspector.dialect)}"
                for column in dict.fromkeys(gone)
            )
            raise Refused(
                f"The table {self.target.table} of {self.connection.name} has no column {listed}.",
                code="sink-column-gone",
                hint=f"Add it: {said}. Or choose what is written with columns=.",
            )

    def _check_key(self, inspector: Inspector) -> None:
        schema, name = self._names()
        wanted = set(self.target.key)
        keys = [inspector.get_pk_constraint(name, schema=schema)["constrained_columns"]]
        keys += [one["column_names"] for one in inspector.get_unique_constraints(name, schema=schema)]
        keys += [
            [str(column) for column in one["column_names"]]
            for one in inspector.get_indexes(name, schema=schema)
            if one["unique"] and not one.get("dialect_options", {}).get("postgresql_where")
        ]
        if any(set(columns) == wanted for columns in keys):
            return
        quoted = inspector.dialect.identifier_preparer.quote
        listed = ", ".join(quoted(column) for column in self.target.key)
        raise Refused(
            f"The table {self.target.table} of {self.connection.name} may hold two rows with one key: "
            f"it is not unique by {', '.join(self.target.key)}.",
            code="sink-table-without-key",
            hint=f"Make it so: CREATE UNIQUE INDEX {quoted(f'{name}_key')} ON {self.target.table} ({listed});",
        )

    def _no_table(self, statement: str) -> NotFound:
        return NotFound(
            f"{self.connection.name} ({self.connection.redacted}) has no table {self.target.table}.",
            code="sink-table-gone",
            hint=f"Make it ({statement}), or let the sink make it: create=True.",
        )

    def _statement(self, columns: Mapping[str, pa.DataType | None]) -> str:
        """The statement that makes the table, in the database's own words."""
        table = self._table(columns, self._engine.dialect)
        return " ".join(str(CreateTable(table).compile(dialect=self._engine.dialect)).split())

    # Any: options that SQLAlchemy hands to a dialect
    def _table(self, columns: Mapping[str, pa.DataType | None], dialect: Dialect, **options: Any) -> Table:
        schema, name = self._names()
        every = dict.fromkeys((*self.target.key, *columns, *STAMPS))
        made = [
            Column(
                column,
                self._type(column, columns.get(column), key=column in self.target.key, dialect=dialect),
                primary_key=column in self.target.key,
                autoincrement=False,
            )
            for column in every
        ]
        return Table(name, MetaData(), *made, schema=schema, **options)

    @staticmethod
    def _type(column: str, kind: pa.DataType | None, *, key: bool = False, dialect: Dialect | None = None) -> SqlType:
        if column == "version":
            return Integer()
        if column == "answer_id":
            return String(26)
        if column == "answered_at":
            return DateTime(timezone=True)
        for fits, made in _TYPES:
            if kind is not None and fits(kind):
                return made()
        # MySQL keeps no index over a text without a length.
        return String(255) if key and dialect is not None and dialect.name == "mysql" else Text()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Gives what the database says its meaning for a sink; the rest is `engine_errors`' to say."""
        doing = f"writing to {self.target.table}"
        with engine_errors(self.connection, doing):
            try:
                yield
            except RowRefused as refused:
                said = self.connection.hide(refused.said)
                raise Refused(
                    f"The table {self.target.table} of {self.connection.name} refuses {refused.row}: {said} "
                    "Nothing of the batch was written.",
                    code="sink-row-refused",
                    hint="Correct that row, or what refuses it, and run the sink again.",
                ) from None
            except DBAPIError as error:
                state = _state(error)
                if state in _LOCKED or "database is locked" in str(error.orig):
                    raise Unavailable(
                        f"The table {self.target.table} of {self.connection.name} is locked by somebody else; the sink "
                        f"waited {WAIT_SECONDS} seconds. Nothing was written.",
                        code="sink-locked",
                        hint="It tries again by itself.",
                    ) from None
                if state in _PERMISSION:
                    raise NotAllowed(
                        f"{self.connection.name} does not let us write to {self.target.table}.",
                        code="sink-not-allowed",
                        hint=f"Somebody who may runs: GRANT SELECT, INSERT, UPDATE ON {self.target.table}, {LEDGER} "
                        "TO the user of the connection;",
                    ) from None
                if state in _TWICE:
                    raise Conflict(
                        f"Another process writes the same rows to {self.target.table} of {self.connection.name} just "
                        "now. Nothing was written.",
                        code="sink-conflict",
                        hint="It tries again by itself.",
                    ) from None
                raise


def _engine(connection: Connection) -> Engine:
    try:
        url = make_url(connection.url)
    except ArgumentError:
        raise Refused(f"The connection {connection.name} is not an address.", code="connection-odd") from None
    driver = _DRIVERS.get(url.drivername)
    if driver is not None:
        url = url.set(drivername=driver)
    options: dict[str, object] = {"timeout": WAIT_SECONDS} if url.get_backend_name() == "sqlite" else {}
    if url.drivername == "mysql+pymysql":
        # As bytes: PyMySQL writes a text in Latin-1, whatever the server's own encoding is.
        options = {"connect_timeout": 15, "password": connection.password.encode()}
    try:
        engine = create_engine(url, connect_args=options, hide_parameters=True)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        package = _PACKAGES.get(url.drivername, getattr(error, "name", None) or url.drivername)
        raise Refused(
            f"{connection.name} is a {url.drivername} database, and what speaks with it is not installed.",
            code="driver-not-installed",
            hint=f"Install it: pip install {package}.",
        ) from None
    if engine.dialect.name == "sqlite":
        # The driver's own habit is to begin late: here the ledger's line and the rows must be one transaction.
        event.listen(engine, "connect", lambda driver, _record: setattr(driver, "isolation_level", None))
        event.listen(engine, "begin", lambda link: link.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _wait_at_most(link: Link) -> None:
    for statement in _WAITS.get(link.dialect.name, ()):
        link.exec_driver_sql(statement)


def _ledger(schema: str | None) -> Table:
    return Table(
        LEDGER,
        MetaData(),
        Column("sink", String(200), primary_key=True),
        Column("batch", String(40), primary_key=True),
        Column("rows", BigInteger, nullable=False),
        Column("written", BigInteger, nullable=False),
        Column("at", String(40), nullable=False),
        schema=schema,
    )


def _state(error: DBAPIError) -> str:
    """The number that MySQL gives an error (its SQLSTATE is HY000 for most of them), or another database's SQLSTATE."""
    original = error.orig
    first = original.args[0] if original is not None and original.args else None
    if isinstance(first, int):
        return str(first)
    state = getattr(original, "sqlstate", None)
    return state if isinstance(state, str) else ""


_DRIVERS: Final = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}
_PACKAGES: Final = {
    "postgresql+psycopg": "'psycopg[binary]'",
    "mysql+pymysql": "pymysql",
}
_WAITS: Final[Mapping[str, tuple[str, ...]]] = {
    "postgresql": (f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'",),
    "mysql": (
        f"SET SESSION innodb_lock_wait_timeout = {WAIT_SECONDS}",
        f"SET SESSION lock_wait_timeout = {WAIT_SECONDS}",
        "SET SESSION time_zone = '+00:00'",
        "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')",
    ),
}
_LOCKED: Final = ("55P03", "1205", "40P01", "1213", "40001")
_PERMISSION: Final = ("42501", "1142", "1143", "1044", "1227")
_TWICE: Final = ("23505", "1062")
_TYPES: Final = (
    (pa.types.is_boolean, Boolean),
    (pa.types.is_integer, BigInteger),
    (pa.types.is_floating, Double),
    (pa.types.is_date, Date),
    (pa.types.is_timestamp, lambda: DateTime(timezone=True)),
    (pa.types.is_decimal, Numeric),
    (pa.types.is_binary, LargeBinary),
)
