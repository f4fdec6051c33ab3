"""`unshelve audit`: who changed what, and whether the chain is whole."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from unshelve.cli.connect import Json, connect
from unshelve.cli.output import HomeOption, JsonOption, moment, result, table
from unshelve.cli.places import existing_home
from unshelve.security.audit import newest
from unshelve.solution.stored import stored
from unshelve.storage.home import Home
from unshelve.upkeep.damage import audit_damage


def command(
    verify: Annotated[bool, typer.Option("--verify", help="Check the whole chain instead.")] = False,
    subject: Annotated[str | None, typer.Option(help="Of one subject, such as a model.", show_default="all")] = None,
    limit: Annotated[int, typer.Option(help="How many entries, at most.", min=1, max=1000)] = 50,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """List the newest changes with who made them, or check that no entry was changed or removed."""
    place = existing_home(home)
    if verify:
        _verify(place, json=json)
        return
    with connect(place.root) as api:
        found = api.get("/api/audit", limit=limit, subject=subject)
    result(found, json=json, lines=_table(found["entries"]))


def _verify(place: Home, *, json: bool) -> None:
    with stored(place) as opened, opened.database.read() as connection:
        damage = audit_damage(opened, connection)
        head = newest(connection)
    if damage is not None:
        raise damage
    count = head.number if head else 0
    result({"whole": True, "entries": count}, json=json, lines=[f"The chain is whole: {count:,} entries."])


def _table(entries: list[Json]) -> list[str]:
    if not entries:
        return ["Nothing has been changed yet."]
    rows = [
        (each["number"], moment(each["at"]), each["actor"], each["action"], each["subject"], _details(each["details"]))
        for each in entries
    ]
    return table(("entry", "when", "who", "did", "to", "with"), rows)


def _details(details: Json) -> str:
    said = ", ".join(f"{name} {_text(value)}" for name, value in details.items() if value is not None)
    return said if len(said) <= 80 else said[:79] + "…"


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
