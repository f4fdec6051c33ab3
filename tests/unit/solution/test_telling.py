"""The rows that are tried hold what is odd in every column."""

from __future__ import annotations

import numpy as np
import pandas as pd

from unshelve.solution.telling import telling_rows


def odd_table(n: int = 5000) -> pd.DataFrame:
    table = pd.DataFrame({"a": np.zeros(n), "kind": ["usual"] * n, "at": pd.Timestamp("2024-01-01")})
    table.loc[4000, "a"] = np.nan
    table.loc[4100, "a"] = 9.0
    table.loc[4200, "a"] = -9.0
    table.loc[4300, "kind"] = "rare"
    table.loc[4400, "at"] = pd.Timestamp("2031-01-01")
    return table


def test_missing_smallest_largest_and_rare_values_come_first() -> None:
    assert {4000, 4100, 4200, 4300, 4400} <= set(telling_rows(odd_table(), 30, seed=0)[:15].tolist())


def test_there_are_as_many_as_asked_for_each_once_and_the_same_each_time() -> None:
    chosen = telling_rows(odd_table(), 200, seed=1)
    assert len(set(chosen.tolist())) == 200
    assert chosen.tolist() == telling_rows(odd_table(), 200, seed=1).tolist()
    assert telling_rows(odd_table().head(3), 200, seed=1).tolist().sort() == [0, 1, 2].sort()


def test_a_wide_table_is_tried_in_all_of_its_columns() -> None:
    wide = pd.DataFrame(np.zeros((500, 40)), columns=[f"c{i}" for i in range(40)])
    for i in range(40):
        wide.iloc[100 + i, i] = 1.0
    assert set(range(100, 140)) <= set(telling_rows(wide, 200, seed=0).tolist())
