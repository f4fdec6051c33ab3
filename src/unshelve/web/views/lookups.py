"""Lookups: the tables that rows are joined with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from markupsafe import Markup

from unshelve.web.frame import Link
from unshelve.web.states import State
from unshelve.web.views.ask import LookedUp


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyField:
    """One value of the form by which an entry is looked for."""

    name: str
    title: str
    hint: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRow:
    """One refresh: what came of it."""

    at: datetime
    state: State
    said: str
    run: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredDay:
    """What a lookup gave to the rows that were answered on one day."""

    day: str
    rows: int
    found: int
    stale: int
    missing: int
    age: str
    """How old the copy was when it was asked: on average, and at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredRows:
    """The same of some days, the newest first; days without rows are left out."""

    said: str
    picture: Markup = field(repr=False, metadata={"twin": False})
    rows: int
    stale: int
    missing: int
    days: tuple[AnsweredDay, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupView:
    """One lookup: what it holds, how fresh that is, how it is refreshed."""

    name: str
    title: str
    description: str
    state: State
    said: str
    """What is wrong, or that nothing is."""
    facts: tuple[tuple[str, str], ...]
    columns: tuple[tuple[str, str], ...]
    strip: Markup = field(repr=False, metadata={"twin": False})
    strip_said: str
    refreshes: tuple[RefreshRow, ...]
    answered: AnsweredRows | None
    """None where no row was answered with it in the last days."""
    fields: tuple[KeyField, ...]
    """Empty where no released version uses it."""
    used_by: tuple[Link, ...]
    found: LookedUp | None
    problem: str
    may_refresh: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupsView:
    """The lookups of a solution."""

    solution: str
    lookups: tuple[LookupView, ...]
