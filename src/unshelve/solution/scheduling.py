"""Which runs are due: the schedules that models declare, and lookups that are older than they may be.

Each is fired once, by whichever control looks first.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from unshelve.pipeline.schedule import due, in_words, next_after
from unshelve.pipeline.step import Kind
from unshelve.registry.lookups import refreshes_of
from unshelve.registry.runs import runs_of
from unshelve.registry.schedules import advance, put_schedules, schedules
from unshelve.registry.solutions import get_solution, solutions
from unshelve.security.actors import LOCAL
from unshelve.solution.control import Cause, Control
from unshelve.solution.declaration import Declaration, StepInfo
from unshelve.solution.queueing import open_orders, order_of, queue_run
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


def queue_due_refreshes(control: Control) -> int:
    """Queue a run of each lookup that was last asked longer ago than its `fresh=` says, and tell how many.

    A run that is open for it already, or that failed, counts as asked. A solution that was never run is left alone.
    """
    now = control.clock.now()
    with control.database.read() as connection:
        if not _old_lookups(connection, now):
            return 0
    with control.database.write() as connection:
        found = _old_lookups(connection, now)
        for solution, folder, step in found:
            cause = Cause(LOCAL, _refreshed(step))
            queue_run(connection, control, folder, solution, cause, only=step.name)
    return len(found)


def _old_lookups(connection: Connection, now: datetime) -> list[tuple[str, Path, StepInfo]]:
    """Lookups that are to be asked again: solution, its folder, the step."""
    waiting = {(order.solution, order.only) for order in map(order_of, open_orders(connection))}
    found = []
    for known in solutions(connection):
        declaration = Declaration.from_json(known.declaration)
        for step in declaration.lookups:
            last = next(iter(refreshes_of(connection, known.name, step.name, limit=1)), None)
            if last is None or step.fresh_seconds is None or (known.name, None) in waiting:
                continue
            queued = (run.queued_at for run in runs_of(connection, known.name) if run.cause == _refreshed(step))
            age = now - max([datetime.fromisoformat(last.made_at), *queued])
            if age.total_seconds() >= step.fresh_seconds and (known.name, step.name) not in waiting:
                found.append((known.name, Path(known.folder), step))
    return found


def _refreshed(step: StepInfo) -> str:
    """Why a run is made that refreshes a lookup."""
    return f"the lookup {step.name} is refreshed"


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
