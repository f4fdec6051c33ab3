"""`unshelve up PATH…`: lift notebooks; run, gate, prove, release and serve solutions, until it is stopped."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from unshelve.cli.notebooks import solution_of
from unshelve.cli.output import HomeOption, HostOption, JsonOption, PortOption, ProcessesOption, say
from unshelve.cli.packages import NoInstallOption, in_their_environment
from unshelve.cli.places import home_for
from unshelve.cli.served import served_at
from unshelve.errors import HomeInUse
from unshelve.solution.files import SOLUTION_FILE
from unshelve.storage.home import Home


def command(
    paths: Annotated[list[Path], typer.Argument(help="Solution folders, or notebooks.")],
    port: PortOption = None,
    host: HostOption = None,
    processes: ProcessesOption = 1,
    home: HomeOption = None,
    no_install: NoInstallOption = False,
    json: JsonOption = False,
) -> None:
    """Bring solutions up: their pages open at once, their models answer when they have passed gates and Proof."""
    folders = list(dict.fromkeys(solution_of(path, no_install=no_install) for path in paths))
    in_their_environment(folders, no_install=no_install)
    place = home_for(home, folders)
    _refuse_held(place)
    for folder in folders:
        say(f"Reading {folder / SOLUTION_FILE}")
    bringing = import_module("unshelve.cli.bringing")
    if not bringing.bring_up(place, folders, bringing.Listening(port, host, processes), json=json):
        raise typer.Exit(1)


def _refuse_held(place: Path) -> None:
    """Raises HomeInUse, saying where the home is served, or whatever else stands against a home that is there."""
    if not Home(place.absolute()).version_file.exists():
        return
    home = Home.open(place)
    try:
        home.lock().release()
    except HomeInUse as held:
        url = served_at(home)
        hint = held.hint if url is None else f"It is served at {url}: use that, stop it, or choose another --home."
        raise HomeInUse(held.message, hint=hint, details={**held.details, "url": url}) from None
