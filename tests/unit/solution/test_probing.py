"""Which columns a target reads, and which it only names."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from unshelve.serving.row_path import PathStep, RowPath
from unshelve.solution.probing import columns_read

PATH = RowPath(entry="rows", steps=(PathStep(name="left", rows={"rows": "rows"}),), output="left")
ROWS = pd.DataFrame({"age": np.arange(400.0), "rare": np.zeros(400), "other": np.zeros(400), "left": [0, 1] * 200})
ROWS.loc[399, ["rare", "other"]] = 1.0


def both_rare(rows: pd.DataFrame) -> pd.Series[int]:
    return rows["left"] + ((rows["rare"] == 1) & (rows["other"] == 1)) * (rows["age"] > -1)


@pytest.mark.parametrize(
    ("target", "read"),
    [
        (lambda rows: rows["left"], ("left",)),
        (lambda rows: rows[["age", "left"]]["left"], ("left",)),
        (lambda rows: rows.drop(columns=["age"]).iloc[:, -1], ("left",)),
        (lambda rows: rows["left"].where(rows["rare"] == 0, 7), ("rare", "left")),
        (both_rare, ("rare", "other", "left")),
    ],
    ids=["read", "picked from a list", "dropped", "read in one row outside the sample", "read only together"],
)
def test_a_column_is_read_where_its_values_matter_to_a_row(
    target: Callable[[pd.DataFrame], pd.Series[int]], read: tuple[str, ...]
) -> None:
    sample = ROWS.head(300)  # in which the rare values do not occur
    assert columns_read(PATH, ROWS, sample, {"left": target}, {}) == read
