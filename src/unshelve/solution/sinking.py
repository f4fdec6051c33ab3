"""Ordering batches of sinks: by a schedule, after a run, or by a person. What is ordered is a Job and a line on a page.

Both are written in one transaction with what asked for them. `sink_runner.py` carries batches out.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from unshelve.errors import NotFound
from unshelve.pipeline.step import Kind
from unshelve.registry.releases import champion_of
from unshelve.registry.runs import RunState, runs_of
from unshelve.registry.sinks import BatchState, SinkBatch, add_batch, batch_of_run
from unshelve.registry.solutions import get_solution, solutions
from unshelve.schema.near import near
from unshelve.security.actors import LOCAL
from unshelve.security.audit import append
from unshelve.solution.control import Cause, Control
from unshelve.solution.declaration import Declaration, StepInfo
from unshelve.solution.sink_findings import answers_and_rows
from unshelve.storage.jobs import Order, enqueue

JOB: Final = "sink"


def order_batch(
    connection: Connection, solution: str, sink: str, cause: Cause, *, now: datetime, run_id: str | None = None
) -> str:
    """Order a batch and give its id; while one of the sink waits or is carried out, that one is meant.

    `run_id` names the run whose rows are taken; without it the rows are fetched anew.
    """
    payload = {"solution": solution, "sink": sink, "run": run_id}
    # A run's rows are another batch than those that are fetched: one must not pass for the other.
    unique = f"{JOB} {solution}.{sink} {run_id or ''}".strip()
    job = enqueue(connection, Order(kind=JOB, payload=payload, actor=cause.actor.name, unique=unique), now=now)
    add_batch(
        connection,
        SinkBatch(
            id=job,
            solution=solution,
            sink=sink,
            state=BatchState.WAITING,
            cause=cause.sentence,
            actor=cause.actor.name,
            ordered_at=now.isoformat(),
            run_id=run_id,
        ),
    )
    return job


def order_by_hand(connection: Connection, full_name: str, cause: Cause, *, now: datetime) -> str:
    """Order a batch because somebody asked for it; it is kept in the audit. Raises NotFound with near names."""
    step = sink_named(connection, full_name)
    solution = full_name.partition(".")[0]
    append(connection, cause.actor, "run sink", full_name, {"cause": cause.sentence}, now=now)
    return order_batch(connection, solution, step.name, cause, now=now)


def sink_named(connection: Connection, full_name: str) -> StepInfo:
    """The sink of a full name. Raises NotFound with near names."""
    solution, _, name = full_name.partition(".")
    known = Declaration.from_json(get_solution(connection, solution).declaration)
    sinks = known.of_kind(Kind.SINK)
    found = next((step for step in sinks if step.name == name), None)
    if found is None:
        names = [f"{solution}.{step.name}" for step in sinks]
        raise NotFound(
            f"{known.title} has no sink {name!r}.",
            code="sink-not-found",
            near=near(full_name, names),
            hint=f"It has {', '.join(names)}." if names else "Declare one with @sink.",
        )
    return found


def order_after_run(control: Control, declaration: Declaration, run_id: str, cause: Cause) -> None:
    """Order a batch of each sink that writes after each run, over the rows that this run made."""
    with control.database.write() as connection:
        _order_after(connection, declaration, run_id, Cause(cause.actor, "a run ended"), control.clock.now())


def order_forgotten(control: Control) -> None:
    """Order what a control that was killed between a run's end and its sinks could not: to be called at start."""
    with control.database.write() as connection:
        for known in solutions(connection):
            declaration = Declaration.from_json(known.declaration)
            newest = next(iter(runs_of(connection, known.name, limit=1)), None)
            if newest is not None and newest.state is RunState.DONE and not newest.cause.startswith(ROWS_FOR):
                cause = Cause(LOCAL, "a run ended")
                _order_after(connection, declaration, newest.id, cause, control.clock.now())


ROWS_FOR: Final = "rows for the sink "
"""How the cause of a run begins that only fetches rows."""


def _order_after(connection: Connection, declaration: Declaration, run_id: str, cause: Cause, now: datetime) -> None:
    for step in declaration.of_kind(Kind.SINK):
        if step.sink is None or step.sink.schedule is not None:
            continue
        model, _ = answers_and_rows(declaration, step)
        answers = champion_of(connection, f"{declaration.name}.{model}") is not None
        if answers and batch_of_run(connection, declaration.name, step.name, run_id) is None:
            order_batch(connection, declaration.name, step.name, cause, now=now, run_id=run_id)
