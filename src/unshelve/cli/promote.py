"""`unshelve promote`: let an accepted version answer."""

from __future__ import annotations

from typing import Annotated

import typer

from unshelve.cli.connect import connect, part
from unshelve.cli.output import HomeOption, JsonOption, ModelArgument, ReasonOption, result
from unshelve.cli.places import existing_home


def command(
    model: ModelArgument,
    version: Annotated[int, typer.Argument(help="The version's number.", min=1)],
    reason: ReasonOption,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Let an accepted version answer everybody, at once; no call fails."""
    with connect(existing_home(home).root) as api:
        change = api.post(f"/api/models/{part(model)}/promote", {"version": version, "reason": reason})
    result(
        {"model": model, **change},
        json=json,
        lines=[f"{model} v{change['to_version']} answers from now on."],
    )
