"""`unshelve run PATH`: the pipeline, from the sources to the release."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from unshelve.cli.batches import batch_as_json, batch_line, carry_out, ordered_by
from unshelve.cli.output import HomeOption, JsonOption, result, say, table
from unshelve.cli.packages import in_their_environment
from unshelve.cli.places import home_for
from unshelve.cli.progress import RunProgress
from unshelve.errors import Refused
from unshelve.registry.runs import RunState, usual_seconds
from unshelve.registry.sinks import BatchState
from unshelve.security.actors import LOCAL
from unshelve.solution.control import Cause, Control
from unshelve.solution.declaring import declaration_of
from unshelve.solution.explaining import explain_run
from unshelve.solution.files import solution_folder
from unshelve.solution.running import RunResult, run_solution


def command(
    path: Annotated[Path, typer.Argument(help="A solution folder.")] = Path(),
    only: Annotated[str | None, typer.Option(help="Run one step and what it needs.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter: step.name=value.", metavar="STEP.NAME=VALUE")
    ] = None,
    explain: Annotated[bool, typer.Option(help="Say why each step would run or not, and run nothing.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Run a solution: what has not changed is not run again; what passes its gates and its Proof is released.

    Answers that are written after each run are written then.
    """
    folder = solution_folder(path)
    in_their_environment([folder])
    arguments = parse_settings(settings or [])
    place = home_for(home, [folder])
    known = None if place.exists() else declaration_of(folder)  # what cannot be read leaves no home behind
    with Control.open(place) as control:
        if explain:
            reasons = explain_run(control, folder, arguments=arguments, only=only)
            rows = [(each.task, each.action, each.reason) for each in reasons]
            result(
                {"steps": [msgspec.to_builtins(each) for each in reasons]},
                json=json,
                lines=table(("step", "", "because"), rows),
            )
            return
        with control.database.read() as connection:
            usual = usual_seconds(connection, folder.name)
        with RunProgress(usual) as shown:
            done = run_solution(
                control,
                folder,
                Cause(LOCAL, "unshelve run"),
                known=known,
                arguments=arguments,
                only=only,
                listener=shown.event,
                progress=shown.proof,
            )
        for found in done.findings:
            say(str(found))
        batches = [batch_as_json(each) for each in carry_out(control, ordered_by(control, done.run.id))]
        lines = [*summary(done), *(f"  {each['sink']}: {batch_line(each)}" for each in batches)]
        result({**as_json(done), "batches": batches}, json=json, lines=lines)
    if done.run.state is not RunState.DONE or any(each["state"] == BatchState.FAILED for each in batches):
        raise typer.Exit(1)


def parse_settings(settings: list[str]) -> dict[str, dict[str, object]]:
    """`step.name=value` texts by step and name; values are JSON where they are JSON, else text."""
    found: dict[str, dict[str, object]] = {}
    for text in settings:
        left, equals, value = text.partition("=")
        step, dot, name = left.partition(".")
        if not equals or not dot or not step or not name:
            raise Refused(f"--set {text!r} is not STEP.NAME=VALUE.", code="odd-setting")
        try:
            parsed: object = msgspec.json.decode(value)
        except msgspec.DecodeError:
            parsed = value
        found.setdefault(step, {})[name] = parsed
    return found


def as_json(done: RunResult) -> dict[str, Any]:
    """A run's result for programs."""
    return {
        "run": done.run.number,
        "state": done.run.state.value,
        "steps": dict(done.steps),
        "seconds": round(done.seconds, 3),
        "versions": [msgspec.to_builtins(each) for each in done.decisions],
        "findings": [each.to_json() for each in done.findings],
        "error": done.run.error,
        "failures": [each.to_json() for each in done.failures],
    }


def summary(done: RunResult) -> list[str]:
    """A run's result for people."""
    counts = ", ".join(f"{count} {state}" for state, count in done.steps.items() if count)
    lines = [f"Run {done.run.number}: {done.run.state} in {done.seconds:.1f} s ({counts})"]
    for each in done.decisions:
        proof = f", {each.proof}" if each.proof else ""
        state = "answers" if each.released else each.state
        lines.append(
            f"  {each.model} v{each.number}: {state}{proof}"
            + ("" if each.message == "released" else f" ({each.message})")
        )
    lines.extend(f"  {failure.place or failure.step}: {failure.message}" for failure in done.failures)
    if done.run.error and not done.failures:
        lines.append(f"  {done.run.error}")
    return lines
