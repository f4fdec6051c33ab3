"""The copy of a notebook's folder in which it runs, so that what it writes and deletes reaches no original.

Files up to `COPIED_BYTES` are copied, larger ones are symbolic links, which the sandbox lets nobody write through. A
notebook that says "../data" gets the folders above its own too, a few levels and files deep, in the same way.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

COPIED_BYTES: Final = 32 << 20
_ALL_BYTES: Final = 1 << 30
_FILES: Final = 5_000
_DEPTH: Final = 6
LEFT_OUT: Final = frozenset(
    {".git", ".hg", ".svn", ".venv", "venv", "env", "node_modules", "__pycache__", ".ipynb_checkpoints", ".tox",
     ".idea", ".mypy_cache", ".pytest_cache", ".cache"}
)  # fmt: skip


def lay_out(folder: Path, into: Path, *, text: str) -> Path:
    """Copy a notebook's folder beneath `into`; where the copy is. `text` is what the notebook says, for "../"."""
    folder = folder.resolve()
    ups = len(folders_above(folder, text))
    top = folder.parents[ups - 1] if ups else folder
    copy = into / "work" if top == folder else into / "work" / folder.relative_to(top)
    copy.mkdir(parents=True)
    budget = _Budget()
    budget.lay(folder, copy, _DEPTH)
    above, beside = folder, copy
    for _ in range(ups):
        above, beside = above.parent, beside.parent
        budget.lay(above, beside, 3)
    return copy


def folders_above(folder: Path, text: str) -> tuple[Path, ...]:
    """The folders above a notebook's own that its text means by "..", the nearest first; none above the fourth."""
    ups = max(map(_levels, text.splitlines()), default=0)
    parents = folder.resolve().parents
    return tuple(parents[: min(ups, len(parents) - 1, 4)])


def _levels(line: str) -> int:
    """How many folders a line goes up: by "../", by ".." among the parts of a path, or by names for what is above."""
    steps = max((len(found) // 3 for found in re.findall(r"(?:\.\.[/\\])+", line)), default=0)
    parts = len(re.findall(r"""(["'])\.\.\1""", line))
    here = "cwd" in line or "abspath" in line or "resolve" in line
    named = line.count(".parent") + line.count("dirname(") if here else 0
    return max(steps, parts, named)


class _Budget:
    """How many files and bytes may still be copied; what comes later is linked, or left out."""

    def __init__(self) -> None:
        self._bytes, self._files = _ALL_BYTES, _FILES

    def lay(self, folder: Path, copy: Path, depth: int) -> None:
        """Copy the files of a folder, those on top first, without what is there already."""
        folders = []
        with suppress(PermissionError), os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                if entry.is_dir():
                    folders.append(entry)
                elif entry.is_file():
                    self._put(Path(entry.path), copy / entry.name, entry.stat().st_size)
        for entry in folders:
            if entry.name in LEFT_OUT or depth <= 1 or self._files <= 0 or entry.is_symlink():
                continue
            (copy / entry.name).mkdir(exist_ok=True)
            self.lay(Path(entry.path), copy / entry.name, depth - 1)

    def _put(self, file: Path, copy: Path, size: int) -> None:
        if copy.exists() or self._files <= 0:
            return
        self._files -= 1
        if size <= COPIED_BYTES and size <= self._bytes:
            self._bytes -= size
            with suppress(PermissionError):
                shutil.copy(file, copy)
                copy.chmod(copy.stat().st_mode | 0o200)
        else:
            copy.symlink_to(file.resolve())
