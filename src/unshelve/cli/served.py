"""Where a home is served: kept by whoever serves it, read by verbs that want to know."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from unshelve.errors import HomeInUse
from unshelve.storage.home import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The address of a server, and its process."""

    url: str
    pid: int


def served_at(home: Home) -> str | None:
    """Where a home is served just now; None where nobody serves it."""
    try:
        home.lock().release()
    except HomeInUse as held:
        last = _last(home)
        return last.url if last is not None and last.pid == held.details["pid"] else None
    return None


def address_of(home: Home) -> str | None:
    """Where a home is served, or was last; None where it never was."""
    last = _last(home)
    return None if last is None else last.url


def say_served(home: Home, served: Served) -> None:
    """Keep where a home is served."""
    file = _file(home)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    temporary = file.with_suffix(".new")
    temporary.write_bytes(msgspec.json.encode(served))
    temporary.replace(file)


def _file(home: Home) -> Path:
    return home.root / "run" / "served.json"


def _last(home: Home) -> Served | None:
    try:
        return msgspec.json.decode(_file(home).read_bytes(), type=Served)
    except (OSError, msgspec.DecodeError):
        return None
