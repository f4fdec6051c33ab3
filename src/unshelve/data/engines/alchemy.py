"""MySQL, MariaDB and all other databases that SQLAlchemy has a driver for.

Rows are streamed by a cursor of the server. For MySQL and MariaDB, `pip install 'unshelve[mysql]'` brings PyMySQL; for
others, install the driver that the address names (`oracle+oracledb://…`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import Connection as Session
from sqlalchemy import create_engine, text
from sqlalchemy.exc import NoSuchModuleError
from sqlalchemy.pool import NullPool

from unshelve.data.batches import CHUNK_ROWS, Tell, batches_of_rows, check_columns, empty_batch
from unshelve.data.connections import Connection, ConnectionKind
from unshelve.data.engines.reading import Lowest, no_start, not_installed, type_of_start
from unshelve.data.placeholders import Query
from unshelve.errors import Refused


def read(connection: Connection, query: Query, values: Mapping[str, Any], tell: Tell) -> Iterator[pa.RecordBatch]:
    """See engines.reading.Reader."""
    bound = {name: values[name] for name in query.parameters}
    statement = text(query.written(lambda name: f":{name}").replace("::", r"\:\:"))
    engine = _engine(connection)
    try:
        with engine.connect() as opened:
            session = opened.execution_options(stream_results=True, max_row_buffer=CHUNK_ROWS, yield_per=CHUNK_ROWS)
            if connection.kind is ConnectionKind.MYSQL:
                session.execute(text("set time_zone = '+00:00'"))
                session.execute(text("set transaction read only"))
                session.rollback()
            for name, lowest in [(name, each) for name, each in bound.items() if isinstance(each, Lowest)]:
                bound[name] = _lowest(session, statement, bound, name, lowest)
            with closing(session.execute(statement, bound)) as result:
                names = check_columns(list(result.keys()), "The query's result")
                yield empty_batch(names)
                yield from batches_of_rows(names, (tuple(row) for row in result), tell)
    finally:
        engine.dispose()


def _engine(connection: Connection) -> Any:
    url = connection.url
    if connection.kind is ConnectionKind.MYSQL and "+" not in connection.scheme:
        url = f"mysql+pymysql{url[len(connection.scheme) :]}"
    patience: dict[str, Any] = {}
    if connection.kind is ConnectionKind.MYSQL:
        # As bytes: PyMySQL writes a text in Latin-1, whatever the server's own encoding is.
        patience = {"connect_timeout": 15, "read_timeout": 600, "password": connection.password.encode()}
    try:
        return create_engine(url, poolclass=NullPool, connect_args=patience, hide_parameters=True)
    except ModuleNotFoundError as error:
        if connection.kind is ConnectionKind.MYSQL:
            raise not_installed("The driver of MySQL", "mysql") from None
        raise Refused(
            f"The connection {connection.name} needs the driver {error.name}, which is not installed.",
            code="driver-missing",
            hint=f"Install it into the environment that unshelve runs in: pip install {error.name}.",
        ) from None
    except NoSuchModuleError:
        raise Refused(
            f"SQLAlchemy knows no database {connection.scheme!r}, which the connection {connection.name} names.",
            code="driver-missing",
            hint="Install its dialect, or name another one.",
        ) from None


def _lowest(session: Session, statement: Any, bound: Mapping[str, Any], name: str, lowest: Lowest) -> object:
    """Below all that the column of the result can hold, told by the type that MySQL gives it."""
    blank = {each: None if isinstance(value, Lowest) else value for each, value in bound.items()}
    with closing(session.execute(statement, blank)) as result:
        described = {each[0]: each[1] for each in result.cursor.description} if result.cursor is not None else {}
    code = type_of_start(lowest, described)
    if session.dialect.name in ("mysql", "mariadb"):
        for codes, value in _LOWEST_OF_MYSQL:
            if code in codes:
                return value
    raise no_start(name, f"of a type that {session.dialect.name} does not tell")


_LOWEST_OF_MYSQL: Final[tuple[tuple[frozenset[int], object], ...]] = (
    (frozenset({7, 12}), datetime(1000, 1, 1)),  # noqa: DTZ001 - MySQL's moments bear no zone
    (frozenset({10}), date(1000, 1, 1)),
    (frozenset({1, 2, 3, 8, 9}), -(2**63)),
    (frozenset({0, 4, 5, 246}), -1e300),
    (frozenset({15, 253, 254}), ""),
)
