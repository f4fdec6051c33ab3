"""The frame around a page for one request: rail, crumbs, who is signed in, theme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from starlette.requests import Request

from unshelve import __version__
from unshelve.pipeline.step import Kind
from unshelve.security.permissions import Action
from unshelve.security.sessions import csrf_token
from unshelve.solution.check_sources import declared_sources
from unshelve.web import states
from unshelve.web.asked import Asked
from unshelve.web.frame import Frame, Link, RailEntry, RailOf, Theme, Who, marked, server_rail, solution_rail
from unshelve.web.solution_facts import SolutionFacts

THEME_COOKIE: Final = "unshelve_theme"
SOLUTIONS: Final = Link("Solutions", "/solutions")


def frame_for(
    asked: Asked,
    title: str,
    *,
    facts: SolutionFacts | None = None,
    crumbs: Sequence[Link] = (),
    here: str = "",
    wide: bool = False,
) -> Frame:
    """The frame of a page. `crumbs` come after those of the solution; `here` is the rail's link to mark."""
    path = here or asked.request.url.path
    groups = solution_rail(rail_of(facts), path) if facts else ()
    rail = server_rail(
        people=asked.may(Action.MANAGE_USERS),
        audit=asked.may(Action.SEE_AUDIT),
        store=asked.may(Action.MANAGE_STORE) and asked.site.keeper is not None,
        webhooks=asked.may(Action.MANAGE_WEBHOOKS),
    )
    way = [SOLUTIONS]
    if facts:
        way.append(Link(facts.name, f"/solutions/{facts.name}"))
    way.extend(crumbs)
    return Frame(
        title=title,
        crumbs=tuple(way) if len(way) > 1 else (),
        groups=(*groups, *marked([rail], path)),
        who=Who(asked.actor.name, asked.actor.role.value) if asked.actor else None,
        theme=theme_of(asked.request),
        csrf=csrf_token(asked.session) if asked.session else "",
        back=back_of(asked.request),
        toast=TOASTS.get(asked.query("done"), ""),
        wide=wide,
        version=__version__,
    )


def bare_frame(request: Request, title: str) -> Frame:
    """The frame of a page outside of the house: the door and errors."""
    return Frame(title=title, theme=theme_of(request), back=back_of(request), version=__version__)


def rail_of(facts: SolutionFacts) -> RailOf:
    """What the rail says about a solution."""
    entries = []
    for step in facts.answering:
        number = facts.champion(step.name)
        kind = "endpoint" if step.kind is Kind.ENDPOINT else ""
        entries.append(RailEntry(step.name, facts.full(step.name), f"v{number}" if number else kind))
    runs = str(facts.runs) if facts.runs else ""
    notebook = states.lift(facts.origin.state).word if facts.origin else ""
    return RailOf(
        solution=facts.name,
        title=facts.title,
        entries=tuple(entries),
        runs=runs,
        notebook=notebook,
        data=_data_pages(facts),
    )


def _data_pages(facts: SolutionFacts) -> tuple[Link, ...]:
    """The pages about data that a solution has something to show on."""
    found = []
    sources = len(declared_sources(facts.declaration))
    if sources:
        found.append(Link("Sources", "sources", str(sources)))
    if facts.declaration.of_kind(Kind.EXPECT, Kind.KEEP):
        found.append(Link("Expectations", "expectations"))
    sinks = len(facts.declaration.of_kind(Kind.SINK))
    if sinks:
        found.append(Link("Sinks", "sinks", str(sinks)))
    if facts.declaration.lookups:
        found.append(Link("Lookups", "lookups"))
    return tuple(found)


def theme_of(request: Request) -> Theme:
    """The theme that the reader chose; empty where the system decides."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return cast("Theme", chosen) if chosen in {"light", "dark"} else ""


def back_of(request: Request) -> str:
    """Where a form that changes only the looks returns to: the page one is on."""
    if request.method != "GET":
        return "/"
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


TOASTS: Final = {
    "promoted": "Promoted. It answers from now on.",
    "rolled-back": "Rolled back. The earlier version answers.",
    "started": "The run is queued.",
    "stopped": "The run is being stopped.",
    "revoked": "The key does not work any more.",
    "password": "The password is kept.",
    "changed": "Changed.",
    "locked": "Locked out, at once.",
    "unlocked": "May sign in again.",
    "ordered": "The batch is ordered.",
    "queued": "It is on its way.",
    "removed": "Forgotten.",
}
"""What a page says once after something was done: `?done=KEY`. Only these words, so an address can say nothing else."""
