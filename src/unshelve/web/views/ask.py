"""Asking: the form made from the Schema, the answer beside it, a whole file, the Schema itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from markupsafe import Markup

from unshelve.web.charts.figure import Figure
from unshelve.web.forms import Form
from unshelve.web.frame import Link
from unshelve.web.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedUp:
    """What one lookup gave for a row: how old the entry was, from which copy, and its values in words."""

    name: str
    said: str
    copy: str
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCard:
    """One answer: what it says, what that means, and where it can be looked up."""

    who: str
    said: str
    meaning: str
    picture: Markup = field(default=Markup(""), repr=False, metadata={"twin": False})
    figure: Figure | None = None
    values: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    looked_up: tuple[LookedUp, ...] = ()
    prediction: str = ""
    receipt: str = ""
    version: str = ""
    version_href: str = ""
    trust: State | None = None
    at: datetime | None = None
    by: str = ""
    took: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskView:
    """The page on which one row is asked about."""

    solution: str
    model: str
    name: str
    title: str
    lead: str
    models: tuple[Link, ...]
    tabs: tuple[Link, ...]
    form: Form | None
    answer: AnswerCard | None
    typed: Link | None
    """Where the author of the notebook typed the row that fills the form; None for any other row."""
    next_example: str
    asked_nothing: str
    may_ask: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FileView:
    """The page on which a whole file is scored."""

    solution: str
    model: str
    name: str
    tabs: tuple[Link, ...]
    models: tuple[Link, ...]
    columns: tuple[str, ...]
    added: tuple[str, ...]
    limit: str
    problem: str
    problems: tuple[str, ...]
    ready: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaRow:
    """One field of a Schema in words."""

    name: str
    title: str
    type: str
    unit: str
    allowed: str
    missing: str
    seen: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaLookup:
    """Fields that come by a lookup and are not sent."""

    name: str
    href: str
    how: str
    """By what an entry is found, and how old it may be."""
    otherwise: str
    """What is done where there is none."""
    rows: tuple[SchemaRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaOf:
    """The Schema of one model's version."""

    model: str
    name: str
    version: int
    digest: str
    rows: tuple[SchemaRow, ...]
    lookups: tuple[SchemaLookup, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaView:
    """What a row looks like, for each model of a solution or for one."""

    solution: str
    title: str
    lead: str
    tabs: tuple[Link, ...]
    schemas: tuple[SchemaOf, ...]
