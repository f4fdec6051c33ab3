"""Retention: what is kept for how long, where somebody has set a limit. By default everything is kept.

What is never removed, however old: what answers, what two rollbacks in a row would lead to, models
that an endpoint pins, the run that made a version which is kept, and the audit.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Select, Table, func, select

from unshelve.errors import Damaged, NotFound
from unshelve.models.package import manifest_from
from unshelve.predictions.tables import SEGMENT, SEGMENT_COUNT, SEGMENT_FILE, SEGMENT_LOOKUP
from unshelve.registry.lookups import drop_refreshes
from unshelve.registry.releases import champion_before, releases
from unshelve.registry.runs import time_text
from unshelve.registry.states import RunState
from unshelve.registry.tables import result, run, run_step, version
from unshelve.registry.versions import REMOVED
from unshelve.security.actors import Actor
from unshelve.security.audit import append
from unshelve.solution.control import Control
from unshelve.storage.blobs import BlobStore
from unshelve.upkeep.every_table import tables
from unshelve.upkeep.records import UpkeepKind, record

_ROLLBACKS: Final = 2
"""How many rollbacks in a row find their version, whatever the limits say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained:
    """What was let go."""

    runs: int = 0
    versions: int = 0
    predictions: int = 0

    def __bool__(self) -> bool:
        return bool(self.runs or self.versions or self.predictions)


def retain(control: Control, actor: Actor) -> Retained:
    """Lets go of what is older than the settings say; the next sweep frees the bytes."""
    settings = control.settings
    now = control.clock.now()
    if not (settings.keep_runs_days or settings.keep_versions or settings.keep_predictions_days):
        return Retained()
    with control.database.write() as connection:
        versions = _versions(connection, control, settings.keep_versions)
        runs = _runs(connection, now - timedelta(days=settings.keep_runs_days)) if settings.keep_runs_days else 0
        before = now - timedelta(days=settings.keep_predictions_days)
        predictions, files = _predictions(connection, before) if settings.keep_predictions_days else (0, [])
        done = Retained(runs=runs, versions=versions, predictions=predictions)
        if done:
            record(connection, UpkeepKind.RETENTION, asdict(done), actor=actor.name, now=now)
            append(connection, actor, "let go of what is old", "store", asdict(done), now=now)
    for path in files:
        (control.home.predictions / path).unlink(missing_ok=True)
    return done


def _versions(connection: Connection, control: Control, keep: int) -> int:
    """Marks versions beyond the newest `keep` of each model as removed, unless something stands on them."""
    if not keep:
        return 0
    standing = _standing(connection)
    removed = 0
    rows = connection.execute(
        select(version.c.model, version.c.number, version.c.state, version.c.manifest, version.c.kind).order_by(
            # Endpoints first: what one that stays pins has to stay too.
            version.c.kind == "model",
            version.c.model,
            version.c.number.desc(),
        )
    ).all()
    standing |= {
        pin
        for row in rows
        if (row.model, row.number) in standing
        for pin in _pinned(control.blobs, row.model, row.manifest)
    }
    seen: dict[str, int] = {}
    for model, number, state, manifest, _ in rows:
        if (model, number) in standing or state == REMOVED:
            continue
        seen[model] = seen.get(model, 0) + 1
        if seen[model] > keep:
            connection.execute(
                version.update().where(version.c.model == model, version.c.number == number).values(state=REMOVED)
            )
            removed += 1
        else:
            standing.update(_pinned(control.blobs, model, manifest))
    return removed


def _standing(connection: Connection) -> set[tuple[str, int]]:
    """The versions that answer, and those to which the next rollbacks go."""
    found: set[tuple[str, int]] = set()
    for model, now in releases(connection).items():
        found.add((model, now.champion))
        number: int | None = now.champion
        for _ in range(_ROLLBACKS):
            number = champion_before(connection, model, number) if number is not None else None
            if number is not None:
                found.add((model, number))
    return found


def _pinned(blobs: BlobStore, model: str, manifest: str) -> set[tuple[str, int]]:
    """The versions that an endpoint's version combines; none of a model's."""
    try:
        pinned = manifest_from(blobs.get(manifest)).models
    except (NotFound, Damaged):
        return set()
    solution = model.partition(".")[0]
    return {(f"{solution}.{name}", int(str(each["number"]))) for name, each in pinned.items()}


def _runs(connection: Connection, before: datetime) -> int:
    """Removes runs that ended before a time, with their steps, measures, charts and what they brought of lookups,
    and results nobody uses since."""
    making = select(version.c.run_id).where(version.c.state != REMOVED)
    # A run that goes on has decided already which results it uses again.
    busy = select(run.c.solution).where(run.c.state.in_((RunState.QUEUED.value, RunState.RUNNING.value)))
    ended = (RunState.DONE.value, RunState.FAILED.value, RunState.STOPPED.value, RunState.INTERRUPTED.value)
    old = list(
        connection.execute(
            select(run.c.id).where(
                run.c.ended_at < time_text(before),
                run.c.state.in_(ended),
                run.c.id.not_in(making),
                run.c.solution.not_in(busy),
            )
        ).scalars()
    )
    newest = {row[0] for row in connection.execute(_newest_runs())}
    for run_id in old:
        if run_id in newest:
            continue
        for table in _of_runs():
            connection.execute(table.delete().where(table.c.run_id == run_id))
        drop_refreshes(connection, run_id)
        connection.execute(run.delete().where(run.c.id == run_id))
    used = select(run_step.c.key).where(run_step.c.key.is_not(None))
    connection.execute(
        result.delete().where(
            result.c.made_at < time_text(before), result.c.key.not_in(used), result.c.solution.not_in(busy)
        )
    )
    return len([run_id for run_id in old if run_id not in newest])


def _of_runs() -> list[Table]:
    """The tables whose rows belong to a run."""
    return [table for table in tables() if any(key.column is run.c.id for key in table.foreign_keys)]


def _newest_runs() -> Select[str]:
    """The newest run of each solution, which is kept however old it is: the next one is compared with it."""
    last = select(run.c.solution, func.max(run.c.number).label("number")).group_by(run.c.solution).subquery()
    return select(run.c.id).join(last, (run.c.solution == last.c.solution) & (run.c.number == last.c.number))


def _predictions(connection: Connection, before: datetime) -> tuple[int, list[Path]]:
    """Removes sealed segments whose last day ended before a time; the audit goes on to say that they were sealed."""
    day = before.date().isoformat()
    young = select(SEGMENT_FILE.c.segment).where(SEGMENT_FILE.c.day >= day)
    rows = connection.execute(
        select(SEGMENT_FILE.c.segment, SEGMENT_FILE.c.path, SEGMENT_FILE.c.records).where(
            SEGMENT_FILE.c.segment.not_in(young)
        )
    ).all()
    for segment in {row.segment for row in rows}:
        for table in (SEGMENT_COUNT, SEGMENT_LOOKUP, SEGMENT_FILE):
            connection.execute(table.delete().where(table.c.segment == segment))
        connection.execute(SEGMENT.delete().where(SEGMENT.c.id == segment))
    return sum(row.records for row in rows), [Path(row.path) for row in rows]
