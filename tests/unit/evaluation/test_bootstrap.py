from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unshelve.evaluation.bootstrap import interval, weights


@given(n=st.integers(1, 200), seed=st.integers(0, 3))
def test_weights_count_n_draws_and_repeat_with_the_seed(n: int, seed: int) -> None:
    drawn = np.array(list(weights(n, 3, seed)))
    assert drawn.sum(axis=1).tolist() == [n, n, n]
    assert np.array_equal(drawn, np.array(list(weights(n, 3, seed))))


def test_a_weight_has_the_moments_of_a_multinomial_draw() -> None:
    drawn = np.array(list(weights(100, 2000, 0)))
    assert drawn.mean() == pytest.approx(1.0)
    assert drawn.var() == pytest.approx(1 - 1 / 100, rel=0.02)


def test_the_interval_is_between_percentiles() -> None:
    assert interval(np.arange(101.0), level=0.9) == pytest.approx((5.0, 95.0))


def test_the_interval_of_a_mean_agrees_with_theory() -> None:
    values = np.random.default_rng(0).normal(size=400)
    low, high = interval(np.array([values @ w / 400 for w in weights(400, 2000, 0)]))
    assert low is not None and high is not None
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.05)


def test_undefined_resamples_are_left_out_until_they_are_most() -> None:
    assert interval(np.array([1.0, np.nan, 1.0])) == (1.0, 1.0)
    assert interval(np.array([1.0, np.nan, np.nan])) == (None, None)
    assert interval(np.array([])) == (None, None)


def test_an_infinite_resample_gives_no_interval() -> None:
    assert interval(np.array([1.0, np.inf, np.inf])) == (None, None)
