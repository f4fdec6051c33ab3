"""The charts of a solution's dashboard, as each run drew them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, select

from unshelve.ids import canonical_json
from unshelve.registry.tables import chart, run


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChart:
    """A chart: its name, the title its author gave it, and the artifact that holds it."""

    run_id: str
    name: str
    solution: str
    title: str
    artifact: dict[str, object]


def put_charts(
    connection: Connection, run_id: str, solution: str, charts: Sequence[tuple[str, str, dict[str, object]]]
) -> None:
    """Keep the charts of a run: (name, title, artifact as JSON)."""
    if charts:
        connection.execute(
            chart.insert(),
            [
                {
                    "run_id": run_id,
                    "name": name,
                    "solution": solution,
                    "title": title,
                    "artifact": canonical_json(artifact).decode(),
                }
                for name, title, artifact in charts
            ],
        )


def newest_charts(connection: Connection, solution: str) -> list[StoredChart]:
    """The newest drawing of each chart of a solution, by name."""
    rows = connection.execute(
        select(chart, run.c.number)
        .join(run, run.c.id == chart.c.run_id)
        .where(chart.c.solution == solution)
        .order_by(run.c.number.desc())
        .limit(500)
    ).mappings()
    found: dict[str, StoredChart] = {}
    for row in rows:
        if row["name"] not in found:
            found[row["name"]] = StoredChart(
                run_id=row["run_id"],
                name=row["name"],
                solution=row["solution"],
                title=row["title"],
                artifact=msgspec.json.decode(row["artifact"]),
            )
    return [found[name] for name in sorted(found)]
