"""Holding a table against checks a batch at a time, for tables that are larger than memory.

The same is found as in `checking.holds`, and said in the same words. Memory holds one batch; what must be unique needs
20 bytes for each row besides (`seen_keys.py`). Worker side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from unshelve.data.checking import Found, Others, Rows, facts, holds, repeated
from unshelve.data.checks import Check, Column, Key, Unique
from unshelve.data.seen_keys import SeenKeys

MOST_SHOWN: Final = 20
"""Failing rows whose numbers are kept of each thing that was said, and rows that are kept to be shown."""


@dataclass(slots=True)
class Tally:
    """What came of one thing that was said of all batches. `first` are the numbers of the first rows that fail."""

    says: str
    held: bool = True
    message: str = ""
    failing: int = 0
    first: list[int] = field(default_factory=list)
    _counted: int = 0
    _tell: Callable[[int, int], tuple[bool, str]] | None = None

    def add(self, found: Found, start: int) -> None:
        """Count what was found in the batch that begins with the row `start`."""
        if found.tell is None:
            self.held = self.held and found.held
            self.message = self.message or found.message
        else:
            self._counted += found.counted
            self._tell = found.tell
        self.failing += found.failing
        if found.rows is not None and len(self.first) < MOST_SHOWN:
            places = np.flatnonzero(found.rows)[: MOST_SHOWN - len(self.first)]
            self.first += [start + int(place) for place in places]

    def close(self, rows: int) -> None:
        """Say what came of it over all rows."""
        if self._tell is not None:
            self.held, self.message = self._tell(self._counted, rows)


@dataclass(frozen=True, slots=True)
class Shown:
    """Some failing rows of one batch, by their places in it, with all that was found there."""

    table: pd.DataFrame
    found: Sequence[Found]
    places: Any
    """Shape (k,), int64."""
    start: int


@dataclass(slots=True)
class Tallied:
    """What came of the checks of a table: its rows, how many fail anything, and the first of them to be shown."""

    rows: int = 0
    failing: int = 0
    tallies: list[Tally] = field(default_factory=list)
    newest: dict[str, str | None] = field(default_factory=dict)
    shown: list[Shown] = field(default_factory=list)

    @property
    def facts(self) -> dict[str, Any]:
        """As `checking.facts` has them."""
        return {"rows": self.rows, "newest": self.newest}


def holds_over(tables: Iterable[pd.DataFrame], checks: Sequence[Check], others: Others) -> Tallied:
    """What came of each thing that the checks say of the rows of some tables, one after the other."""
    said = list(_single(checks))
    seen = {place: SeenKeys() for place, check in enumerate(said) if isinstance(check, Unique)}
    result = Tallied()
    tallies: dict[tuple[int, str], Tally] = {}
    shown = 0
    for table in tables:
        found: list[Found] = []
        for place, check in enumerate(said):
            mine = _look(table, check, others, seen.get(place), result.rows)
            found += mine
            for one in mine:
                tally = tallies.setdefault((place, one.says), Tally(one.says))
                tally.add(one, result.rows)
        failing = _any(found, len(table))
        if shown < MOST_SHOWN and len(failing):
            places = failing[: MOST_SHOWN - shown]
            result.shown.append(Shown(table.take(places), [_some(one, places) for one in found], places, result.rows))
            shown += len(places)
        for column, moment in facts(table, checks)["newest"].items():
            result.newest[column] = _later(result.newest.get(column), moment)
        result.failing += len(failing)
        result.rows += len(table)
    result.tallies = [tallies[key] for key in sorted(tallies, key=lambda key: key[0])]
    for tally in result.tallies:
        tally.close(result.rows)
    return result


def _single(checks: Sequence[Check]) -> Iterator[Check]:
    """The checks, with what must be unique said by itself: it alone has to know all rows."""
    for check in checks:
        if isinstance(check, Key):
            yield from (Column(name, missing=False) for name in check.columns)
            yield Unique(check.columns)
        elif isinstance(check, Column) and check.unique:
            if (other := replace(check, unique=False)) != Column(check.name):
                yield other
            yield Unique((check.name,))
        else:
            yield check


def _look(table: pd.DataFrame, check: Check, others: Others, seen: SeenKeys | None, start: int) -> list[Found]:
    if seen is None or not isinstance(check, Unique) or any(name not in table.columns for name in check.columns):
        return holds(table, [check], others)
    columns = [table[name] for name in check.columns]
    first = seen.first_rows(columns, start) if len(table) else np.empty(0, dtype=np.int64)
    again: Rows = first != np.arange(start, start + len(table))
    return [repeated(table, check, again)]


def _any(found: Sequence[Found], n: int) -> Any:  # Any: shape (k,), int64
    rows = np.zeros(n, dtype=bool)
    for one in found:
        if one.rows is not None and not one.held:
            rows |= one.rows
    return np.flatnonzero(rows).astype(np.int64)


def _some(found: Found, places: Any) -> Found:  # Any: shape (k,), int64
    return found if found.rows is None else replace(found, rows=found.rows[places])


def _later(one: str | None, other: str | None) -> str | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=pd.Timestamp)
