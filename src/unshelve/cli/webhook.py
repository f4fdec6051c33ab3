"""`unshelve webhook`: addresses that are told of what happens."""

from __future__ import annotations

from typing import Annotated

import typer

from unshelve.cli.connect import connect, part
from unshelve.cli.output import HomeOption, JsonOption, result, say, table
from unshelve.cli.places import existing_home

WebhookArgument = Annotated[str, typer.Argument(metavar="ID", help="Its id, as `unshelve webhook list` shows it.")]


def add(
    url: Annotated[str, typer.Argument(help="Where messages are sent to, by POST.")],
    on: Annotated[
        str,
        typer.Option(
            help="Of what it is told: release, run-done, run-failed, sink-written, sink-failed, prediction.",
            metavar="EVENT,EVENT",
        ),
    ],
    secret: Annotated[str, typer.Option(help="A kept secret that signs.", show_default="one is made")] = "",
    solution: Annotated[str, typer.Option(help="Only events of this one.", show_default="all")] = "",
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Add a webhook. Where a signing secret is made for it, that is shown once."""
    events = [each.strip() for each in on.split(",") if each.strip()]
    with connect(existing_home(home).root) as api:
        made = api.post("/api/webhooks", {"url": url, "on": events, "secret": secret, "solution": solution})
    result(made, json=json, lines=[made["signing_secret"] or f"Added, signed with the secret {made['secret']}."])
    if made["signing_secret"] and not json:
        say("The signing secret is shown this once. The receiver checks messages with it.")


def list_webhooks(home: HomeOption = None, json: JsonOption = False) -> None:
    """List webhooks, without their secrets."""
    with connect(existing_home(home).root) as api:
        found = api.get("/api/webhooks")
    rows = [
        (each["id"], each["url"], ", ".join(each["on"]), each["solution"] or "", each["disabled"] or "")
        for each in found["webhooks"]
    ]
    result(found, json=json, lines=table(("id", "address", "of", "only", "off"), rows) if rows else ["Nobody is told."])


def remove(webhook: WebhookArgument, home: HomeOption = None, json: JsonOption = False) -> None:
    """Forget a webhook, and what it was still to be told."""
    with connect(existing_home(home).root) as api:
        api.delete(f"/api/webhooks/{part(webhook)}")
    result({"id": webhook, "removed": True}, json=json, lines=["Forgotten."])


def switch_on(webhook: WebhookArgument, home: HomeOption = None, json: JsonOption = False) -> None:
    """Let a webhook be told again."""
    with connect(existing_home(home).root) as api:
        api.post(f"/api/webhooks/{part(webhook)}/on")
    result({"id": webhook, "on": True}, json=json, lines=["It is told again."])


def switch_off(webhook: WebhookArgument, home: HomeOption = None, json: JsonOption = False) -> None:
    """Let a webhook be told of nothing, until it is switched on."""
    with connect(existing_home(home).root) as api:
        api.post(f"/api/webhooks/{part(webhook)}/off")
    result({"id": webhook, "on": False}, json=json, lines=["It is told of nothing."])


def test(webhook: WebhookArgument, home: HomeOption = None, json: JsonOption = False) -> None:
    """Send a webhook a message that says nothing happened; the server sends it."""
    with connect(existing_home(home).root) as api:
        api.post(f"/api/webhooks/{part(webhook)}/test")
    result({"id": webhook, "queued": True}, json=json, lines=["It is on its way: unshelve webhook sent."])


def sent(
    dead: Annotated[bool, typer.Option("--dead", help="Only what was set aside.")] = False,
    limit: Annotated[int, typer.Option(help="How many, at most.", min=1, max=500)] = 20,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """List what was sent, the newest first."""
    with connect(existing_home(home).root) as api:
        found = api.get("/api/deliveries", limit=limit, state="dead" if dead else None)
    rows = [
        (each["id"], each["event"], each["subject"], each["state"], each["attempts"], each["error"] or each["status"])
        for each in found["deliveries"]
    ]
    heads = ("id", "event", "about", "state", "tries", "last answer")
    result(found, json=json, lines=table(heads, rows) if rows else ["Nothing was sent."])


def replay(
    delivery: Annotated[str, typer.Argument(metavar="ID", help="Its id, as `unshelve webhook sent` shows it.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Send a message again that arrived or was set aside."""
    with connect(existing_home(home).root) as api:
        found = api.post(f"/api/deliveries/{part(delivery)}/replay")
    result(found, json=json, lines=["It is on its way."])


COMMANDS = {
    "add": add,
    "list": list_webhooks,
    "remove": remove,
    "on": switch_on,
    "off": switch_off,
    "test": test,
    "sent": sent,
    "replay": replay,
}
