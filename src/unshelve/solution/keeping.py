"""Which rows a keep left, whatever its code did to the index.

A keep may only drop rows. Its result is therefore found again in what it was given: by index where that is
beyond doubt, else by content. Equal rows are interchangeable, so any match of equal rows is right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from unshelve.data.tables import Table, as_frame, differing, is_polars, to_pandas
from unshelve.errors import UserCodeFailed

Positions = np.ndarray[Any, np.dtype[np.int64]]


def kept_rows(name: str, given: Table, result: Any) -> Positions:
    """Positions in `given` of the rows of `result`, in the order of `result`.

    Raises UserCodeFailed when the result is no table, holds values that were not there, or has no rows left.
    """
    if isinstance(result, np.ndarray | pd.Series) and result.dtype == bool and len(result) == len(given):
        positions = np.flatnonzero(np.asarray(result))
    elif is_polars(result) or isinstance(result, pd.DataFrame):
        positions = positions_of(name, given, result)
    else:
        raise UserCodeFailed(
            f"Keep {name} returned a {type(result).__name__}.",
            code="keep-returned-no-table",
            hint="Return the table with fewer rows, or one True or False for each row.",
        )
    if len(positions) == 0:
        raise UserCodeFailed(
            f"Keep {name} was given {len(given):,} rows and left none.",
            code="keep-left-nothing",
            hint="Look at its condition: nothing can be learned from no rows.",
        )
    return positions.astype(np.int64)


def positions_of(name: str, given: Table, result: Table) -> Positions:
    """Positions in `given` of the rows of a table that is a part of it."""
    return _positions(name, to_pandas(given), to_pandas(result), by_index=not is_polars(result)).astype(np.int64)


def _positions(name: str, given: pd.DataFrame, result: pd.DataFrame, *, by_index: bool) -> Positions:
    if list(result.columns) != list(given.columns):
        odd = sorted(set(map(str, result.columns)) ^ set(map(str, given.columns)))
        raise UserCodeFailed(
            f"Keep {name} changed the columns ({', '.join(odd[:5]) or 'their order'}).",
            code="keep-changed-columns",
            hint="A keep only drops rows, since a request passes it untouched. Change columns in a @transform.",
        )
    if by_index:
        labels = result.index.to_numpy()
        if labels.dtype.kind in "iu" and len(np.unique(labels)) == len(labels) and _inside(labels, len(given)):
            positions = labels.astype(np.int64)
            if given.take(positions).equals(result):
                return positions
    return _by_content(name, given, result)


def _inside(labels: Positions, length: int) -> bool:
    return len(labels) == 0 or (int(labels.min()) >= 0 and int(labels.max()) < length)


def _equal(one: pd.DataFrame, two: pd.DataFrame) -> str | None:
    for column in one.columns:
        if differing(one[column], two[column]).any():
            return str(column)
    return None


def _by_content(name: str, given: pd.DataFrame, result: pd.DataFrame) -> Positions:
    places: dict[int, list[int]] = {}
    for position, row in enumerate(_hashes(given)):
        places.setdefault(int(row), []).append(position)
    used: dict[int, int] = {}
    positions = np.empty(len(result), dtype=np.int64)
    for place, row in enumerate(_hashes(result)):
        candidates = places.get(int(row), [])
        turn = used.get(int(row), 0)
        if turn >= len(candidates):
            raise UserCodeFailed(
                f"Keep {name} changed values: its row {place} is not among the rows it was given"
                + (f" ({_changed_column(given, result)})." if len(given) == len(result) else "."),
                code="keep-changed-values",
                hint="A keep only drops rows, since a request passes it untouched. Change values in a @transform.",
            )
        positions[place] = candidates[turn]
        used[int(row)] = turn + 1
    return positions


def _changed_column(given: pd.DataFrame, result: pd.DataFrame) -> str:
    column = _equal(given.reset_index(drop=True), result.reset_index(drop=True))
    return f"column {column}" if column else "rows"


def _hashes(table: pd.DataFrame) -> Any:
    return row_hashes(table)


def row_hashes(table: Table) -> Any:
    """One 64-bit number per row that is equal for rows of equal content: (n,) uint64.

    Numbers are compared as float64, so that an integer column that a keep turned into floats still matches.
    """
    frame = as_frame(to_pandas(table))
    plain: dict[str, Any] = {}
    for position, column in enumerate(frame.columns):
        values = frame[column]
        if pd.api.types.is_bool_dtype(values.dtype) or (
            pd.api.types.is_numeric_dtype(values.dtype) and not isinstance(values.dtype, pd.CategoricalDtype)
        ):
            plain[str(position)] = values.to_numpy(dtype=np.float64, na_value=np.nan)
        elif isinstance(values.dtype, pd.CategoricalDtype) or values.dtype == object:
            plain[str(position)] = values.astype(object).map(_text).to_numpy()
        else:
            plain[str(position)] = values.reset_index(drop=True)
    return pd.util.hash_pandas_object(pd.DataFrame(plain), index=False).to_numpy()


def _text(value: Any) -> str:
    return f"{type(value).__name__}:{value!r}"
