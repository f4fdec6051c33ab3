"""`unshelve move`: a home's database and blobs to PostgreSQL and object storage, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer

from unshelve.cli.copying import CopyProgress
from unshelve.cli.output import HomeOption, JsonOption, result
from unshelve.cli.places import existing_home
from unshelve.errors import Refused
from unshelve.security.actors import LOCAL
from unshelve.settings import Settings
from unshelve.solution.control import Control
from unshelve.upkeep.moving import HOME, move
from unshelve.web.wording import count


def command(
    to: Annotated[
        list[str],
        typer.Option(
            help="Of the database: postgresql://USER@HOST/NAME. Of the blobs: s3://BUCKET/PREFIX, az://…, gs://…, "
            "a folder. `home`: what no other --to names comes back into the home. May be said twice.",
            metavar="ADDRESS",
        ),
    ],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Move a home's database, blobs or both. All is copied and compared before it is used; what was there stays."""
    place = existing_home(home)
    with Control.open(place.root) as control, CopyProgress() as shown:
        database, blobs = targets(to, control.settings)
        done = move(control, LOCAL, database=database, blobs=blobs, progress=shown.tell)
    lines = []
    if done.blobs is not None:
        lines.append(f"Blobs: {count(done.copied)} copied, {count(done.present)} were there.")
    if done.database is not None:
        lines.append(f"Database: {count(done.rows)} rows copied and compared.")
    lines.append(f"The home uses them from now on ({place.settings_file}). What was there before is still there.")
    result(msgspec.to_builtins(done), json=json, lines=lines)


def targets(addresses: Sequence[str], settings: Settings) -> tuple[str | None, str | None]:
    """Where the database and where the blobs are to go, by what each address looks like; None stays where it is."""
    named: dict[str, str] = {}
    for address in addresses:
        if address == HOME:
            continue
        what = "database" if address.startswith(("postgresql://", "postgres://")) else "blobs"
        if what in named:
            raise Refused(f"--to names two places for the {what}.", code="move-twice", hint="Name each kind once.")
        named[what] = address
    if HOME in addresses:
        away = {"database": settings.database, "blobs": settings.blobs}
        named = {**{what: HOME for what, place in away.items() if place}, **named}
        if not named:
            raise Refused("Database and blobs are in the home already.", code="moved-already")
    return named.get("database"), named.get("blobs")
