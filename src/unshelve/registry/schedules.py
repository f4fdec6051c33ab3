"""Schedules: when which model is to be retrained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from unshelve.registry.tables import schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One schedule of a solution; times are ISO 8601 in UTC."""

    solution: str
    name: str
    expression: str
    next_at: str
    last_at: str | None = None


def schedules(connection: Connection, solution: str | None = None) -> list[Schedule]:
    """All schedules, or those of one solution, the next one first."""
    query = select(schedule).order_by(schedule.c.next_at, schedule.c.name)
    if solution is not None:
        query = query.where(schedule.c.solution == solution)
    return [Schedule(**row) for row in connection.execute(query).mappings()]


def put_schedules(connection: Connection, solution: str, wanted: Mapping[str, tuple[str, datetime]]) -> None:
    """Make a solution's schedules those in `wanted`: name -> (expression, first time)."""
    known = {each.name: each for each in schedules(connection, solution)}
    for name in known.keys() - wanted.keys():
        connection.execute(schedule.delete().where(schedule.c.solution == solution, schedule.c.name == name))
    for name, (expression, first) in wanted.items():
        if name not in known:
            connection.execute(
                schedule.insert().values(solution=solution, name=name, expression=expression, next_at=first.isoformat())
            )
        elif known[name].expression != expression:
            connection.execute(
                schedule.update()
                .where(schedule.c.solution == solution, schedule.c.name == name)
                .values(expression=expression, next_at=first.isoformat())
            )


def advance(connection: Connection, one: Schedule, *, next_at: datetime, fired_at: datetime | None) -> None:
    """Say when a schedule is due next, and, if it fired, when that was."""
    values = {"next_at": next_at.isoformat()}
    if fired_at is not None:
        values["last_at"] = fired_at.isoformat()
    connection.execute(
        schedule.update().where(schedule.c.solution == one.solution, schedule.c.name == one.name).values(**values)
    )
