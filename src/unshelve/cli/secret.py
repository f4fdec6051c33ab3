"""`unshelve secret`: values that sources need and nobody should see."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

import typer

from unshelve.cli.connect import connect, part
from unshelve.cli.output import HomeOption, JsonOption, result
from unshelve.cli.places import existing_home, home_for
from unshelve.storage.home import Home

NameArgument = Annotated[
    str, typer.Argument(help="Letters, digits and _; small letters become capital ones, so that `crm` sets CRM.")
]


def keep(name: NameArgument, home: HomeOption = None, json: JsonOption = False) -> None:
    """Keep a secret. It is asked for, or read from standard input; never given on the command line.

    A home that is not there yet is made: a connection is wanted before the first run.
    """
    place = Home.create_or_open(home_for(home))
    name = _capital(name)
    value = getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.read().removesuffix("\n")
    with connect(place.root) as api:
        kept = api.post(f"/api/secrets/{part(name)}", {"value": value})
    result(kept, json=json, lines=[f"Kept in {place.root}: read by secret({name!r}), or as a connection."])


def list_secrets(home: HomeOption = None, json: JsonOption = False) -> None:
    """List the names of the secrets that are kept; values are not shown anywhere."""
    with connect(existing_home(home).root) as api:
        found = api.get("/api/secrets")
    result(found, json=json, lines=[each["name"] for each in found["secrets"]] or ["No secret is kept."])


def remove(name: NameArgument, home: HomeOption = None, json: JsonOption = False) -> None:
    """Forget a secret."""
    name = _capital(name)
    with connect(existing_home(home).root) as api:
        api.delete(f"/api/secrets/{part(name)}")
    result({"name": name, "removed": True}, json=json, lines=["Forgotten."])


def _capital(name: str) -> str:
    return name.upper().replace("-", "_")


COMMANDS = {"set": keep, "list": list_secrets, "remove": remove}
