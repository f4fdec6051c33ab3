"""`unshelve backup FOLDER`: everything a home needs, as it is at this moment, while it is served."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unshelve.cli.connect import connect
from unshelve.cli.output import HomeOption, JsonOption, result, say
from unshelve.cli.places import existing_home
from unshelve.web.wording import count, size


def command(
    folder: Annotated[Path, typer.Argument(help="Where backups are kept; what has not changed is kept once.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Back up a home into a folder. The keys and the secrets are inside: keep the folder as safe as the home."""
    with connect(existing_home(home).root) as api:
        done = api.post("/api/storage/backup", {"folder": str(folder.expanduser().absolute())}, patience=None)
    lines = [
        f"Backup {done['name']} in {done['folder']}: {count(done['blobs'])} blobs and {count(done['rows'])} rows, "
        f"{size(done['size_bytes'])}, of which {size(done['added_bytes'])} are new",
    ]
    result(done, json=json, lines=lines)
    if not json:
        say("The keys and the secrets of the home are inside: keep the folder as safe as the home.")
