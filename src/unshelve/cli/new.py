"""`unshelve new NAME`: a small solution to start from."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from unshelve.cli.output import JsonOption, result
from unshelve.errors import Conflict, Refused

_ENDING = ".template"


def command(
    name: Annotated[str, typer.Argument(help="What the solution is called; it becomes the folder's name.")],
    json: JsonOption = False,
) -> None:
    """Write a small solution that works: a folder with solution.py, its data and a README."""
    folder = Path(name)
    if not folder.name.isidentifier() or folder.name != folder.name.lower():
        raise Refused(
            f"{folder.name!r} cannot name a solution.",
            code="odd-solution-name",
            hint="Use small letters, digits and _, beginning with a letter: it becomes part of addresses.",
        )
    if folder.exists():
        raise Conflict(f"{folder} is there already.", code="folder-exists", hint="Choose another name.")
    folder.mkdir(parents=True)
    written = []
    for item in sorted(files("unshelve.cli").joinpath("starter").iterdir(), key=lambda each: each.name):
        if not item.is_file():
            continue
        target = folder / item.name.removesuffix(_ENDING)
        data = item.read_bytes()
        if item.name.endswith(_ENDING):
            data = data.replace(b"{{NAME}}", folder.name.encode())
        target.write_bytes(data)
        written.append(str(target))
    result(
        {"folder": str(folder), "files": written},
        json=json,
        lines=[f"Wrote {', '.join(written)}", f"Bring it up: unshelve up {folder}"],
    )
