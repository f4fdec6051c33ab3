"""`unshelve rollback`: let the version before the present one answer again."""

from __future__ import annotations

from unshelve.cli.connect import connect, part
from unshelve.cli.output import HomeOption, JsonOption, ModelArgument, ReasonOption, result
from unshelve.cli.places import existing_home


def command(
    model: ModelArgument,
    reason: ReasonOption,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Let the version answer again that answered before the present one, at once; no call fails."""
    with connect(existing_home(home).root) as api:
        change = api.post(f"/api/models/{part(model)}/rollback", {"reason": reason})
    result(
        {"model": model, **change},
        json=json,
        lines=[f"{model} v{change['to_version']} answers again, v{change['from_version']} no longer."],
    )
