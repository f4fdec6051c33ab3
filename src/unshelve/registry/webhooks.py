"""Webhooks: addresses that are told of events, and the outbox of what is to be told.

An event writes its deliveries in the transaction of the change that it speaks of: neither is there without the other.
`solution.delivering` sends them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, and_, func, select

from unshelve.clock import milliseconds
from unshelve.errors import Conflict, NotFound, Refused
from unshelve.ids import canonical_json, digest, new_id
from unshelve.registry.tables import delivery, webhook

EVENTS: Final[Mapping[str, str]] = {
    "release": "another version answers, or none any more",
    "run-done": "a run ended well",
    "run-failed": "a run failed",
    "sink-written": "a sink wrote a batch",
    "sink-failed": "a sink gave a batch up",
    "prediction": "one answer was given",
}
"""What a webhook can be told of, each with its words."""
TEST: Final = "test"
"""What the button of a webhook sends: nothing happened."""


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"
    """It was tried for as long as anything is tried; the page offers to send it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An address and what it is told of. Times are whole milliseconds since 1970; the secret is kept elsewhere."""

    id: str
    url: str
    events: Sequence[str]
    secret: str
    """The name of the secret that signs."""
    actor: str
    made_at: int
    solution: str | None = None
    """Only events of this solution; None for all."""
    disabled: str | None = None
    """Why it is told of nothing any more."""
    failing_since: int | None = None
    cursor: str = ""
    """The newest answer that it was told of."""

    @property
    def host(self) -> str:
        return self.url.partition("://")[2].partition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event for one address. `body` is what is sent, byte for byte, each time it is tried."""

    id: str
    webhook: str
    event: str
    subject: str
    body: bytes
    state: DeliveryState
    attempts: int
    made_at: int
    next_at: int
    ended_at: int | None = None
    status: int | None = None
    error: str | None = None


def add_webhook(
    connection: Connection,
    url: str,
    events: Collection[str],
    *,
    secret: str,
    actor: str,
    solution: str | None,
    now: datetime,
    webhook_id: str | None = None,
) -> Webhook:
    """A new webhook. Raises Refused for an event that there is not."""
    unknown = next((event for event in events if event not in EVENTS), None)
    if unknown is not None or not events:
        raise Refused(
            f"There is no event {unknown!r}." if unknown is not None else "No event was named.",
            code="event-unknown",
            hint=f"The events are {', '.join(EVENTS)}.",
        )
    moment = milliseconds(now)
    made = Webhook(
        id=webhook_id or new_id(moment),
        url=url,
        events=tuple(sorted(set(events), key=list(EVENTS).index)),
        secret=secret,
        actor=actor,
        solution=solution,
        made_at=moment,
        cursor=new_id(moment),
    )
    connection.execute(webhook.insert().values(**{**msgspec.to_builtins(made), "events": ",".join(made.events)}))
    return made


def get_webhook(connection: Connection, webhook_id: str) -> Webhook:
    """One webhook. Raises NotFound."""
    row = connection.execute(select(webhook).where(webhook.c.id == webhook_id)).first()
    if row is None:
        raise NotFound(f"There is no webhook {webhook_id[:40]}.", code="webhook-not-found")
    return _webhook(row)


def webhooks(connection: Connection) -> list[Webhook]:
    """Every webhook, the oldest first."""
    return [_webhook(row) for row in connection.execute(select(webhook).order_by(webhook.c.id))]


def remove_webhook(connection: Connection, webhook_id: str) -> None:
    """Forget a webhook and what it was still to be told. Raises NotFound."""
    get_webhook(connection, webhook_id)
    connection.execute(delivery.delete().where(delivery.c.webhook == webhook_id))
    connection.execute(webhook.delete().where(webhook.c.id == webhook_id))


def change_webhook(connection: Connection, webhook_id: str, **values: object) -> None:
    """Write some values of a webhook."""
    connection.execute(webhook.update().where(webhook.c.id == webhook_id).values(**values))


def announce(connection: Connection, event: str, subject: str, data: Mapping[str, object], *, now: datetime) -> None:
    """Put an event in the outbox of every webhook that is told of it; `subject` begins with the solution's name."""
    for one in webhooks(connection):
        if event in one.events and one.disabled is None and _concerns(one, subject):
            post(connection, one, event, subject, data, now=now)


