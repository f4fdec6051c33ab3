"""What came of a solution's expectations, run by run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from unshelve.errors import NotFound
from unshelve.ids import canonical_json
from unshelve.registry.bulk import put_rows
from unshelve.registry.tables import expectation, run


class Outcome(StrEnum):
    """What became of an expectation in a run."""

    HELD = "held"
    WARNED = "warned"  # it does not hold, and the run went on
    SET_ASIDE = "set-aside"  # rows that fail were set aside, and the run went on without them
    STOPPED = "stopped"  # it does not hold, and nothing of the run is released
    BROKEN = "broken"  # it could not be looked at: its own code failed, or what it needs


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationResult:
    """What became of one expectation in one run. `rows` is None where it could not be looked at."""

    run_id: str
    name: str
    solution: str
    table: str
    severity: str
    outcome: Outcome
    rows: int | None
    failing: int | None
    message: str
    report: str | None
    aside: dict[str, Any] | None
    """The rows that were set aside, as artifacts: "parquet" and "csv"."""
    made_at: str
    run_number: int = 0

    @property
    def set_aside(self) -> int:
        """How many rows were set aside."""
        return (self.failing or 0) if self.outcome is Outcome.SET_ASIDE else 0


def put_expectations(connection: Connection, results: Sequence[ExpectationResult]) -> None:
    """Keeps what became of a run's expectations."""
    names = [column.name for column in expectation.columns]
    rows = []
    for one in results:
        values = {each.name: getattr(one, each.name) for each in fields(one)}
        values["outcome"] = one.outcome.value
        values["aside"] = None if one.aside is None else canonical_json(one.aside).decode()
        rows.append(tuple(values[name] for name in names))
    put_rows(connection, expectation, rows, replace=tuple(name for name in names if name not in ("run_id", "name")))


def expectations_of_run(connection: Connection, run_id: str) -> list[ExpectationResult]:
    """What became of a run's expectations, by name."""
    rows = connection.execute(_SELECT.where(expectation.c.run_id == run_id).order_by(expectation.c.name)).mappings()
    return [_read(row) for row in rows]


def expectation_of_run(connection: Connection, run_id: str, name: str) -> ExpectationResult:
    """What became of one expectation in one run. Raises NotFound."""
    row = (
        connection.execute(_SELECT.where(expectation.c.run_id == run_id, expectation.c.name == name)).mappings().first()
    )
    if row is None:
        raise NotFound(f"The run has no expectation {name!r}.", code="expectation-not-found")
    return _read(row)


def history_of(connection: Connection, solution: str, name: str, *, limit: int) -> list[ExpectationResult]:
    """What became of an expectation lately, the newest first."""
    rows = connection.execute(
        _SELECT.where(expectation.c.solution == solution, expectation.c.name == name)
        .order_by(expectation.c.made_at.desc())
        .limit(limit)
    ).mappings()
    return [_read(row) for row in rows]


def usual_rows(connection: Connection, solution: str, names: Collection[str], *, limit: int) -> dict[str, list[int]]:
    """How many rows each expectation's table had in the runs that it let go on, the newest first."""
    found: dict[str, list[int]] = {}
    for name in names:
        rows = connection.execute(
            select(expectation.c.rows)
            .where(
                expectation.c.solution == solution,
                expectation.c.name == name,
                expectation.c.outcome.in_([Outcome.HELD.value, Outcome.SET_ASIDE.value]),
                expectation.c.rows.is_not(None),
            )
            .order_by(expectation.c.made_at.desc())
            .limit(limit)
        )
        found[name] = [int(row.rows) for row in rows]
    return found


def expectation_digests(connection: Connection) -> Iterator[str]:
    """The blobs that kept outcomes point to."""
    for report, aside in connection.execute(select(expectation.c.report, expectation.c.aside)):
        if report:
            yield report
        if aside:
            yield from (one["digest"] for one in msgspec.json.decode(aside).values())


def _read(row: Any) -> ExpectationResult:
    values = dict(row)
    values["outcome"] = Outcome(values["outcome"])
    values["aside"] = msgspec.json.decode(values["aside"]) if values["aside"] else None
    return ExpectationResult(**values)


_SELECT = select(expectation, run.c.number.label("run_number")).join(run, run.c.id == expectation.c.run_id)
