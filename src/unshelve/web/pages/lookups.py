"""The lookups of a solution: what each holds, how old that is, how its refreshes went, and what a key gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection
from starlette.responses import Response

from unshelve.errors import NotFound, UnshelveError
from unshelve.pipeline.step import Kind
from unshelve.registry.lookups import Refresh, refreshes_of
from unshelve.registry.versions import get_version
from unshelve.schema.near import near
from unshelve.schema.schema import Field, FieldType
from unshelve.security.permissions import Action
from unshelve.solution.declaration import StepInfo
from unshelve.solution.request_path import lookups_on, model_path
from unshelve.web import states
from unshelve.web.asked import Asked
from unshelve.web.charts.small import refresh_strip
from unshelve.web.evidence import manifest_of, schema_of
from unshelve.web.frame import Link
from unshelve.web.framing import frame_for
from unshelve.web.going import to
from unshelve.web.pages.asking import in_words
from unshelve.web.pages.lookup_days import answered_rows
from unshelve.web.render import page
from unshelve.web.solution_facts import SolutionFacts, facts_of
from unshelve.web.states import State
from unshelve.web.views.ask import LookedUp
from unshelve.web.views.lookups import KeyField, LookupsView, LookupView, RefreshRow
from unshelve.web.wording import ago, count, duration, short, size

_STRIP: Final = 60
_LISTED: Final = 8
_MISSED: Final = 2
"""A copy is late when it is older than so many times what `fresh=` says."""


def listing(asked: Asked) -> Response:
    """All lookups of a solution; `?lookup=NAME` with the key's values shows what that one gives."""
    root = f"/solutions/{asked.part('solution')}/lookups"
    with asked.site.database.read() as connection:
        facts = facts_of(connection, asked.part("solution"))
    answered = answered_rows(asked, facts) if facts.declaration.lookups else {}
    with asked.site.database.read() as connection:
        found = tuple(
            replace(_lookup(asked, connection, facts, step), answered=answered.get(step.name))
            for step in facts.declaration.lookups
        )
    view = LookupsView(solution=facts.name, lookups=found)
    frame = frame_for(asked, "Lookups", facts=facts, crumbs=(Link("Lookups", root),), here=root)
    return page(asked.site.templates, asked.request, "pages/lookups.html", view, frame)


def refresh(asked: Asked) -> Response:
    """Queue a refresh of one lookup now."""
    solution, name = asked.part("solution"), asked.part("lookup")
    with asked.site.database.read() as connection:
        facts = facts_of(connection, solution)
    names = [step.name for step in facts.declaration.lookups]
    if name not in names:
        raise NotFound(f"{solution} has no lookup {name!r}.", code="lookup-not-found", near=near(name, names))
    cause = f"{asked.who.name} refreshed the lookup {name}"
    asked.site.runs.start(solution, parameters={}, actor=asked.who, cause=cause, only=name)
    return to(f"/solutions/{solution}/lookups?done=started")


def _lookup(asked: Asked, connection: Connection, facts: SolutionFacts, step: StepInfo) -> LookupView:
    past = refreshes_of(connection, facts.name, step.name, limit=_STRIP)
    copy = next((one for one in past if one.digest is not None), None)
    state, said = _how_it_stands(step, past, copy, asked.now)
    using = _users(facts, step)
    fields, found, problem = _tried(asked, connection, facts, step, using)
    drawn = [(_state_of(one, before), _said_of(one)) for one, before in zip(past, [*past[1:], None], strict=True)]
    return LookupView(
        name=step.name,
        title=step.title,
        description=step.description,
        state=state,
        said=said,
        facts=_facts(step, copy, asked.now),
        columns=tuple(copy.columns.items()) if copy is not None else (),
        strip=refresh_strip([look.tone for look, _ in reversed(drawn)]),
        strip_said=_strip_said(past),
        refreshes=tuple(
            RefreshRow(
                at=datetime.fromisoformat(one.made_at), state=look, said=text, run=Link("Run", f"/runs/{one.run_id}")
            )
            for one, (look, text) in zip(past[:_LISTED], drawn, strict=False)
        ),
        answered=None,
        fields=fields,
        used_by=tuple(Link(name, f"/models/{facts.full(name)}") for name in using),
        found=found,
        problem=problem,
        may_refresh=asked.may(Action.RUN),
    )


def _how_it_stands(step: StepInfo, past: Sequence[Refresh], copy: Refresh | None, now: datetime) -> tuple[State, str]:
    if not past:
        return states.WAITING.named("no copy yet"), "The first run brings one."
    if past[0].error is not None:
        goes_on = "The copy before it goes on." if copy is not None else "There is no copy yet."
        return states.FAILED.named("last refresh failed"), f"{past[0].error} {goes_on}"
    age = (now - datetime.fromisoformat(past[0].made_at)).total_seconds()
    if step.fresh_seconds is not None and age > _MISSED * step.fresh_seconds:
        return states.WARN.named("late"), f"It is to be refreshed every {duration(step.fresh_seconds)}."
    return states.OK.named("fresh" if step.fresh_seconds is not None else "kept"), ""


