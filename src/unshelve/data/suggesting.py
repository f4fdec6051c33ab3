"""Looking at a table and suggesting what to expect of it: a short profile of each column, and checks that hold now.

A suggestion is never tighter than what was seen, and leaves room where the next rows will differ: ends of ranges are
round numbers beyond the seen ones, shares of missing values half as much again. Cost: about 150 ns a cell.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd

from unshelve.data.checks import Check, Column, Fresh, Key, RowCount
from unshelve.data.examples import sensitive_columns, text_of
from unshelve.data.meaning import words_of

BINS: Final = 16
_MOST_VALUES: Final = 12
"""How many different texts a column may have for them to be listed."""

_FEW_ROWS: Final = 100
"""In so few rows a set of values is no set, and a share no share."""

_SHAPES: Final = (r"[A-Z]{1}", r"[A-Z]{2}", r"[A-Z]{3}", r"[A-Z]{4}", r"[A-Z0-9]{2,8}", r"\d{4}-\d{2}-\d{2}", r"\d+")
_NAMES_ROWS: Final = frozenset({"id", "ids", "uuid", "guid", "key", "no", "nr", "number", "code", "ref"})
"""Last words of names of whole numbers that name rows."""

_MOST_SAID: Final = 1e12
"""Numbers beyond are not measured ones, and no range of them is told."""

_STALE_DAYS: Final = 60
"""A table whose newest row is older is not brought up to date, and nothing is said of its age."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """A column in short. `bars` are counts of equal parts of its range, or of its most frequent values."""

    name: str
    type: str
    missing: float
    distinct: int
    low: str | None
    high: str | None
    bars: tuple[int, ...]
    usual: tuple[str, ...] = ()
    """Its most frequent values, where it holds texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A table's profile, and the checks that are suggested of it."""

    table: str
    rows: int
    columns: tuple[ColumnProfile, ...]
    checks: tuple[Check, ...]

    @property
    def name(self) -> str:
        return f"{self.table}_hold"

    @property
    def text(self) -> str:
        """The declaration, to be pasted into a solution file."""
        lines = "".join(f"    {check.text},\n" for check in self.checks)
        return f'{self.name} = expect(\n    "{self.table}",\n{lines}    severity="warn",\n)\n'

    @property
    def words(self) -> tuple[str, ...]:
        """The names of unshelve that the declaration uses."""
        return tuple(sorted({"expect", *(check.text.partition("(")[0] for check in self.checks)}))


def suggest(table: pd.DataFrame, name: str, *, now: datetime) -> Suggestion:
    """The profile of a table and the checks that it suggests; `now` is what the age of its rows is counted from."""
    sensitive = set(sensitive_columns(table))
    profiles, checks = [], list[Check]()
    keys = [str(column) for column in table.columns if _names_rows(table, str(column))][:1]
    checks.extend(Key((key,)) for key in keys)
    for column in table.columns:
        values = table[column]
        profile = _profile(str(column), values, hidden=str(column) in sensitive)
        profiles.append(profile)
        checks.extend(_suggested(profile, values, is_key=str(column) in keys, now=now, hidden=str(column) in sensitive))
    checks.append(RowCount(at_least=max(1, _below(len(table) / 2)), against_history=0.5))
    return Suggestion(table=name, rows=len(table), columns=tuple(profiles), checks=tuple(checks))


def _names_rows(table: pd.DataFrame, name: str) -> bool:
    """Whether a column seems to name rows: never missing, never twice, and called so or a text."""
    values = table[name]
    kind = _type(values)
    if kind not in ("integer", "string") or len(values) < 2 or values.isna().any() or not values.is_unique:
        return False
    return kind == "string" or bool(_NAMES_ROWS.intersection(words_of(name)[-1:]))


def _type(values: Any) -> str:
    types, dtype = pd.api.types, values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = dtype.categories.dtype
    for name, fits in (
        ("boolean", types.is_bool_dtype),
        ("integer", types.is_integer_dtype),
        ("float", types.is_float_dtype),
        ("timestamp", types.is_datetime64_any_dtype),
    ):
        if fits(dtype):
            return name
    if types.is_object_dtype(dtype):
        kind = types.infer_dtype(values, skipna=True)
        return {"string": "string", "boolean": "boolean", "date": "date"}.get(kind, kind)
    return "string" if types.is_string_dtype(dtype) else str(dtype)


