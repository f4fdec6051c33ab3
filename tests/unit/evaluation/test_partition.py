from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unshelve.errors import Refused
from unshelve.evaluation.partition import Parts, partition
from unshelve.evaluation.splits import Split, at_random, by_group, by_time


def divided(split: Split, table: pd.DataFrame | None = None, target: object = None, n: int = 0) -> Parts:
    return partition(
        split,
        table=table,
        target=None if target is None else np.asarray(target),
        n=n or (0 if table is None else len(table)),
    )


def days(n: int) -> pd.Series[pd.Timestamp]:
    return pd.Series(pd.date_range("2013-01-01", periods=n, freq="D"))


@given(n=st.integers(10, 300), share=st.floats(0.05, 0.95), seed=st.integers(0, 5))
def test_a_random_split_divides_all_rows_and_meets_the_share(n: int, share: float, seed: int) -> None:
    parts = divided(at_random(share, seed=seed), n=n)
    assert np.array_equal(np.sort(np.concatenate([parts.train, parts.test])), np.arange(n))
    assert abs(len(parts.test) - share * n) <= 1
    assert parts.train.dtype == parts.test.dtype == np.int64


def test_the_same_split_gives_the_same_parts_and_another_seed_others() -> None:
    first, again, other = (divided(at_random(seed=seed), n=100).test for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_split_has_nothing_to_do_with_what_the_author_drew_by_the_same_seed() -> None:
    drawn = np.random.default_rng(0).random(1000)
    parts = divided(at_random(seed=0), n=1000)
    assert drawn[parts.test].mean() == pytest.approx(0.5, abs=0.06)


def test_a_stratified_split_gives_every_class_its_share_in_both_parts() -> None:
    target = np.array(["a"] * 80 + ["b"] * 16 + ["c"] * 4)
    parts = divided(at_random(), target=target, n=100)
    assert pd.Series(target[parts.test]).value_counts().to_dict() == {"a": 20, "b": 4, "c": 1}


def test_classes_written_as_whole_numbers_are_stratified_too() -> None:
    target = np.repeat([0, 1, 2], [80, 16, 4])
    assert np.bincount(target[divided(at_random(), target=target, n=100).test]).tolist() == [20, 4, 1]


def test_a_class_with_a_single_row_is_learned_from() -> None:
    target = np.array(["a"] * 19 + ["b"] * 20 + ["only"])
    assert 39 in divided(at_random(0.9), target=target, n=40).train


def test_rows_that_are_appended_leave_the_others_on_their_side() -> None:
    before = set(divided(at_random(), n=1000).test.tolist())
    after = set(divided(at_random(), n=1100).test.tolist())
    assert len(before & after) >= 0.95 * len(before)


def test_a_split_by_time_tests_the_last_rows_whatever_their_order() -> None:
    table = pd.DataFrame({"t": days(20).sample(frac=1, random_state=0).array})
    parts = divided(by_time("t"), table)
    assert table["t"].iloc[parts.test].min() > table["t"].iloc[parts.train].max()
    assert len(parts.test) == 5
    assert np.array_equal(parts.test, np.sort(parts.test))


@given(st.lists(st.integers(0, 12), min_size=10, max_size=60).filter(lambda times: len(set(times)) > 1))
def test_rows_of_equal_time_are_never_divided_and_the_share_is_met_as_nearly_as_can_be(times: list[int]) -> None:
    table = pd.DataFrame({"t": times})
    parts = divided(by_time("t", test=0.3), table)
    ordered = np.array(times)
    assert ordered[parts.test].min() > ordered[parts.train].max()
    possible = [np.sum(ordered >= moment) for moment in sorted(set(times))[1:]]
    off = abs(len(parts.test) - 0.3 * len(times))
    assert off == pytest.approx(min(abs(size - 0.3 * len(times)) for size in possible))


@pytest.mark.parametrize(
    "times",
    [
        days(20),
        days(20).dt.tz_localize("Europe/Berlin"),
        days(20).dt.strftime("%Y-%m-%d"),
        days(20).dt.strftime("%Y-%m-%dT%H:%M:%S").astype(object),
        days(20).dt.date,
        days(20).astype("timestamp[us][pyarrow]"),
    ],
    ids=["naive", "zoned", "text", "objects", "dates", "arrow"],
)
def test_a_first_moment_is_the_first_of_the_test_rows_for_all_kinds_of_time(times: pd.Series[Any]) -> None:
    parts = divided(by_time("t", test_from="2013-01-11"), pd.DataFrame({"t": times}))
    assert parts.test.tolist() == list(range(10, 20))


def test_a_moment_with_an_offset_is_compared_in_its_own_zone() -> None:
    table = pd.DataFrame({"t": pd.date_range("2013-01-01", periods=12, freq="h", tz="America/New_York")})
    assert divided(by_time("t", test_from="2013-01-01T11:00:00+00:00"), table).test.tolist() == list(range(6, 12))


@pytest.mark.parametrize("moment", ["2013-11-03T01:30:00", "2013-03-10T02:30:00"], ids=["twice", "never"])
def test_a_moment_that_the_clocks_show_twice_or_never_has_a_place(moment: str) -> None:
    start = pd.Timestamp(moment, tz="UTC") - pd.Timedelta(hours=6)
    table = pd.DataFrame({"t": pd.date_range(start, periods=30, freq="h").tz_convert("America/New_York")})
    parts = divided(by_time("t", test_from=moment), table)
    assert len(parts.train) + len(parts.test) == 30


def test_numbers_are_times_too_and_rows_from_until_on_are_in_no_part() -> None:
    table = pd.DataFrame({"year": np.arange(2000, 2012)})
    parts = divided(by_time("year", test_from="2008", until="2010"), table)
    assert (parts.train.tolist(), parts.test.tolist()) == (list(range(8)), [8, 9])


def test_whole_groups_are_on_one_side_and_near_the_share() -> None:
    table = pd.DataFrame({"g": np.random.default_rng(0).integers(0, 60, 2000)})
    parts = divided(by_group("g"), table)
    assert not set(table["g"].iloc[parts.test]) & set(table["g"].iloc[parts.train])
    assert len(parts.test) == pytest.approx(500, abs=40)


def test_a_group_stays_on_its_side_when_rows_are_shuffled() -> None:
    table = pd.DataFrame({"g": [f"customer {k % 25}" for k in range(500)]})
    shuffled = table.sample(frac=1, random_state=1).reset_index(drop=True)
    sides = [set(rows["g"].iloc[divided(by_group("g"), rows).test]) for rows in (table, shuffled)]
    assert sides[0] == sides[1]


def test_one_huge_group_leaves_the_others_for_the_test() -> None:
    table = pd.DataFrame({"g": ["huge"] * 95 + ["small"] * 5})
    assert divided(by_group("g"), table).test.tolist() == list(range(95, 100))


@pytest.mark.parametrize(
    ("split", "table", "says"),
    [
        (by_time("t"), pd.DataFrame({"t": [1] * 9}), "9 rows"),
        (by_time("tyme"), pd.DataFrame({"time": range(20)}), "Did you mean time"),
        (by_time("t"), None, "do not have"),
        (by_time("t"), pd.DataFrame({"t": [None, *range(19)]}), "1 of 20 rows have no value"),
        (by_time("t"), pd.DataFrame({"t": [5] * 20}), "leaves no rows"),
        (by_time("t"), pd.DataFrame({"t": ["soon"] * 20}), "neither times nor numbers"),
        (by_time("t", test_from="2014-01-01"), pd.DataFrame({"t": days(20)}), "be judged by"),
        (by_time("t", test_from="2012-01-01"), pd.DataFrame({"t": days(20)}), "learn from"),
        (by_time("t", until="2012-01-01"), pd.DataFrame({"t": days(20)}), "leaves no rows"),
        (by_time("t", test_from="2012-01-01"), pd.DataFrame({"t": range(20)}), "holds numbers"),
        (by_time("t", test_from="2010"), pd.DataFrame({"t": ["2010-01-01Z", "today"] * 10}), "neither times"),
        (by_time("t", test_from="2013-01-02T00:00:00Z"), pd.DataFrame({"t": days(20)}), "has an offset"),
        (by_group("g"), pd.DataFrame({"g": ["a"] * 20}), "one group 'a'"),
        (by_group("g"), pd.DataFrame({"g": ["a", None] * 10}), "10 of 20 rows have no value"),
        (by_group("g"), pd.DataFrame(np.zeros((20, 2)), columns=["g", "g"]), "several columns"),
    ],
)
def test_rows_that_cannot_be_divided_are_refused(split: Split, table: pd.DataFrame | None, says: str) -> None:
    with pytest.raises(Refused, match=says):
        divided(split, table, n=20 if table is None else 0)


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ([1] * 20, "is 1 in every row"),
        ([None] + ["a", "b"] * 9 + ["a"], "1 missing values in 20 rows"),
        ([float("nan")] * 20, "20 missing values"),
        (["a", "b"] * 9, "18 values for 20 rows"),
    ],
)
def test_a_target_that_cannot_be_learned_is_refused(target: list[object], says: str) -> None:
    with pytest.raises(Refused, match=says):
        divided(at_random(), target=target, n=20)


def test_a_part_with_one_class_only_is_refused() -> None:
    table = pd.DataFrame({"t": days(20)})
    with pytest.raises(Refused, match="train rows hold one class only"):
        divided(by_time("t", test=0.5), table, target=[False] * 10 + [False, True] * 5)
    with pytest.raises(Refused, match="test rows hold one class only"):
        divided(by_time("t", test=0.5), table, target=[False, True] * 5 + [False] * 10)


def test_an_amount_may_be_any_in_either_part() -> None:
    table = pd.DataFrame({"t": days(20)})
    parts = divided(by_time("t", test=0.5), table, target=np.linspace(0, 1, 20))
    assert len(parts.train) == len(parts.test) == 10


def test_dates_without_a_time_are_compared_with_moments() -> None:
    table = pd.DataFrame({"d": [datetime.date(2013, 1, 1) + datetime.timedelta(days=k) for k in range(12)]})
    assert divided(by_time("d", test_from="2013-01-10T12:00:00"), table).test.tolist() == [10, 11]
