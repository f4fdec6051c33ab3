"""Sinks and webhooks: what was written where, and who was told of what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from unshelve.web.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAsideRow:
    """A row that was not written, and why."""

    row: int
    key: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """One batch: what became of its rows. `rows` is as many as there were; the other counts add up to it."""

    id: str
    state: State
    cause: str
    at: datetime | None
    took: str
    rows: str
    written: str
    unchanged: str
    refused: str
    versions: str
    place: str
    error: str
    run: str
    set_aside: tuple[SetAsideRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkCard:
    """One sink: whose answers, over which rows, where to, when, and its last batches."""

    name: str
    title: str
    answers: str
    answers_href: str
    rows: str
    place: str
    kind: str
    key: str
    when: str
    next_at: datetime | None
    changed: bool
    state: State
    batches: tuple[BatchRow, ...]
    refused: tuple[SetAsideRow, ...]
    """Rows of the newest batch that were not written."""
    refused_count: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SinksView:
    """The sinks of a solution."""

    solution: str
    sinks: tuple[SinkCard, ...]
    may_run: bool
    may_see_rows: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EventChoice:
    """An event that a webhook can be told of."""

    name: str
    words: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRow:
    """One webhook. `secret` is the name of its secret, never the value."""

    id: str
    url: str
    host: str
    events: tuple[str, ...]
    solution: str
    secret: str
    state: State
    why: str
    made_at: datetime
    delivered: int
    waiting: int
    dead: int
    off: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """One delivery."""

    id: str
    event: str
    subject: str
    host: str
    state: State
    attempts: int
    made_at: datetime
    next_at: datetime | None
    status: str
    error: str
    may_replay: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhooksView:
    """Webhooks, what was sent, and what could not be. `new_secret` was just made and is shown once."""

    webhooks: tuple[WebhookRow, ...]
    dead: tuple[DeliveryRow, ...]
    deliveries: tuple[DeliveryRow, ...]
    events: tuple[EventChoice, ...]
    solutions: tuple[str, ...]
    problem: str
    typed: str
    new_secret: str
    new_host: str
