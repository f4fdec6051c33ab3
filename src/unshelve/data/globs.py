"""Which files a pattern means, in the order in which they are read."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from unshelve.errors import NotFound, TooMany
from unshelve.schema.near import near

ENDINGS: Final = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".xlsx", ".xlsm", ".jsonl", ".ndjson")
"""Files of a folder that are read; a pattern says for itself what it means."""

MOST_FILES: Final = 100_000


def matched(patterns: Sequence[str], folder: Path) -> list[Path]:
    """The files that names, patterns and folders mean, each once, sorted by their names. NotFound for none.

    `**` goes through folders below. What begins with a dot is passed over, and so is what other tools leave behind
    (`_SUCCESS`, `_metadata`).
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        mine = _of(pattern, folder)
        if not mine:
            raise NotFound(
                f"No file matches {pattern!r} in {folder.name}.",
                code="source-files-missing",
                near=near(pattern, _around(pattern, folder)),
                hint="Paths begin at the folder of the solution.",
            )
        found.update(dict.fromkeys(mine))
        if len(found) > MOST_FILES:
            raise TooMany(f"{pattern!r} matches more than {MOST_FILES:,} files.", code="source-files-many")
    return sorted(found, key=str)


def is_hidden(name: str) -> bool:
    """Whether a file is none of those that hold rows: hidden, or left behind by another tool."""
    return name.startswith((".", "_"))


def _of(pattern: str, folder: Path) -> list[Path]:
    path = folder / pattern
    if path.is_file():
        return [path]
    if path.is_dir():
        return [
            each
            for each in path.rglob("*")
            if each.is_file() and each.suffix.lower() in ENDINGS and not _inside_hidden(each, path)
        ]
    found = (Path(each) for each in glob.iglob(str(path), recursive=True))  # noqa: PTH207 - takes absolute patterns too
    return [each for each in found if each.is_file() and not is_hidden(each.name)]


def _inside_hidden(path: Path, folder: Path) -> bool:
    return any(is_hidden(part) for part in path.relative_to(folder).parts)


def _around(pattern: str, folder: Path) -> list[str]:
    parent = (folder / pattern).parent
    if not parent.is_dir():
        return []
    return [str(each.relative_to(folder)) if each.is_relative_to(folder) else each.name for each in parent.iterdir()]
