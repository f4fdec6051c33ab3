"""In which row a key stood first, over many batches."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from unshelve.data import seen_keys
from unshelve.data.seen_keys import SeenKeys, hashes_of


def firsts(*batches: list[Any]) -> list[int]:
    """The first rows of the keys of some batches of one column."""
    seen, found, start = SeenKeys(), [], 0
    for batch in batches:
        found += seen.first_rows([pd.Series(batch)], start).tolist()
        start += len(batch)
    return found


def test_a_key_that_stood_before_is_found_in_its_batch_and_in_earlier_ones() -> None:
    assert firsts([7, 8, 7], [9, 8], [7, 10, 10]) == [0, 1, 0, 3, 1, 0, 6, 6]


@pytest.mark.parametrize(
    "batches",
    [
        (["a", "b"], ["b", "a"]),
        ([1, 2], [2.0, 1.0]),
        (pd.array([1, None], dtype="Int64"), [np.nan, 1.0]),
        (pd.Categorical(["x", "y"]), ["y", "x"]),
        (pd.to_datetime(["2024-01-01", "2024-01-02"]), pd.to_datetime(["2024-01-02", "2024-01-01"])),
        ([Decimal("1.0"), Decimal("2")], [Decimal("2.00"), Decimal("1")]),
        ([True, False], [False, True]),
        ([b"a", None], [None, b"a"]),
    ],
)
def test_equal_values_are_one_key_however_they_are_held(batches: tuple[Any, Any]) -> None:
    assert firsts(*batches) == [0, 1, 1, 0]


def test_several_columns_are_one_key_and_their_order_counts() -> None:
    seen = SeenKeys()
    found = seen.first_rows([pd.Series(["a", "b", "a"]), pd.Series(["b", "a", "b"])], 0)
    assert found.tolist() == [0, 1, 0]


def test_a_million_numbers_have_no_two_equal_hashes_in_either_lane() -> None:
    for lane in hashes_of([pd.Series(np.arange(1_000_000)), pd.Series(np.arange(1_000_000) % 7)]):
        assert len(np.unique(lane)) == 1_000_000


def test_keys_of_many_batches_agree_with_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_keys, "_MOST_IN_A_RUN", 400)  # so that runs are merged, and end
    draw = np.random.default_rng(3)
    keys = pd.Series(draw.integers(0, 3000, 5000))
    expected = keys.groupby(keys).transform(lambda group: group.index[0]).tolist()
    assert firsts(*(keys[start : start + 130].tolist() for start in range(0, 5000, 130))) == expected


def test_keys_that_share_their_first_hash_are_told_apart_by_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    other = np.array([1, 2, 1, 3], dtype=np.uint64)
    halves = iter([(np.zeros(2, dtype=np.uint64), other[:2]), (np.zeros(2, dtype=np.uint64), other[2:])])
    monkeypatch.setattr(seen_keys, "hashes_of", lambda _columns: next(halves))
    assert firsts([0, 0], [0, 0]) == [0, 1, 0, 3]
