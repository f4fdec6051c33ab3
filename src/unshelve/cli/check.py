"""`unshelve check PATH`: findings, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unshelve.cli.output import JsonOption, result
from unshelve.solution.check import check
from unshelve.solution.declaring import declaration_of
from unshelve.solution.files import solution_folder


def command(
    path: Annotated[Path, typer.Argument(help="A solution folder.")] = Path(),
    json: JsonOption = False,
) -> None:
    """Say what can be found in a solution before anything runs: number, place, what it is, how to mend it."""
    folder = solution_folder(path)
    declaration = declaration_of(folder)
    findings = check(declaration)
    lines = []
    for each in findings:
        lines.append(f"{each.place.file}:{each.place.line}  {each.number} {each.severity}  {each.message}")
        lines.append(f"    {each.repair}")
    errors = sum(1 for each in findings if each.severity == "error")
    lines.append(
        f"{declaration.name}: {len(declaration.steps)} steps, "
        + (f"{len(findings)} findings, {errors} of them errors" if findings else "nothing found")
    )
    result(
        {"solution": declaration.name, "findings": [each.to_json() for each in findings], "errors": errors},
        json=json,
        lines=lines,
    )
    if errors:
        raise typer.Exit(1)
