"""A model or endpoint with its versions, and one version."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from markupsafe import Markup

from unshelve.web.charts.figure import Figure
from unshelve.web.frame import Link
from unshelve.web.states import State
from unshelve.web.views.notebook import Lifted
from unshelve.web.views.parts import Alert, Chart, Event, FindingRow, GateResult, ProofSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionHead:
    """A column of the comparison."""

    number: int
    state: State
    champion: bool
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One value of the comparison with the line below it; `state` where it is one."""

    text: str
    below: str = ""
    best: bool = False
    state: State | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureRow:
    """One measure over the versions, with its small forest."""

    name: str
    below: str
    cells: tuple[Cell, ...]
    baseline: str
    forest: Markup = field(repr=False, metadata={"twin": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideForm:
    """What may be decided: promote one version, or go back to another."""

    candidate: int | None
    candidate_note: str
    back_to: int | None
    back_note: str
    champion: int | None
    others: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """A model or endpoint."""

    solution: str
    name: str
    full_name: str
    kind: str
    description: str
    lifted: Lifted | None
    tabs: tuple[Link, ...]
    alerts: tuple[Alert, ...]
    subject: int | None
    proof: ProofSummary | None
    gates: tuple[GateResult, ...]
    gates_title: str
    versions: tuple[VersionHead, ...]
    measures: tuple[MeasureRow, ...]
    compared_on: str
    pictures: tuple[Figure, ...]
    pictures_of: str
    history: Figure | None
    decisions: tuple[Event, ...]
    decide: DecideForm | None
    problem: str
    may_ask: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFile:
    """One file of a version."""

    path: str
    size: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRow:
    """One line of a Proof: which value, how it was compared, the verdict."""

    value: str
    compared: str
    state: State
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """One version: its proof, gates, what it was made from, what it is made of."""

    solution: str
    name: str
    full_name: str
    number: int
    state: State
    champion: bool
    lead: str
    lifted: Lifted | None
    tabs: tuple[Link, ...]
    proof: ProofSummary | None
    verdicts: tuple[VerdictRow, ...]
    gates: tuple[GateResult, ...]
    gates_title: str
    metrics: tuple[tuple[str, str, str], ...]
    pictures: tuple[Chart, ...]
    made_from: tuple[tuple[str, str], ...]
    run: Link | None
    libraries: tuple[tuple[str, str], ...]
    files: tuple[ManifestFile, ...]
    findings: tuple[FindingRow, ...]
    manifest: str
    signature: str
