"""`unshelve restore FOLDER --home NEW`: a home from a backup."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from unshelve.cli.copying import CopyProgress
from unshelve.cli.elsewhere import RestoreTo, targets
from unshelve.cli.output import JsonOption, result
from unshelve.settings import Settings
from unshelve.upkeep.restore import restore
from unshelve.web.wording import count

_MOST_SHOWN: Final = 20


def command(
    folder: Annotated[Path, typer.Argument(help="The folder with the backups.")],
    home: Annotated[Path, typer.Option(help="A new folder for the home.")],
    name: Annotated[str | None, typer.Option(help="Which backup; the newest unless it is named.")] = None,
    to: RestoreTo = None,
    json: JsonOption = False,
) -> None:
    """Make a new home from a backup. Every byte is checked; nothing is left behind when something is wrong."""
    database, blobs = targets(to or (), Settings())
    with CopyProgress() as shown:
        done = restore(folder, home, name=name, database=database, blobs=blobs, progress=shown.tell)
    lines = [
        f"Restored the home of {done.made_at[:19].replace('T', ' ')} to {done.home}: {count(done.blobs)} blobs, "
        f"{count(done.rows)} rows, {count(done.signatures)} signatures, an audit chain of "
        f"{count(done.audit_entries)} entries, all checked",
        *(f"Lost before the backup was made: {what}" for what in done.missing[:_MOST_SHOWN]),
        f"Serve it with `unshelve serve --home {done.home}`.",
    ]
    result(msgspec.to_builtins(done), json=json, lines=lines)