def _profile(name: str, values: Any, *, hidden: bool) -> ColumnProfile:
    present = values[values.notna()]
    kind = _type(values)
    try:
        distinct = int(present.nunique())
    except TypeError:  # lists and the like cannot be told apart
        distinct = 0
    low = high = None
    bars: tuple[int, ...] = ()
    usual: tuple[str, ...] = ()
    if kind in ("integer", "float", "timestamp") and len(present):
        low, high = text_of(present.min()), text_of(present.max())
        bars = _histogram(present, kind)
    elif kind in ("string", "boolean") and len(present) and distinct:
        counted = present.astype(object).value_counts()
        bars = tuple(int(number) for number in counted.head(BINS))
        usual = () if hidden else tuple(str(text_of(value)) for value in counted.index[:3])
    share = float(values.isna().mean()) if len(values) else 0.0
    return ColumnProfile(
        name=name, type=kind, missing=share, distinct=distinct, low=low, high=high, bars=bars, usual=usual
    )


def _histogram(present: Any, kind: str) -> tuple[int, ...]:
    if kind == "timestamp":
        numbers = present.astype("int64").to_numpy(dtype=np.float64)
    else:
        numbers = present.to_numpy(dtype=np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return ()
    low, high = numbers.min(), numbers.max()
    with np.errstate(over="ignore", invalid="ignore"):
        places = np.nan_to_num((numbers - low) / ((high - low) or 1.0) * BINS)
    return tuple(np.bincount(np.clip(places, 0, BINS - 1).astype(np.int64), minlength=BINS).tolist())


def _suggested(profile: ColumnProfile, values: Any, *, is_key: bool, now: datetime, hidden: bool) -> Iterator[Check]:
    said: dict[str, Any] = {}
    if profile.type in ("integer", "float", "boolean", "timestamp") and not (
        profile.type == "float" and profile.missing == 1
    ):
        said["type"] = profile.type
    if profile.missing == 0 and not is_key:
        said["missing"] = False
    elif 0 < profile.missing < 0.5 and len(values) >= _FEW_ROWS:
        said["missing"] = min(0.5, _above(profile.missing * 1.5))
    if profile.type in ("integer", "float") and profile.distinct > 1 and not is_key:
        ends = _range(values, whole=profile.type == "integer")
        said |= {} if ends is None else {"between": ends}
    if profile.type == "string" and not hidden:
        said |= _of_texts(profile, values)
    if said:
        yield Column(profile.name, **said)
    if profile.type == "timestamp" and profile.high:
        newest = values.max()
        newest = newest.tz_localize("UTC") if newest.tzinfo is None else newest
        days = (now - newest.to_pydatetime()).total_seconds() / 86_400
        if 0 <= days <= _STALE_DAYS:
            yield Fresh(profile.name, 86_400.0 * max(1, math.ceil(2 * days)))


def _of_texts(profile: ColumnProfile, values: Any) -> dict[str, Any]:
    present = values[values.notna()]
    if len(values) < _FEW_ROWS or not profile.distinct:
        return {}
    if profile.distinct <= _MOST_VALUES and profile.distinct * 10 <= len(present):
        return {"one_of": tuple(sorted(str(value) for value in present.unique()))}
    different = [str(value) for value in present.unique()]
    shape = next((one for one in _SHAPES if all(re.fullmatch(one, text) for text in different)), None)
    return {} if shape is None else {"matches": shape.removesuffix("{1}")}


def _range(values: Any, *, whole: bool) -> tuple[Any, Any] | None:
    numbers = values[values.notna()].to_numpy(dtype=np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers) or np.abs(numbers).max() > _MOST_SAID:
        return None
    low, high = float(numbers.min()), float(numbers.max())
    if 0 < high / 2 < low < high:  # far from nothing: half as wide again to both sides
        step, room = _above((high - low) / 4), (high - low) / 2
        return _whole(math.floor((low - room) / step) * step, whole), _whole(
            math.ceil((high + room) / step) * step, whole
        )
    return _whole(0.0 if low >= 0 else -_above(-low), whole), _whole(_above(high) if high > 0 else 0.0, whole)


def _whole(end: float, whole: bool) -> int | float:
    return int(end) if whole or end == int(end) else float(f"{end:.12g}")


def _above(value: float) -> float:
    """The next round number above: 1, 1.5, 2, 3, 5 or 7 times a power of ten."""
    power: float = 10.0 ** math.floor(math.log10(value))
    for step in (1, 1.5, 2, 3, 5, 7, 10):
        if value <= step * power * (1 + 1e-12):
            return float(f"{step * power:.12g}")
    return 10 * power


def _below(value: float) -> int:
    """The next round whole number below."""
    if value < 1:
        return 0
    power = 10 ** math.floor(math.log10(value))
    return int(max(step for step in (1, 2, 3, 5, 7) if step * power <= value) * power)
