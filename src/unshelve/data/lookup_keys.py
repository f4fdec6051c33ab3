"""Keys of a lookup: from the values of one or several columns to the number of their group of entries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from unshelve.data.instants import instants, moment_of
from unshelve.errors import SolutionInvalid

KeyKind = Literal["numbers", "texts", "booleans", "times", "instants"]
Codes = np.ndarray[Any, np.dtype[np.int64]]

IN_A_DICT: Final = 200_000
"""Up to so many keys one is found in a dict (0.1 µs); beyond, by bisection, in a tenth of the memory."""


@dataclass(frozen=True, slots=True, eq=False)
class KeyColumn:
    """The values of one key column in one form whatever type they came in: int64, or texts; `missing` have none."""

    kind: KeyKind
    values: np.ndarray[Any, Any]
    missing: np.ndarray[Any, np.dtype[np.bool_]]


def key_column(column: pd.Series[Any], said: str) -> KeyColumn:
    """A column as keys; `said` names it. A number that is not whole is never a key, and counts as missing.

    Raises SolutionInvalid for values of mixed or other types.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    missing = column.isna().to_numpy()
    kind = _kind_of(column)
    if kind == "texts":
        values = column.astype(object).to_numpy()
        return KeyColumn("texts", np.where(missing, "", values) if missing.any() else values, missing)
    if kind == "booleans":
        return KeyColumn("booleans", _numbers(column.astype(object), missing), missing)
    if kind == "times":
        found = instants(column, said, zone=None, first=True)
        return KeyColumn("instants" if found.zoned else "times", found.values, found.missing)
    if kind == "numbers":
        if pd.api.types.is_integer_dtype(column.dtype):
            return KeyColumn("numbers", _numbers(column, missing), missing)
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        whole = np.isfinite(numbers) & (np.floor(numbers) == numbers) & (np.abs(numbers) < 2**53)
        return KeyColumn("numbers", np.where(whole, numbers, 0).astype(np.int64), ~whole)
    held = column[~missing]
    raise SolutionInvalid(
        f"{said} holds {held.tolist()[0]!r}, which cannot be a key."
        if len(held)
        else f"{said} holds no value, and is a key.",
        code="lookup-key-type",
        hint="Keys are texts, whole numbers, dates or True and False, all of one type.",
    )


def _numbers(column: pd.Series[Any], missing: np.ndarray[Any, np.dtype[np.bool_]]) -> Codes:
    filled = column.where(~missing, 0) if missing.any() else column
    return filled.to_numpy().astype(np.int64)


def _kind_of(column: pd.Series[Any]) -> KeyKind | None:
    kind = column.dtype.kind
    if isinstance(column.dtype, pd.DatetimeTZDtype) or kind == "M":
        return "times"
    if pd.api.types.is_bool_dtype(column.dtype):
        return "booleans"
    if pd.api.types.is_numeric_dtype(column.dtype):
        return "numbers"
    return _INFERRED.get(pd.api.types.infer_dtype(column, skipna=True))


_INFERRED: Final[dict[str, KeyKind]] = {
    "string": "texts",
    "empty": "texts",
    "integer": "numbers",
    "boolean": "booleans",
    "date": "times",
    "datetime": "times",
}


