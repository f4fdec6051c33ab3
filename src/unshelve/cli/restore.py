"""`unshelve restore FOLDER --home NEW`: a home from a backup."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from unshelve.cli.copying import CopyProgress
from unshelve.cli.output import JsonOption, result
from unshelve.upkeep.restore import restore
from unshelve.web.wording import count


def command(
    folder: Annotated[Path, typer.Argument(help="The folder with the backups.")],
    home: Annotated[Path, typer.Option(help="A new folder for the home.")],
    name: Annotated[str | None, typer.Option(help="Which backup; the newest unless it is named.")] = None,
    json: JsonOption = False,
) -> None:
    """Make a new home from a backup. Every byte is checked; nothing is left behind when something is wrong."""
    with CopyProgress() as shown:
        done = restore(folder, home, name=name, progress=shown.tell)
    lines = [
        f"Restored the home of {done.made_at[:19].replace('T', ' ')} to {done.home}: {count(done.blobs)} blobs, "
        f"{count(done.rows)} rows, an audit chain of {count(done.audit_entries)} entries, all checked",
        f"Serve it with `unshelve serve --home {done.home}`.",
    ]
    result(msgspec.to_builtins(done), json=json, lines=lines)
