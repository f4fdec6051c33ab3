from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unshelve.errors import Refused
from unshelve.evaluation.worth import Over, appraise, best_threshold


def test_worth_by_hand() -> None:
    worth = appraise(np.array([10.0, -2.0, 4.0, 0.0]), unit="EUR", never=np.zeros(4))
    assert (worth.unit, worth.n, worth.mean, worth.total, worth.always) == ("EUR", 4, 3.0, 12.0, None)
    assert worth.never == Over(mean=0.0, gain=3.0, low=worth.low, high=worth.high)


def test_the_interval_agrees_with_theory() -> None:
    values = np.random.default_rng(0).normal(5, 2, 1000)
    worth = appraise(values, unit="EUR")
    half = 1.96 * values.std() / np.sqrt(1000)
    assert (worth.low, worth.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_the_comparison_is_paired() -> None:
    rule = np.random.default_rng(0).normal(0, 100, 500)
    worth = appraise(rule + 1, unit="EUR", always=rule)
    assert worth.always is not None
    assert (worth.always.gain, worth.always.low, worth.always.high) == pytest.approx((1, 1, 1))
    assert worth.low is not None and worth.low < 0


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([], r"shape \(0,\)"),
        ([[1.0]], r"shape \(1, 1\)"),
        ([1.0, None], "1 of 2 rows are missing"),
        ([1.0, float("inf")], "1 of 2 rows are missing or infinite"),
        (["much"], "not numbers"),
    ],
)
def test_values_that_are_no_numbers_are_refused(values: Any, says: str) -> None:
    with pytest.raises(Refused, match=says):
        appraise(np.array(values), unit="EUR")


def test_a_rule_on_other_rows_is_refused() -> None:
    with pytest.raises(Refused, match="same rows"):
        appraise(np.zeros(3), unit="EUR", never=np.zeros(2))
    with pytest.raises(Refused, match="same rows"):
        best_threshold(np.zeros(3), np.zeros(3), np.zeros(2))


def test_the_best_threshold_by_hand() -> None:
    late = np.array([False, False, True, False, True])
    found = best_threshold(np.array([0.1, 0.3, 0.5, 0.7, 0.9]), np.where(late, 5.0, -2.0), np.zeros(5))
    assert (found.at, found.mean, found.share) == pytest.approx((0.4, (5 - 2 + 5) / 5, 3 / 5))


def test_never_is_an_answer_too() -> None:
    found = best_threshold(np.array([0.1, 0.9]), np.array([-1.0, -1.0]), np.zeros(2))
    assert (found.at, found.mean, found.share) == (None, 0.0, 0.0)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(-9, 9)), min_size=1, max_size=40))
def test_no_threshold_is_worth_more_than_the_best(rows: list[tuple[int, int]]) -> None:
    score, yes = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    found = best_threshold(score, yes, np.zeros(len(rows)))
    assert found.mean == pytest.approx(max(yes[score >= cut].sum() / len(rows) for cut in [*score, np.inf]))
    at = np.inf if found.at is None else found.at
    assert yes[score >= at].sum() / len(rows) == pytest.approx(found.mean)
    assert (score >= at).mean() == pytest.approx(found.share)


def test_the_curve_is_short_for_many_rows() -> None:
    generator = np.random.default_rng(0)
    score = generator.random(20_000)
    found = best_threshold(score, np.where(generator.random(20_000) < score, 1.0, -1.0), np.zeros(20_000))
    assert len(found.curve) <= 200
    assert found.at == pytest.approx(0.5, abs=0.05)
