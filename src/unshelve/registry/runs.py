"""Runs and their steps: queued, started, recorded, ended, and read back.

A run whose process ended without a word stays `running` until the next start marks it `interrupted`
(`interrupt_open_runs`); what it finished counts for the next run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, func, select, update

from unshelve.clock import milliseconds
from unshelve.errors import NotFound
from unshelve.ids import canonical_json, new_id
from unshelve.registry.bulk import add_rows
from unshelve.registry.states import RunState as RunState
from unshelve.registry.states import StepState as StepState
from unshelve.registry.tables import run, run_step
from unshelve.registry.webhooks import announce

RESUMABLE_FOR: Final = timedelta(days=1)
"""How long a broken run's sources count for the run that resumes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run as lists and pages show it. `only` is the one step that was wanted; None for all of them."""

    id: str
    solution: str
    number: int
    state: RunState
    cause: str
    actor: str
    queued_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)  # JSON
    environment: Mapping[str, str] = field(default_factory=dict)
    only: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStep:
    """What became of one task. `outputs` and `error` are JSON values as `pipeline` writes them."""

    task: str
    state: StepState
    reason: str
    key: str | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)  # JSON
    started_at: datetime | None = None
    seconds: float | None = None
    peak_bytes: int | None = None
    attempts: int = 0
    log: str | None = None
    error: Mapping[str, Any] | None = None  # JSON


def queue(
    connection: Connection,
    *,
    solution: str,
    cause: str,
    actor: str,
    parameters: Mapping[str, object],
    now: datetime,
    only: str | None = None,
) -> Run:
    """A new run of a solution, with the next number, not yet started."""
    last = connection.execute(select(func.max(run.c.number)).where(run.c.solution == solution)).scalar()
    queued = Run(
        id=new_id(milliseconds(now)),
        solution=solution,
        number=(last or 0) + 1,
        state=RunState.QUEUED,
        cause=cause,
        actor=actor,
        queued_at=now,
        parameters=dict(parameters),
        only=only,
    )
    connection.execute(
        run.insert().values(
            id=queued.id,
            solution=solution,
            number=queued.number,
            state=queued.state.value,
            cause=cause,
            actor=actor,
            parameters=canonical_json(queued.parameters).decode(),
            environment="{}",
            graph="[]",
            queued_at=time_text(now),
            only=only,
        )
    )
    return queued


def start(
    connection: Connection,
    run_id: str,
    *,
    environment: Mapping[str, str],
    graph: Sequence[Mapping[str, object]],
    now: datetime,
) -> None:
    """Says that a run goes on from now, in which environment, and which tasks it is made of. Raises NotFound.

    One that was broken off and is taken up again keeps the time at which it first began.
    """
    changed = connection.execute(
        update(run)
        .where(run.c.id == run_id)
        .values(
            state=RunState.RUNNING.value,
            environment=canonical_json(environment).decode(),
            graph=canonical_json(graph).decode(),
            started_at=func.coalesce(run.c.started_at, time_text(now)),
            ended_at=None,
            error=None,
        )
    )
    if changed.rowcount == 0:
        raise _unknown(run_id)


def record(connection: Connection, steps: Sequence[tuple[object, ...]]) -> None:
    """Adds rows of ended tasks, as `step_row` makes them. A task that is recorded already is left as it is."""
    add_rows(connection, run_step, steps)


def step_row(run_id: str, step: RunStep, position: int) -> tuple[object, ...]:
    """A step of a run as its row in the table. `position` counts the ended tasks of the run."""
    return (
        run_id,
        step.task,
        position,
        step.state.value,
        step.reason,
        step.key,
        _json(step.outputs) if step.outputs else None,
        None if step.started_at is None else time_text(step.started_at),
        step.seconds,
        step.peak_bytes,
        step.attempts,
        step.log,
        None if step.error is None else _json(step.error),
    )


