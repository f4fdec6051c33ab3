"""`unshelve lift NOTEBOOK`: a notebook becomes a solution folder, with the proof that it computes the same."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import msgspec
import typer

from unshelve.cli.check import notebook_lines
from unshelve.cli.output import JsonOption, Output, report, result, say
from unshelve.cli.packages import NoInstallOption, installer
from unshelve.errors import UnshelveError
from unshelve.notebook.differing import told
from unshelve.notebook.finishing import Lifted
from unshelve.notebook.lifting_elsewhere import lift_anywhere
from unshelve.notebook.merging import Side
from unshelve.notebook.outcome import GOOD
from unshelve.notebook.watching import RunLimits

_EXIT_NOT_PROVEN = 1


def command(
    notebook: Annotated[Path, typer.Argument(help="A Jupyter notebook (.ipynb). It is never changed.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The solution's folder; beside the notebook by default.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Which of its models, by the name of the variable, where there are several.")
    ] = None,
    keep: Annotated[
        Side | None, typer.Option(help="Whose version is taken of what was changed by hand and in the notebook too.")
    ] = None,
    only_proven: Annotated[bool, typer.Option("--only-proven", help="Write nothing that is not proven.")] = False,
    seconds: Annotated[float, typer.Option(help="How long the notebook may run, each time.", min=1)] = 600.0,
    memory: Annotated[float, typer.Option(help="How much memory it may take, in gigabytes.", min=0.1)] = 8.0,
    no_install: NoInstallOption = False,
    json: JsonOption = False,
) -> None:
    """Lift a notebook into a solution, prove that it computes the same, and say what was dropped and what was found."""
    signal.signal(signal.SIGTERM, _stopped_for(Output.JSON if json else Output.PEOPLE))
    limits = RunLimits(seconds=seconds, statement_seconds=seconds, memory_bytes=int(memory * 2**30))
    lifted = lift_anywhere(
        notebook,
        output,
        model=model,
        limits=limits,
        keep=keep,
        partly=True,
        only_proven=only_proven,
        told=lambda what: say(f"  {what}"),
        installing=installer(no_install=no_install),
    )
    result(as_json(lifted), json=json, lines=_lines(lifted, notebook))
    if lifted.proof.outcome != "proven":
        raise typer.Exit(_EXIT_NOT_PROVEN)


def _stopped_for(output: Output) -> Callable[[int, FrameType | None], None]:
    """What ends the command where it is asked to end, so that its processes and temporary files go with it."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        report(UnshelveError("Stopped by a signal. Nothing was written.", code="stopped"), output)
        raise SystemExit(1)

    return stop


def as_json(lifted: Lifted) -> dict[str, Any]:
    """The lift as a program reads it."""
    proof = lifted.proof
    return {
        "outcome": proof.outcome,
        "reason": proof.reason,
        "folder": None if lifted.folder is None else str(lifted.folder),
        "steps": proof.steps,
        "statements": msgspec.to_builtins(proof.statements),
        "metrics": msgspec.to_builtins(proof.metrics),
        "request": msgspec.to_builtins(proof.request),
        "entry": None if lifted.lift is None else lifted.lift.entry,
        "edited": list(proof.edited),
        "changes": msgspec.to_builtins(proof.changes),
        "findings": msgspec.to_builtins(proof.findings),
        "seconds": dict(proof.seconds),
    }


def _lines(lifted: Lifted, notebook: Path) -> list[str]:
    proof = lifted.proof
    if lifted.folder is None:
        return [f"{notebook.name}: refused. {proof.reason}", *notebook_lines(lifted.proof.findings)]
    lines = [
        f"{notebook.name}: {proof.statements.kept} of {proof.statements.of} statements became {proof.steps} steps "
        f"in {lifted.folder / 'solution.py'}",
        "Proven" + _compared(lifted) if proof.outcome == "proven" else f"Not proven: {proof.reason}",
    ]
    if lifted.lift is not None and lifted.lift.entry == "script":
        lines.append(f"One step, not sliced, which answers no requests: {lifted.lift.entry_reason}")
    elif lifted.lift is not None and lifted.lift.entry == "table":
        lines.append(f"A request is a row of the prepared table: {lifted.lift.entry_reason}")
    if proof.edited:
        lines.append(f"Kept as edited by hand: {', '.join(proof.edited)}")
    if proof.changes is not None:
        lines += told(proof.changes)
    return [*lines, *notebook_lines(lifted.proof.findings), f"Next: unshelve up {lifted.folder}"]


def _compared(lifted: Lifted) -> str:
    proof = lifted.proof
    said = f": {proof.metrics.equal} of {proof.metrics.stable} metrics equal"
    if not proof.metrics.stable:
        equal = sum(1 for each in proof.values if each.part == "metric" and each.verdict in GOOD)
        said = f": {equal} metric{'' if equal == 1 else 's'} equal once the random state is put back" if equal else ""
    if proof.request is not None:
        said += f", {proof.request.equal:,} of {proof.request.rows:,} test rows answered as the notebook predicted"
    return said
