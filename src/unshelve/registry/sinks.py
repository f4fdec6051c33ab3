"""Batches of sinks: ordered, taken up, done or failed, each with what was written and what was set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from unshelve.errors import NotFound
from unshelve.registry.tables import sink_batch
from unshelve.registry.webhooks import announce


class BatchState(StrEnum):
    """Where a batch stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkBatch:
    """One batch of a sink. Times are ISO 8601 in UTC; `set_aside` are the first rows that were not written."""

    id: str
    solution: str
    sink: str
    state: BatchState
    cause: str
    actor: str
    ordered_at: str
    run_id: str | None = None
    rows: Mapping[str, Any] | None = None  # JSON of the artifact
    started_at: str | None = None
    ended_at: str | None = None
    attempts: int = 0
    done: int = 0
    total: int = 0
    written: int = 0
    unchanged: int = 0
    refused: int = 0
    versions: Sequence[int] = ()
    set_aside: Sequence[Mapping[str, Any]] = field(default_factory=tuple)  # JSON: row, key, problem
    place: str = ""
    error: str | None = None
    failures: int = 0
    """How often the target refused it for now, or what writes it fell over by itself."""
    breaks: int = 0
    """How often in a row it was broken off, by the end of a process, at the row `stands_at`."""
    stands_at: int = 0
    stands_since: str | None = None

    @property
    def full_name(self) -> str:
        return f"{self.solution}.{self.sink}"


def add_batch(connection: Connection, batch: SinkBatch) -> None:
    """A batch that was ordered. One that is known already is left as it is."""
    if connection.execute(select(sink_batch.c.id).where(sink_batch.c.id == batch.id)).first() is None:
        connection.execute(sink_batch.insert().values(**_values(msgspec.to_builtins(batch))))


def change_batch(connection: Connection, batch_id: str, **values: object) -> None:
    """Write some values of a batch."""
    connection.execute(sink_batch.update().where(sink_batch.c.id == batch_id).values(**_values(values)))


def end_batch(connection: Connection, batch: SinkBatch, state: BatchState, *, now: datetime, **values: object) -> None:
    """Say how a batch ended, and tell the webhooks that asked to be told, in one transaction."""
    change_batch(connection, batch.id, state=state.value, ended_at=now.isoformat(), **values)
    event = "sink-written" if state is BatchState.DONE else "sink-failed"
    told: dict[str, object] = {name: values[name] for name in _TOLD if name in values}
    announce(connection, event, batch.full_name, {"sink": batch.full_name, "batch": batch.id, **told}, now=now)


def get_batch(connection: Connection, batch_id: str) -> SinkBatch:
    """One batch. Raises NotFound."""
    row = connection.execute(select(sink_batch).where(sink_batch.c.id == batch_id)).first()
    if row is None:
        raise NotFound(f"There is no batch {batch_id[:40]}.", code="batch-not-found")
    return _batch(row)


def batches_of(connection: Connection, solution: str, sink: str | None = None, *, limit: int = 20) -> list[SinkBatch]:
    """The newest batches of a solution or of one of its sinks, newest first."""
    query = select(sink_batch).where(sink_batch.c.solution == solution).order_by(sink_batch.c.id.desc()).limit(limit)
    if sink is not None:
        query = query.where(sink_batch.c.sink == sink)
    return [_batch(row) for row in connection.execute(query)]


def open_batches(connection: Connection) -> list[SinkBatch]:
    """The batches that wait or are carried out, the oldest first."""
    states = (BatchState.WAITING.value, BatchState.RUNNING.value)
    query = select(sink_batch).where(sink_batch.c.state.in_(states)).order_by(sink_batch.c.id)
    return [_batch(row) for row in connection.execute(query)]


def batch_of_run(connection: Connection, solution: str, sink: str, run_id: str) -> SinkBatch | None:
    """The batch that was ordered for the rows of a run; None where there is none."""
    row = connection.execute(
        select(sink_batch).where(
            sink_batch.c.solution == solution, sink_batch.c.sink == sink, sink_batch.c.run_id == run_id
        )
    ).first()
    return None if row is None else _batch(row)


_TOLD = ("written", "unchanged", "refused", "place", "error")


def _values(values: Mapping[str, object]) -> dict[str, object]:
    texts = ("rows", "versions", "set_aside")
    return {
        name: msgspec.json.encode(value).decode() if name in texts and value is not None else value
        for name, value in values.items()
    }


def _batch(row: Row[Any]) -> SinkBatch:
    values = dict(row._mapping)
    for name in ("rows", "versions", "set_aside"):
        values[name] = None if values[name] is None else msgspec.json.decode(values[name])
    values["state"] = BatchState(values["state"])
    return SinkBatch(**values)
