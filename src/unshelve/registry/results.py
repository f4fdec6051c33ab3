"""Stored results: what a task made under a key, to be used again instead of running it.

Rows come and go as plain texts: a plan reads tens of thousands of them, and decodes those that it needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, select

from unshelve.registry.bulk import put_rows
from unshelve.registry.tables import result


class StoredResult(NamedTuple):
    """What a task made. `outputs` and `parts` are JSON texts; `made_at` is a time as `runs.time_text` writes it."""

    key: str
    task: str
    outputs: str
    parts: str
    run_id: str
    made_at: str

    def read_parts(self) -> Mapping[str, Any]:
        """What the key was made of, as `pipeline.cache` wrote it."""
        parts: Mapping[str, Any] = msgspec.json.decode(self.parts)
        return parts


def newest_results(connection: Connection, solution: str, *, limit: int) -> list[StoredResult]:
    """The newest results of a solution, newest first."""
    rows = connection.execute(
        select(*_COLUMNS).where(result.c.solution == solution).order_by(result.c.made_at.desc()).limit(limit)
    )
    return [StoredResult(*row) for row in rows]


def result_of_key(connection: Connection, key: str) -> StoredResult | None:
    """The result under a key, if there is one."""
    row = connection.execute(select(*_COLUMNS).where(result.c.key == key)).first()
    return None if row is None else StoredResult(*row)


def newest_of_task(connection: Connection, solution: str, task: str) -> StoredResult | None:
    """The newest result of a task under any key."""
    row = connection.execute(
        select(*_COLUMNS)
        .where(result.c.solution == solution, result.c.task == task)
        .order_by(result.c.made_at.desc())
        .limit(1)
    ).first()
    return None if row is None else StoredResult(*row)


def keep_results(connection: Connection, solution: str, results: Sequence[StoredResult]) -> None:
    """Stores results; one under a known key takes the place of what was there."""
    rows = [(one.key, solution, one.task, one.outputs, one.parts, one.run_id, one.made_at) for one in results]
    put_rows(connection, result, rows, replace=("outputs", "parts", "run_id", "made_at"))


def forget_results(connection: Connection, solution: str, *, task: str | None = None) -> int:
    """Forgets the results of a solution, or of one task, so that they are made again; gives how many there were."""
    statement = delete(result).where(result.c.solution == solution)
    if task is not None:
        statement = statement.where(result.c.task == task)
    return connection.execute(statement).rowcount


_COLUMNS = (result.c.key, result.c.task, result.c.outputs, result.c.parts, result.c.run_id, result.c.made_at)
