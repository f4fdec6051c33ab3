"""Rows are found again whatever a keep did to the index; anything but dropping rows is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from unshelve.errors import UserCodeFailed
from unshelve.solution.keeping import kept_rows, row_hashes

ROWS = pd.DataFrame({"a": [3, 1, 1, None, 2], "b": ["x", "y", "y", "z", "w"]})


@pytest.mark.parametrize(
    ("keep", "rows"),
    [
        (lambda t: t.dropna(), [0, 1, 2, 4]),
        (lambda t: t.dropna().reset_index(drop=True), [0, 1, 2, 4]),
        (lambda t: t.drop_duplicates().reset_index(drop=True), [0, 1, 3, 4]),
        (lambda t: t.sort_values("a").head(2), [1, 2]),
        (lambda t: t.sort_values("a", ascending=False).reset_index(drop=True).head(1), [0]),
        (lambda t: t.head(2), [0, 1]),
        (lambda t: t.tail(2).reset_index(drop=True), [3, 4]),
        (lambda t: t, [0, 1, 2, 3, 4]),
        (lambda t: t["a"] > 1, [0, 4]),
        (lambda t: (t["a"] > 1).to_numpy(), [0, 4]),
    ],
)
def test_kept_rows_are_known_by_their_numbers(keep: Callable[[pd.DataFrame], object], rows: list[int]) -> None:
    assert kept_rows("some", ROWS, keep(ROWS)).tolist() == rows


@pytest.mark.parametrize(
    ("keep", "code"),
    [
        (lambda t: t.assign(a=t["a"] + 1), "keep-changed-values"),
        (lambda t: t.drop(columns="b"), "keep-changed-columns"),
        (lambda t: t[t["a"] > 99], "keep-left-nothing"),
        (lambda t: 7, "keep-returned-no-table"),
        (lambda t: pd.concat([t, t]), "keep-changed-values"),
    ],
)
def test_a_keep_that_does_more_than_drop_rows_is_refused(keep: Callable[[pd.DataFrame], object], code: str) -> None:
    with pytest.raises(UserCodeFailed) as refused:
        kept_rows("some", ROWS, keep(ROWS))
    assert refused.value.subject_code == code


def test_equal_rows_have_equal_numbers_and_a_float_is_the_integer_it_was() -> None:
    whole = pd.DataFrame({"a": [1, 2], "t": pd.to_datetime(["2024-01-01", "NaT"]), "c": pd.Categorical(["u", "v"])})
    assert np.array_equal(row_hashes(whole), row_hashes(whole.astype({"a": "float64"})))
    assert len(set(row_hashes(whole))) == 2
