"""Webhooks: who is told of what, what was sent, and what could not be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response

from unshelve.clock import milliseconds
from unshelve.errors import Refused, UnshelveError
from unshelve.ids import new_id
from unshelve.registry.solutions import get_solution, solutions
from unshelve.registry.webhooks import (
    EVENTS,
    TEST,
    Delivery,
    DeliveryState,
    Webhook,
    add_webhook,
    change_webhook,
    counts,
    deliveries,
    get_webhook,
    post,
    remove_webhook,
    replay,
    webhooks,
)
from unshelve.security.audit import append
from unshelve.security.secrets import kept_secret, remove_secret, set_secret
from unshelve.security.urls import check_url
from unshelve.security.webhook_signing import new_signing_secret
from unshelve.web import states
from unshelve.web.asked import Asked
from unshelve.web.frame import Link
from unshelve.web.framing import frame_for
from unshelve.web.going import to
from unshelve.web.render import page
from unshelve.web.views.sinks import DeliveryRow, EventChoice, WebhookRow, WebhooksView

_SHOWN: Final = 30
_OWN: Final = "WEBHOOK_"
"""How the name of a secret begins that was made for one webhook alone."""


def listing(asked: Asked) -> Response:
    """Every webhook, and what was sent."""
    return _listing(asked)


def add(asked: Asked) -> Response:
    """A new webhook; its secret is shown once, unless it is one that was kept before."""
    form = asked.form
    url = form.get("url", "").strip()
    events = [event for event in EVENTS if form.get(f"on.{event}")]
    try:
        made, shown = create(
            asked, url, events, secret=form.get("secret", "").strip(), solution=form.get("solution", "").strip()
        )
    except UnshelveError as error:
        return _listing(asked, problem=str(error), typed=url, chosen=events, status=error.status)
    return _listing(asked, new_secret=shown, new_host=made.host)


def remove(asked: Asked) -> Response:
    """Forgets a webhook."""
    take_away(asked, asked.part("webhook"))
    return to("/webhooks?done=removed")


def switch_on(asked: Asked) -> Response:
    """Lets a webhook be told again."""
    switch(asked, asked.part("webhook"), None)
    return to("/webhooks?done=changed")


def switch_off(asked: Asked) -> Response:
    """Lets a webhook be told of nothing, until it is switched on."""
    switch(asked, asked.part("webhook"), f"{asked.who.name} switched it off.")
    return to("/webhooks?done=changed")


def try_out(asked: Asked) -> Response:
    """Sends a webhook a message that says nothing happened."""
    send_test(asked, asked.part("webhook"))
    return to("/webhooks?done=queued")


def send_again(asked: Asked) -> Response:
    """Sends a delivery again that arrived or was set aside."""
    again(asked, asked.part("delivery"))
    return to("/webhooks?done=queued")


def create(asked: Asked, url: str, events: Sequence[str], *, secret: str, solution: str) -> tuple[Webhook, str]:
    """A new webhook, and its secret where one was made. Raises Refused for an address that may not be told."""
    check_url(url, rules=asked.site.settings.webhooks)
    folder = asked.site.keys / "secrets"
    name = new_id(milliseconds(asked.now))
    shown = ""
    if secret:
        kept_secret(folder, secret)
    with asked.site.database.write() as connection:
        if solution:
            get_solution(connection, solution)
        made = add_webhook(
            connection,
            url,
            events,
            secret=secret or f"{_OWN}{name.upper()}",
            actor=asked.who.name,
            solution=solution or None,
            now=asked.now,
            webhook_id=name,
        )
        details = {"url": url, "on": list(made.events), "signed with": made.secret}
        append(connection, asked.who, "add webhook", made.id, details, now=asked.now)
        if not secret:
            shown = new_signing_secret()
            set_secret(folder, made.secret, shown)
    return made, shown


def take_away(asked: Asked, webhook_id: str) -> None:
    """Forgets a webhook, what it was still to be told, and the secret that was made for it."""
    with asked.site.database.write() as connection:
        known = get_webhook(connection, webhook_id)
        remove_webhook(connection, webhook_id)
        append(connection, asked.who, "remove webhook", webhook_id, {"url": known.url}, now=asked.now)
        if known.secret == f"{_OWN}{known.id.upper()}":
            remove_secret(asked.site.keys / "secrets", known.secret)


def switch(asked: Asked, webhook_id: str, why: str | None) -> None:
    """Switches a webhook off, saying why, or on."""
    with asked.site.database.write() as connection:
        known = get_webhook(connection, webhook_id)
        values: dict[str, object] = {"disabled": why, "failing_since": None}
        if why is None and known.disabled is not None:
            values["cursor"] = new_id(milliseconds(asked.now))  # what was answered meanwhile is not told of
        change_webhook(connection, webhook_id, **values)
        action = "switch on webhook" if why is None else "switch off webhook"
        append(connection, asked.who, action, webhook_id, {"url": known.url}, now=asked.now)


def send_test(asked: Asked, webhook_id: str) -> None:
    """Puts a message that says nothing happened into a webhook's outbox."""
    with asked.site.database.write() as connection:
        known = get_webhook(connection, webhook_id)
        if known.disabled is not None:
            raise Refused("The webhook is switched off.", code="webhook-disabled", hint="Switch it on first.")
        data = {"message": "Nothing happened: somebody wanted to see whether this arrives."}
        post(connection, known, TEST, "", data, now=asked.now)
        append(connection, asked.who, "test webhook", webhook_id, {"url": known.url}, now=asked.now)


