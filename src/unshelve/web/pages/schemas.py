"""What a row looks like, for one model or for everything of a solution that answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from unshelve.schema.schema import Field, FieldType
from unshelve.schema.words import allowed
from unshelve.solution.declaration import StepInfo
from unshelve.web.asked import Asked
from unshelve.web.evidence import LookupFields
from unshelve.web.frame import Link
from unshelve.web.framing import frame_for
from unshelve.web.pages.asking import Released, found_of, released
from unshelve.web.pages.models import model_tabs
from unshelve.web.render import page
from unshelve.web.solution_facts import facts_of
from unshelve.web.views.ask import SchemaLookup, SchemaOf, SchemaRow, SchemaView
from unshelve.web.wording import duration, exact, plural, share

_MOST_CATEGORIES: Final = 8


def schema_of_model(asked: Asked) -> Response:
    """What a row looks like for one model."""
    facts, step, found = found_of(asked)
    view = SchemaView(
        solution=facts.name,
        title="Schema",
        lead=f"What a request to {step.name} looks like: learned from the training rows, owned by the version.",
        tabs=model_tabs(facts, step, f"/models/{facts.full(step.name)}/schema"),
        schemas=(_schema(facts.name, step, found),) if found else (),
    )
    crumbs = (Link(step.name, f"/models/{facts.full(step.name)}"), Link("Schema", ""))
    frame = frame_for(
        asked, f"Schema of {step.name}", facts=facts, crumbs=crumbs, here=f"/models/{facts.full(step.name)}"
    )
    return page(asked.site.templates, asked.request, "pages/schema.html", view, frame)


def schema_of_solution(asked: Asked) -> Response:
    """What a row looks like, for everything of a solution that answers."""
    with asked.site.database.read() as connection:
        facts = facts_of(connection, asked.part("solution"))
    found = [(step, released(asked, facts, step)) for step in facts.answering]
    view = SchemaView(
        solution=facts.name,
        title="Schema",
        lead="What a request looks like. It checks requests, draws the form and describes the API.",
        tabs=(),
        schemas=tuple(_schema(facts.name, step, one) for step, one in found if one is not None),
    )
    frame = frame_for(asked, f"Schema of {facts.title}", facts=facts, crumbs=(Link("Schema", ""),))
    return page(asked.site.templates, asked.request, "pages/schema.html", view, frame)


def _schema(solution: str, step: StepInfo, found: Released) -> SchemaOf:
    return SchemaOf(
        model=found.version.model,
        name=step.name,
        version=found.version.number,
        digest=found.schema.digest,
        rows=tuple(_row(field) for field in found.schema.fields),
        lookups=tuple(_lookup(solution, one) for one in found.lookups),
    )


def _row(field: Field) -> SchemaRow:
    return SchemaRow(
        name=field.name,
        title=field.title or field.description or "",
        type=field.type.value,
        unit=field.unit or "",
        allowed=_capital(allowed(field).removesuffix(", or null")),
        missing="yes" if field.missing else "no",
        seen=_seen(field.seen, [(one.value, one.share) for one in field.categories], field.type),
        note=_note(field.sensitive, field.role),
    )


def _lookup(solution: str, one: LookupFields) -> SchemaLookup:
    how = f"The present entry of {_listed(one.how.key)}."
    lacking = "Where there is no entry"
    if one.how.at is not None:
        how = f"The newest entry of {_listed(one.how.key)} whose {one.how.at} is not after {one.how.event}."
    if one.how.stale_seconds is not None:
        old = duration(one.how.stale_seconds)
        how += f" One that is more than {old} older than that does not count."
        lacking += f", or only one older than {old}"
    said = "and the model answers all the same"
    if one.required:
        said = f"and a request is refused by the name of the field where {_listed(one.required, 'or')} is missing"
    return SchemaLookup(
        name=one.name,
        href=f"/solutions/{solution}/lookups#l-{one.name}",
        how=how,
        otherwise=f"{lacking}, its fields are missing, {said}.",
        rows=tuple(_row(field) for field in one.schema.fields),
    )


def _listed(names: Sequence[str], word: str = "and") -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def _seen(
    seen: tuple[int | float, int | float] | None, categories: Sequence[tuple[str, float]], type_: FieldType
) -> str:
    if seen is not None:
        return f"{exact(seen[0])} to {exact(seen[1])}"
    if not categories:
        return ""
    most = sorted(categories, key=lambda one: -one[1])[:_MOST_CATEGORIES]
    told = ", ".join(f"{value} {share(part, 0)}" for value, part in most[:3])
    kind = "number" if type_ is FieldType.INTEGER else "value"
    return f"{plural(len(categories), kind)}: {told}{' …' if len(categories) > 3 else ''}"


def _note(sensitive: str | None, role: str) -> str:
    told = [f"likely sensitive: {sensitive}"] if sensitive else []
    return ", ".join([*told, "identifier"] if role == "identifier" else told)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
