"""Copies of a lookup's table as rows are joined with them: sorted by key and time, each column able to hold nothing.

The same code joins all rows of a training and the one row of a request.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from unshelve.data.instants import instants, moment_of
from unshelve.data.lookup_keys import KeyColumn, is_missing, key_column, kind_of_value, plain_key
from unshelve.data.lookup_table import Index, Positions, with_room
from unshelve.data.lookups import Lookup
from unshelve.data.tables import Table, is_polars, like, to_pandas
from unshelve.errors import SchemaMismatch, SolutionInvalid
from unshelve.schema.near import near

Mask = np.ndarray[Any, np.dtype[np.bool_]]
Cells = Mapping[str, Any]
"""Values of one row by column."""
Note = Callable[[Sequence[int], pd.DataFrame], None]
"""Takes the positions of entries, or codes below 0 where there are none, and the table that was made of them."""
Outcome = Literal["entry", "stale", "none"]
"""What a row found: an entry, only one that is too old, or none by then."""

_MOST_PROBLEMS: Final = 100
_SECOND: Final = 1_000_000
_UNTOLD: Final = object()
"""Stands where there is no cell: no key, no time, and not missing either."""
_NONE: Final = -1
_STALE: Final = -2


class LookupCopy:
    """A copy of a lookup's table with its index. It never changes, and threads may share it.

    `required` are columns that must have a value for each row that is joined.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        lookup: Lookup,
        *,
        name: str,
        digest: str = "",
    ) -> None:
        self.lookup = lookup
        self.name = name
        self.digest = digest
        self.required: tuple[str, ...] = ()
        self._lacking = np.zeros(0, dtype=np.bool_)
        """Of each entry, and of none: whether a required column has no value."""
        room = pd.DataFrame({column: with_room(table[column]) for column in table.columns})
        self._index = Index.of(room, lookup, name)
        given = room.drop(columns=list(lookup.key))
        if not np.array_equal(self._index.order, np.arange(len(room))):
            given = given.take(self._index.order)
        nothing = given.iloc[:1].reindex([-1])
        self._given = pd.concat([given, nothing.astype(given.dtypes)], ignore_index=True)
        self._none = len(given)
        """The position of the row without values."""
        self._at = memoryview(self._index.at.data)
        self._event = lookup.event or lookup.at or ""
        self._asked = self.columns_of_rows
        self._kinds = tuple(zip(lookup.key, self._index.keys.kinds, strict=True))
        stale = lookup.stale_seconds
        self._stale = None if stale is None else round(stale * _SECOND)

    @property
    def rows(self) -> int:
        return self._none

    @property
    def key_count(self) -> int:
        """How many different keys it has entries of."""
        return self._index.keys.count

    @property
    def newest(self) -> int | None:
        """The time of its newest entry in microseconds since 1970; None where entries have none."""
        return int(self._index.at.max()) if self.lookup.at is not None and self._none else None

    @property
    def columns(self) -> dict[str, str]:
        """The columns that rows are given, and their types."""
        return {str(column): str(dtype) for column, dtype in zip(self._given.columns, self._given.dtypes, strict=True)}

    def join(self, rows: Table, cells: Sequence[Cells] | None = None, note: Note | None = None) -> Table:
        """The entry of each row: as many rows, in their order, without values where there is none.

        `cells` are values of each row, where the caller has them at hand: for a few rows, to read them from a pandas
        table costs ten times as much as the search. `note` is called with what was found. Raises SchemaMismatch,
        naming each row and field, where a required column has no value.
        """
        if len(rows) == 1:
            if isinstance(rows, pd.DataFrame):
                return self._join_one(rows, cells, note)
            return like(self._join_one(to_pandas(rows), cells, note), is_polars(rows))
        frame = to_pandas(rows)
        codes = self._codes(frame) if cells is None else self._codes_by(frame, cells)
        positions = np.where(codes < 0, self._none, codes)
        if self.required and self._lacking[positions].any():
            raise self._mismatch(frame, positions)
        found = self._given.take(positions)
        found.index = frame.index
        if note is not None:
            note(codes.tolist(), found)
        return like(found, is_polars(rows))

    @property
    def columns_of_rows(self) -> tuple[str, ...]:
        """The columns by which rows find their entries: the key, and the event where entries have a time."""
        if self.lookup.at is None:
            return self.lookup.key
        return tuple(dict.fromkeys((*self.lookup.key, self._event)))

    def positions(self, rows: Table) -> Positions:
        """Where each row's entry stands, -1 where it has none: (n,) int64."""
        found = self._positions(to_pandas(rows))
        return np.where(found == self._none, -1, found)

    def age_seconds(self, rows: Table) -> list[float | None]:
        """How old each row's entry was at the row's event, in seconds; None without an entry or a time."""
        if self.lookup.at is None:
            return [None] * len(rows)
        frame = to_pandas(rows)
        events = self._events(frame)
        found = self._positions(frame)
        at = self._index.at[np.minimum(found, self._none - 1)]
        return [
            None if position == self._none else age
            for position, age in zip(found.tolist(), ((events - at) / _SECOND).tolist(), strict=True)
        ]

    def find(self, key: tuple[Any, ...], moment: int | None = None) -> int:
        """The position of one entry, -1 where there is none. Keys are plain values of the right type, the moment is
        in microseconds since 1970. Cost: 1 to 3 µs.
        """
        return max(self._find(key, moment), _NONE)

    def _find(self, key: tuple[Any, ...], moment: int | None) -> int:
        """The position of one entry, or a code below 0."""
        group = self._index.keys.code(key)
        if group < 0:
            return _NONE
        start, stop = int(self._index.starts[group]), int(self._index.starts[group + 1])
        if self.lookup.at is None:
            return start
        if moment is None:
            return _NONE
        place = bisect_right(self._at, moment, start, stop) - 1
        if place < start:
            return _NONE
        return _STALE if self._stale is not None and moment - self._at[place] > self._stale else place

    def values_at(self, position: int) -> dict[str, Any]:
        """The values of one entry by column; all of them None for -1."""
        row = self._given.iloc[[position if position >= 0 else self._none]]
        return {str(column): _plain(values.iloc[0]) for column, values in row.items()}

    def like(self, columns: dict[str, str]) -> LookupCopy | None:
        """The copy with the columns that a version was trained with, in their order; None where it lacks one.

        It lacks a column too that has another type now. The index is shared.
        """
        own = self.columns
        if any(own.get(column) != kind for column, kind in columns.items()):
            return None
        found = object.__new__(type(self))
        found.__dict__.update(self.__dict__)
        if list(columns) != list(own):
            found._given = self._given[list(columns)]
        return found

    def requiring(self, required: Sequence[str]) -> LookupCopy:
        """The copy as it refuses rows for which one of these columns has no value. The index is shared."""
        found = object.__new__(type(self))
        found.__dict__.update(self.__dict__)
        found.required = tuple(required)
        found._lacking = self._given[list(required)].isna().any(axis=1).to_numpy(dtype=bool)
        return found

    def shuffled(self, column: str) -> LookupCopy:
        """The copy with the values of one column in another order, for finding out whether they matter."""
        found = object.__new__(type(self))
        found.__dict__.update(self.__dict__)
        order = np.append(np.random.default_rng(1).permutation(self._none), self._none)
        found._given = self._given.assign(**{column: self._given[column].take(order).set_axis(self._given.index)})
        return found

    def asked(self) -> AskedCopy:
        """The copy as one answer asks it: it notes what each row found."""
        return AskedCopy(self)

    def noting(self) -> NotingCopy:
        """A copy that refuses nothing and notes which rows it would refuse, and what it gave."""
        found = object.__new__(NotingCopy)
        found.__dict__.update(self.__dict__)
        found.required = ()
        found.refused, found.given = [], []
        return found

    def __deepcopy__(self, _memo: object) -> LookupCopy:
        return self

    def _join_one(self, frame: pd.DataFrame, cells: Sequence[Cells] | None, note: Note | None) -> pd.DataFrame:
        code = self._code_of_one(frame, cells)
        position = self._none if code < 0 else code
        if self.required and self._lacking[position]:
            raise self._mismatch(frame, np.array([position]))
        found = self._given.iloc[position : position + 1]  # a fifth of what `take` costs for one row
        found.index = frame.index
        if note is not None:
            note((code,), found)
        return found

    def _positions(self, frame: pd.DataFrame) -> Positions:
        codes = self._codes(frame)
        return np.where(codes < 0, self._none, codes)

    def _codes(self, frame: pd.DataFrame) -> Positions:
        """For each row the position of its entry, or a code below 0."""
        place, held, fresh = self._search(frame)
        return np.where(held, np.where(fresh, place, _STALE), _NONE)

    def _search(self, frame: pd.DataFrame) -> tuple[Positions, Mask, Mask]:
        """For each row the entry that held last, whether there is one, and whether it is not too old."""
        columns = self._keys_of(frame)
        groups = self._index.keys.codes(columns)
        known = groups >= 0
        start = np.where(known, self._index.starts[groups], 0)
        fresh = np.ones(len(frame), dtype=np.bool_)
        if self.lookup.at is None:
            return start, known, fresh
        events, missing = self._events_of(frame)
        stop = np.where(known, self._index.starts[groups + 1], 0)
        place = _last_not_after(self._index.at, events, start, stop)
        if self._stale is not None and self._none:
            fresh = events - self._index.at[np.maximum(place, 0)] <= self._stale
        return place, known & ~missing & (place >= start), fresh

    def _codes_by(self, frame: pd.DataFrame, cells: Sequence[Cells]) -> Positions:
        """The same, told from the cells of each row where they all tell it."""
        found = [self._code_by(each) for each in cells]
        return self._codes(frame) if None in found else np.array(found, dtype=np.int64)

    def _code_of_one(self, frame: pd.DataFrame, cells: Sequence[Cells] | None) -> int:
        """The same of the only row, told from its cells: arrays of one cost more than the search."""
        found = None if cells is None else self._code_by(cells[0])
        if found is None:
            found = self._code_by(_cells_of(frame, self._asked))
        return int(self._codes(frame)[0]) if found is None else found

    def _code_by(self, cells: Cells) -> int | None:
        """The same of the cells of one row; None where they do not tell it, or not whether they fit."""
        key: list[Any] = []
        for name, kind in self._kinds:
            value = cells.get(name, _UNTOLD)
            if kind_of_value(value) == kind:
                key.append(plain_key(value, kind))
            elif is_missing(value):
                key.append(None)
            else:
                return None
        moment = None
        if self.lookup.at is not None:
            event = cells.get(self._event, _UNTOLD)
            if is_missing(event):
                pass
            elif isinstance(event, date):
                if self._zoned(event) != self._index.zoned:
                    return None
                moment = moment_of(event, self.lookup.zone)
            else:
                return None
        return _NONE if None in key else self._find(tuple(key), moment)

    def _zoned(self, event: date) -> bool:
        return self.lookup.zone is not None or (isinstance(event, datetime) and event.tzinfo is not None)

    def _keys_of(self, frame: pd.DataFrame) -> list[KeyColumn]:
        columns = [key_column(self._column(frame, name), name) for name in self.lookup.key]
        for name, column, kind in zip(self.lookup.key, columns, self._index.keys.kinds, strict=True):
            if column.kind != kind and not self._column(frame, name).isna().all():
                raise self._other_type(name, column.kind, kind)
        return [
            column if column.kind == kind else KeyColumn(kind, _nothing(kind, len(frame)), column.missing)
            for column, kind in zip(columns, self._index.keys.kinds, strict=True)
        ]

    def _other_type(self, name: str, rows: str, table: str) -> SolutionInvalid:
        return SolutionInvalid(
            f"{name} is {rows} in the rows and {table} in lookup {self.name}.",
            code="lookup-key-type",
            hint=f"Turn it into the same type in the function of {self.name}: an equal text is not an equal number.",
        )

    def _events(self, frame: pd.DataFrame) -> Positions:
        return self._events_of(frame)[0]

    def _events_of(self, frame: pd.DataFrame) -> tuple[Positions, np.ndarray[Any, np.dtype[np.bool_]]]:
        name = self._event
        found = instants(self._column(frame, name), name, zone=self.lookup.zone, first=True)
        if found.zoned != self._index.zoned and not found.missing.all():
            with_zone, without = (name, f"{self.name}.{self.lookup.at}")
            if not found.zoned:
                with_zone, without = without, with_zone
            raise SolutionInvalid(
                f"{with_zone} has a time zone and {without} has none: they cannot be compared.",
                code="lookup-zones",
                hint=f'Say in which zone {without} is: @source(lookup=True, …, zone="Europe/Amsterdam").',
            )
        return found.values, found.missing

    def _column(self, frame: pd.DataFrame, name: str) -> pd.Series[Any]:
        if name not in frame.columns:
            raise SolutionInvalid(
                f"Rows that are joined with lookup {self.name} have no column {name!r}, or it is hidden from requests.",
                code="lookup-column-missing",
                near=near(name, [str(column) for column in frame.columns]),
                hint="The first parameter of the transform must have the key and the event of the lookup.",
            )
        found: pd.Series[Any] = frame[name]
        return found

    def _mismatch(self, frame: pd.DataFrame, positions: Positions) -> SchemaMismatch:
        lacking = self._given[list(self.required)].take(positions).isna().to_numpy()
        problems = []
        for row, place in np.argwhere(lacking)[:_MOST_PROBLEMS].tolist():
            known = int(positions[row]) != self._none
            said = "has no value in the entry" if known else self._why(frame.iloc[[row]])
            problems.append({"row": row, "field": f"{self.name}.{self.required[place]}", "problem": said})
        first = problems[0]
        return SchemaMismatch(
            f"Row {first['row']}: {first['field']} {first['problem']}.",
            code="lookup-missing",
            hint="The model was trained with rows that all had one.",
            details={"problems": problems},
        )

    def _why(self, row: pd.DataFrame) -> str:
        """Why a row has no entry, as the end of a sentence."""
        key = ", ".join(f"{name} {row[name].iloc[0]}" for name in self.lookup.key)
        group = int(self._index.keys.codes(self._keys_of(row))[0])
        if group < 0:
            return f"is not known: {self.name} has no entry of {key}"
        event = row[self.lookup.event or self.lookup.at].iloc[0]
        start, stop = int(self._index.starts[group]), int(self._index.starts[group + 1])
        place = bisect_right(self._at, int(self._events(row)[0]), start, stop) - 1
        if place < start:
            return f"is not known: {self.name} has no entry of {key} before {event}"
        return f"is not known: the newest entry of {key} in {self.name} is too old at {event}"


