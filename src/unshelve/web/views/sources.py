"""Declared sources: the list of a solution's, and one with its loads, its columns and what it asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from markupsafe import Markup

from unshelve.web.frame import Link
from unshelve.web.states import State
from unshelve.web.views.parts import Glance


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """One source in the list."""

    name: str
    title: str
    way: str
    connection: str
    state: State
    note: str
    loaded_at: datetime | None
    mark: str
    rows: int | None
    columns: int | None
    size_bytes: int | None
    trend: Markup = field(repr=False, metadata={"twin": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesView:
    """All declared sources of a solution."""

    solution: str
    sources: tuple[SourceRow, ...]
    others: tuple[str, ...]
    """Sources that are functions: nothing is known of how they read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRow:
    """A column by a sample of its rows: its type, what is missing, a small picture with the same in words."""

    name: str
    type: str
    missing: str
    said: str
    picture: Markup = field(repr=False, metadata={"twin": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRow:
    """One load: when, all or what is new, and what it changed."""

    number: int
    at: datetime
    complete: bool
    why: str
    mark: str
    read: int
    added: int
    changed: int
    removed: int
    rows: int
    took: str
    result: str
    run: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaChange:
    """What changed of the columns, and with which load."""

    at: datetime
    load: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    retyped: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """One source."""

    solution: str
    name: str
    title: str
    lead: str
    glances: tuple[Glance, ...]
    asked: str
    asked_of: str
    said: tuple[tuple[str, str], ...]
    """What its declaration says, by option."""
    notes: tuple[str, ...]
    columns: tuple[ColumnRow, ...]
    sampled: str
    changes: tuple[SchemaChange, ...]
    loads: tuple[LoadRow, ...]
    result: str
