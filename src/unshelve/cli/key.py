"""`unshelve key`: API keys, which let programs ask."""

from __future__ import annotations

from typing import Annotated

import typer

from unshelve.cli.connect import connect, part
from unshelve.cli.output import HomeOption, JsonOption, moment, result, say, table
from unshelve.cli.places import existing_home
from unshelve.security.actors import Role


def create(
    name: Annotated[str, typer.Argument(help="What the key is for; lists and the audit show it.")],
    role: Annotated[Role, typer.Option(help="What it may do, at most.")] = Role.USER,
    days: Annotated[int | None, typer.Option(help="After how many days it ends.", min=1, show_default="never")] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Make an API key and show it, this once."""
    with connect(existing_home(home).root) as api:
        made = api.post("/api/keys", {"name": name, "role": role.value, "days": days})
    result(made, json=json, lines=[made["key"]])
    if not json:
        say("It is shown this once. Send it as `Authorization: Bearer KEY`.")


def list_keys(home: HomeOption = None, json: JsonOption = False) -> None:
    """List API keys, without their secrets."""
    with connect(existing_home(home).root) as api:
        found = api.get("/api/keys")
    rows = [
        (
            each["id"],
            each["name"],
            each["role"],
            moment(each["created"]),
            f"revoked {moment(each['revoked'])}" if each["revoked"] else moment(each["expires"]) or "never",
            moment(each["last_used"]) or "never",
        )
        for each in found["keys"]
    ]
    lines = table(("id", "name", "role", "made", "ends", "used"), rows) if rows else ["There is no key."]
    result(found, json=json, lines=lines)


def revoke(
    key: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `unshelve key list` shows it.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Take a key back, at once."""
    with connect(existing_home(home).root) as api:
        api.delete(f"/api/keys/{part(key)}")
    result({"id": key, "revoked": True}, json=json, lines=[f"Key {key} lets nobody in any more."])


COMMANDS = {"create": create, "list": list_keys, "revoke": revoke}
