"""`--to ADDRESS`: where a home's database and blobs go, each told by the form of its address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from unshelve.errors import Refused
from unshelve.settings import Settings
from unshelve.upkeep.moving import HOME

_KINDS = "postgresql://USER@HOST/NAME, the blobs to s3://BUCKET/PREFIX, az://…, gs://… or a folder"

MoveTo = Annotated[
    list[str],
    typer.Option(
        "--to",
        help=f"The database goes to {_KINDS}; what no other --to names comes back to `home`. May be said twice.",
        metavar="ADDRESS",
    ),
]
RestoreTo = Annotated[
    list[str] | None,
    typer.Option(
        "--to", help=f"Elsewhere than into the home: the database to {_KINDS}. May be said twice.", metavar="ADDRESS"
    ),
]


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
