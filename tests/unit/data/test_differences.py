"""The first difference between two results of a transform: where it is, and what counts as equal."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from unshelve.data.tables import differs, first_difference


class NeverEqual:
    """A value that is equal to nothing, itself included."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


def table(**columns: object) -> pd.DataFrame:
    usual = {"a": [1.0, np.nan, -0.0], "b": ["x", None, "z"], "c": pd.Categorical(["u", "v", "u"])}
    return pd.DataFrame({**usual, **columns})


def test_equal_tables_with_missing_values_and_signed_zeros_have_no_difference() -> None:
    assert first_difference(table(), table(a=[1.0, np.nan, 0.0])) is None
    assert not differs(table(), table(a=[1.0, np.nan, 0.0]))


@pytest.mark.parametrize(
    ("other", "place"),
    [
        ({"a": [1.0, np.nan, 5e-324]}, (2, "a")),
        ({"a": [1.0, 2.0, 0.0]}, (1, "a")),
        ({"b": ["x", "y", "z"]}, (1, "b")),
        ({"c": pd.Categorical(["u", "v", "v"])}, (2, "c")),
    ],
)
def test_the_smallest_difference_is_found_at_its_place(other: dict[str, object], place: tuple[int, str]) -> None:
    assert first_difference(table(), table(**other)) == place
    assert differs(table(), table(**other))


def test_other_types_and_labels_of_equal_values_are_no_difference() -> None:
    whole = pd.DataFrame({"n": [1, 2]})
    assert first_difference(whole, whole.astype("float32")) is None
    assert first_difference(whole, whole.set_axis([7, 8])) is None
    assert not differs(whole, whole.astype("float32"))
    assert not differs(whole, whole.set_axis([7, 8]))
    assert differs(whole, pd.DataFrame({"n": [1, 3]}))
    assert differs(whole, whole.rename(columns={"n": "m"}))


def test_objects_are_asked_whether_they_are_equal() -> None:
    odd = pd.DataFrame({"o": pd.Series([NeverEqual()], dtype=object)})
    assert first_difference(odd, odd) == (0, "o")
