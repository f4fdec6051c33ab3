"""What a command says: lines for people, or one JSON object for programs. Progress goes to standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from unshelve.errors import UnshelveError

HomeOption = Annotated[
    Path | None, typer.Option("--home", envvar="UNSHELVE_HOME", help="Where everything is kept.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object as the last line of standard output.")]

ModelArgument = Annotated[str, typer.Argument(metavar="SOLUTION.MODEL", help="A model or endpoint, by its full name.")]
ReasonOption = Annotated[str, typer.Option(help="Why, in one sentence; it is kept with the decision.")]
PortOption = Annotated[
    int | None,
    typer.Option(help="The port to listen on; 0 takes a free one.", min=0, max=65535, show_default="8000"),
]
HostOption = Annotated[str | None, typer.Option(help="The address to listen on.", show_default="127.0.0.1")]
ProcessesOption = Annotated[int, typer.Option(help="How many answer processes.", min=1, max=64)]


class Output(Enum):
    """For whom a command speaks."""

    PEOPLE = "people"
    JSON = "json"


def say(text: str) -> None:
    """A line for people, on standard error, so that standard output stays free for results."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def result(value: Mapping[str, Any], *, json: bool, lines: Iterable[str]) -> None:
    """The result of a command: JSON as the last line, or lines for people."""
    if json:
        sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    else:
        for line in lines:
            sys.stdout.write(line + "\n")
    sys.stdout.flush()


def report(error: UnshelveError, output: Output) -> None:
    """An error as a person or a program reads it."""
    if output is Output.JSON:
        value = {
            "error": {
                "code": error.subject_code,
                "message": error.message,
                "near": list(error.near),
                "hint": error.hint,
                "details": error.details,
            }
        }
        sys.stdout.write(msgspec.json.encode(value, enc_hook=str).decode() + "\n")
        sys.stdout.flush()
    say(f"unshelve: {error}")
    problems = error.details.get("problems")
    for problem in problems if isinstance(problems, Sequence) and not isinstance(problems, str) else ():
        say(f"  {problem}")
    trace = error.details.get("traceback")
    if isinstance(trace, str) and trace:
        say(trace.rstrip())


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Rows under heads, in columns, without lines; numbers to the right."""
    listed = [[("" if cell is None else str(cell)) for cell in row] for row in rows]
    widths = [max([len(head), *(len(row[i]) for row in listed)]) for i, head in enumerate(heads)]
    right = [bool(listed) and all(_is_number(row[i]) for row in listed if row[i]) for i in range(len(heads))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(cells, widths, right, strict=True)
        ]
        return "  ".join(padded).rstrip()

    return [line(list(heads)), *(line(row) for row in listed)]


def moment(text: str | None) -> str:
    """A time as the API says it, as people read it, in the zone of this machine."""
    return "" if text is None else datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M")


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).replace(",", "").removeprefix("-").isdigit()
