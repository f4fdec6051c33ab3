"""The home: the one folder in which a server keeps everything it knows."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

from unshelve.errors import HomeInUse, NotFound, Refused

HOME_VERSION: Final = 1
"""The layout below. Raise it when an older unshelve could no longer read or keep a home safely."""

_FOLDERS: Final = ("blobs", "predictions", "keys")
_KNOWN: Final = frozenset({*_FOLDERS, "version", "version.new", "lock", "settings.toml"})


@dataclass(frozen=True, slots=True)
class Home:
    """Where each thing lies under one folder.

    ```
    unshelve.db    the database (with -wal and -shm beside it while it is open)
    blobs/         bytes named by their sha256
    predictions/   the prediction log
    keys/          signing key, audit head, hash seed, secrets: for the owner of the process alone (0700)
    cache/         copies of blobs that are kept elsewhere; may be removed at any time
    sinks/         answers on their way into a table or a file
    run/           sockets, while a server runs
    settings.toml  what a person has set, if anything
    version, lock  the layout's number; held by the process that writes
    ```
    """

    root: Path

    @classmethod
    def create_or_open(cls, path: Path) -> Home:
        """The home at `path`, made if it is not there yet; only its owner may look inside.

        Raises Refused when the folder holds something else or belongs to a newer unshelve; nothing is touched then.
        """
        home = cls(path.expanduser().absolute())
        if home.version_file.exists():
            home._check_version()
            return home
        if home.root.is_dir():
            home._check_nothing_else()
        elif home.root.exists():
            raise Refused(f"{home.root} is a file, and a home is a folder.", code="home-not-a-folder")
        home._make()
        return home

    @classmethod
    def open(cls, path: Path) -> Home:
        """The home at `path`, which must exist."""
        home = cls(path.expanduser().absolute())
        if not home.version_file.exists():
            raise NotFound(
                f"There is no unshelve home at {home.root}.",
                code="home-not-found",
                hint="Start one with `unshelve up`, or name another with --home or UNSHELVE_HOME.",
            )
        home._check_version()
        return home

    @property
    def database_file(self) -> Path:
        return self.root / "unshelve.db"

    @property
    def blobs(self) -> Path:
        return self.root / "blobs"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def predictions(self) -> Path:
        return self.root / "predictions"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def secrets(self) -> Path:
        return self.keys / "secrets"

    @property
    def sinks(self) -> Path:
        return self.root / "sinks"

    @property
    def settings_file(self) -> Path:
        return self.root / "settings.toml"

    @property
    def version_file(self) -> Path:
        return self.root / "version"

    @property
    def lock_file(self) -> Path:
        return self.root / "lock"

    def lock(self) -> HomeLock:
        """The right to write in this home, held until it is released or the process ends.

        Raises HomeInUse, naming the process, when another one holds it.
        """
        handle = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 32).decode("ascii", "replace").strip()
            os.close(handle)
            raise self._in_use(holder) from None
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        return HomeLock(handle)

    def _in_use(self, holder: str) -> HomeInUse:
        who = f"process {holder}" if holder.isdigit() else "another process"
        stop = f"stop it first (kill {holder})" if holder.isdigit() else "stop it first"
        return HomeInUse(
            f"The home {self.root} is in use by {who}.",
            hint=f"Use the server that is running, {stop}, or choose another home with --home.",
            details={"home": str(self.root), "pid": int(holder) if holder.isdigit() else None},
        )

    def _check_version(self) -> None:
        text = self.version_file.read_text(encoding="utf-8", errors="replace").strip()
        if not text.isdigit():
            raise Refused(
                f"{self.version_file} should hold a number and holds {text[:40]!r}.", code="home-version-unreadable"
            )
        if int(text) > HOME_VERSION:
            raise Refused(
                f"The home {self.root} was made by a newer unshelve (layout {text}; this one knows {HOME_VERSION}).",
                code="home-too-new",
                hint="Install that version or a newer one, or choose another home with --home. Nothing was changed.",
            )

    def _check_nothing_else(self) -> None:
        strange = sorted(
            entry.name
            for entry in self.root.iterdir()
            if entry.name not in _KNOWN and not entry.name.startswith("unshelve.db")
        )
        if strange:
            raise Refused(
                f"{self.root} is no unshelve home, and it is not empty (it holds {', '.join(strange[:3])}).",
                code="home-not-empty",
                hint="Choose a new or an empty folder with --home.",
            )

    def _make(self) -> None:
        """Makes the folders first and the version file last: a home cut short is simply made again."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in _FOLDERS:
            folder = self.root / name
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
        (self.root / ".gitignore").write_text("*\n", encoding="utf-8")  # keys must not be committed by accident
        temporary = self.root / "version.new"
        temporary.write_text(f"{HOME_VERSION}\n", encoding="utf-8")
        temporary.rename(self.version_file)


class HomeLock:
    """The right to write in a home. The operating system takes it back when the process ends, however it ends."""

    def __init__(self, handle: int) -> None:
        self._handle: int | None = handle

    def release(self) -> None:
        """Gives the right back; a second call does nothing."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> HomeLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
