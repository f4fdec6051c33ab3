"""`unshelve check PATH`: findings, before anything runs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from unshelve.cli.output import HomeOption, JsonOption, result
from unshelve.cli.places import home_for
from unshelve.security.secrets import secret_is_set
from unshelve.solution.check import check
from unshelve.solution.check_sources import connection_findings
from unshelve.solution.declaring import declaration_of
from unshelve.solution.files import solution_folder
from unshelve.solution.lifted import origin_findings, origin_in
from unshelve.solution.origin import NotebookFinding


def command(
    path: Annotated[Path, typer.Argument(help="A solution folder, or a notebook.")] = Path(),
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Say what can be found before anything runs: number, place, what it is, how to mend it."""
    if path.suffix.lower() == ".ipynb":
        _check_notebook(path, json=json)
        return
    folder = solution_folder(path)
    declaration = declaration_of(folder)
    place = home_for(home, [path])
    findings = (
        *check(declaration),
        *origin_findings(origin_in(folder, declaration)),
        *connection_findings(declaration, lambda name: secret_is_set(place / "keys" / "secrets", name), place),
    )
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


def _check_notebook(path: Path, *, json: bool) -> None:
    """Findings on a notebook: what can be said of its text, and what is rewritten in it so that it runs."""
    from unshelve.notebook.reading import read_notebook  # only for notebooks: they bring much with them
    from unshelve.notebook.remarks import remarks
    from unshelve.notebook.repairs import repair
    from unshelve.notebook.secrets_in_text import Secrets, without_secrets

    notebook = read_notebook(path)
    found = [*remarks(notebook), *repair(notebook, path.resolve().parent).findings]
    findings = without_secrets(found, Secrets(cell.source for cell in notebook.cells))
    errors = sum(1 for each in findings if each.severity == "error")
    lines = notebook_lines(findings)
    lines.append(
        f"{path.name}: {len(notebook.statements)} statements, "
        + (f"{len(findings)} findings, {errors} of them errors" if findings else "nothing found")
    )
    result({"notebook": path.name, "findings": msgspec.to_builtins(findings), "errors": errors}, json=json, lines=lines)
    if errors:
        raise typer.Exit(1)


def notebook_lines(findings: Iterable[NotebookFinding]) -> list[str]:
    """Findings on a notebook as lines for people."""
    lines = []
    for each in findings:
        place = f"cell {each.cell}, line {each.line}" if each.cell is not None else "notebook"
        lines += [f"{place}  {each.number} {each.severity}  {each.message}", f"    {each.repair}"]
    return lines
