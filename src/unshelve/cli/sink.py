"""`unshelve sink`: answers that are written back: which there are, and a batch now."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from unshelve.cli.batches import ENDED, batch_line, carry_out
from unshelve.cli.connect import Json, connect, part
from unshelve.cli.output import HomeOption, JsonOption, moment, result, say, table
from unshelve.cli.places import existing_home
from unshelve.cli.served import served_at
from unshelve.errors import UnshelveError
from unshelve.registry.sinks import BatchState
from unshelve.security.actors import LOCAL
from unshelve.solution.control import Cause, Control
from unshelve.solution.sinking import order_by_hand
from unshelve.storage.home import Home

SinkArgument = Annotated[str, typer.Argument(metavar="SOLUTION.SINK", help="A sink, by its full name.")]
_POLL_SECONDS = 0.5


def run(sink: SinkArgument, home: HomeOption = None, json: JsonOption = False) -> None:
    """Write a batch now, and wait for what becomes of it."""
    place = existing_home(home)
    if served_at(place) is None:
        _carry_out(place, sink)
    solution, _, name = sink.partition(".")
    with connect(place.root) as api:
        if served_at(place) is None:
            found = api.get(f"/api/solutions/{part(solution)}/sinks", limit=200)
            batch = next(each for each in found["batches"] if each["sink"] == sink)
        else:
            batch = api.post(f"/api/solutions/{part(solution)}/sinks/{part(name)}/run")
            while batch["state"] not in ENDED:
                time.sleep(_POLL_SECONDS)
                batch = api.get(f"/api/batches/{part(batch['id'])}")
    _tell(batch, json=json)


def list_sinks(
    solution: Annotated[str, typer.Argument(help="Of which solution.")],
    limit: Annotated[int, typer.Option(help="How many batches, at most.", min=1, max=500)] = 20,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """List the sinks of a solution and their newest batches."""
    with connect(existing_home(home).root) as api:
        found = api.get(f"/api/solutions/{part(solution)}/sinks", limit=limit)
    rows = [
        (
            each["sink"],
            each["state"],
            moment(each["ordered_at"]),
            each["rows"],
            each["written"],
            each["unchanged"],
            each["refused"],
            each["error"] or each["place"],
        )
        for each in found["batches"]
    ]
    heads = ("sink", "state", "ordered", "rows", "written", "unchanged", "left out", "")
    names = ", ".join(found["sinks"])
    lines = table(heads, rows) if rows else [f"Nothing is written yet by {names}." if names else "There is no sink."]
    result(found, json=json, lines=lines)


def _carry_out(place: Home, sink: str) -> None:
    """Carry a batch out in this process, over a home that nobody serves; the API tells of it afterwards."""
    with Control.open(place.root) as control:
        with control.database.write() as connection:
            batch = order_by_hand(connection, sink, Cause(LOCAL, "unshelve sink run"), now=control.clock.now())
        carry_out(control, [batch])


def _tell(batch: Json, *, json: bool) -> None:
    if batch["state"] != BatchState.DONE.value:
        code = "sink-failed" if batch["state"] == BatchState.FAILED.value else "sink-waits"
        raise UnshelveError(batch["error"] or "The batch waits.", code=code, details={"batch": batch["id"]})
    shown: list[dict[str, Any]] = batch["set_aside"]
    for each in shown[:20]:
        say(f"  row {each['row']}{' (' + each['key'] + ')' if each['key'] else ''}: {each['problem']}")
    result(batch, json=json, lines=[batch_line(batch)])


COMMANDS = {"run": run, "list": list_sinks}
