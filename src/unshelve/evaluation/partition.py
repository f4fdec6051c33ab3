"""Dividing rows by a split: which positions a model learns from, and which it is judged by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import blake2b
from math import floor
from typing import Any

import numpy as np
import pandas as pd

from unshelve.errors import Refused
from unshelve.evaluation.randomness import generator
from unshelve.evaluation.splits import TEST_SHARE, AtRandom, ByGroup, ByTime, Split
from unshelve.evaluation.truth import Flags, Integers, Values, is_class_like

MIN_ROWS = 10
"""Fewer rows than this are not divided: whatever came of it would say nothing."""

FEW_CLASSES = 20
"""Whole numbers with at most so many distinct values are stratified as classes are; an amount takes no harm from it."""


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Row positions, int64 and ascending: `train` to learn from, `test` to be judged by. No row is in both."""

    train: Integers
    test: Integers


def partition(split: Split, *, table: pd.DataFrame | None, target: Values | None, n: int) -> Parts:
    """The parts into which a split divides n rows.

    table: the n rows as a frame; it may be None for a random split. target: (n,) values of any type, or None for a
    model without one. The same rows and split always give the same parts. Every row is in one part, except rows at
    or after `until` of a split by time, which are in none. Cost: O(n log n).

    Raises Refused for fewer than 10 rows, a missing column (with the nearest), missing times, groups or targets,
    times or groups that cannot be divided, a target with one value only, and a part with one class only.
    """
    if n < MIN_ROWS:
        raise Refused(
            f"There are {n} rows to divide; at least {MIN_ROWS} are needed.",
            code="too-few-rows",
            hint="Look at the keep steps: what do they drop?",
        )
    classes = None if target is None else _classes(target, n)
    side = _DIVIDE[type(split)](split, _Rows(table, classes, n))
    parts = Parts(np.flatnonzero(side == _TRAIN), np.flatnonzero(side == _TEST))
    if classes is not None:
        _check_classes(split, classes, parts)
    return parts


_TRAIN, _TEST, _NEITHER = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """What is divided: the rows, the class of each as a number (None: no target, or an amount), how many they are."""

    table: pd.DataFrame | None
    classes: Integers | None
    n: int

    def column(self, name: str, kind: str) -> pd.Series[Any]:
        """The column by which a kind of split divides: there, once, and without missing values."""
        names = [] if self.table is None else [str(label) for label in self.table.columns]
        if self.table is None or name not in names:
            raise Refused(
                f"{kind} divides by the column {name!r}, which the rows do not have.",
                code="column-not-found",
                near=get_close_matches(name, names, n=3),
                hint="The rows are those that enter the model's path, before its transforms.",
            )
        if names.count(name) > 1:
            raise Refused(f"The rows have several columns named {name!r}.", code="column-twice")
        column = self.table[name]
        if len(column) != self.n:
            raise Refused(
                f"The table has {len(column):,} rows where {self.n:,} are to be divided.", code="lengths-differ"
            )
        missing = int(column.isna().sum())
        if missing:
            raise Refused(
                f"{missing:,} of {self.n:,} rows have no value in {name!r}, by which {kind} divides.",
                code="missing-values",
                hint="Drop them in a keep step, or fill them where the rows come from.",
            )
        return column


def _classes(target: Values, n: int) -> Integers | None:
    """The class of each row as a number, or None when the target is an amount."""
    column = np.asarray(target)
    if len(column) != n:
        raise Refused(f"The target has {len(column):,} values for {n:,} rows.", code="lengths-differ")
    class_like = is_class_like(column)  # refuses missing values
    codes, distinct = pd.factorize(column)
    class_like = class_like or (column.dtype.kind in "iu" and len(distinct) <= FEW_CLASSES)
    if len(distinct) == 1:
        raise Refused(
            f"The target is {distinct.tolist()[0]!r} in every row: there is nothing to learn.",
            code="one-class-only",
            hint="Look at the step that makes the target, and at the rows that keep steps drop.",
        )
    return codes.astype(np.int64) if class_like else None


def _check_classes(split: Split, classes: Integers, parts: Parts) -> None:
    for name, positions in (("train", parts.train), ("test", parts.test)):
        if len(np.unique(classes[positions])) == 1:
            raise Refused(
                f"The {name} rows hold one class only when divided by {split!r}.",
                code="one-class-only",
                hint="Choose another moment or share, or at_random(), which gives both parts all classes.",
            )