class NotingCopy(LookupCopy):
    """A copy that notes, for each time rows were joined, what it gave and which rows it would have refused."""

    refused: list[np.ndarray[Any, np.dtype[np.bool_]]]
    given: list[pd.DataFrame]

    def join(self, rows: Table, cells: Sequence[Cells] | None = None, note: Note | None = None) -> Table:
        """As of any copy, and noted."""

        def noted(codes: Sequence[int], found: pd.DataFrame) -> None:
            self.given.append(found)
            self.refused.append(self._lacking[[self._none if code < 0 else code for code in codes]])
            if note is not None:
                note(codes, found)

        return super().join(rows, cells, noted)


class AskedCopy:
    """A copy as one answer asks it. `outcomes` say what each row found, empty before rows were joined with it.

    Where rows are joined with it more than once, by several transforms, the worst of a row counts.
    """

    __slots__ = ("copy", "outcomes")

    def __init__(self, copy: LookupCopy) -> None:
        self.copy = copy
        self.outcomes: list[Outcome] = []

    def join(self, rows: Table, cells: Sequence[Cells] | None = None) -> Table:
        """As of the copy itself, and noted."""
        return self.copy.join(rows, cells, self._note)

    def _note(self, codes: Sequence[int], _found: pd.DataFrame, /) -> None:
        outcomes: list[Outcome] = ["entry" if code >= 0 else _OUTCOMES[code] for code in codes]
        if self.outcomes:
            outcomes = [max(pair, key=_WORSE.index) for pair in zip(self.outcomes, outcomes, strict=True)]
        self.outcomes = outcomes


