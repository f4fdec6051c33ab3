"""The sources of a solution, and one of them: how fresh, how much, what changed when, what its columns look like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from markupsafe import Markup
from sqlalchemy import Connection
from starlette.responses import Response

from unshelve.data.loaded import LoadRecord, Sketch, record_from
from unshelve.errors import NotFound
from unshelve.pipeline.step import Kind
from unshelve.registry.sources import SourceLoad, loads_of, newest_loads
from unshelve.schema.near import near
from unshelve.solution.check_sources import declared_sources
from unshelve.solution.declaration import StepInfo
from unshelve.web import states
from unshelve.web.asked import Asked
from unshelve.web.charts.small import columns_of, shares_of, spark
from unshelve.web.frame import Link
from unshelve.web.framing import frame_for
from unshelve.web.render import page
from unshelve.web.solution_facts import SolutionFacts, facts_of
from unshelve.web.states import State
from unshelve.web.views.parts import Glance
from unshelve.web.views.sources import ColumnRow, LoadRow, SchemaChange, SourceRow, SourcesView, SourceView
from unshelve.web.wording import ago, count, duration, instant, plural, share, size

_MOST_LOADS: Final = 100
_SHOWN_LOADS: Final = 25


def listing(asked: Asked) -> Response:
    """All declared sources of a solution."""
    with asked.site.database.read() as connection:
        facts = facts_of(connection, asked.part("solution"))
        newest = newest_loads(connection, facts.name)
        rows = tuple(_row(asked, connection, facts, step, newest.get(step.name)) for step in _declared(facts))
    others = tuple(step.name for step in facts.declaration.of_kind(Kind.SOURCE) if not step.options)
    view = SourcesView(solution=facts.name, sources=rows, others=others)
    frame = frame_for(asked, f"Sources of {facts.title}", facts=facts, crumbs=(Link("Sources", ""),))
    return page(asked.site.templates, asked.request, "pages/sources.html", view, frame)


def one(asked: Asked) -> Response:
    """One source."""
    with asked.site.database.read() as connection:
        facts = facts_of(connection, asked.part("solution"))
        step = _found(facts, asked.part("source"))
        loads = loads_of(connection, facts.name, step.name, limit=_MOST_LOADS)
    record = _record(asked, loads[0]) if loads else None
    view = _view(asked, facts, step, loads, record)
    here = f"/solutions/{facts.name}/sources"
    crumbs = (Link("Sources", here), Link(step.name, ""))
    frame = frame_for(asked, f"Source {step.name}", facts=facts, crumbs=crumbs, here=here)
    return page(asked.site.templates, asked.request, "pages/source.html", view, frame)


def _declared(facts: SolutionFacts) -> tuple[StepInfo, ...]:
    return declared_sources(facts.declaration)


def _found(facts: SolutionFacts, name: str) -> StepInfo:
    for step in _declared(facts):
        if step.name == name:
            return step
    names = [step.name for step in _declared(facts)]
    raise NotFound(
        f"{facts.title} declares no source {name!r}.",
        code="source-not-found",
        near=near(name, names),
        hint=f"It declares {', '.join(names)}." if names else None,
    )


def _record(asked: Asked, load: SourceLoad) -> LoadRecord | None:
    try:
        return record_from(asked.site.blobs.get(load.record))
    except NotFound:
        return None


def _row(
    asked: Asked, connection: Connection, facts: SolutionFacts, step: StepInfo, load: SourceLoad | None
) -> SourceRow:
    state, note = _freshness(asked, step, load)
    history = loads_of(connection, facts.name, step.name, limit=_SHOWN_LOADS) if load is not None else []
    return SourceRow(
        name=step.name,
        title=step.title if step.title != step.name.replace("_", " ") else "",
        way=_WAYS.get(str(step.options.get("way")), str(step.options.get("way"))),
        connection=str(step.options.get("connection") or ""),
        state=state,
        note=note,
        loaded_at=instant(load.at) if load is not None else None,
        mark=(load.mark or "") if load is not None else "",
        rows=load.rows if load is not None else None,
        columns=len(load.columns) if load is not None else None,
        size_bytes=load.size_bytes if load is not None else None,
        trend=spark([float(each.rows) for each in reversed(history)]),
    )


def _freshness(asked: Asked, step: StepInfo, load: SourceLoad | None) -> tuple[State, str]:
    """How fresh the rows are, by what the source itself allows."""
    if load is None:
        return states.WAITING.named("not loaded"), "the next run loads it"
    at = instant(load.at)
    if step.fresh_seconds is None or at is None:
        return states.OK.named("asked each run"), ""
    left = step.fresh_seconds - (asked.now - at).total_seconds()
    if left > 0:
        return states.OK.named("fresh"), f"for {duration(left)} more"
    return states.WARN.named("old"), f"by {duration(-left)}; the next run asks again"


def _view(
    asked: Asked, facts: SolutionFacts, step: StepInfo, loads: Sequence[SourceLoad], record: LoadRecord | None
) -> SourceView:
    newest = loads[0] if loads else None
    state, note = _freshness(asked, step, newest)
    options = step.options
    patterns = options.get("patterns")
    text = options.get("query") or options.get("address")
    if text is None and isinstance(patterns, list | tuple):
        text = "\n".join(map(str, patterns))
    way = _WAYS.get(str(options.get("way")), "")
    whence = f"{way} by the connection {options['connection']}" if options.get("connection") else way
    return SourceView(
        solution=facts.name,
        name=step.name,
        title=step.title,
        lead=f"{whence}. {plural(len(loads), 'load')} kept." if loads else f"{whence}. It was not loaded yet.",
        glances=tuple(_glances(asked, newest, state, note)),
        asked=str(text or ""),
        asked_of=way,
        said=tuple(_said(step, record)),
        notes=newest.notes if newest is not None else (),
        columns=tuple(_column(each) for each in record.sketch) if record is not None else (),
        sampled="By a sample of the newest load" if newest is not None and newest.rows > _SAMPLED else "",
        changes=tuple(_changes(loads)),
        loads=tuple(_load(each) for each in loads[:_SHOWN_LOADS]),
        result=newest.result if newest is not None else "",
    )


def _glances(asked: Asked, load: SourceLoad | None, state: State, note: str) -> Iterator[Glance]:
    at = instant(load.at) if load is not None else None
    yield Glance(name="Freshness", state=state, below=note or (f"loaded {ago(at, asked.now)}" if at else ""))
    if load is None:
        return
    yield Glance(name="Rows", figure=count(load.rows), below=plural(len(load.columns), "column"))
    yield Glance(name="Size", figure=size(load.size_bytes), below="as Parquet")
    told = "everything" if load.complete else f"{count(load.added)} new, {count(load.changed)} changed"
    yield Glance(name="Last load", figure=duration(load.seconds), below=told)


def _said(step: StepInfo, record: LoadRecord | None) -> Iterator[tuple[str, str]]:
    """What a declaration says beyond the query, in words."""
    options = step.options
    keys = options.get("key")
    if options.get("watermark"):
        yield "Watermark", str(options["watermark"])
    if record is not None and record.mark is not None:
        yield "Read up to", record.mark.words
    if isinstance(keys, list | tuple) and keys:
        yield "Key", ", ".join(map(str, keys))
    for name, words in (("late", "Late rows"), ("full", "All anew after")):
        seconds = options.get(name)
        if isinstance(seconds, int | float):
            yield words, duration(float(seconds))
    for name, words in (("zone", "Zone"), ("deleted", "Deleted by"), ("start", "Begins at")):
        if options.get(name):
            yield words, str(options[name])
    values: Mapping[str, Any] = record.values if record is not None else {}
    for each in step.parameters:
        yield f"Parameter {each.name}", str(values.get(each.name, each.default))


def _column(sketch: Sketch) -> ColumnRow:
    picture, said = Markup(""), sketch.hidden
    if sketch.counts:
        picture = columns_of(sketch.counts)
        said = sketch.lowest if sketch.lowest == sketch.highest else f"{sketch.lowest} to {sketch.highest}"
    elif sketch.most:
        picture = shares_of([part for _, part in sketch.most])
        shown = ", ".join(f"{name or 'empty'} {share(part, 0)}" for name, part in sketch.most[:3])
        rest = sketch.distinct - min(len(sketch.most), 3)
        said = f"{shown}{f' and {count(rest)} more' if rest > 0 else ''}"
    missing = share(sketch.missing) if sketch.missing else "none"
    return ColumnRow(name=sketch.name, type=sketch.type, missing=missing, said=said, picture=picture)


def _changes(loads: Sequence[SourceLoad]) -> Iterator[SchemaChange]:
    """What changed of the columns from one load to the next, the newest first."""
    for now, before in pairwise(loads):
        new, old = dict(now.columns), dict(before.columns)
        added = tuple(name for name in new if name not in old)
        removed = tuple(name for name in old if name not in new)
        retyped = tuple(f"{name}: {old[name]} to {new[name]}" for name in new if name in old and old[name] != new[name])
        at = instant(now.at)
        if at is not None and (added or removed or retyped):
            yield SchemaChange(at=at, load=now.number, added=added, removed=removed, retyped=retyped)


def _load(load: SourceLoad) -> LoadRow:
    at = instant(load.at)
    if at is None:
        raise ValueError(f"load {load.number} of {load.source} has no time")
    return LoadRow(
        number=load.number,
        at=at,
        complete=load.complete,
        why=load.why,
        mark=load.mark or "",
        read=load.read_rows,
        added=load.added,
        changed=load.changed,
        removed=load.removed,
        rows=load.rows,
        took=duration(load.seconds),
        result=load.result,
        run=Link("Run", f"/runs/{load.run_id}"),
    )


_SAMPLED: Final = 100_000
_WAYS: Final = {"sql": "SQL", "files": "Files", "objects": "Object store", "http": "API"}
