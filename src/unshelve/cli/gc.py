"""`unshelve gc`: remove what nothing needs."""

from __future__ import annotations

from typing import Annotated

import typer

from unshelve.cli.connect import connect
from unshelve.cli.output import HomeOption, JsonOption, result
from unshelve.cli.places import existing_home
from unshelve.pipeline.step import seconds
from unshelve.web.wording import count, plural, size


def command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
    grace: Annotated[str, typer.Option(help="Leave alone what is younger than this: 24h, 7d.")] = "24h",
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Remove stored bytes that no run, version or log leads to any more. What runs need meanwhile is spared."""
    with connect(existing_home(home).root) as api:
        done = api.post("/api/storage/sweep", {"dry_run": dry_run, "grace_seconds": seconds(grace)}, patience=None)
    did = "would be removed" if dry_run else "removed"
    lines = [
        f"{plural(done['blobs'], 'blob')}: {count(done['needed'])} needed, {count(done['young'])} too young to tell, "
        f"{count(done['removed'])} {did} ({size(done['freed_bytes'])})"
    ]
    result(done, json=json, lines=lines)
