"""`unshelve login`: a link that signs in, for whoever sits at this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from unshelve.cli.connect import Json, connect, part
from unshelve.cli.output import HomeOption, JsonOption
from unshelve.cli.places import existing_home
from unshelve.cli.user import tell_link
from unshelve.errors import NotFound

MINUTES = 15


def command(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Who is to be signed in.", show_default="the first owner")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Make a sign-in link that works once, within 15 minutes."""
    place = existing_home(home)
    with connect(place.root) as api:
        who = name or _first_owner(api.get("/api/users")["users"])
        made = api.post(f"/api/users/{part(who)}/link", {"minutes": MINUTES})
    tell_link(made, place, json=json)


def _first_owner(users: list[Json]) -> str:
    owners = sorted(
        (each for each in users if each["role"] == "owner" and not each["disabled"]),
        key=lambda each: str(each["created"]),
    )
    if not owners:
        raise NotFound("There is no owner yet.", code="no-owner", hint="`unshelve up` makes the first one.")
    return str(owners[0]["name"])
