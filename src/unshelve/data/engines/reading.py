"""Reading a query: the one function that every database's file fulfils, and which file that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Protocol, TypeVar

import pyarrow as pa

from unshelve.data.batches import Tell
from unshelve.data.connections import SQL_KINDS, Connection, ConnectionKind, engine_errors
from unshelve.data.placeholders import Query
from unshelve.errors import Refused
from unshelve.schema.near import near


@dataclass(frozen=True, slots=True)
class Lowest:
    """The value of a parameter that is not known yet: below all that a column of the result can hold."""

    column: str


T = TypeVar("T")


class Reader(Protocol):
    """Gives a query's rows in batches, in memory that does not grow with their number, in a transaction that only
    reads. The first batch comes even if there are no rows. Values are bound by the driver."""

    def __call__(
        self, connection: Connection, query: Query, values: Mapping[str, Any], tell: Tell, /
    ) -> Iterator[pa.RecordBatch]: ...


def read_query(
    connection: Connection, query: Query, values: Mapping[str, Any], *, what: str, tell: Tell
) -> Iterator[pa.RecordBatch]:
    """A query's rows in batches; what the driver raises becomes an error of ours, without the address."""
    if connection.kind not in SQL_KINDS:
        raise Refused(
            f"The connection {connection.name} leads to {connection.redacted}, which takes no SQL.",
            code="connection-kind",
            hint="Set it to the address of a database.",
        )
    module = import_module(f"unshelve.data.engines.{_MODULES[connection.kind]}")
    reader: Reader = module.read
    with engine_errors(connection, f"reading {what}"):
        yield from reader(connection, query, values, tell)


def type_of_start(lowest: Lowest, types: Mapping[str, T]) -> T:
    """The type of the column that a first value is looked for. Refused when the result does not have it."""
    if lowest.column not in types:
        raise Refused(
            f"The source has watermark={lowest.column!r}, and no column of that name comes.",
            code="source-column-missing",
            near=near(lowest.column, types),
            hint=f"What comes has {', '.join(list(types)[:12])}.",
        )
    return types[lowest.column]


def no_start(name: str, kind: str) -> Refused:
    """What is said where the lowest value of a type is not known."""
    return Refused(
        f"Where the first load begins is not known: :{name} is {kind}.",
        code="mark-without-start",
        hint="Say it: start=….",
    )


def not_installed(library: str, extra: str) -> Refused:
    """What is said where a driver is missing."""
    return Refused(
        f"{library} is not installed.",
        code="driver-missing",
        hint=f"Install it into the environment that unshelve runs in: pip install 'unshelve[{extra}]'.",
    )


_MODULES: Final[Mapping[ConnectionKind, str]] = {
    ConnectionKind.POSTGRES: "postgres",
    ConnectionKind.MYSQL: "alchemy",
    ConnectionKind.SQLITE: "sqlite",
    ConnectionKind.DUCKDB: "duck",
    ConnectionKind.OTHER_SQL: "alchemy",
}
