"""`unshelve backup FOLDER`: everything a home needs, as it is at this moment, while it is served."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from unshelve.cli.connect import connect
from unshelve.cli.output import HomeOption, JsonOption, result, say
from unshelve.cli.places import existing_home
from unshelve.pipeline.step import seconds
from unshelve.web.wording import count, plural, size

_DAY: Final = 86_400
_MOST_SHOWN: Final = 20


def command(
    folder: Annotated[Path, typer.Argument(help="Where backups are kept; what has not changed is kept once.")],
    keep: Annotated[int | None, typer.Option(min=1, help="Keep only the newest so many, this one included.")] = None,
    keep_for: Annotated[
        str | None, typer.Option(help="Remove earlier ones that are older than this: 30d, 12w.", metavar="TIME")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Back up a home into a folder. The keys and the secrets are inside: keep the folder as safe as the home.

    Exits with 1 when the home has lost something that a backup should hold: it is named, and the rest is backed up.
    """
    order = {
        "folder": str(folder.expanduser().absolute()),
        "keep": keep,
        "keep_days": None if keep_for is None else (seconds(keep_for) or 0.0) / _DAY,
    }
    with connect(existing_home(home).root) as api:
        done = api.post("/api/storage/backup", order, patience=None)
    lines = [
        f"Backup {done['name']} in {done['folder']}: {count(done['blobs'])} blobs and {count(done['rows'])} rows, "
        f"{size(done['size_bytes'])}, of which {size(done['added_bytes'])} are new",
    ]
    if done["removed"]:
        removed = plural(len(done["removed"]), "earlier backup")
        lines.append(f"Kept no longer: {removed}, which frees {size(done['freed_bytes'])}")
    if done["missing"]:
        lines.append(f"The home has lost {plural(len(done['missing']), 'thing')}, which no backup of today can hold:")
        lines += [f"    {what}" for what in done["missing"][:_MOST_SHOWN]]
        if len(done["missing"]) > _MOST_SHOWN:
            lines.append(f"    and {count(len(done['missing']) - _MOST_SHOWN)} more; `unshelve fsck` says what to do")
    result(done, json=json, lines=lines)
    if not json:
        say("The keys and the secrets of the home are inside: keep the folder as safe as the home.")
    if done["missing"]:
        raise typer.Exit(1)
