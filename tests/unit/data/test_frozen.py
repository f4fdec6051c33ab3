"""What lifted solutions freeze gives for one row what the notebook's call gives for all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from unshelve import appearances, as_categories, categories, codes, prepared_table

TABLE = pd.DataFrame(
    {"size": ["s", "m", None, "m"], "colour": ["red", "blue", "red", "red"], "n": [1.0, 2.0, 3.0, 4.0]}
)


@pytest.mark.parametrize("drop_first", [True, False])
def test_dummies_of_one_row_are_those_of_the_table(drop_first: bool) -> None:
    known = categories(TABLE)
    whole = pd.get_dummies(TABLE, drop_first=drop_first)
    for number in range(len(TABLE)):
        row = pd.get_dummies(as_categories(TABLE.iloc[[number]], known), drop_first=drop_first)
        pd.testing.assert_frame_equal(row, whole.iloc[[number]])


def test_codes_of_one_row_are_those_of_the_column() -> None:
    known = categories(TABLE["size"])
    whole = TABLE["size"].astype("category").cat.codes
    alone = [as_categories(TABLE["size"].iloc[[number]], known).cat.codes.iloc[0] for number in range(4)]
    assert alone == whole.tolist() == [1, 0, -1, 0]


def test_codes_by_appearance_are_those_of_factorize() -> None:
    known = appearances(TABLE["colour"])
    assert codes(TABLE["colour"], known).tolist() == pd.factorize(TABLE["colour"])[0].tolist() == [0, 1, 0, 0]
    assert codes(["green"], known).tolist() == [-1]


def test_a_column_that_a_request_lacks_is_left_out() -> None:
    known = categories(TABLE)
    assert list(as_categories(TABLE[["colour"]], known).columns) == ["colour"]


def test_arrays_are_prepared_as_tables_with_outcome_and_part() -> None:
    found = prepared_table((np.array([[1.0, 2.0]]), [0]), (np.array([[3.0, 4.0]]), [1]))
    assert found.to_dict("list") == {"x0": [1.0, 3.0], "x1": [2.0, 4.0], "outcome": [0, 1], "part": ["train", "test"]}
