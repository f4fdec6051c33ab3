"""The list of solutions, and the overview of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from markupsafe import Markup

from unshelve.web.frame import Link
from unshelve.web.graph.drawing import Pipeline
from unshelve.web.states import State
from unshelve.web.views.notebook import Lifted
from unshelve.web.views.parts import Alert, Chart, Event, FindingRow, Glance


@dataclass(frozen=True, slots=True, kw_only=True)
class SolutionCard:
    """One solution in the list."""

    name: str
    title: str
    description: str
    state: State
    models: tuple[str, ...]
    last_run: str
    answers: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SolutionsView:
    """All solutions of this server."""

    solutions: tuple[SolutionCard, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One model or endpoint of a solution: who answers, how good, how trusted, how much asked."""

    name: str
    full_name: str
    kind: str
    description: str
    champion: str
    champion_note: str
    headline_name: str
    headline: str
    headline_note: str
    trust: State
    answers: str
    trend: Markup = field(repr=False, metadata={"twin": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow:
    """When a model is retrained by itself."""

    name: str
    expression: str
    next_at: datetime | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineView:
    """The drawn pipeline and which run it shows. `live` keeps it fresh while the run goes on."""

    solution: str
    pipeline: Pipeline
    state: State | None
    aside: str
    run: Link | None
    live: bool
    token: str = field(metadata={"twin": False})
    """Changes when a step does: whoever has seen this one is not sent the same again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SolutionView:
    """The overview of one solution."""

    name: str
    title: str
    description: str
    lifted: Lifted | None
    glances: tuple[Glance, ...]
    alerts: tuple[Alert, ...]
    pipeline: PipelineView
    models: tuple[ModelRow, ...]
    held_out: str
    charts: tuple[Chart, ...]
    schedules: tuple[ScheduleRow, ...]
    findings: tuple[FindingRow, ...]
    story: tuple[Event, ...]
    may_run: bool
    may_ask: bool
    may_audit: bool