def post(
    connection: Connection,
    to: Webhook,
    event: str,
    subject: str,
    data: Mapping[str, object],
    *,
    now: datetime,
    unique: str | None = None,
) -> None:
    """Put one event in one outbox; with `unique` it is put there once, however often this is called."""
    moment = milliseconds(now)
    name = new_id(moment) if unique is None else digest(f"{to.id} {event} {unique}".encode())[:26]
    if unique is not None and connection.execute(select(delivery.c.id).where(delivery.c.id == name)).first():
        return
    body = canonical_json({"id": name, "type": event, "timestamp": now.isoformat(timespec="seconds"), "data": {**data}})
    connection.execute(
        delivery.insert().values(
            id=name,
            webhook=to.id,
            event=event,
            subject=subject,
            body=body,
            state=DeliveryState.WAITING.value,
            attempts=0,
            made_at=moment,
            next_at=moment,
        )
    )


def due_deliveries(connection: Connection, *, now: datetime, limit: int = 100) -> list[Delivery]:
    """The deliveries that are due: of each webhook the oldest first."""
    query = (
        select(delivery)
        .join(webhook, and_(webhook.c.id == delivery.c.webhook, webhook.c.disabled.is_(None)))
        .where(delivery.c.state == DeliveryState.WAITING.value, delivery.c.next_at <= milliseconds(now))
        .order_by(delivery.c.next_at, delivery.c.made_at, delivery.c.id)
        .limit(limit)
    )
    return [_delivery(row) for row in connection.execute(query)]


def deliveries(
    connection: Connection, *, state: DeliveryState | None = None, webhook_id: str | None = None, limit: int = 50
) -> list[Delivery]:
    """The newest deliveries first."""
    query = select(delivery).order_by(delivery.c.made_at.desc(), delivery.c.id.desc()).limit(limit)
    if state is not None:
        query = query.where(delivery.c.state == state.value)
    if webhook_id is not None:
        query = query.where(delivery.c.webhook == webhook_id)
    return [_delivery(row) for row in connection.execute(query)]


def counts(connection: Connection) -> dict[tuple[str, DeliveryState], int]:
    """How many deliveries each webhook has in each state."""
    query = select(delivery.c.webhook, delivery.c.state, func.count()).group_by(delivery.c.webhook, delivery.c.state)
    return {(name, DeliveryState(state)): count for name, state, count in connection.execute(query)}


def get_delivery(connection: Connection, delivery_id: str) -> Delivery:
    """One delivery. Raises NotFound."""
    row = connection.execute(select(delivery).where(delivery.c.id == delivery_id)).first()
    if row is None:
        raise NotFound(f"There is no delivery {delivery_id[:40]}.", code="delivery-not-found")
    return _delivery(row)


def change_delivery(connection: Connection, delivery_id: str, **values: object) -> None:
    """Write some values of a delivery."""
    connection.execute(delivery.update().where(delivery.c.id == delivery_id).values(**values))


def replay(connection: Connection, delivery_id: str, *, now: datetime) -> Delivery:
    """Let a delivery be sent again, at once and with all its tries. Raises Conflict for one that waits already."""
    found = get_delivery(connection, delivery_id)
    if found.state is DeliveryState.WAITING:
        raise Conflict("The delivery waits to be sent already.", code="delivery-waits")
    if get_webhook(connection, found.webhook).disabled is not None:
        raise Conflict(
            "Its webhook is switched off.", code="webhook-disabled", hint="Switch it on, and then send this again."
        )
    change_delivery(
        connection,
        delivery_id,
        state=DeliveryState.WAITING.value,
        attempts=0,
        next_at=milliseconds(now),
        ended_at=None,
        error=None,
    )
    return get_delivery(connection, delivery_id)


def forget_delivered(connection: Connection, *, before: datetime) -> int:
    """Remove deliveries that arrived before a time and tell how many."""
    return connection.execute(
        delivery.delete().where(
            delivery.c.state == DeliveryState.DELIVERED.value, delivery.c.ended_at < milliseconds(before)
        )
    ).rowcount


def _concerns(one: Webhook, subject: str) -> bool:
    return one.solution is None or subject.startswith((f"{one.solution}.", f"{one.solution}#"))


def _webhook(row: Row[Any]) -> Webhook:
    values = dict(row._mapping)
    values["events"] = tuple(values["events"].split(","))
    return Webhook(**values)


def _delivery(row: Row[Any]) -> Delivery:
    values = {name: row._mapping[name] for name in _DELIVERY}
    values["state"] = DeliveryState(values["state"])
    return Delivery(**values)


_DELIVERY: Final = tuple(column.name for column in delivery.c)
