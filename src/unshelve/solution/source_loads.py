"""Control's side of declared sources: what a run is told of earlier loads, and what is kept of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from unshelve.data.globs import matched
from unshelve.data.loaded import LOAD, LoadRecord, record_from
from unshelve.errors import NotFound, UnshelveError
from unshelve.ids import digest_json
from unshelve.pipeline.outcome import RunOutcome
from unshelve.pipeline.outputs import WHOLE
from unshelve.registry.sources import SourceLoad, keep_load, newest_loads
from unshelve.solution.check_sources import declared_sources
from unshelve.solution.control import Control
from unshelve.solution.declaration import Declaration, StepInfo
from unshelve.solution.wiring import SourcePast


def past_loads(control: Control, declaration: Declaration, folder: Path) -> dict[str, SourcePast]:
    """What a run is told of each declared source: the time, the last load, and what its files look like."""
    sources = declared_sources(declaration)
    if not sources:
        return {}
    with control.database.read() as connection:
        known = newest_loads(connection, declaration.name)
    now = control.clock.now().isoformat()
    found = {}
    for step in sources:
        told: dict[str, object] = {"now": now}
        if step.name in known:
            told["load"] = known[step.name].record
        found[step.name] = SourcePast(told=told, listing=_listing(step, folder))
    return found


def keep_loads(control: Control, declaration: Declaration, outcome: RunOutcome) -> None:
    """Keeps what the loads of a run did, so that the next ones go on from there."""
    loads = []
    for step in declared_sources(declaration):
        done = outcome.steps.get(step.name)
        if done is None or LOAD not in done.outputs or WHOLE not in done.outputs:
            continue
        digest = done.outputs[LOAD].digest
        try:
            record = record_from(control.blobs.get(digest))
        except NotFound:
            continue
        loads.append(_kept(declaration.name, step.name, outcome.run_id, record, digest, done.outputs[WHOLE].to_json()))
    if loads:
        with control.database.write() as connection:
            for load in loads:
                keep_load(connection, load)


def _kept(
    solution: str, source: str, run_id: str, record: LoadRecord, digest: str, artifact: Mapping[str, object]
) -> SourceLoad:
    return SourceLoad(
        solution=solution,
        source=source,
        number=0,
        run_id=run_id,
        at=record.at,
        complete=record.full,
        why=record.why,
        mark=record.mark.words if record.mark is not None else None,
        read_rows=record.read,
        added=record.added,
        changed=record.changed,
        removed=record.removed,
        rows=record.rows,
        size_bytes=record.size_bytes,
        seconds=record.seconds,
        columns=tuple((each.name, each.type) for each in record.columns),
        notes=record.notes,
        result=record.result,
        record=digest,
        artifact=artifact,
    )


def _listing(step: StepInfo, folder: Path) -> str | None:
    """What a source's files look like from outside; None where that is not known, or it has none."""
    if step.options.get("way") != "files":
        return None
    patterns = step.options.get("patterns")
    try:
        found = matched([str(each) for each in patterns] if isinstance(patterns, list | tuple) else [], folder)
    except UnshelveError:
        return None  # the load itself says what is wrong with them
    looks = []
    for path in found:
        told = path.stat()
        looks.append([str(path), told.st_size, told.st_mtime_ns, told.st_ctime_ns])
    return digest_json(looks)[:32]
