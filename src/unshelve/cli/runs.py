"""`unshelve runs`: what has run."""

from __future__ import annotations

from typing import Annotated

import typer

from unshelve.cli.connect import Api, Json, connect, part
from unshelve.cli.output import HomeOption, JsonOption, moment, result, table
from unshelve.cli.places import existing_home
from unshelve.errors import NotFound


def command(
    solution: Annotated[str | None, typer.Argument(help="Of one solution.", metavar="[SOLUTION]")] = None,
    number: Annotated[int | None, typer.Argument(help="One run, with its steps.", metavar="[NUMBER]")] = None,
    limit: Annotated[int, typer.Option(help="How many, at most.", min=1, max=1000)] = 20,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """List runs, newest first, or the steps of one."""
    with connect(existing_home(home).root) as api:
        if solution is not None and number is not None:
            found = _numbered(api, solution, number)
            result(found, json=json, lines=_one(found))
            return
        runs = _newest(api, solution, limit)
    result({"runs": runs}, json=json, lines=_all(runs))


def _newest(api: Api, solution: str | None, limit: int) -> list[Json]:
    names = [solution] if solution is not None else [each["name"] for each in api.get("/api/solutions")["solutions"]]
    runs = [run for name in names for run in api.get(f"/api/solutions/{part(name)}/runs", limit=limit)["runs"]]
    return sorted(runs, key=lambda run: str(run["queued_at"]), reverse=True)[:limit]


def _numbered(api: Api, solution: str, number: int) -> Json:
    listed = api.get(f"/api/solutions/{part(solution)}/runs", limit=1, before=number + 1)["runs"]
    if not listed or listed[0]["number"] != number:
        raise NotFound(
            f"{solution} has no run {number}.", code="run-not-found", hint=f"`unshelve runs {solution}` lists them."
        )
    return api.get(f"/api/runs/{listed[0]['id']}")


def _all(runs: list[Json]) -> list[str]:
    if not runs:
        return ["Nothing has run yet."]
    rows = [
        (each["solution"], each["number"], each["state"], moment(each["queued_at"]), each["actor"], each["cause"])
        for each in runs
    ]
    return table(("solution", "run", "state", "asked for", "by", "because"), rows)


def _one(run: Json) -> list[str]:
    head = f"Run {run['number']} of {run['solution']}: {run['state']}, {moment(run['queued_at'])}, {run['cause']}"
    rows = [
        (each["name"], each["state"], "" if each["seconds"] is None else f"{each['seconds']:.2f}", each["reason"])
        for each in run["tasks"]
    ]
    lines = [head, "", *table(("step", "state", "seconds", "because"), rows)]
    lines += [f"{each['name']}: {each['error']}" for each in run["tasks"] if each["error"]]
    if run["error"]:
        lines.append(run["error"])
    return lines
