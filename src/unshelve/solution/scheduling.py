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
from unshelve.solution.sinking import order_batch


def keep_schedules(control: Control, declaration: Declaration) -> None:
    """Make a solution's schedules those that its models and sinks declare now."""
    now = control.clock.now()
    wanted = {
        step.name: (step.retrain, next_after(step.retrain, now, declaration.zone))
        for step in declaration.of_kind(Kind.MODEL)
        if step.retrain is not None
    }
    for step in declaration.of_kind(Kind.SINK):
        if step.sink is not None and step.sink.schedule is not None:
            wanted[step.name] = (step.sink.schedule, next_after(step.sink.schedule, now, declaration.zone))
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
        found, ordered = _due(connection, now)
        for solution, cause in found.items():
            folder = Path(get_solution(connection, solution).folder)
            queue_run(connection, control, folder, solution, cause)
    return len(found) + ordered


def _due(connection: Connection, now: datetime) -> tuple[dict[str, Cause], int]:
    """Solutions that are to run now, each once, with the reason, and how many batches of sinks were ordered.

    Their schedules move on to the next time.
    """
    found: dict[str, Cause] = {}
    ordered = 0
    for one in schedules(connection):
        declaration = Declaration.from_json(get_solution(connection, one.solution).declaration)
        state = due(one.expression, declaration.zone, next_at=datetime.fromisoformat(one.next_at), now=now)
        if not state.fires:
            continue
        advance(connection, one, next_at=state.next_at, fired_at=now)
        cause = Cause(LOCAL, f"the schedule of {one.name}: {in_words(one.expression)}")
        if declaration.has(one.name) and declaration.step(one.name).kind is Kind.SINK:
            order_batch(connection, one.solution, one.name, cause, now=now)
            ordered += 1
        else:
            found[one.solution] = cause
    return found, ordered
