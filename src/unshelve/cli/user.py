"""`unshelve user`: the people who may sign in."""

from __future__ import annotations

from typing import Annotated

import typer

from unshelve.cli.connect import Json, connect, part
from unshelve.cli.output import HomeOption, JsonOption, moment, result, say, table
from unshelve.cli.places import existing_home
from unshelve.cli.served import served_at
from unshelve.security.actors import Role
from unshelve.storage.home import Home

NameArgument = Annotated[str, typer.Argument(help="The person's name, such as an e-mail address.")]


def invite(
    name: NameArgument,
    role: Annotated[Role, typer.Option(help="What the person may do.")] = Role.USER,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Let a person in: makes a user and a sign-in link that works once."""
    place = existing_home(home)
    with connect(place.root) as api:
        made = api.post("/api/users", {"name": name, "role": role.value})
    tell_link(made, place, json=json)


def link(name: NameArgument, home: HomeOption = None, json: JsonOption = False) -> None:
    """Make another sign-in link for a person; earlier ones stop working."""
    place = existing_home(home)
    with connect(place.root) as api:
        made = api.post(f"/api/users/{part(name)}/link")
    tell_link(made, place, json=json)


def list_users(home: HomeOption = None, json: JsonOption = False) -> None:
    """List the people who may sign in."""
    with connect(existing_home(home).root) as api:
        found = api.get("/api/users")
    rows = [
        (
            each["name"],
            each["role"],
            "no longer" if each["disabled"] else "yes",
            moment(each["created"]),
            moment(each["last_sign_in"]) or "never",
        )
        for each in found["users"]
    ]
    lines = table(("name", "role", "may sign in", "made", "signed in"), rows) if rows else ["There is nobody yet."]
    result(found, json=json, lines=lines)


def role(
    name: NameArgument,
    role: Annotated[Role, typer.Argument(help="What the person may do from now on.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Give a person another role, at once."""
    with connect(existing_home(home).root) as api:
        changed = api.post(f"/api/users/{part(name)}/role", {"role": role.value})
    result(changed, json=json, lines=[f"{changed['name']} is {changed['role']} now."])


def remove(name: NameArgument, home: HomeOption = None, json: JsonOption = False) -> None:
    """Let a person in no more: sessions end and keys stop working at once. The name stays in the audit."""
    with connect(existing_home(home).root) as api:
        changed = api.post(f"/api/users/{part(name)}/disable")
    result(
        changed, json=json, lines=[f"{changed['name']} may not sign in any more. `unshelve user restore` undoes it."]
    )


def restore(name: NameArgument, home: HomeOption = None, json: JsonOption = False) -> None:
    """Let a removed person in again."""
    with connect(existing_home(home).root) as api:
        changed = api.post(f"/api/users/{part(name)}/enable")
    result(changed, json=json, lines=[f"{changed['name']} may sign in again, with password or link."])


def tell_link(made: Json, home: Home, *, json: bool) -> None:
    """A sign-in link, and what is to be known of it."""
    result(made, json=json, lines=[made["link"]])
    if not json:
        say(f"It lets {made['name']} in, once, until {moment(made['expires'])}.")
    if served_at(home) is None:
        say("Nobody serves this home just now: the link works when somebody does, at that address.")


COMMANDS = {
    "invite": invite,
    "link": link,
    "list": list_users,
    "role": role,
    "remove": remove,
    "restore": restore,
}
