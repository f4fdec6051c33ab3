"""Answers that were given: the recent ones, and the receipt of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from unshelve.web.charts.figure import Figure
from unshelve.web.frame import Link
from unshelve.web.states import State
from unshelve.web.views.ask import AnswerCard
from unshelve.web.views.parts import Pages


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionRow:
    """One answer in the list."""

    id: str
    at: datetime
    model: str
    version: int
    said: str
    by: str
    route: str
    took: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionsView:
    """Recent answers, newest first."""

    solution: str
    heading: str
    rows: tuple[PredictionRow, ...]
    pages: Pages
    tabs: tuple[Link, ...]
    models: tuple[Link, ...]
    a_day: Figure | None
    may_ask: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptField:
    """One value of the row that was asked about, as it was given."""

    name: str
    value: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptView:
    """One answer with all that led to it. `again` says how asking the same version again came out."""

    id: str
    solution: str
    model: str
    name: str
    version: int
    answer: AnswerCard
    row: tuple[ReceiptField, ...]
    facts: tuple[tuple[str, str], ...]
    trust: State
    again: str
    again_state: State | None
    may_ask: bool