def _facts(step: StepInfo, copy: Refresh | None, now: datetime) -> tuple[tuple[str, str], ...]:
    lookup = step.lookup
    if lookup is None:
        return ()
    stale = f"after {duration(lookup.stale_seconds)}" if lookup.stale_seconds is not None else "never"
    told: list[tuple[str, str]] = [("Found by", ", ".join(lookup.key))]
    if lookup.at is not None:
        zone = f", local times in {lookup.zone}" if lookup.zone else ""
        told.append(("As of", f"{lookup.at} at or before {lookup.event}{zone}"))
        told.append(("Too old", stale))
    else:
        told.append(("As of", "the present state: the past cannot be looked up"))
    fresh = f"every {duration(step.fresh_seconds)}" if step.fresh_seconds is not None else "with each run"
    told.append(("Refreshed", fresh))
    if copy is not None:
        told.append(("Rows", f"{count(copy.rows)} of {count(copy.keys)} keys, {size(copy.size_bytes)}"))
        if copy.newest is not None:
            newest = datetime.fromtimestamp(copy.newest / 1e6, UTC)
            told.append(("Newest entry", f"{newest:%Y-%m-%d %H:%M}{' UTC' if lookup.zone else ''}"))
        told.append(("Copy made", ago(datetime.fromisoformat(copy.made_at), now)))
        told.append(("Copy", f"sha256 {short(str(copy.digest))}"))
    return tuple(told)


def _users(facts: SolutionFacts, step: StepInfo) -> tuple[str, ...]:
    """The models whose rows are joined with a lookup."""
    declaration = facts.declaration
    return tuple(
        one.name
        for one in declaration.of_kind(Kind.MODEL)
        if step.name in lookups_on(declaration, model_path(declaration, one.name).chain)
    )


def _tried(
    asked: Asked, connection: Connection, facts: SolutionFacts, step: StepInfo, using: Sequence[str]
) -> tuple[tuple[KeyField, ...], LookedUp | None, str]:
    """The form by which an entry is looked for, what was found by what was typed, and what is wrong with that."""
    lookup = step.lookup
    model = next((name for name in using if facts.champion(name) is not None), None)
    number = facts.champion(model) if model is not None else None
    if lookup is None or model is None or number is None or asked.site.look_up is None:
        return (), None, ""
    schema = schema_of(
        asked.site.blobs, manifest_of(asked.site.blobs, get_version(connection, facts.full(model), number))
    )
    names = dict.fromkeys((*lookup.key, *((lookup.event,) if lookup.event else ())))
    known = {one.name: one for one in schema.fields}
    if not all(name in known for name in names):
        return (), None, ""
    typed = asked.query("lookup") == step.name
    given = {name: asked.query(name).strip() if typed else _example(known[name]) for name in names}
    fields = tuple(_field(known[name], given[name]) for name in names)
    if not typed or not asked.may(Action.SEE_LOG):
        return fields, None, "" if not typed else "Your role does not look into lookups."
    try:
        row = {name: _value(known[name], text) for name, text in given.items()}
        found = asked.site.look_up(facts.full(model), [row], actor=asked.who)
    except UnshelveError as error:
        return fields, None, str(error)
    one = found[0].get(step.name)
    return fields, in_words(step.name, one) if isinstance(one, dict) else None, ""


def _field(one: Field, value: str) -> KeyField:
    hint = "a time like 2024-01-15T12:00" if one.type is FieldType.TIMESTAMP else one.description or ""
    return KeyField(name=one.name, title=one.title or one.name, hint=hint, value=value)


def _example(one: Field) -> str:
    if one.default is not None:
        return str(one.default)
    return one.categories[0].value if one.categories else ""


def _value(one: Field, text: str) -> object:
    """What was typed as the field's type; what it is not is said by whoever reads the row."""
    if not text:
        return None
    try:
        return {FieldType.INTEGER: int, FieldType.FLOAT: float}.get(one.type, str)(text)
    except ValueError:
        return text


def _state_of(one: Refresh, before: Refresh | None) -> State:
    if one.error is not None:
        return states.FAILED
    if before is not None and before.digest == one.digest:
        return states.CACHED.named("the same")
    return states.OK.named("new")


def _said_of(one: Refresh) -> str:
    return one.error or f"{count(one.rows)} rows of {count(one.keys)} keys"


def _strip_said(past: Sequence[Refresh]) -> str:
    failed = sum(one.error is not None for one in past)
    return f"{count(len(past))} refreshes, {count(failed) if failed else 'none'} failed" if len(past) > 1 else ""
