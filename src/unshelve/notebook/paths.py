"""Finds the file that a notebook means: by the last part of a path that is not there, among the files beside it."""

from __future__ import annotations

import filecmp
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from unshelve.notebook.scratch import LEFT_OUT

_FILES: Final = 20_000
_ABOVE: Final = 3
_TOP: Final = frozenset({"readme", "license", "licence", "requirements", "pyproject", "environment", "pipfile"})
_DATA: Final = (
    ".csv", ".tsv", ".txt", ".data", ".xlsx", ".xls", ".json", ".jsonl", ".parquet", ".feather", ".pkl", ".pickle",
    ".joblib", ".npy", ".npz", ".h5", ".hdf5", ".sav", ".dat", ".zip", ".gz", ".bz2", ".xz", ".db", ".sqlite", ".arff",
    ".dta", ".names", ".test", ".train", ".sas7bdat", ".xml", ".html", ".png", ".jpg", ".jpeg", ".yaml", ".yml",
)  # fmt: skip


class NearbyFiles:
    """The files beneath a notebook's folder, and beneath the folders above it as far as one repository goes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._by_name: dict[str, list[str]] = {}
        for place in self._places():
            self._collect(place)

    def exists(self, text: str) -> bool:
        """Whether the path leads to something as it stands."""
        try:
            return (self._folder / text).exists()
        except (OSError, ValueError):
            return False

    def meant(self, text: str) -> str | None:
        """The path, relative to the notebook, of the file of that name; None if there is none, or no one best."""
        name = base_name(text)
        if not name.lower().endswith(_DATA):
            return None
        found = self._by_name.get(name.lower(), [])
        exact = [path for path in found if path.rpartition("/")[2] == name] or found
        if not exact:
            return None
        ranked = sorted(exact, key=lambda path: (*_rank(path, text), path))
        equals = [path for path in ranked if _rank(path, text) == _rank(ranked[0], text)]
        return ranked[0] if len(equals) == 1 or self._are_copies(equals) else None

    def alike(self, text: str) -> tuple[str, ...]:
        """The files of that name, of which it may mean any."""
        return tuple(sorted(self._by_name.get(base_name(text).lower(), [])))

    def _are_copies(self, paths: Sequence[str]) -> bool:
        first, *others = (self._folder / path for path in paths)
        try:
            return all(filecmp.cmp(first, other, shallow=False) for other in others)
        except OSError:
            return False

    def _places(self) -> Iterable[Path]:
        yield self._folder
        above = [self._folder, *self._folder.parents][: _ABOVE + 1]
        roots = [place for place in above if (place / ".git").exists()]
        roots = roots or [place for place in above[1:] if place != Path.home() and _is_project(place)]
        beside = self._folder.parent
        if not roots and beside not in (Path.home(), Path(beside.anchor), Path(tempfile.gettempdir())):
            roots = [beside]
        if roots and roots[-1] != self._folder:
            yield roots[-1]

    def _collect(self, place: Path) -> None:
        count = 0
        for root, folders, files in os.walk(place):
            folders[:] = sorted(name for name in folders if name not in LEFT_OUT)
            for name in sorted(files):
                count += 1
                if count > _FILES:
                    return
                path = os.path.relpath(os.path.join(root, name), self._folder).replace(os.sep, "/")  # noqa: PTH118
                known = self._by_name.setdefault(name.lower(), [])
                if path not in known:
                    known.append(path)


def _is_project(place: Path) -> bool:
    """Whether a folder has what the top of a repository has, though not its history."""
    names = {each.split(".")[0].lower() for each in os.listdir(place)} if place != Path("/") else set()  # noqa: PTH208
    return bool(names & _TOP)


def base_name(text: str) -> str:
    """The last part of a path of any system, or of an address."""
    if re.match(r"(?i)(https?|ftp|s3|gs)://", text):
        text = unquote(urlsplit(text).path)
    return re.split(r"[/\\]", text.rstrip("/\\"))[-1].strip()


def _rank(path: str, text: str) -> tuple[int, int]:
    """How little a path agrees with what is meant, and how far away it is."""
    return -_agreeing(path, text), path.count("/")


def _agreeing(path: str, text: str) -> int:
    """How many parts agree, from the end on."""
    mine, theirs = path.lower().split("/"), [part for part in re.split(r"[/\\]", text.lower()) if part]
    count = 0
    for one, other in zip(reversed(mine), reversed(theirs), strict=False):
        if one != other:
            break
        count += 1
    return count


def packages_of(table: Mapping[str, str], module: str) -> str:
    """The distribution that brings a module."""
    return table.get(module, module.replace("_", "-"))
