"""Sinks and webhooks, for programs."""

from __future__ import annotations

import http
from datetime import datetime

import msgspec
from starlette.responses import Response

from unshelve.pipeline.step import Kind
from unshelve.registry.sinks import SinkBatch, batches_of, get_batch
from unshelve.registry.webhooks import DeliveryState, Webhook, deliveries, get_delivery, webhooks
from unshelve.security.permissions import Action
from unshelve.solution.control import Cause
from unshelve.solution.sinking import order_by_hand
from unshelve.web.api.changing import order_of
from unshelve.web.api.reading import answered
from unshelve.web.api.shapes import Struct
from unshelve.web.asked import Asked
from unshelve.web.pages.webhooks import again, create, send_test, switch, take_away
from unshelve.web.solution_facts import facts_of


class BatchShape(Struct, frozen=True, kw_only=True):
    """A batch of a sink; counts add up to `rows`, once it is done."""

    id: str
    sink: str
    state: str
    cause: str
    ordered_at: datetime
    ended_at: datetime | None
    rows: int
    written: int
    unchanged: int
    refused: int
    versions: list[int]
    place: str
    error: str | None
    set_aside: list[dict[str, object]]


class SinksShape(Struct, frozen=True, kw_only=True):
    """The names of a solution's sinks, and their newest batches."""

    sinks: list[str]
    batches: list[BatchShape]


class WebhookOrder(Struct, frozen=True, kw_only=True):
    """A webhook that is wanted. `secret` names a secret that is kept; without it one is made and shown once."""

    url: str
    on: list[str]
    secret: str = ""
    solution: str = ""


class WebhookShape(Struct, frozen=True, kw_only=True):
    """A webhook. `signing_secret` is there once, when it was just made."""

    id: str
    url: str
    on: list[str]
    secret: str
    solution: str | None
    disabled: str | None
    signing_secret: str | None = None


class DeliveryShape(Struct, frozen=True, kw_only=True):
    """One event for one webhook."""

    id: str
    webhook: str
    event: str
    subject: str
    state: str
    attempts: int
    status: int | None
    error: str | None
    body: object


def sinks_of(asked: Asked) -> Response:
    """The newest batches of a solution's sinks."""
    with asked.site.database.read() as connection:
        facts = facts_of(connection, asked.part("solution"))
        found = batches_of(connection, facts.name, limit=asked.query_number("limit") or 50)
    names = [step.name for step in facts.declaration.of_kind(Kind.SINK)]
    return answered(SinksShape(sinks=names, batches=[_batch(asked, one) for one in found]))


def run(asked: Asked) -> Response:
    """Orders a batch of a sink."""
    with asked.site.database.write() as connection:
        cause = Cause(asked.who, f"{asked.who.name} asked for it by the API")
        batch = order_by_hand(connection, f"{asked.part('solution')}.{asked.part('sink')}", cause, now=asked.now)
        ordered = get_batch(connection, batch)
    return answered(_batch(asked, ordered), http.HTTPStatus.ACCEPTED)


def batch(asked: Asked) -> Response:
    """One batch of a sink."""
    with asked.site.database.read() as connection:
        found = get_batch(connection, asked.part("batch"))
    return answered(_batch(asked, found))


def webhook_list(asked: Asked) -> Response:
    """Every webhook, without its secret."""
    with asked.site.database.read() as connection:
        found = webhooks(connection)
    return answered({"webhooks": [_webhook(one) for one in found]})


def webhook_add(asked: Asked) -> Response:
    """Adds a webhook."""
    order = order_of(asked, WebhookOrder)
    made, shown = create(asked, order.url, order.on, secret=order.secret, solution=order.solution)
    return answered(_webhook(made, shown), http.HTTPStatus.CREATED)


def webhook_remove(asked: Asked) -> Response:
    """Forgets a webhook."""
    take_away(asked, asked.part("webhook"))
    return Response(status_code=http.HTTPStatus.NO_CONTENT)


def webhook_on(asked: Asked) -> Response:
    """Lets a webhook be told again."""
    switch(asked, asked.part("webhook"), None)
    return Response(status_code=http.HTTPStatus.NO_CONTENT)


def webhook_off(asked: Asked) -> Response:
    """Lets a webhook be told of nothing, until it is switched on."""
    switch(asked, asked.part("webhook"), f"{asked.who.name} switched it off.")
    return Response(status_code=http.HTTPStatus.NO_CONTENT)


def webhook_test(asked: Asked) -> Response:
    """Sends a webhook a message that says nothing happened."""
    send_test(asked, asked.part("webhook"))
    return Response(status_code=http.HTTPStatus.ACCEPTED)


def delivery_list(asked: Asked) -> Response:
    """The newest deliveries, or those that were set aside (`?state=dead`)."""
    wanted = asked.query("state")
    state = DeliveryState(wanted) if wanted in set(DeliveryState) else None
    with asked.site.database.read() as connection:
        found = deliveries(connection, state=state, limit=min(asked.query_number("limit") or 50, 500))
    return answered({"deliveries": [_delivery(one.id, asked) for one in found]})


def delivery_replay(asked: Asked) -> Response:
    """Sends a delivery again."""
    found = again(asked, asked.part("delivery"))
    return answered(_delivery(found.id, asked), http.HTTPStatus.ACCEPTED)


def _batch(asked: Asked, one: SinkBatch) -> BatchShape:
    return BatchShape(
        id=one.id,
        sink=one.full_name,
        state=one.state.value,
        cause=one.cause,
        ordered_at=datetime.fromisoformat(one.ordered_at),
        ended_at=None if one.ended_at is None else datetime.fromisoformat(one.ended_at),
        rows=one.total,
        written=one.written,
        unchanged=one.unchanged,
        refused=one.refused,
        versions=list(one.versions),
        place=one.place,
        error=one.error,
        # A key can be a person's number: only who may see rows sees it.
        set_aside=[dict(each) for each in one.set_aside] if asked.may(Action.SEE_LOG) else [],
    )


def _webhook(one: Webhook, shown: str = "") -> WebhookShape:
    return WebhookShape(
        id=one.id,
        url=one.url,
        on=list(one.events),
        secret=one.secret,
        solution=one.solution,
        disabled=one.disabled,
        signing_secret=shown or None,
    )


def _delivery(delivery_id: str, asked: Asked) -> DeliveryShape:
    with asked.site.database.read() as connection:
        one = get_delivery(connection, delivery_id)
    return DeliveryShape(
        id=one.id,
        webhook=one.webhook,
        event=one.event,
        subject=one.subject,
        state=one.state.value,
        attempts=one.attempts,
        status=one.status,
        error=one.error,
        body=msgspec.json.decode(one.body),
    )
