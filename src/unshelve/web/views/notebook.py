"""Where a solution comes from: its notebook beside its pipeline, and what was proven of the lift."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from markupsafe import Markup

from unshelve.web.frame import Link
from unshelve.web.states import State
from unshelve.web.views.parts import Alert

LineKind = Literal["kept", "dropped", "between"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """The badge: from which notebook a model was lifted, and how far that is proven."""

    notebook: str
    state: State
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineView:
    """A statement, or the comments between two. `note` says its steps, or why it was dropped."""

    kind: LineKind
    source: str
    line: int
    note: str = ""
    steps: tuple[str, ...] = ()
    repaired: str = ""
    cut: str = ""
    """How many of its lines are not shown."""
    marks: str = field(default="", metadata={"twin": False})
    """Numbers of its steps on this page, by which the two sides find each other."""
    href: str = field(default="", metadata={"twin": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProseView:
    """A heading or a paragraph of a markdown cell."""

    text: str
    heading: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CellView:
    """One cell: its statements, or its prose."""

    number: int
    count: str
    lines: tuple[LineView, ...] = ()
    prose: tuple[ProseView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCard:
    """A step of the pipeline: its kind, verdict, code and the cells that it came of."""

    name: str
    kind: str
    state: State
    code: str
    cells: tuple[Link, ...]
    more_cells: str = ""
    remarks: int = 0
    cut: str = ""
    mark: int = field(default=0, metadata={"twin": False})
    anchor: str = field(default="", metadata={"twin": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRow:
    """The verdict on one value: as the notebook computed it, as the solution did, and where it stands."""

    what: str
    notebook: str
    solution: str
    state: State
    place: Link
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemarkRow:
    """A finding on the notebook, with the cell that it is about."""

    number: str
    state: State
    place: Link
    what: str
    repair: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """What differs from the lift before."""

    what: str
    before: str = ""
    now: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealView:
    """The Proof of the lift in one card: the verdict, why, how many values of each."""

    state: State
    sentence: str
    proven: int = 0
    within: int = 0
    unstable: int = 0
    not_covered: int = 0
    different: int = 0
    bar: Markup = field(default=Markup(""), repr=False, metadata={"twin": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortFact:
    """A line of the findings in short."""

    name: str
    text: str
    state: State | None = None
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOfCells:
    """Which cells are shown, and where the others are."""

    said: str = ""
    earlier: str = ""
    later: str = ""
    others: tuple[Link, ...] = ()
    """Steps that none of these cells went into, with the pages on which they stand."""


@dataclass(frozen=True, slots=True)
class Again:
    """Lifting the notebook again: what to press, and the address; `going_on` leads there instead."""

    href: str
    going_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainView:
    """How it stands with lifting a notebook again, and what can be decided."""

    solution: str
    title: str
    lead: str
    state: State | None
    outcome: str
    said: str
    problems: tuple[str, ...]
    conflict: bool
    going_on: bool
    run: Link | None
    may_start: bool
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookView:
    """The whole page. Of a long notebook a page shows some cells; the twin has all of them."""

    solution: str
    title: str
    notebook: str
    digest: str
    readable: bool
    sentence: str
    alerts: tuple[Alert, ...]
    seal: SealView
    findings_title: str
    short: tuple[ShortFact, ...]
    changes: tuple[ChangeRow, ...]
    about_notebook: str
    about_code: str
    cells: tuple[CellView, ...]
    steps: tuple[StepCard, ...]
    pages: PageOfCells
    values: tuple[ValueRow, ...]
    values_aside: str
    more_values: Link | None
    findings: tuple[RemarkRow, ...]
    more_findings: Link | None
    model: Link | None
    again: Again | None
    """Whether the actor may have it lifted again here; None where not."""
