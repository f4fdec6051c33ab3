"""Copies of lookups: which is the newest of each, and how the refreshes before it went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from sqlalchemy import Connection, RowMapping, and_, func, select

from unshelve.ids import canonical_json
from unshelve.registry.tables import lookup_copy


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """One time a lookup was asked: the copy that came of it, or why none did. Times are ISO 8601 in UTC."""

    solution: str
    name: str
    made_at: str
    run_id: str
    digest: str | None = None
    size_bytes: int | None = None
    rows: int | None = None
    keys: int | None = None
    newest: int | None = None
    """The time of its newest entry, in microseconds since 1970; None where entries have no time."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """The columns that rows are given, with their types."""
    error: str | None = None

    @property
    def full_name(self) -> str:
        return f"{self.solution}.{self.name}"


def add_refresh(connection: Connection, one: Refresh) -> None:
    """Keep what came of a refresh. A second one of the same moment takes the place of the first."""
    key = (lookup_copy.c.solution == one.solution, lookup_copy.c.name == one.name, lookup_copy.c.made_at == one.made_at)
    connection.execute(lookup_copy.delete().where(*key))
    values = msgspec.to_builtins(one)
    connection.execute(lookup_copy.insert().values(**{**values, "columns": canonical_json(one.columns).decode()}))


def newest_copies(connection: Connection, solution: str | None = None) -> dict[str, Refresh]:
    """The newest copy of each lookup, by full name; those of which there is none yet are left out."""
    newest = (
        select(lookup_copy.c.solution, lookup_copy.c.name, func.max(lookup_copy.c.made_at).label("made_at"))
        .where(lookup_copy.c.digest.is_not(None))
        .group_by(lookup_copy.c.solution, lookup_copy.c.name)
        .subquery()
    )
    wanted = select(lookup_copy).join(
        newest,
        and_(
            lookup_copy.c.solution == newest.c.solution,
            lookup_copy.c.name == newest.c.name,
            lookup_copy.c.made_at == newest.c.made_at,
        ),
    )
    if solution is not None:
        wanted = wanted.where(lookup_copy.c.solution == solution)
    found = [_refresh(row) for row in connection.execute(wanted).mappings()]
    return {one.full_name: one for one in found}


def refreshes_of(connection: Connection, solution: str, name: str, *, limit: int = 60) -> list[Refresh]:
    """The last refreshes of a lookup, the newest first."""
    wanted = (
        select(lookup_copy)
        .where(lookup_copy.c.solution == solution, lookup_copy.c.name == name)
        .order_by(lookup_copy.c.made_at.desc())
        .limit(limit)
    )
    return [_refresh(row) for row in connection.execute(wanted).mappings()]


def drop_refreshes(connection: Connection, run_id: str) -> None:
    """Forget what a run brought of lookups, except for the copies that answer."""
    kept = {(one.solution, one.name, one.made_at) for one in newest_copies(connection).values()}
    wanted = select(lookup_copy.c.solution, lookup_copy.c.name, lookup_copy.c.made_at)
    for key in connection.execute(wanted.where(lookup_copy.c.run_id == run_id)).all():
        if tuple(key) not in kept:
            solution, name, made_at = key
            same = (lookup_copy.c.solution == solution, lookup_copy.c.name == name, lookup_copy.c.made_at == made_at)
            connection.execute(lookup_copy.delete().where(*same))


def _refresh(row: RowMapping) -> Refresh:
    columns = msgspec.json.decode(row["columns"], type=dict[str, str])
    return Refresh(**{**row, "columns": columns})
