"""What stands around every page: title, crumbs, the rail with its links, who is signed in, the theme."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Theme = Literal["", "light", "dark"]


@dataclass(frozen=True, slots=True)
class Link:
    """A link with its words; `note` is the quiet word behind it, `here` the page one is on."""

    text: str
    href: str
    note: str = ""
    here: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Links of the rail under one heading."""

    title: str
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Who:
    """Who is signed in, as the foot of the rail says it."""

    name: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Everything around a page. `csrf` goes into each form; `back` is where the theme button returns to."""

    title: str
    crumbs: tuple[Link, ...] = ()
    groups: tuple[Group, ...] = ()
    who: Who | None = None
    theme: Theme = ""
    csrf: str = ""
    back: str = "/"
    toast: str = ""
    wide: bool = False
    version: str = ""


@dataclass(frozen=True, slots=True)
class RailEntry:
    """A model or endpoint in the rail: its short name, full name and a quiet word such as `v7`."""

    name: str
    full_name: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RailOf:
    """What the rail says about one solution."""

    solution: str
    title: str
    entries: tuple[RailEntry, ...]
    runs: str = ""
    answers: str = ""
    notebook: str = ""
    """How far the lift is proven; empty where there was none."""
    data: tuple[Link, ...] = ()
    """Pages about what comes in and goes out, below the solution's address; only those that it has."""


def solution_rail(rail: RailOf, here: str) -> tuple[Group, ...]:
    """The rail of a solution; `here` is the address of the page one is on."""
    root = f"/solutions/{rail.solution}"
    first = (
        Link("Overview", root),
        Link("Ask", f"{root}/ask"),
        Link("Answers", f"{root}/predictions", rail.answers),
    )
    made_of = tuple(Link(entry.name, f"/models/{entry.full_name}", entry.note) for entry in rail.entries)
    lifted = (Link("Notebook", f"{root}/notebook", rail.notebook),) if rail.notebook else ()
    made = (
        Link("Runs", f"{root}/runs", rail.runs),
        *lifted,
        Link("Schema", f"{root}/schema"),
        Link("API", f"{root}/api"),
    )
    data = tuple(Link(one.text, f"{root}/{one.href}", one.note) for one in rail.data)
    groups = [
        Group("The solution", first),
        Group("Made of", made_of),
        Group("Data", data),
        Group("How it is made", made),
    ]
    return marked(groups, here)


def server_rail(*, people: bool, audit: bool, store: bool, webhooks: bool = False) -> Group:
    """The links of the server itself, as far as the actor may follow them."""
    links = [Link("Solutions", "/solutions")]
    if people:
        links.append(Link("People", "/users"))
    links.append(Link("Keys", "/keys"))
    if webhooks:
        links.append(Link("Webhooks", "/webhooks"))
    if audit:
        links.append(Link("Audit", "/audit"))
    if store:
        links.append(Link("Storage", "/storage"))
    return Group("This server", tuple(links))


def marked(groups: Sequence[Group], here: str) -> tuple[Group, ...]:
    """The groups that have links, with the page one is on marked."""
    return tuple(
        Group(group.title, tuple(Link(one.text, one.href, one.note, one.href == here) for one in group.links))
        for group in groups
        if group.links
    )
