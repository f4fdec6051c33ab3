"""Batches of sinks that a command carries out itself, over a home that nobody serves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from unshelve.cli.progress import Bars
from unshelve.registry.sinks import BatchState, SinkBatch, get_batch, open_batches
from unshelve.solution.control import Control
from unshelve.solution.sink_runner import SinkRunner

ENDED = (BatchState.DONE, BatchState.FAILED)


def ordered_by(control: Control, run_id: str) -> list[str]:
    """The batches that a run ordered and that wait."""
    with control.database.read() as connection:
        return [each.id for each in open_batches(connection) if each.run_id == run_id]


def carry_out(control: Control, batches: Iterable[str]) -> list[SinkBatch]:
    """Carries batches out in this process. One whose target is away waits, to be tried again by a server."""
    wanted = list(batches)
    if not wanted:
        return []
    bars = Bars()
    runner = SinkRunner(control)
    try:
        while any(each.state not in ENDED for each in _found(control, wanted)):
            if runner.take(lambda done, of: bars.show("Answers", done, of)) is None:
                break
    finally:
        bars.close()
    return _found(control, wanted)


def batch_line(batch: Mapping[str, Any]) -> str:
    """What became of a batch, as its JSON says it, in a line."""
    if batch["state"] == BatchState.FAILED.value:
        return f"{batch['error'] or 'The batch failed.'}"
    if batch["state"] != BatchState.DONE.value:
        return f"The batch waits{': ' + batch['error'] if batch['error'] else ''}."
    same = f", {batch['unchanged']:,} unchanged" if batch["unchanged"] else ""
    left_out = f", {batch['refused']:,} left out" if batch["refused"] else ""
    return f"{batch['written']:,} of {batch['rows']:,} rows written to {batch['place']}{same}{left_out}."


def batch_as_json(batch: SinkBatch) -> dict[str, Any]:
    """What became of a batch, for programs."""
    return {
        "id": batch.id,
        "sink": batch.full_name,
        "state": batch.state.value,
        "rows": batch.total,
        "written": batch.written,
        "unchanged": batch.unchanged,
        "refused": batch.refused,
        "place": batch.place,
        "error": batch.error,
    }


def _found(control: Control, batches: Iterable[str]) -> list[SinkBatch]:
    with control.database.read() as connection:
        return [get_batch(connection, each) for each in batches]
