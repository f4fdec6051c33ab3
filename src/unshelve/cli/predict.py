"""`unshelve predict SOLUTION.MODEL FILE`: score a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from unshelve.cli.output import HomeOption, JsonOption, ModelArgument, result, say
from unshelve.cli.places import existing_home
from unshelve.cli.progress import Bars
from unshelve.cli.served import served_at
from unshelve.errors import Conflict, NotFound, Refused
from unshelve.schema.near import near
from unshelve.security.actors import LOCAL
from unshelve.solution.scoring import Scored, ScoreOrders, score_file


def command(
    model: ModelArgument,
    file: Annotated[Path, typer.Argument(help="CSV, Parquet, Excel or JSON lines, one row for each question.")],
    output: Annotated[
        Path | None, typer.Option("-o", help="Where the result goes.", show_default="FILE-MODEL beside it")
    ] = None,
    version: Annotated[
        int | None, typer.Option(help="Ask this version.", min=1, show_default="what is released")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Answer each row of a file: a copy with the answers as further columns.

    A served home is asked, and its log keeps the answers; otherwise they are worked out here.
    """
    place = existing_home(home)
    target = _target(model, file, output)
    bars = Bars()
    orders = ScoreOrders(
        home=str(place.root),
        model=model,
        source=str(file.absolute()),
        target=str(target.absolute()),
        name=file.name,
        address=served_at(place),
        actor=LOCAL,
        version=version,
    )
    try:
        scored = score_file(orders, lambda done, of: bars.show(file.name, done, of))
    finally:
        bars.close()
    for finding in scored.findings:
        say(finding)
    for problem in scored.problems:
        say(f"  {problem}")
    value = {"file": str(target), "logged": orders.address is not None, **msgspec.to_builtins(scored)}
    result(value, json=json, lines=[_summary(model, target, scored)])


def _target(model: str, file: Path, output: Path | None) -> Path:
    """Where the result goes; refused where it would take the place of something that was not named."""
    if not file.is_file():
        alike = near(file.name, (other.name for other in file.parent.iterdir())) if file.parent.is_dir() else ()
        raise NotFound(f"There is no file {file}.", code="file-not-found", near=alike)
    target = output or file.with_name(f"{file.stem}-{model.rpartition('.')[2]}{file.suffix}")
    if target.suffix.lower() != file.suffix.lower():
        raise Refused(
            f"The result is a file of the same kind, so {target.name} must end in {file.suffix}.",
            code="other-ending",
        )
    if not target.parent.is_dir():
        raise NotFound(f"There is no folder {target.parent}.", code="folder-not-found")
    if output is None and target.exists():
        raise Conflict(f"{target} is there already.", code="file-exists", hint="Say where the result goes with -o.")
    if target.exists() and target.samefile(file):
        raise Conflict(f"The result would take the place of {file}.", code="file-exists", hint="Choose another name.")
    return target


def _summary(model: str, target: Path, scored: Scored) -> str:
    could_not = f", {scored.refused:,} of them without an answer" if scored.refused else ""
    return f"{target}: {scored.rows:,} rows answered by {model} v{scored.version}{could_not}"
