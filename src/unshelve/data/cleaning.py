"""What cleaning changed: a table before and after, side by side, in numbers and a few rows.

Worker side. Bounded: at most MOST_ROWS rows of each kind are kept, their values as short texts, what is likely to be
about a person hidden. Cost: one comparison of each column that both tables have.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from unshelve.data.examples import HIDDEN, MOST_COLUMNS, sensitive_columns, shown, text_of
from unshelve.data.tables import differing

MOST_ROWS: Final = 12
MOST_PAIRS: Final = 3
"""Examples of changed values that are kept for each column."""

Positions = np.ndarray[Any, np.dtype[np.int64]]


def dropped_only(given: pd.DataFrame, kept: Positions, *, rows: Positions | None = None) -> dict[str, Any]:
    """What a keep did, which only drops rows. `rows` are the numbers of the given rows in the entry."""
    gone = np.setdiff1d(np.arange(len(given), dtype=np.int64), kept)
    return {
        "rows": {"before": len(given), "after": len(kept), "dropped": len(gone), "added": 0, "changed": 0},
        "columns": [],
        "dropped": _numbered(given, gone, rows),
        "changes": [],
        "matched": "row",
    }


def compare(given: pd.DataFrame, result: pd.DataFrame) -> dict[str, Any] | None:
    """What a step did to a table that came out with the same columns; None where the two are not comparable.

    Rows are matched by the index that the step left them, else by place, else by the first column that names rows
    in both tables.
    """
    if set(given.columns) != set(result.columns) or not given.columns.is_unique or given.empty:
        return None
    pairs = _matched(given, result)
    if pairs is None:
        return None
    before, after, how = pairs
    changed = np.zeros(len(before), dtype=bool)
    hidden = sensitive_columns(given)
    columns: list[dict[str, Any]] = []
    changes: list[dict[str, Any]] = []
    for name in given.columns:
        one, two = given[name].take(before), result[name].take(after)
        unequal = _unequal(one.reset_index(drop=True), two.reset_index(drop=True))
        number = int(np.count_nonzero(unequal))
        if not number:
            continue
        changed |= unequal
        filled = int(np.count_nonzero(unequal & one.isna().to_numpy()))
        emptied = int(np.count_nonzero(unequal & two.isna().to_numpy()))
        columns.append({"name": str(name), "changed": number, "filled": filled, "emptied": emptied})
        if len(changes) < MOST_COLUMNS:
            changes.append({"name": str(name), "pairs": _examples(one, two, unequal, before, str(name) in hidden)})
    gone = np.setdiff1d(np.arange(len(given), dtype=np.int64), before)
    return {
        "rows": {
            "before": len(given),
            "after": len(result),
            "dropped": len(gone),
            "added": len(result) - len(after),
            "changed": int(np.count_nonzero(changed)),
        },
        "columns": sorted(columns, key=lambda each: -each["changed"]),
        "dropped": _numbered(given, gone, None),
        "changes": changes,
        "matched": how,
    }


def _matched(given: pd.DataFrame, result: pd.DataFrame) -> tuple[Positions, Positions, str] | None:
    """Positions in both tables of the rows that they share, and by what they were matched."""
    renumbered = len(result) != len(given) and result.index.equals(pd.RangeIndex(len(result)))
    if not renumbered and given.index.is_unique and result.index.is_unique:
        places = given.index.get_indexer(result.index)
        if len(places) == 0 or np.any(places >= 0):
            there = np.flatnonzero(places >= 0)
            return places[there].astype(np.int64), there.astype(np.int64), "row"
    if len(given) == len(result):
        whole = np.arange(len(given), dtype=np.int64)
        return whole, whole, "place"
    for name in given.columns:
        one, two = given[name], result[name]
        if one.is_unique and two.is_unique and not one.isna().any() and not two.isna().any():
            places = pd.Index(one).get_indexer(pd.Index(two))
            there = np.flatnonzero(places >= 0)
            if len(there):
                return places[there].astype(np.int64), there.astype(np.int64), str(name)
    return None


def _unequal(one: Any, two: Any) -> np.ndarray[Any, np.dtype[np.bool_]]:
    if one.dtype == two.dtype and not pd.api.types.is_object_dtype(one.dtype):
        if isinstance(one.dtype, pd.CategoricalDtype):
            return differing(one, two)
        unequal = (one != two).fillna(False).to_numpy(dtype=bool)
        missing_one, missing_two = one.isna().to_numpy(), two.isna().to_numpy()
        return np.asarray((unequal & ~(missing_one & missing_two)) | (missing_one ^ missing_two))
    return differing(one, two)


def _examples(one: Any, two: Any, unequal: Any, before: Positions, hidden: bool) -> list[list[Any]]:
    """A few changes: row, value before, value after; different pairs of values first."""
    found: list[list[Any]] = []
    seen = set()
    for place in np.flatnonzero(unequal)[:200]:
        pair = (text_of(one.iloc[place]), text_of(two.iloc[place]))
        if pair not in seen:
            seen.add(pair)
            found.append([int(before[place]), *((HIDDEN, HIDDEN) if hidden else pair)])
        if len(found) == MOST_PAIRS:
            break
    return found


def _numbered(given: pd.DataFrame, gone: Positions, rows: Positions | None) -> dict[str, Any] | None:
    if not len(gone):
        return None
    first = gone[:MOST_ROWS]
    part = given.take(first).reset_index(drop=True)
    name = "row" if "row" not in part.columns else "row_"
    part.insert(0, name, first if rows is None else rows[first])
    return shown(part, first=(name,), hidden=sensitive_columns(given.head(200)))
