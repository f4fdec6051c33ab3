"""Where a command finds its home and its solutions."""

from __future__ import annotations

import os
from pathlib import Path

from unshelve.solution.files import solution_folder
from unshelve.storage.home import Home


def home_for(home: Path | None, paths: list[Path] | None = None) -> Path:
    """The home that was named, else the one beside a single solution, else the user's own."""
    if home is not None:
        return home.expanduser()
    folders = [solution_folder(path) for path in paths or []]
    if len(folders) == 1:
        return folders[0] / ".unshelve"
    if not folders and (Path.cwd() / "solution.py").is_file():
        return Path.cwd() / ".unshelve"
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "unshelve"


def existing_home(home: Path | None) -> Home:
    """The home that a command reads; NotFound when there is none.

    A folder with the keys of another server's home and nothing else is made one: that is how a server is added.
    """
    place = home_for(home)
    if (place / "keys" / "signing.pem").is_file():
        return Home.create_or_open(place)
    return Home.open(place)
