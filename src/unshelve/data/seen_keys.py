"""SeenKeys: in which row each key of a long table stood first, in 20 bytes for each row.

Keys are kept as two hashes of 64 bits, so that two different keys are taken for one less often than once in 10^20
tables of a hundred million rows. Worker side: numpy and pandas.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

Hashes = np.ndarray[Any, np.dtype[np.uint64]]
Rows = np.ndarray[Any, np.dtype[np.int64]]
_Run = tuple[Hashes, Hashes, np.ndarray[Any, np.dtype[np.uint32]]]
"""Keys sorted by their first hash: that, the second one, and the row."""

_MOST_IN_A_RUN: Final = 1 << 20
"""Runs of fewer keys are merged as they grow: what is sorted at a time stays small."""
_SECRETS: Final = ("unshelve-key-one", "unshelve-key-two")
_SPREADS: Final = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
_ROUNDS: Final = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


class SeenKeys:
    """Keys of rows that come one batch after the other; at most 2^32 rows."""

    def __init__(self) -> None:
        self._runs: list[_Run] = []

    def first_rows(self, columns: Sequence[pd.Series[Any]], start: int) -> Rows:
        """For each row of a batch, whose first row is `start`, the row in which its key stood first: often itself.

        Shapes: (n,). Missing values are values as any other. Cost: n log N, in the N keys that were seen before.
        """
        one, other = hashes_of(columns)
        rows = np.arange(start, start + len(one), dtype=np.int64)
        order = np.argsort(one, kind="stable")
        again = one[order][1:] == one[order][:-1]
        if (again & (other[order][1:] != other[order][:-1])).any():  # two keys share their first hash: about never
            order = np.lexsort((rows, other, one))
            again = one[order][1:] == one[order][:-1]
        new = np.ones(len(one), dtype=bool)
        new[1:] = ~again | (other[order][1:] != other[order][:-1])
        group = np.cumsum(new) - 1
        heads = order[new]
        firsts = rows[heads]
        for run in self._runs:
            _look_up(run, one[heads], other[heads], firsts)
        fresh = heads[firsts == rows[heads]]
        self._add((one[fresh], other[fresh], rows[fresh].astype(np.uint32)))
        found = np.empty(len(one), dtype=np.int64)
        found[order] = firsts[group]
        return found

    def _add(self, run: _Run) -> None:
        self._runs.append(run)
        while len(self._runs) > 1 and _to_be_merged(len(self._runs[-2][0]), len(self._runs[-1][0])):
            one, other = self._runs.pop(), self._runs.pop()
            first = np.concatenate([one[0], other[0]])
            order = np.argsort(first, kind="stable")
            second, rows = np.concatenate([one[1], other[1]])[order], np.concatenate([one[2], other[2]])[order]
            self._runs.append((first[order], second, rows))


def _to_be_merged(before: int, last: int) -> bool:
    return before <= 2 * last and before + last <= _MOST_IN_A_RUN


def _look_up(run: _Run, one: Hashes, other: Hashes, firsts: Rows) -> None:
    """Puts the rows of a run into `firsts` where it has the same keys."""
    first, second, rows = run
    if not len(first):
        return
    place = np.searchsorted(first, one)
    inside = np.flatnonzero(place < len(first))
    inside = inside[first[place[inside]] == one[inside]]
    same = second[place[inside]] == other[inside]
    firsts[inside[same]] = rows[place[inside[same]]]
    for which in inside[~same]:  # two keys share their first hash: about never
        at = int(place[which])
        while at < len(first) and first[at] == one[which]:
            if second[at] == other[which]:
                firsts[which] = rows[at]
            at += 1


def hashes_of(columns: Sequence[pd.Series[Any]]) -> tuple[Hashes, Hashes]:
    """Two hashes for each row of some columns. Equal values have equal ones, whether held as 3 or as 3.0."""
    lanes: list[Hashes] = []
    parts = [_values(column) for column in columns]
    for lane, secret in enumerate(_SECRETS):
        joined = np.full(len(columns[0]), lane + 1, dtype=np.uint64)
        for values in parts:
            joined = _mixed((joined ^ _hashed(values, secret)) * _SPREADS[lane], lane)
        lanes.append(joined)
    return lanes[0], lanes[1]


def _values(column: pd.Series[Any]) -> Any:  # Any: an array of 64 bits, or one of objects
    """The values of a column: as 64 bits where they have so many, else as objects."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        column, dtype = column.astype(dtype.categories.dtype), dtype.categories.dtype
    types = pd.api.types
    if types.is_bool_dtype(dtype) or not (types.is_numeric_dtype(dtype) or types.is_datetime64_any_dtype(dtype)):
        return column.to_numpy(dtype=object)
    if types.is_datetime64_any_dtype(dtype):
        unit = "ns" if "[ns" in str(dtype) else "us"  # what is finer must stay apart, and what is older must fit
        return column.to_numpy(dtype=f"datetime64[{unit}]").view(np.uint64)
    if not types.is_float_dtype(dtype) and not column.isna().any():
        return column.to_numpy().astype(np.int64, casting="unsafe").view(np.uint64)
    if not types.is_float_dtype(dtype):
        absent = column.isna().to_numpy()
        held = column.fillna(0).to_numpy().astype(np.int64).view(np.uint64)
        held[absent] = _missing()
        return held
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    absent = np.isnan(numbers)
    whole = (np.floor(numbers) == numbers) & (np.abs(numbers) < 2**63)
    held = numbers.copy().view(np.uint64)
    held[whole] = numbers[whole].astype(np.int64).view(np.uint64)
    held[absent] = _missing()
    return held


def _missing() -> np.uint64:
    return np.float64("nan").view(np.uint64)


def _hashed(values: Any, secret: str) -> Hashes:  # Any: as `_values` gives them
    if values.dtype != object:
        return np.asarray(values)
    texts = np.fromiter((isinstance(value, str) for value in values), dtype=bool, count=len(values))
    found = np.empty(len(values), dtype=np.uint64)
    if texts.any():
        found[texts] = pd.util.hash_array(values[texts], hash_key=secret, categorize=False)
    for place in np.flatnonzero(~texts):
        found[place] = np.uint64(hash(_hashable(values[place])) & 0xFFFFFFFFFFFFFFFF)
    return found


def _hashable(value: Any) -> Any:  # Any: whatever a column of objects holds
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value):
        return None
    return repr(value) if isinstance(value, list | dict | set | np.ndarray) else value


def _mixed(values: Hashes, lane: int) -> Hashes:
    """Spreads each bit over all of them (splitmix64), and leaves different values different."""
    values = values ^ (values >> np.uint64(30 - lane))
    values = values * _ROUNDS[lane]
    return np.asarray(values ^ (values >> np.uint64(27)))
