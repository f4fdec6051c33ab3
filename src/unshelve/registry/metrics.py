"""Metrics of runs: what a model or a solution was measured to be, and how that went over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from unshelve.registry.tables import metric, run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMetric:
    """One measured value. `model` is a full name, or that of the solution; `low` and `high` are its interval."""

    model: str
    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    rows: int | None = None
    higher_is_better: bool | None = None
    unit: str | None = None
    own: bool = False


def record_metrics(connection: Connection, run_id: str, metrics: Sequence[RunMetric]) -> None:
    """Adds what a run measured."""
    if metrics:
        connection.execute(metric.insert(), [{"run_id": run_id, **asdict(one)} for one in metrics])


def metrics_of(connection: Connection, run_id: str) -> list[RunMetric]:
    """What a run measured, by model and name."""
    rows = connection.execute(
        select(*_COLUMNS).where(metric.c.run_id == run_id).order_by(metric.c.model, metric.c.own, metric.c.name)
    )
    return [_metric(row) for row in rows]


def metric_history(connection: Connection, model: str, name: str, *, limit: int = 100) -> list[tuple[str, RunMetric]]:
    """One metric of a model in its newest runs, as (run, metric), oldest first."""
    rows = connection.execute(
        select(metric.c.run_id, *_COLUMNS)
        .join(run, run.c.id == metric.c.run_id)
        .where(metric.c.model == model, metric.c.name == name)
        .order_by(run.c.queued_at.desc())
        .limit(limit)
    )
    return [(row.run_id, _metric(row)) for row in rows][::-1]


def _metric(row: Row[Any]) -> RunMetric:
    return RunMetric(**{column.name: getattr(row, column.name) for column in _COLUMNS})


_COLUMNS = tuple(column for column in metric.c if column.name != "run_id")
