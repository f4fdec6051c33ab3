"""What control tells an answer process, and how each knows of the other on the disk."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from unshelve.predictions.log import LogSettings
from unshelve.serving.limits import Limits

_PREFIX: Final = "answer-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What an answer process is to do; the first line of its standard input, as JSON."""

    home: str
    database: str
    """A path or an address."""
    blobs: str
    """A `storage.opening.BlobPlace` as text, or an address."""
    listening: int
    """The handle of the socket to take connections from."""
    ready: int
    """The handle of a pipe for one line of JSON: {"ready": true}, or {"error": "…"} before it ends."""
    control: str
    """The path of control's Unix socket."""
    releases: str
    """`module:function` that makes the Releases from the home, the database and the blobs."""
    port: int
    grace_seconds: float
    log: LogSettings
    limits: Limits


@dataclass(frozen=True, slots=True)
class Running:
    """An answer process that is alive."""

    pid: int
    port: int


def run_folder(home: Path) -> Path:
    """Where processes say that they are alive."""
    return home / "run"


def say_alive(home: Path, port: int) -> int:
    """A handle that tells others of this process for as long as it is open."""
    folder = run_folder(home)
    folder.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(folder / f"{_PREFIX}{os.getpid()}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.ftruncate(handle, 0)
    os.write(handle, f"{port}\n".encode())
    return handle


def running(home: Path) -> list[Running]:
    """The answer processes of a home that are alive; what dead ones left is removed."""
    found = []
    for path in sorted(run_folder(home).glob(f"{_PREFIX}*")):
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        except BlockingIOError:
            text = os.read(handle, 16).decode("ascii", "replace").strip()
            found.append(Running(int(path.name.removeprefix(_PREFIX)), int(text) if text.isdigit() else 0))
        finally:
            os.close(handle)
    return found
