"""Solutions that this home knows: their declaration as last read, and what was found in it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, select

from unshelve.errors import NotFound
from unshelve.ids import canonical_json
from unshelve.registry.tables import solution


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSolution:
    """A solution as the registry keeps it; `declaration` is the JSON of solution.declaration.Declaration."""

    name: str
    title: str
    description: str
    folder: str
    declaration: str
    findings: tuple[dict[str, Any], ...]
    updated_at: str


def put_solution(
    connection: Connection,
    *,
    name: str,
    title: str,
    description: str,
    folder: str,
    declaration: str,
    findings: Sequence[dict[str, Any]],
    now: str,
) -> None:
    """Keep a solution as it is now declared."""
    values = {
        "title": title,
        "description": description,
        "folder": folder,
        "declaration": declaration,
        "findings": canonical_json(list(findings)).decode(),
        "updated_at": now,
    }
    known = connection.execute(select(solution.c.name).where(solution.c.name == name)).first()
    if known is None:
        connection.execute(solution.insert().values(name=name, **values))
    else:
        connection.execute(solution.update().where(solution.c.name == name).values(**values))


def get_solution(connection: Connection, name: str) -> KnownSolution:
    """One solution; NotFound with near names otherwise."""
    row = connection.execute(select(solution).where(solution.c.name == name)).mappings().first()
    if row is None:
        names = list(connection.execute(select(solution.c.name)).scalars())
        raise NotFound(
            f"There is no solution {name!r}.",
            code="solution-not-found",
            near=difflib.get_close_matches(name, names, n=3),
        )
    return _known(row)


def solutions(connection: Connection) -> list[KnownSolution]:
    """All solutions by name."""
    return [_known(row) for row in connection.execute(select(solution).order_by(solution.c.name)).mappings()]


def _known(row: RowMapping) -> KnownSolution:
    values = dict(row)
    values["findings"] = tuple(msgspec.json.decode(values["findings"]))
    return KnownSolution(**values)
