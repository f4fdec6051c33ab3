"""`unshelve profile PATH`: what tables look like, and what could be expected of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec
import pandas as pd
import typer

from unshelve.cli.output import HomeOption, JsonOption, result, say, table
from unshelve.cli.packages import in_their_environment
from unshelve.cli.places import home_for
from unshelve.cli.progress import RunProgress
from unshelve.clock import SystemClock
from unshelve.data.files import read_table
from unshelve.data.suggesting import ColumnProfile, Suggestion, suggest
from unshelve.data.tables import as_frame
from unshelve.errors import Conflict, NotFound, Refused
from unshelve.pipeline.artifacts import read_artifact
from unshelve.pipeline.kinds import artifact_from_json
from unshelve.pipeline.step import Kind
from unshelve.registry.runs import step_of, usual_seconds
from unshelve.schema.near import near
from unshelve.security.actors import LOCAL
from unshelve.solution.control import Cause, Control
from unshelve.solution.declaration import Declaration
from unshelve.solution.declaring import declaration_of
from unshelve.solution.files import SOLUTION_FILE, solution_folder
from unshelve.solution.running import run_solution
from unshelve.solution.writing import with_declaration

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_WIDEST: Final = 26


def command(
    path: Annotated[Path, typer.Argument(help="A solution folder, or a CSV, Parquet, Excel or JSON-lines file.")],
    source: Annotated[str | None, typer.Option(help="Only this source of the solution.")] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write the suggestion at the end of solution.py, to be edited there.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Look at tables column by column, and suggest what to expect of them."""
    if path.is_file() and path.name != SOLUTION_FILE:
        if write or source is not None:
            raise typer.BadParameter("--write and --source belong to a solution folder.")
        found = read_table(path)
        for remark in found.findings:
            say(remark)
        _tell([suggest(found.table, _identifier(path.stem), now=SystemClock().now())], json=json)
        return
    folder = solution_folder(path)
    in_their_environment([folder])
    declaration = declaration_of(folder)
    now = SystemClock().now()
    suggestions = [suggest(rows, name, now=now) for name, rows in _rows(folder, declaration, source, home)]
    if write:
        _write(folder, declaration, suggestions)
    _tell(suggestions, json=json, written=write)


def _rows(
    folder: Path, declaration: Declaration, source: str | None, home: Path | None
) -> list[tuple[str, pd.DataFrame]]:
    """The tables of the sources, brought in by a run of them alone; what is fresh is not asked again."""
    names = [step.name for step in declaration.of_kind(Kind.SOURCE)]
    if source is not None and source not in names:
        raise NotFound(
            f"{declaration.name} has no source {source!r}.",
            code="source-not-found",
            near=near(source, names),
            hint=f"It has {', '.join(names)}." if names else None,
        )
    found = []
    with Control.open(home_for(home, [folder])) as control:
        for name in names if source is None else [source]:
            with control.database.read() as connection:
                usual = usual_seconds(connection, declaration.name)
            with RunProgress(usual) as shown:
                done = run_solution(
                    control,
                    folder,
                    Cause(LOCAL, f"unshelve profile, to look at {name}"),
                    known=declaration,
                    only=name,
                    listener=shown.event,
                    progress=shown.proof,
                )
            if done.failures:
                raise Refused(done.failures[0].message, code=done.failures[0].code)
            with control.database.read() as connection:
                step = step_of(connection, done.run.id, name)
            artifact = artifact_from_json(dict(step.outputs[""]))
            value = read_artifact(artifact, control.blobs, trusted=lambda _digest: False)
            found.append((name, as_frame(value)))
    return found


def _write(folder: Path, declaration: Declaration, suggestions: list[Suggestion]) -> None:
    file = folder / SOLUTION_FILE
    text = file.read_bytes().decode("utf-8")
    for one in suggestions:
        if declaration.has(one.name):
            raise Conflict(
                f"{SOLUTION_FILE} has {one.name} already.",
                code="expectation-there",
                hint="Nothing was written. Take over by hand what you like of the suggestion.",
            )
        text = with_declaration(text, one.text, one.words)
    temporary = file.with_name(f".{file.name}.new")
    temporary.write_bytes(text.encode("utf-8"))
    temporary.replace(file)


def _tell(suggestions: list[Suggestion], *, json: bool, written: bool = False) -> None:
    value = {
        "tables": [
            {
                "table": one.table,
                "rows": one.rows,
                "columns": [msgspec.to_builtins(column) for column in one.columns],
                "suggested": one.text,
            }
            for one in suggestions
        ],
        "written": written,
    }
    lines: list[str] = []
    for one in suggestions:
        lines += [f"{one.table}: {one.rows:,} rows, {len(one.columns)} columns", ""]
        heads = ("column", "type", "missing", "distinct", "", "values")
        lines += [*table(heads, (_line(column) for column in one.columns)), ""]
        lines += one.text.splitlines() if not written else [f"Written to {SOLUTION_FILE} as {one.name}."]
        lines.append("")
    if suggestions and not written:
        words = sorted({word for one in suggestions for word in one.words})
        lines.insert(-1, f"It needs: from unshelve import {', '.join(words)}")
    result(value, json=json, lines=lines[:-1])


def _line(column: ColumnProfile) -> tuple[str, ...]:
    values = f"{column.low} to {column.high}" if column.low is not None else ", ".join(column.usual)
    missing = f"{100 * column.missing:.1f} %" if column.missing else "–"
    if len(values) > 2 * _WIDEST:
        values = f"{values[: 2 * _WIDEST - 1]}…"
    return (column.name[:_WIDEST], column.type, missing, f"{column.distinct:,}", _bars(column.bars), values)


def _bars(counts: tuple[int, ...]) -> str:
    """Counts as a small picture; a count that is not zero is never drawn as nothing."""
    most = max(counts, default=0)
    if not most:
        return ""
    return "".join(_BLOCKS[round((len(_BLOCKS) - 1) * number / most)] if number else " " for number in counts)


def _identifier(stem: str) -> str:
    made = "".join(letter if letter.isalnum() else "_" for letter in stem.lower()).strip("_")
    return made if made.isidentifier() else f"table_{made}".rstrip("_")