def end(connection: Connection, run_id: str, state: RunState, *, now: datetime, error: str | None = None) -> None:
    """Says how a run ended, with one sentence on why where it did not end well; webhooks are told of it."""
    connection.execute(
        update(run).where(run.c.id == run_id).values(state=state.value, ended_at=time_text(now), error=error)
    )
    event = _EVENTS.get(state)
    row = connection.execute(select(run.c.solution, run.c.number, run.c.cause).where(run.c.id == run_id)).first()
    if event is not None and row is not None:
        told = {"run": run_id, "solution": row.solution, "number": row.number, "state": state.value}
        told |= {"cause": row.cause, "error": error}
        announce(connection, event, f"{row.solution}#{row.number}", told, now=now)


def interrupt(connection: Connection, run_id: str, *, now: datetime) -> None:
    """Marks a run whose process is gone, if it was going on; it can be taken up again."""
    connection.execute(
        update(run)
        .where(run.c.id == run_id, run.c.state == RunState.RUNNING.value)
        .values(
            state=RunState.INTERRUPTED.value,
            ended_at=time_text(now),
            error="The process ended while the run was going on.",
        )
    )


def interrupt_stopped(connection: Connection, run_id: str) -> None:
    """Marks a run that was stopped for its server's sake alone: another server takes it up."""
    connection.execute(
        update(run)
        .where(run.c.id == run_id)
        .values(state=RunState.INTERRUPTED.value, error="Its server was stopped; another one goes on with it.")
    )


def interrupt_open_runs(connection: Connection, *, waiting: Collection[str], now: datetime) -> list[str]:
    """Marks runs that are still called running and can no longer be: to be called at start, by the only writer.

    Of those that are queued, the ones in `waiting` go on waiting, and the others are stopped.
    """
    open_runs = list(connection.execute(select(run.c.id).where(run.c.state == RunState.RUNNING.value)).scalars())
    for run_id in open_runs:
        interrupt(connection, run_id, now=now)
    queued = connection.execute(select(run.c.id).where(run.c.state == RunState.QUEUED.value)).scalars().all()
    for run_id in queued:
        if run_id not in waiting:
            end(connection, run_id, RunState.STOPPED, now=now, error="The process ended before the run began.")
    return open_runs


def resume_point(connection: Connection, solution: str, *, now: datetime) -> datetime | None:
    """Since when answers of sources count for a run that starts now; None: each source is to be asked.

    If the newest runs of the solution were broken off, that is when the first of them started: a run that is
    broken off twice still asks each source once. Runs that broke off more than a day ago are left alone.
    """
    since: datetime | None = None
    rows = connection.execute(
        select(run.c.state, run.c.started_at)
        .where(run.c.solution == solution, run.c.started_at.is_not(None))
        .order_by(run.c.number.desc())
        .limit(1000)
    )
    for state, started_at in rows:
        started = _time(started_at)
        if state not in _BROKEN or started is None or now - started > RESUMABLE_FOR:
            break
        since = started
    return since


def get_run(connection: Connection, run_id: str) -> Run:
    """One run. Raises NotFound."""
    row = connection.execute(select(*_COLUMNS).where(run.c.id == run_id)).first()
    if row is None:
        raise _unknown(run_id)
    return _run(row)


def numbered_run(connection: Connection, solution: str, number: int) -> Run:
    """A run of a solution by its number. Raises NotFound."""
    row = connection.execute(select(*_COLUMNS).where(run.c.solution == solution, run.c.number == number)).first()
    if row is None:
        raise NotFound(f"{solution} has no run {number}.", code="run-not-found")
    return _run(row)


def runs_of(
    connection: Connection,
    solution: str | None = None,
    *,
    limit: int = 100,
    before: int | None = None,
    whole: bool = False,
) -> list[Run]:
    """The runs of a solution (or of all), newest first; `before` is the number that the last page ended with.

    With `whole`, runs of one step alone (rows for a sink, a lookup brought anew) are left out.
    """
    query = select(*_COLUMNS).order_by(run.c.queued_at.desc(), run.c.id.desc()).limit(limit)
    if solution is not None:
        query = query.where(run.c.solution == solution)
    if before is not None:
        query = query.where(run.c.number < before)
    if whole:
        query = query.where(run.c.only.is_(None))
    return [_run(row) for row in connection.execute(query)]


