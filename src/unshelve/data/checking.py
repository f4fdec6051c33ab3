"""Holding a table against checks: which hold, how many rows fail, and which.

Worker side: numpy, pandas and Arrow, column by column. Cost: one pass over a column for each thing that is said of it.
What depends on the moment or on earlier runs is not decided here: `facts` says what the table has to do with it, and
`data/timely.py` decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from unshelve.data.checks import Bound, Check, Column, Fresh, Key, RefersTo, Unique
from unshelve.schema.near import near

Rows = np.ndarray[Any, np.dtype[np.bool_]]
"""One boolean per row: True where it fails. Shape (n,)."""

Values = Any  # a pandas Series of any type

Tell = Callable[[int, int], tuple[bool, str]]

Others = Mapping[str, pd.DataFrame]
"""The tables that are referred to, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came of one thing that was said of a table. `rows` is None where no single row is to blame.

    Where it is a matter of how many rows, `counted` are these, and `tell` says of so many, and of so many rows in all,
    whether it holds and what is said: so that batches can be counted together.
    """

    says: str
    held: bool
    message: str = ""
    rows: Rows | None = None
    counted: int = 0
    tell: Tell | None = None

    @property
    def failing(self) -> int:
        return 0 if self.rows is None else int(np.count_nonzero(self.rows))


def holds(table: pd.DataFrame, checks: Sequence[Check], others: Others) -> list[Found]:
    """What came of each thing that the checks say of a table, in their order."""
    found: list[Found] = []
    for check in checks:
        missing = [name for name in check.columns if name not in table.columns]
        if missing:
            close = near(missing[0], [str(name) for name in table.columns])
            meant = f" Did you mean {' or '.join(close)}?" if close else ""
            found.append(
                Found(says=f"{missing[0]} is there", held=False, message=f"There is no column {missing[0]}.{meant}")
            )
            continue
        if look := _LOOK.get(type(check)):
            found.extend(look(table, check, others))
    return found


def facts(table: pd.DataFrame, checks: Sequence[Check]) -> dict[str, Any]:
    """What a table has to do with the moment and with earlier runs: its rows, and the newest moment by column."""
    newest = {}
    for check in checks:
        if isinstance(check, Fresh) and check.column in table.columns:
            values = table[check.column]
            if not pd.api.types.is_datetime64_any_dtype(values.dtype):
                values = pd.to_datetime(values, errors="coerce", utc=True, format="ISO8601")
            moment = values.max()
            newest[check.column] = None if pd.isna(moment) else moment.isoformat()
    return {"rows": len(table), "newest": newest}


def _column(table: pd.DataFrame, check: Column, _others: Others) -> list[Found]:
    values = table[check.name]
    absent = values.isna().to_numpy(dtype=bool)
    found = []
    if check.type is not None:
        found.append(_of_type(values, check, absent))
    if check.missing is not True:
        found.append(_missing(check, absent))
    typed = check.type is None or found[0].held
    if check.between is not None and typed:
        found.append(_between(values, check.name, check.between, absent))
    if check.one_of is not None:
        outside = ~values.isin(list(check.one_of)).to_numpy(dtype=bool) & ~absent
        shown = ", ".join(map(str, check.one_of[:5])) + (", …" if len(check.one_of) > 5 else "")
        found.append(_rows(f"{check.name} is one of {shown}", outside))
    if check.matches is not None:
        found.append(_rows(f"{check.name} matches {check.matches}", _unmatched(values, check.matches, absent)))
    if check.length is not None:
        found.append(_length(values, check.name, check.length, absent))
    if check.unique:
        found.extend(_unique(table, Unique((check.name,)), _others))
    if not found:
        found.append(Found(says=f"{check.name} is there", held=True))
    return found


def _missing(check: Column, absent: Rows) -> Found:
    if check.missing is False:

        def never(number: int, of: int) -> tuple[bool, str]:
            return not number, f"{number:,} of {of:,} are missing." if number else ""

        return _counted(f"{check.name} is never missing", absent, never)

    def seldom(number: int, of: int) -> tuple[bool, str]:
        share = number / of if of else 0.0
        held = share <= float(check.missing)
        return held, "" if held else f"It is missing in {100 * share:.2f} %."

    says = f"{check.name} is missing in at most {100 * float(check.missing):.3g} %"
    return replace(_counted(says, absent, seldom), rows=None)


def _of_type(values: Values, check: Column, absent: Rows) -> Found:
    says = f"{check.name} is {'an' if check.type == 'integer' else 'a'} {check.type}"
    wanted = check.type or ""
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = dtype.categories.dtype
    if not pd.api.types.is_object_dtype(dtype):
        held = _dtype_fits(values, dtype, wanted, absent)
        return Found(says=says, held=held, message="" if held else f"It is held as {values.dtype}.")
    fits = _OBJECTS[wanted]
    odd = np.fromiter((not fits(value) for value in values.array), dtype=bool, count=len(values)) & ~absent
    return _rows(says, odd)


def _dtype_fits(values: Values, dtype: Any, wanted: str, absent: Rows) -> bool:
    types = pd.api.types
    if wanted == "integer":
        if types.is_integer_dtype(dtype):
            return True
        if not types.is_float_dtype(dtype):
            return False
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)[~absent]
        return bool(np.all(np.isfinite(numbers) & (numbers == np.floor(numbers))))
    if wanted == "date":
        if not types.is_datetime64_any_dtype(dtype):
            return False
        moments = values[~absent]
        return bool((moments == moments.dt.normalize()).all())
    fits: Mapping[str, Callable[[Any], bool]] = {
        "float": lambda one: types.is_numeric_dtype(one) and not types.is_bool_dtype(one),
        "boolean": types.is_bool_dtype,
        "string": types.is_string_dtype,
        "timestamp": types.is_datetime64_any_dtype,
    }
    return bool(fits[wanted](dtype))


_OBJECTS: Final[Mapping[str, Callable[[object], bool]]] = {
    "integer": lambda value: isinstance(value, int | np.integer) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float | np.number) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool | np.bool_),
    "string": lambda value: isinstance(value, str),
    "date": lambda value: hasattr(value, "year") and not getattr(value, "hour", 0),
    "timestamp": lambda value: hasattr(value, "year") and hasattr(value, "hour"),
}
"""What a value in a column of objects must be, by the type that is asked for."""


def _between(values: Values, name: str, ends: tuple[Bound, Bound], absent: Rows) -> Found:
    low, high = ends
    says = {
        (False, False): f"{name} is between {_said(low)} and {_said(high)}",
        (True, False): f"{name} is at most {_said(high)}",
        (False, True): f"{name} is at least {_said(low)}",
        (True, True): f"{name} is a value",
    }[low is None, high is None]
    try:
        outside = _outside(values, low, high)
    except (TypeError, ValueError):
        said = f"Its values ({values.dtype}) cannot be compared with {_said(low if low is not None else high)}."
        return Found(says=says, held=False, message=said)
    return _rows(says, outside & ~absent)


def _outside(values: Values, low: Bound, high: Bound) -> Rows:
    """Where values are below or above; a number that is not one is outside of every range."""
    moments = pd.api.types.is_datetime64_any_dtype(values.dtype)
    ends = [None if end is None else _moment(end, values) if moments else end for end in (low, high)]
    plain = values.dtype.kind in "iuf" if isinstance(values.dtype, np.dtype) else False
    compared: Any = values.to_numpy() if plain else values
    outside = np.zeros(len(values), dtype=bool)
    for end, is_low in zip(ends, (True, False), strict=True):
        if end is not None:
            beyond = compared < end if is_low else compared > end
            outside |= beyond if plain else beyond.fillna(False).to_numpy(dtype=bool)
    return outside


def _moment(end: int | float | str, values: Values) -> pd.Timestamp:
    moment = pd.Timestamp(end)
    zone = getattr(values.dtype, "tz", None)
    if zone is None:
        return moment.tz_localize(None) if moment.tzinfo else moment
    return moment.tz_convert(zone) if moment.tzinfo else moment.tz_localize(zone)


def _unmatched(values: Values, pattern: str, absent: Rows) -> Rows:
    """Where the whole text does not match. Arrow's RE2 where it knows the pattern, else Python's, in ASCII both."""
    texts = values.astype(object) if isinstance(values.dtype, pd.CategoricalDtype) else values
    try:
        held = pa.array(texts, type=pa.large_string(), from_pandas=True)
        matched = pc.match_substring_regex(held, f"^(?:{pattern})$")
        return np.asarray(~matched.fill_null(False).to_numpy(zero_copy_only=False) & ~absent)
    except (pa.ArrowException, TypeError):
        compiled = re.compile(pattern, re.ASCII)
        unmatched = (not (isinstance(value, str) and compiled.fullmatch(value)) for value in texts.array)
        return np.fromiter(unmatched, dtype=bool, count=len(texts)) & ~absent


def _length(values: Values, name: str, ends: tuple[int | None, int | None], absent: Rows) -> Found:
    lengths = np.asarray(values.astype(object).map(lambda value: len(value) if isinstance(value, str) else -1))
    lengths = np.where(absent, 0, lengths).astype(np.int64)
    outside = lengths < (ends[0] or 0)
    if ends[1] is not None:
        outside |= lengths > ends[1]
    said = f"{ends[0] or 0} to {ends[1]}" if ends[1] is not None else f"{ends[0]} or more"
    return _rows(f"{name} has {said} letters", outside & ~absent)


def _unique(table: pd.DataFrame, check: Unique, _others: Others) -> list[Found]:
    columns = list(check.columns)
    values = table[columns[0]] if len(columns) == 1 else table[columns]
    return [repeated(table, check, values.duplicated(keep="first").to_numpy(dtype=bool))]


def repeated(table: pd.DataFrame, check: Unique, again: Rows) -> Found:
    """What came of values that must be unique; `again` are the rows whose values stood before."""
    whole = table[list(check.columns)].notna().all(axis=1).to_numpy(dtype=bool)
    return _counted(f"{_joined(check.columns)} is unique", again & whole, _repeat)


def _repeat(number: int, _of: int) -> tuple[bool, str]:
    if not number:
        return True, ""
    return False, f"{number:,} {'row repeats' if number == 1 else 'rows repeat'} an earlier one."


def _key(table: pd.DataFrame, check: Key, others: Others) -> list[Found]:
    absent = [_missing(Column(name, missing=False), table[name].isna().to_numpy(dtype=bool)) for name in check.columns]
    return [*absent, *_unique(table, Unique(check.columns), others)]


def _refers_to(table: pd.DataFrame, check: RefersTo, others: Others) -> list[Found]:
    says = f"{_joined(check.columns)} is in {check.table}"
    other = others[check.table]
    gone = [name for name in check.there if name not in other.columns]
    if gone:
        return [Found(says=says, held=False, message=f"{check.table} has no column {gone[0]}.")]
    own = table[list(check.columns)]
    whole = own.notna().all(axis=1).to_numpy(dtype=bool)
    if len(check.columns) == 1:
        known = own.iloc[:, 0].isin(other[check.there[0]].unique()).to_numpy(dtype=bool)
    else:
        keys = other[list(check.there)].drop_duplicates().set_axis(list(check.columns), axis=1)
        known = pd.MultiIndex.from_frame(own).isin(pd.MultiIndex.from_frame(keys))
    return [_rows(says, ~known & whole)]


def _rows(says: str, failing: Rows) -> Found:
    """What came of a check of single rows."""
    return _counted(says, failing, _fail)


def _fail(number: int, of: int) -> tuple[bool, str]:
    return not number, f"{number:,} of {of:,} {'does' if number == 1 else 'do'} not." if number else ""


def _counted(says: str, rows: Rows, tell: Tell) -> Found:
    """What came of something that is a matter of how many rows."""
    number = int(np.count_nonzero(rows))
    held, message = tell(number, len(rows))
    return Found(says=says, held=held, message=message, rows=rows, counted=number, tell=tell)


def _said(end: Bound) -> str:
    return f"{end:,}" if isinstance(end, int | float) else str(end)


def _joined(names: Sequence[str]) -> str:
    return " + ".join(names)


_LOOK: Final[Mapping[type[Any], Callable[[pd.DataFrame, Any, Others], list[Found]]]] = {
    Column: _column,
    Unique: _unique,
    Key: _key,
    RefersTo: _refers_to,
}
"""How each kind of check of rows is carried out."""
