"""`unshelve models`: models and endpoints, and which version of each answers."""

from __future__ import annotations

from typing import Annotated

import typer

from unshelve.cli.connect import Json, connect, part
from unshelve.cli.output import HomeOption, JsonOption, moment, result, table
from unshelve.cli.places import existing_home


def command(
    model: Annotated[
        str | None, typer.Argument(metavar="[SOLUTION.MODEL]", help="One of them, with its versions.")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """List models and endpoints, or the versions and decisions of one."""
    with connect(existing_home(home).root) as api:
        found = api.get("/api/models" if model is None else f"/api/models/{part(model)}")
    result(found, json=json, lines=_all(found["models"]) if model is None else _one(found))


def _all(models: list[Json]) -> list[str]:
    if not models:
        return ["Nothing has been declared yet."]
    rows = [
        (each["name"], each["kind"], _version(each["champion"]) or "nothing", _version(each["newest"]))
        for each in models
    ]
    return table(("model", "kind", "answers", "newest"), rows)


def _one(model: Json) -> list[str]:
    champion = model["champion"]
    lines = [f"{model['name']}: {model['description']}", ""]
    rows = [
        (
            _version(each["number"]),
            "answers" if each["number"] == champion else each["state"],
            each["gates"],
            each["proof"],
            moment(each["made_at"]),
        )
        for each in model["versions"]
    ]
    lines += table(("version", "state", "gates", "proof", "made"), rows) if rows else ["It has no version yet."]
    if model["history"]:
        decided = [
            (moment(each["changed_at"]), each["verb"], _version(each["to_version"]), each["actor"], each["reason"])
            for each in model["history"]
        ]
        lines += ["", *table(("decided", "what", "version", "by", "because"), decided)]
    return lines


def _version(number: int | None) -> str:
    return "" if number is None else f"v{number}"