def graph_of(connection: Connection, run_id: str) -> list[dict[str, Any]]:
    """The tasks of a run as they are drawn: name, title, kind, group, needs. Raises NotFound."""
    text = connection.execute(select(run.c.graph).where(run.c.id == run_id)).scalar()
    if text is None:
        raise _unknown(run_id)
    drawn: list[dict[str, Any]] = msgspec.json.decode(text)
    return drawn


def steps_of(connection: Connection, run_id: str) -> list[RunStep]:
    """The ended tasks of a run, in the order in which they ended."""
    rows = connection.execute(select(*_STEP_COLUMNS).where(run_step.c.run_id == run_id).order_by(run_step.c.position))
    return [_step(row) for row in rows]


def step_of(connection: Connection, run_id: str, task: str) -> RunStep:
    """One ended task of a run. Raises NotFound."""
    row = connection.execute(select(*_STEP_COLUMNS).where(run_step.c.run_id == run_id, run_step.c.task == task)).first()
    if row is None:
        raise NotFound(f"Run {run_id} has no ended step {task}.", code="step-not-found")
    return _step(row)


def usual_seconds(connection: Connection, solution: str) -> dict[str, float]:
    """How long each task took when it last ran, for the time left: of the newest 20 runs that ran any."""
    newest = (
        select(run.c.id).where(run.c.solution == solution).order_by(run.c.number.desc()).limit(20).scalar_subquery()
    )
    rows = connection.execute(
        select(run_step.c.task, run_step.c.seconds)
        .where(run_step.c.run_id.in_(newest), run_step.c.state == StepState.RAN.value)
        .order_by(run_step.c.run_id)
    )
    return {task: seconds for task, seconds in rows if seconds is not None}


def time_text(moment: datetime) -> str:
    """A moment as the tables hold it: UTC with microseconds, so that texts sort as times do."""
    whole = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return whole.isoformat(timespec="microseconds")


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _unknown(run_id: str) -> NotFound:
    hint = "Where `keep_runs_days` is set, earlier runs are let go of."
    return NotFound(f"There is no run {run_id}.", code="run-not-found", hint=hint)


def _run(row: Row[Any]) -> Run:
    return Run(
        id=row.id,
        solution=row.solution,
        number=row.number,
        state=RunState(row.state),
        cause=row.cause,
        actor=row.actor,
        queued_at=datetime.fromisoformat(row.queued_at),
        started_at=_time(row.started_at),
        ended_at=_time(row.ended_at),
        error=row.error,
        parameters=msgspec.json.decode(row.parameters),
        environment=msgspec.json.decode(row.environment),
        only=row.only,
    )


def _step(row: Row[Any]) -> RunStep:
    return RunStep(
        task=row.task,
        state=StepState(row.state),
        reason=row.reason,
        key=row.key,
        outputs={} if row.outputs is None else msgspec.json.decode(row.outputs),
        started_at=_time(row.started_at),
        seconds=row.seconds,
        peak_bytes=row.peak_bytes,
        attempts=row.attempts,
        log=row.log,
        error=None if row.error is None else msgspec.json.decode(row.error),
    )


_EVENTS: Final = {
    RunState.DONE: "run-done",
    RunState.FAILED: "run-failed",
    RunState.INTERRUPTED: "run-failed",
}
_BROKEN: Final = frozenset({RunState.INTERRUPTED.value, RunState.STOPPED.value})
_COLUMNS: Final = tuple(column for column in run.c if column.name != "graph")
_STEP_COLUMNS: Final = tuple(column for column in run_step.c if column.name not in ("run_id", "position"))
