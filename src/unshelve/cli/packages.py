"""Packages that a notebook, or what was lifted from it, needs besides those that unshelve runs with."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unshelve.cli.output import say
from unshelve.errors import Refused
from unshelve.settings import read_settings
from unshelve.solution.origin import LIFT_FILE

if TYPE_CHECKING:
    from unshelve.notebook.lifting_elsewhere import Install

NoInstallOption = Annotated[
    bool, typer.Option("--no-install", help="Install nothing: a notebook that lacks a package is refused.")
]


def installer(*, no_install: bool) -> Install | None:
    """What installs packages; None where a flag or the settings forbid it."""
    from unshelve.notebook.lifting_elsewhere import install  # only for notebooks: it brings much with it

    return None if no_install or not read_settings(None, os.environ).install else install


def in_their_environment(folders: Sequence[Path], *, no_install: bool = False) -> None:
    """See that lifted solutions find their packages: go on in an environment that has them, or say what is lacking.

    Where packages are only added to those that are here, this process becomes one of that environment. Where others
    are wanted than are here, or solutions want several environments, it is refused: what else the home serves would
    get them too.
    """
    lacking = {folder: needed for folder in folders if (needed := _lacking(folder))}
    if not lacking:
        return
    from unshelve.notebook.installing import environment_with, known_environment, pinned

    (folder, needed), *others = lacking.items()
    other = {name: version for name, version in needed.items() if _version(name) is not None}
    allowed = not no_install and read_settings(None, os.environ).install
    if other or others or not allowed:
        shown = ", ".join(f"{name} {version} (here {_version(name) or 'none'})" for name, version in needed.items())
        known = known_environment(_required(folder))
        how = (
            f"in an environment with unshelve and `pip install -r {folder / 'requirements.txt'}`"
            if known is None
            else f"in the environment it was lifted in: `{known.python} -m unshelve.cli.main up {folder}`"
        )
        raise Refused(
            f"{folder.name} was lifted with other packages than are here: {shown}.",
            code="solution-packages-differ",
            hint=f"Give it a server of its own, {how}.",
        )
    found = environment_with(pinned(_required(folder)), older=False, told=lambda what: say(f"  {what}"))
    sys.stdout.flush()
    os.execv(  # noqa: S606 - our own command line, with another Python
        found.python, [str(found.python), "-P", "-m", "unshelve.cli.main", *sys.argv[1:]]
    )


def _lacking(folder: Path) -> dict[str, str]:
    """The packages of a lifted solution that are not installed here in its version."""
    return {name: version for name, version in _required(folder).items() if _version(name) != version}


def _required(folder: Path) -> dict[str, str]:
    if not ((folder / LIFT_FILE).is_file() and (folder / "requirements.txt").is_file()):
        return {}
    from unshelve.notebook.environment import requirements_of

    return requirements_of(folder)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
