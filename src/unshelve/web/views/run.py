"""The runs of a solution, and one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from unshelve.web.charts.figure import Figure
from unshelve.web.frame import Link
from unshelve.web.states import State
from unshelve.web.views.parts import Alert, Chart, Pages


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartView:
    """One chart with its numbers."""

    figure: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run in the list."""

    id: str
    number: int
    state: State
    cause: str
    actor: str
    at: datetime
    took: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterField:
    """A parameter that can be set for one run: `step.name` and its default as text."""

    name: str
    default: str
    given: str
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsView:
    """The runs of a solution, newest first, and the form that starts one."""

    solution: str
    runs: tuple[RunRow, ...]
    pages: Pages
    parameters: tuple[ParameterField, ...]
    problem: str
    may_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One step of a run: why it ran or did not, how long, how much memory."""

    name: str
    anchor: str
    title: str
    kind: str
    state: State
    reason: str
    took: str
    memory: str
    log: str
    has_log: bool
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureView:
    """A step that failed: whose code, where, with what inputs."""

    step: str
    message: str
    traceback: str
    inputs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """One measure of a model in a run."""

    model: str
    name: str
    value: str
    between: str
    rows: str
    own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationLine:
    """What became of one expectation in a run."""

    name: str
    table: str
    state: State
    sentence: str
    rows: str
    failing: str
    downloads: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is: `settled` of `steps`, and one sentence on the time."""

    settled: int
    steps: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run."""

    id: str
    solution: str
    number: int
    state: State
    lead: str
    live: bool
    progress: Progress
    alerts: tuple[Alert, ...]
    gantt: Figure | None
    steps: tuple[StepRow, ...]
    left_out: int
    failures: tuple[FailureView, ...]
    metrics: tuple[MetricRow, ...]
    charts: tuple[Chart, ...]
    expectations: tuple[ExpectationLine, ...]
    inside: tuple[tuple[str, str], ...]
    outside: tuple[tuple[str, str], ...]
    versions: tuple[Link, ...]
    may_run: bool
    token: str = field(metadata={"twin": False})
    """Changes when a step does: whoever has seen this one is not sent the same again."""
