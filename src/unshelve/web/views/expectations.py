"""The expectations of a solution and what cleaning changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from unshelve.web.frame import Link
from unshelve.web.states import State
from unshelve.web.views.parts import Glance


@dataclass(frozen=True, slots=True)
class Cells:
    """A few rows as texts; None is a missing value."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One thing that is said of a table, and what came of it."""

    says: str
    state: State
    message: str
    failing: str


@dataclass(frozen=True, slots=True)
class Mark:
    """One run in the strip of an expectation's history."""

    state: State
    said: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationCard:
    """One expectation: what it says, what came of it last, and its history."""

    name: str
    title: str
    table: str
    table_href: str
    severity: str
    place: str
    state: State
    sentence: str
    at: datetime | None
    run: Link | None
    rows: str
    failing: str
    checks: tuple[CheckRow, ...]
    examples: Cells | None
    downloads: tuple[Link, ...]
    history: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class ChangedColumn:
    """What cleaning did to one column."""

    name: str
    changed: str
    filled: str
    emptied: str
    pairs: tuple[tuple[str, str | None, str | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CleaningCard:
    """A table before and after one step."""

    step: str
    kind: str
    anchor: str
    title: str
    sentence: str
    facts: tuple[tuple[str, str], ...]
    columns: tuple[ChangedColumn, ...]
    dropped: Cells | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationsView:
    """All expectations of a solution, and what its cleaning changed in the last run."""

    solution: str
    glances: tuple[Glance, ...]
    expectations: tuple[ExpectationCard, ...]
    cleaning: tuple[CleaningCard, ...]
    cleaned_by: Link | None
    example: str