def again(asked: Asked, delivery_id: str) -> Delivery:
    """Lets a delivery be sent again."""
    with asked.site.database.write() as connection:
        found = replay(connection, delivery_id, now=asked.now)
        details = {"event": found.event, "webhook": found.webhook}
        append(connection, asked.who, "send again", delivery_id, details, now=asked.now)
    return found


def _listing(
    asked: Asked,
    *,
    problem: str = "",
    typed: str = "",
    chosen: Sequence[str] = ("release", "run-failed", "sink-failed"),
    new_secret: str = "",
    new_host: str = "",
    status: int = 200,
) -> Response:
    with asked.site.database.read() as connection:
        found = webhooks(connection)
        dead = deliveries(connection, state=DeliveryState.DEAD, limit=_SHOWN)
        newest = deliveries(connection, limit=_SHOWN)
        numbers = counts(connection)
        names = tuple(one.name for one in solutions(connection))
    hosts = {one.id: one for one in found}
    view = WebhooksView(
        webhooks=tuple(_row(one, numbers) for one in found),
        dead=tuple(_delivery(one, hosts[one.webhook]) for one in dead),
        deliveries=tuple(_delivery(one, hosts[one.webhook]) for one in newest if one.state is not DeliveryState.DEAD),
        events=tuple(EventChoice(name=name, words=words, chosen=name in chosen) for name, words in EVENTS.items()),
        solutions=names,
        problem=problem,
        typed=typed,
        new_secret=new_secret,
        new_host=new_host,
    )
    frame = frame_for(asked, "Webhooks", crumbs=(Link("Webhooks", "/webhooks"),), here="/webhooks", wide=True)
    return page(asked.site.templates, asked.request, "pages/webhooks.html", view, frame, status=status)


def _row(one: Webhook, numbers: dict[tuple[str, DeliveryState], int]) -> WebhookRow:
    state = states.OK.named("on")
    if one.disabled is not None:
        state = states.CACHED.named("off")
    elif one.failing_since is not None:
        state = states.WARN.named("fails")
    return WebhookRow(
        id=one.id,
        url=one.url,
        host=one.host,
        events=tuple(one.events),
        solution=one.solution or "",
        secret=one.secret,
        state=state,
        why=one.disabled or "",
        made_at=_moment(one.made_at),
        delivered=numbers.get((one.id, DeliveryState.DELIVERED), 0),
        waiting=numbers.get((one.id, DeliveryState.WAITING), 0),
        dead=numbers.get((one.id, DeliveryState.DEAD), 0),
        off=one.disabled is not None,
    )


def _delivery(one: Delivery, to: Webhook) -> DeliveryRow:
    waits = one.state is DeliveryState.WAITING
    state = _STATES[one.state]
    if waits and one.attempts:
        state = states.WARN.named("tries again")
    return DeliveryRow(
        id=one.id,
        event=one.event,
        subject=one.subject,
        host=to.host,
        state=state,
        attempts=one.attempts,
        made_at=_moment(one.made_at),
        next_at=_moment(one.next_at) if waits and one.attempts else None,
        status=str(one.status or ""),
        error=one.error or "",
        may_replay=not waits and to.disabled is None,
    )


def _moment(value: int) -> datetime:
    return datetime.fromtimestamp(value / 1000, UTC)


_STATES: Final = {
    DeliveryState.WAITING: states.WAITING.named("waits"),
    DeliveryState.DELIVERED: states.OK.named("arrived"),
    DeliveryState.DEAD: states.FAILED.named("set aside"),
}
