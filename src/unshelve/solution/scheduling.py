"""Which runs are due: the schedules that models declare, kept in the database and fired once each."""

from __future__ import annotations

from datetime import datetime

from unshelve.pipeline.schedule import due, in_words, next_after
from unshelve.pipeline.step import Kind
from unshelve.registry.schedules import advance, put_schedules, schedules
from unshelve.registry.solutions import get_solution
from unshelve.security.actors import LOCAL
from unshelve.solution.control import Cause, Control
from unshelve.solution.declaration import Declaration
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


def due_runs(control: Control) -> dict[str, Cause]:
    """Solutions that are to run now, each once, with the reason; their schedules move on to the next time.

    The batches of sinks that are due are ordered in the same transaction, so each time gives one. A time that passed
    while nobody kept schedules fires once, however many of them passed.
    """
    now = control.clock.now()
    found: dict[str, Cause] = {}
    with control.database.write() as connection:
        for one in schedules(connection):
            declaration = Declaration.from_json(get_solution(connection, one.solution).declaration)
            zone = declaration.zone
            state = due(one.expression, zone, next_at=datetime.fromisoformat(one.next_at), now=now)
            if not state.fires:
                continue
            advance(connection, one, next_at=state.next_at, fired_at=now)
            cause = Cause(LOCAL, f"the schedule of {one.name}: {in_words(one.expression)}")
            if declaration.has(one.name) and declaration.step(one.name).kind is Kind.SINK:
                order_batch(connection, one.solution, one.name, cause, now=now)
            else:
                found[one.solution] = cause
    return found
