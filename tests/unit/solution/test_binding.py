"""What a parameter is bound to: a value, rows of an entry, or values that belong to some rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from unshelve.errors import SolutionInvalid
from unshelve.solution.binding import aligned, hidden_columns, resolve, resolve_all, row_numbers

TABLE = pd.DataFrame({"a": [10, 11, 12, 13], "late": [1, 0, 1, 0], "landed": [5, 6, 7, 8]})
INPUTS = {
    "rows": TABLE,
    "kept": np.asarray([3, 1, 0]),
    "train": np.asarray([0, 3]),
    "late_reads": ["late"],
    "values": pd.Series([30, 10, 0]),
    "usual": 7,
}


def test_rows_are_those_in_all_sets_in_the_order_of_the_first() -> None:
    assert row_numbers(["kept", "train"], INPUTS).tolist() == [3, 0]  # type: ignore[union-attr]
    assert row_numbers([], INPUTS) is None


def test_a_view_has_a_clean_index_and_no_hidden_columns() -> None:
    view = resolve({"view": "rows", "rows": ["kept"], "hide": ["late_reads"], "known_later": ["landed"]}, INPUTS)
    assert view.equals(pd.DataFrame({"a": [13, 11, 10]}))
    assert resolve({"view": "rows", "rows": []}, INPUTS).equals(TABLE)


def test_values_are_found_by_the_rows_they_belong_to() -> None:
    found = aligned(INPUTS["values"], ["kept"], ["train"], INPUTS)
    assert found.tolist() == [0, 30]


def test_a_row_without_a_value_is_refused() -> None:
    with pytest.raises(SolutionInvalid, match="no value for some rows") as caught:
        aligned(pd.Series([1, 2]), ["train"], ["kept"], INPUTS)
    assert caught.value.subject_code == "target-without-rows"


def test_a_steps_arguments_are_what_is_bound_and_what_is_set() -> None:
    parameters = {"bind": {"usual": {"value": "usual"}}, "arguments": {"days": 3}}
    assert resolve_all(parameters, INPUTS) == {"usual": 7, "days": 3}


def test_hidden_columns_are_named_once() -> None:
    assert hidden_columns(["late_reads", "late_reads"], INPUTS, ["landed", "late"]) == ("landed", "late")
