"""`unshelve fsck`: check all that is stored."""

from __future__ import annotations

import typer

from unshelve.cli.output import HomeOption, JsonOption, result, say
from unshelve.cli.places import existing_home
from unshelve.solution.stored import stored
from unshelve.upkeep.damage import Part, examine


def command(home: HomeOption = None, json: JsonOption = False) -> None:
    """Read all that is stored and say what is not what was written, and what to do. Changes nothing."""
    place = existing_home(home)
    parts: list[Part] = []
    with stored(place) as opened:
        for part in examine(opened):
            parts.append(part)
            say(f"  {part.count:>9,} {part.name}: {_said(part)}")
    damages = [damage for part in parts for damage in part.damages]
    lines = [f"{damage.message}\n    {damage.hint}" for damage in damages]
    lines.append(f"{place.root}: {_counted(len(damages))}")
    value = {
        "sound": not damages,
        "checked": {part.name: part.count for part in parts},
        "damages": [{"code": one.subject_code, "message": one.message, "hint": one.hint} for one in damages],
    }
    result(value, json=json, lines=lines)
    if damages:
        raise typer.Exit(1)


def _said(part: Part) -> str:
    return f"{len(part.damages):,} damaged" if part.damages else "sound"


def _counted(damages: int) -> str:
    return "all is sound" if not damages else "1 damage" if damages == 1 else f"{damages:,} damages"