def _at_random(split: AtRandom, rows: _Rows) -> Integers:
    """Rows with the smallest random numbers are tested, within each class if asked.

    Number i depends on the seed and i alone, so that rows appended later leave nearly all others on their side.
    """
    luck = generator(split.seed, "split").random(rows.n)
    strata = np.zeros(rows.n, dtype=np.int64)
    if split.stratify and rows.classes is not None:
        strata = rows.classes
    sizes = np.bincount(strata)
    order = np.lexsort((luck, strata))
    rank = np.empty(rows.n, dtype=np.int64)
    rank[order] = np.arange(rows.n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.where(rank < _shared_out(sizes, split.test)[strata], _TEST, _TRAIN)


def _shared_out(sizes: Integers, share: float) -> Integers:
    """How many of each class are tested: the share of each, rounded so that all together meet the share of n.

    By largest remainder; a class keeps at least one row to learn from, and gives one to be tested if it has two.
    """
    exact = sizes * share
    wanted = np.floor(exact).astype(np.int64)
    left = floor(sizes.sum() * share + 0.5) - int(wanted.sum())
    for place in np.argsort(wanted - exact, kind="stable")[: max(left, 0)]:
        wanted[place] += 1
    shared: Integers = np.clip(wanted, np.where(sizes > 1, 1, 0), np.maximum(sizes - 1, 0))
    return shared


def _by_time(split: ByTime, rows: _Rows) -> Integers:
    times = _times(rows.column(split.column, "by_time"))
    used = np.ones(rows.n, dtype=bool)
    if split.until is not None:
        used = (times < _moment(split.until, times)).to_numpy(dtype=bool)
    if split.test_from is not None:
        late = (times >= _moment(split.test_from, times)).to_numpy(dtype=bool)
    else:
        late = _last(times, used, TEST_SHARE if split.test is None else split.test)
    if not (used & late).any() or not (used & ~late).any():
        raise Refused(
            f"{split!r} leaves no rows to {'learn from' if (used & late).any() else 'be judged by'}: the rows run from "
            f"{times.min()} to {times.max()}.",
            code="nothing-to-divide",
        )
    return np.where(used, np.where(late, _TEST, _TRAIN), _NEITHER)


def _last(times: pd.Series[Any], used: Flags, share: float) -> Flags:
    """The last share of the used rows: from the change of time on that meets the share most nearly."""
    late = np.zeros(len(times), dtype=bool)
    place, distinct = pd.factorize(times[used], sort=True)
    if len(distinct) > 1:
        before = np.cumsum(np.bincount(place))[:-1]
        first = 1 + int(np.argmin(np.abs(before - (1 - share) * len(place))))
        late[used] = place >= first
    return late


def _times(column: pd.Series[Any]) -> pd.Series[Any]:
    """The column as numbers or as times; text in ISO 8601 and objects that are dates are read as times."""
    times = column
    if column.dtype.kind == "O":
        try:
            times = pd.to_datetime(column, format="ISO8601")
        except (ValueError, TypeError):
            times = column
    if times.dtype.kind not in "iufM":
        raise Refused(
            f"The column {column.name!r} holds {column.dtype} values that are neither times nor numbers.",
            code="not-times",
            hint=f'Convert it where the rows come from: pd.to_datetime(rows["{column.name}"]).',
        )
    return times


def _moment(text: str, times: pd.Series[Any]) -> float | pd.Timestamp:
    """A moment of the solution file as a value that the column can be compared with."""
    is_time = times.dtype.kind == "M"
    try:
        moment = pd.Timestamp(text) if is_time else float(text)
    except ValueError:
        held = "times" if is_time else "numbers"
        raise Refused(f"The column {times.name!r} holds {held}, and {text!r} is none.", code="not-a-moment") from None
    if isinstance(moment, float):
        return moment
    zone = times.dt.tz
    if zone is None and moment.tzinfo is not None:
        raise Refused(
            f"{text!r} has an offset, and the times of {times.name!r} have none.",
            code="not-a-moment",
            hint="Leave the offset out.",
        )
    if moment.tzinfo is not None:
        return moment
    return moment.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")  # the first of two, the next of none


def _by_group(split: ByGroup, rows: _Rows) -> Integers:
    """Groups in the order of a hash of seed and value are tested, each that brings the share nearer.

    The hash (BLAKE2b) does not depend on other groups or on the order of rows, so that a group hardly ever
    changes sides as data grows.
    """
    column = rows.column(split.column, "by_group")
    codes, groups = pd.factorize(column)
    if len(groups) < 2:
        raise Refused(
            f"All rows are of one group {groups.tolist()[0]!r} in {split.column!r}; they cannot be divided by it.",
            code="nothing-to-divide",
        )
    sizes = np.bincount(codes)
    wanted = rows.n * split.test
    tested = np.zeros(len(groups), dtype=bool)
    total = 0
    for place in _shuffled(list(groups), split.seed):
        if abs(total + sizes[place] - wanted) < abs(total - wanted):
            tested[place] = True
            total += int(sizes[place])
    if not tested.any():
        tested[np.argmin(sizes)] = True
    if tested.all():
        tested[np.argmax(sizes)] = False
    return np.where(tested[codes], _TEST, _TRAIN)


def _shuffled(groups: list[object], seed: int) -> list[int]:
    keys = [blake2b(f"{seed}:{group!s}".encode("utf-8", "surrogatepass"), digest_size=16).digest() for group in groups]
    return sorted(range(len(groups)), key=keys.__getitem__)


_DIVIDE: dict[type[Split], Callable[[Any, _Rows], Integers]] = {  # Any: the split that is the key
    AtRandom: _at_random,
    ByTime: _by_time,
    ByGroup: _by_group,
}
