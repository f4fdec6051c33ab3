"""Which runs are due: the schedules that models declare, kept in the database and fired once each."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from unshelve.pipeline.schedule import due, in_words, next_after
from unshelve.pipeline.step import Kind
from unshelve.registry.schedules import advance, put_schedules, schedules
from unshelve.registry.solutions import get_solution
from unshelve.security.actors import LOCAL
from unshelve.solution.control import Cause, Control
from unshelve.solution.declaration import Declaration
from unshelve.solution.queueing import queue_run


def keep_schedules(control: Control, declaration: Declaration) -> None:
    """Make a solution's schedules those that its models declare now."""
    now = control.clock.now()
    wanted = {
        step.name: (step.retrain, next_after(step.retrain, now, declaration.zone))
        for step in declaration.of_kind(Kind.MODEL)
        if step.retrain is not None
    }
    with control.database.write() as connection:
        put_schedules(connection, declaration.name, wanted)


def queue_due_runs(control: Control) -> int:
    """Queue the runs that are due, and tell how many; their schedules move on in the same transaction.

    A time that passed while nobody kept schedules fires once, however many of them passed. Of several servers on one
    database, one fires.
    """
    now = control.clock.now()
    with control.database.read() as connection:
        if not any(datetime.fromisoformat(one.next_at) <= now for one in schedules(connection)):
            return 0
    with control.database.write() as connection:
        found = _due(connection, now)
        for solution, cause in found.items():
            folder = Path(get_solution(connection, solution).folder)
            queue_run(connection, control, folder, solution, cause)
    return len(found)


def _due(connection: Connection, now: datetime) -> dict[str, Cause]:
    """Solutions that are to run now, each once, with the reason; their schedules move on to the next time."""
    found: dict[str, Cause] = {}
    for one in schedules(connection):
        zone = Declaration.from_json(get_solution(connection, one.solution).declaration).zone
        state = due(one.expression, zone, next_at=datetime.fromisoformat(one.next_at), now=now)
        if not state.fires:
            continue
        advance(connection, one, next_at=state.next_at, fired_at=now)
        found[one.solution] = Cause(LOCAL, f"the schedule of {one.name}: {in_words(one.expression)}")
    return found
