"""A table in batches is found to be what it is found to be as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unshelve.data.checking import facts, holds
from unshelve.data.checking_batches import Tallied, holds_over
from unshelve.data.checks import Check, column, fresh, key, refers_to, row_count, unique

CHECKS: tuple[Check, ...] = (
    key("id"),
    unique("shop", "day"),
    column("shop", type="string", one_of=["a", "b", "c"], missing=0.1),
    column("price", type="float", between=(0, 50), missing=False),
    column("pieces", type="integer", unique=True),
    column("day", missing=True),
    refers_to("shops", "shop"),
    column("gone"),
    fresh("day", "2d"),
    row_count(at_least=1),
)
SHOPS = pd.DataFrame({"shop": ["a", "c"]})


def orders(rows: int, seed: int) -> pd.DataFrame:
    """Rows of which some fail something."""
    draw = np.random.default_rng(seed)
    pieces = pd.array(draw.integers(0, 40, rows), dtype="Int64")
    if rows:
        pieces[::7] = pd.NA
    return pd.DataFrame(
        {
            "id": draw.integers(0, max(2 * rows, 1), rows),
            "shop": [["a", "b", "c", "d", None][place] for place in draw.integers(0, 5, rows)],
            "price": np.where(draw.random(rows) < 0.1, np.nan, draw.normal(25, 20, rows)),
            "pieces": pieces,
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(draw.integers(0, 5, rows), unit="D"),
        }
    )


def cut(table: pd.DataFrame, size: int) -> Tallied:
    others = {"shops": SHOPS}
    parts = [table.iloc[start : start + size].reset_index(drop=True) for start in range(0, max(len(table), 1), size)]
    return holds_over(parts, CHECKS, others)


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(0, 120), size=st.integers(1, 130), seed=st.integers(0, 50))
def test_batches_of_any_size_find_what_the_whole_table_finds(rows: int, size: int, seed: int) -> None:
    table = orders(rows, seed)
    whole = holds(table, CHECKS, {"shops": SHOPS})
    failing = np.zeros(rows, dtype=bool)
    expected: list[Any] = []
    for one in whole:
        expected.append((one.says, one.held, one.message, one.failing))
        if one.rows is not None:
            failing |= one.rows
    found = cut(table, size)
    assert [(one.says, one.held, one.message, one.failing) for one in found.tallies] == expected
    assert [one.first for one in found.tallies] == [
        [] if one.rows is None else np.flatnonzero(one.rows)[:20].tolist() for one in whole
    ]
    assert (found.rows, found.failing) == (rows, int(failing.sum()))
    assert found.facts == facts(table, CHECKS)
    shown = [int(each.start + place) for each in found.shown for place in each.places]
    assert shown == np.flatnonzero(failing)[:20].tolist()


def test_a_row_that_is_shown_says_all_that_it_fails() -> None:
    table = pd.DataFrame({"id": [1, 2, 1], "price": [1.0, 2.0, -1.0]})
    found = holds_over([table.iloc[:2], table.iloc[2:]], [key("id"), column("price", between=(0, 9))], {})
    (shown,) = found.shown
    assert [one.says for one in shown.found if one.rows is not None and one.rows[0]] == [
        "id is unique",
        "price is between 0 and 9",
    ]


@pytest.mark.parametrize("texts", [["2024-01-01", "2024-03-01"], ["2024-03-01", "2024-01-01"]])
def test_the_newest_moment_of_all_batches_counts(texts: list[str]) -> None:
    tables = [pd.DataFrame({"at": [text]}) for text in texts]
    assert holds_over(tables, [fresh("at", "1d")], {}).newest["at"] == "2024-03-01T00:00:00+00:00"
