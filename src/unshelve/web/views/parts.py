"""Values that several pages show: glances, alerts, events, pages of a list, pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from markupsafe import Markup

from unshelve.web.charts.figure import EMPTY, Figure
from unshelve.web.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """One of the few figures at the top of a page: its name, the figure (or a state) and a line below.

    A small picture may stand between them, and the name may lead to a page.
    """

    name: str
    figure: str = ""
    below: str = ""
    state: State | None = None
    href: str = ""
    picture: Markup = field(default=EMPTY, repr=False, metadata={"twin": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that waits for a person: what, why, and the one action."""

    state: State
    title: str
    text: str = ""
    href: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of a history: who did what when."""

    who: str
    what: str
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Pages:
    """Addresses of the neighbouring pages of a long list."""

    newer: str = ""
    older: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that the solution's own code drew, by address."""

    title: str
    description: str
    picture: str
    caption: str = ""


Chart = Figure | Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofSummary:
    """A Proof in one card: the verdict, one sentence, the four counts."""

    state: State
    sentence: str
    proven: int = 0
    equal: int = 0
    different: int = 0
    not_covered: int = 0
    href: str = ""
    signed_at: datetime | None = None
    digest: str = ""
    bar: Markup = field(default=Markup(""), repr=False, metadata={"twin": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """One gate: its name, how it came out, what was measured and asked."""

    name: str
    state: State
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """One numbered remark: where, what, and how to mend it."""

    number: str
    state: State
    place: str
    what: str
    repair: str
