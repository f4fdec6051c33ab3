"""Where the rows of a notebook come from: the statement after which everything is made of one table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from unshelve.notebook.columns import text
from unshelve.notebook.draft import CannotShape
from unshelve.notebook.editing import calls, tail
from unshelve.notebook.fingerprints import of_row_numbers
from unshelve.notebook.naming import slug
from unshelve.notebook.parts import Parts
from unshelve.notebook.seen import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The table that requests are rows of."""

    statement: int
    variable: str
    name: str
    """What it might be called: as its file, or the author's variable."""
    title: str
    labelled: bool = False
    """Whether its rows have labels of their own, other than their numbers."""


def find_entry(seen: Seen, parts: Parts) -> Entry:
    """The earliest statement that makes one table, of which alone all that follows is made."""
    needed = sorted(seen.flow.slice(parts.needed))
    origins = [number for number in needed if seen.roles[number] == "origin"]
    if not origins:
        raise CannotShape("no table is read or made that the model's rows come from")
    for number in (each for each in needed if each >= origins[-1]):
        tables = [
            name for name in sorted(seen.made(number)) if (number, name) in seen.rowed and _is_frame(seen, number, name)
        ]
        if tables and _is_all(seen, number, needed, frozenset(tables)):
            return Entry(
                statement=number,
                variable=tables[0],
                name=_named(seen, origins, tables[0]),
                title=_titled(seen, origins),
                labelled=_labelled(seen, number, tables[0]),
            )
    raise CannotShape("features and target do not come of one table")


def _is_frame(seen: Seen, number: int, name: str) -> bool:
    info = seen.info(number, name)
    return info is not None and info.kind == "frame"


def _labelled(seen: Seen, number: int, name: str) -> bool:
    info = seen.info(number, name)
    named = any(word.arg == "index_col" for call in calls(seen.trees[number]) for word in call.keywords)
    if named or any(tail(call.func) == "set_index" for call in calls(seen.trees[number])):
        return True
    return info is not None and info.index != of_row_numbers(info.rows or 0)


def _is_all(seen: Seen, number: int, needed: list[int], tables: frozenset[str]) -> bool:
    """Whether no later statement needs rows that were there before, other than by this one table."""
    if len(tables) != 1:
        return False
    for later in (each for each in needed if each > number):
        for name, makers in seen.flow.needs[later].items():
            if any(maker < number and _carries(seen, maker, name) for maker in makers):
                return False
    return True


def _carries(seen: Seen, maker: int, name: str) -> bool:
    """Whether a version holds rows, or the whole of a data set."""
    if (maker, name) in seen.rowed:
        return True
    info = seen.info(maker, name)
    return (
        info is not None
        and seen.roles[maker] == "origin"
        and info.kind not in ("module", "function", "class", "number", "text")
    )


def _named(seen: Seen, origins: list[int], variable: str) -> str:
    stem = slug(_file(seen, origins[0]).partition(".")[0])
    if len(stem) > 2 and stem not in ("data", "train", "test", "dataset"):
        return stem
    return slug(variable) if len(variable) > 2 and variable not in ("data", "dataset") else "rows"


def _titled(seen: Seen, origins: list[int]) -> str:
    named = _file(seen, origins[0])
    return f"The rows of {named}" if named else "The rows"


def _file(seen: Seen, number: int) -> str:
    """The name of the file, or of the data set, that a statement reads."""
    for call in calls(seen.trees[number]):
        name = tail(call.func)
        if name.startswith("read_") and call.args:
            return PurePath((text(call.args[0]) or "").replace("\\", "/")).name
        if name.startswith(("load_", "fetch_")):
            return (text(call.args[0]) if call.args else None) or name.partition("_")[2]
    return ""
