"""`unshelve retire`: let no version of a model answer any more."""

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
    """Let no version of a model answer any more; its versions stay and can be promoted."""
    with connect(existing_home(home).root) as api:
        change = api.post(f"/api/models/{part(model)}/retire", {"reason": reason})
    result(
        {"model": model, **change},
        json=json,
        lines=[f"{model} answers no more (v{change['from_version']} did). Its versions stay: unshelve promote."],
    )