_OUTCOMES: Final[Mapping[int, Outcome]] = {_NONE: "none", _STALE: "stale"}
_WORSE: Final = ("entry", "stale", "none")


def _last_not_after(at: Positions, events: Positions, start: Positions, stop: Positions) -> Positions:
    """For each row the last position in [start, stop) whose time is not after its event; start - 1 without one.

    `at` is sorted inside each range. Cost: n log(longest range).
    """
    low, high = start.copy(), stop.copy()
    while (going := low < high).any():
        middle = (low + high) // 2
        up = going & (at[np.minimum(middle, len(at) - 1)] <= events)
        low = np.where(up, middle + 1, low)
        high = np.where(going & ~up, middle, high)
    found: Positions = low - 1
    return found


def _cells_of(frame: pd.DataFrame, names: Sequence[str]) -> dict[str, Any]:
    """The cells of a table's only row, as far as it has these columns, each once."""
    found = {}
    for name in names:
        place = frame.columns.get_loc(name) if name in frame.columns else None
        if isinstance(place, int):
            found[name] = frame.iat[0, place]
    return found


def _nothing(kind: str, count: int) -> np.ndarray[Any, Any]:
    return np.full(count, "", dtype=object) if kind == "texts" else np.zeros(count, dtype=np.int64)


def _plain(value: Any) -> Any:
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value
