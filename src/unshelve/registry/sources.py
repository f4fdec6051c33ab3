"""What each load of a declared source did. The newest one says where the next load begins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from unshelve.ids import canonical_json
from unshelve.registry.tables import source_load


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLoad:
    """One load. `record` is the digest of the whole record, whose parts are the rows; `artifact` is the table."""

    solution: str
    source: str
    number: int
    """1, 2, 3 … of the source."""
    run_id: str
    at: str
    complete: bool
    """Whether everything was loaded, and not only what was new."""
    why: str
    mark: str | None
    """How far it read, in words."""
    read_rows: int
    added: int
    changed: int
    removed: int
    rows: int
    size_bytes: int
    seconds: float
    columns: tuple[tuple[str, str], ...]
    """Name and type of each column."""
    notes: tuple[str, ...]
    result: str
    """The digest of all rows."""
    record: str
    artifact: Mapping[str, Any]


def keep_load(connection: Connection, load: SourceLoad) -> bool:
    """Keeps a load behind the newest one, unless it is that one; says whether it did. Its `number` is given here."""
    newest = newest_load(connection, load.solution, load.source)
    if newest is not None and newest.record == load.record:
        return False
    values = {name: getattr(load, name) for name in SourceLoad.__slots__}
    values["number"] = 1 if newest is None else newest.number + 1
    for name in ("columns", "notes", "artifact"):
        values[name] = canonical_json(values[name]).decode()
    connection.execute(source_load.insert().values(**values))
    return True


def newest_load(connection: Connection, solution: str, source: str) -> SourceLoad | None:
    """The load that the next one begins from."""
    found = loads_of(connection, solution, source, limit=1)
    return found[0] if found else None


def loads_of(connection: Connection, solution: str, source: str, *, limit: int = 100) -> list[SourceLoad]:
    """The loads of a source, the newest first."""
    table = source_load
    rows = connection.execute(
        select(table)
        .where(table.c.solution == solution, table.c.source == source)
        .order_by(table.c.number.desc())
        .limit(limit)
    )
    return [_load(row) for row in rows.mappings()]


def newest_loads(connection: Connection, solution: str) -> dict[str, SourceLoad]:
    """The newest load of each source of a solution."""
    table = source_load
    last = (
        select(table.c.source, func.max(table.c.number).label("number"))
        .where(table.c.solution == solution)
        .group_by(table.c.source)
        .subquery()
    )
    rows = connection.execute(
        select(table)
        .join(last, (table.c.source == last.c.source) & (table.c.number == last.c.number))
        .where(table.c.solution == solution)
    )
    return {load.source: load for load in map(_load, rows.mappings())}


def load_records(connection: Connection) -> Iterator[str]:
    """The digests of the newest records, whose parts a later load begins from: they are in use."""
    table = source_load
    last = (
        select(table.c.solution, table.c.source, func.max(table.c.number).label("number"))
        .group_by(table.c.solution, table.c.source)
        .subquery()
    )
    yield from connection.execute(
        select(table.c.record).join(
            last,
            (table.c.solution == last.c.solution)
            & (table.c.source == last.c.source)
            & (table.c.number == last.c.number),
        )
    ).scalars()


def _load(row: Mapping[Any, Any]) -> SourceLoad:
    values = dict(row)
    values["columns"] = tuple((name, kind) for name, kind in msgspec.json.decode(values["columns"]))
    values["notes"] = tuple(msgspec.json.decode(values["notes"]))
    values["artifact"] = msgspec.json.decode(values["artifact"])
    return SourceLoad(**values)