class Keys:
    """The distinct keys of a table, numbered in their order: the groups of its entries."""

    def __init__(
        self, levels: tuple[pd.Index[Any], ...], joined: tuple[Codes, ...], kinds: tuple[KeyKind, ...]
    ) -> None:
        self.kinds = kinds
        self._levels = levels
        self._joined = joined
        """For each column after the first: the sorted numbers that stand for it together with those before it."""
        self.count = len(joined[-1]) if joined else len(levels[0])
        self._dict: dict[Any, int] | None = self._as_dict() if self.count <= IN_A_DICT else None

    @classmethod
    def of(cls, columns: list[KeyColumn]) -> tuple[Keys, Codes]:
        """The keys of a table and the number of each row's group."""
        levels: list[pd.Index[Any]] = []
        joined: list[Codes] = []
        codes = np.empty(0, dtype=np.int64)
        for position, column in enumerate(columns):
            own, values = pd.factorize(column.values, sort=True)
            levels.append(pd.Index(values, dtype=object if column.kind == "texts" else np.int64))
            if position == 0:
                codes = own.astype(np.int64)
                continue
            codes, numbers = pd.factorize(codes * len(values) + own, sort=True)
            joined.append(np.asarray(numbers, dtype=np.int64))
        return cls(tuple(levels), tuple(joined), tuple(column.kind for column in columns)), codes.astype(np.int64)

    def codes(self, columns: list[KeyColumn]) -> Codes:
        """The group of each row, -1 where the table has no entry of its key: (n,) int64."""
        missing = np.logical_or.reduce([column.missing for column in columns])
        found = np.empty(0, dtype=np.int64)
        for position, (level, column) in enumerate(zip(self._levels, columns, strict=True)):
            own = level.get_indexer(pd.Index(column.values, dtype=level.dtype)).astype(np.int64)
            if position == 0:
                found = own
                continue
            known = self._joined[position - 1]
            wanted = found * len(level) + own
            places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
            found = np.where((found >= 0) & (own >= 0) & (known[places] == wanted), places, -1)
        return np.where(missing, -1, found)

    def code(self, values: tuple[Any, ...]) -> int:
        """The group of one key, given in the form of KeyColumn; -1 where there is none."""
        if self._dict is not None:
            return self._dict.get(values if len(values) > 1 else values[0], -1)
        found = 0
        for position, (level, value) in enumerate(zip(self._levels, values, strict=True)):
            try:
                own = int(level.get_loc(value))  # type: ignore[arg-type]  # one number: levels have no value twice
            except KeyError:
                return -1
            if position == 0:
                found = own
                continue
            known = self._joined[position - 1]
            wanted = found * len(level) + own
            found = int(np.searchsorted(known, wanted))
            if found == len(known) or known[found] != wanted:
                return -1
        return found

    def _as_dict(self) -> dict[Any, int]:
        if not self._joined:
            return {value: number for number, value in enumerate(self._levels[0].tolist())}
        numbers = self._joined[-1]
        parts: list[list[Any]] = []
        for position in range(len(self._levels) - 1, 0, -1):
            level = self._levels[position]
            parts.insert(0, level.take(numbers % len(level)).tolist())
            numbers = numbers // len(level)
            if position > 1:
                numbers = self._joined[position - 2][numbers]
        parts.insert(0, self._levels[0].take(numbers).tolist())
        return {key: number for number, key in enumerate(zip(*parts, strict=True))}


def is_missing(value: Any) -> bool:
    """Whether one cell holds nothing: None, NaN, NaT or NA."""
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


def kind_of_value(value: Any) -> KeyKind | None:
    """The kind of key that one cell of a column is, told from the cell alone; None where the column must be asked."""
    kind = _KINDS.get(type(value))
    if kind == "times" and getattr(value, "tzinfo", None) is not None:
        return "instants"
    return kind


def plain_key(value: Any, kind: KeyKind) -> Any:
    """One value of a row in the form of KeyColumn; None where it is a number that can be no key."""
    if kind == "texts":
        return value
    if kind in ("times", "instants"):
        return moment_of(value, None)
    if isinstance(value, float | np.floating):
        number = float(value)
        return int(number) if number.is_integer() and abs(number) < 2**53 else None
    return int(value)


# No float of Python's own: only columns of objects hold them, and these are refused.
_KINDS: Final[dict[type, KeyKind]] = {
    str: "texts",
    bool: "booleans",
    np.bool_: "booleans",
    int: "numbers",
    **dict.fromkeys((np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32), "numbers"),
    **dict.fromkeys((np.float32, np.float64), "numbers"),
    pd.Timestamp: "times",
    datetime: "times",
    date: "times",
}
