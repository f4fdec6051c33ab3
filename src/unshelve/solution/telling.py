"""Which rows to try: few, and yet those on which code is likely to behave in another way than on most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

Positions = np.ndarray[Any, np.dtype[np.int64]]

_MOST_TEXTS = 20_000
"""Rows among which rare texts are sought."""
_EACH = 2
"""Rows of an oddity of a column: with a missing value, with a rare one."""


def telling_rows(table: pd.DataFrame, at_most: int, *, seed: int) -> Positions:
    """Positions of at most so many rows, the telling ones first: missing values, extremes, rare values; then any.

    Columns take turns, so that a wide table is tried in all of its columns. Seeded. Cost O(n) for each column.
    """
    found: dict[int, None] = {}
    turns = [list(_odd_rows(table[name])) for name in table.columns]
    for turn in range(max(map(len, turns), default=0)):
        for rows in turns:
            if turn < len(rows) and len(found) < at_most // 2:
                found[rows[turn]] = None
    for row in np.random.default_rng(seed).permutation(len(table)).tolist():
        if len(found) >= at_most:
            break
        found[row] = None
    return np.fromiter(found, dtype=np.int64)


def _odd_rows(values: pd.Series[Any]) -> Iterator[int]:
    missing = values.isna().to_numpy()
    yield from np.flatnonzero(missing)[:_EACH].tolist()
    present = np.flatnonzero(~missing)
    if not len(present):
        return
    ordered = pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_datetime64_any_dtype(values.dtype)
    if ordered and not isinstance(values.dtype, pd.CategoricalDtype) and not pd.api.types.is_bool_dtype(values.dtype):
        numbers = values.iloc[present]
        yield int(present[int(numbers.argmin())])
        yield int(present[int(numbers.argmax())])
        return
    present = present[:_MOST_TEXTS]
    texts = values.iloc[present].astype(str).to_numpy()
    _, first, counts = np.unique(texts, return_index=True, return_counts=True)
    rare = np.argsort(counts, kind="stable")
    for place in (*rare[:_EACH].tolist(), *rare[-1:].tolist()):
        yield int(present[first[place]])
