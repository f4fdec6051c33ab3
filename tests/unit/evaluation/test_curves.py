from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
import pytest
import sklearn.metrics as trusted
from hypothesis import given
from hypothesis import strategies as st

from unshelve.errors import Refused
from unshelve.evaluation.curves import (
    MOST_POINTS,
    calibration,
    confusion,
    histogram,
    precision_recall,
    residuals,
    roc,
    thinned,
)
from unshelve.evaluation.measures import Kind, Task
from unshelve.evaluation.truth import Predicted, Truth, infer_task, predicted_of, truth_of

BINARY = Task(Kind.BINARY, (False, True))


def two_classes(n: int, seed: int = 0, digits: int = 12) -> tuple[Truth, Predicted]:
    generator = np.random.default_rng(seed)
    score = np.round(generator.random(n), digits)
    late = generator.random(n) < score
    return truth_of(BINARY, late), predicted_of(BINARY, score > 0.5, score)


def test_a_small_roc_and_precision_recall_curve_by_hand() -> None:
    truth = truth_of(BINARY, np.array([True, False, True, False]))
    predicted = predicted_of(BINARY, truth.values == 1, np.array([0.9, 0.6, 0.6, 0.2]))
    curve = roc(truth, predicted)
    assert (curve.x, curve.y, curve.threshold) == ((0, 0, 0.5, 1), (0, 0.5, 1, 1), (None, 0.9, 0.6, 0.2))
    curve = precision_recall(truth, predicted)
    assert (curve.x, curve.y, curve.threshold) == ((0.5, 1, 1), (1, 2 / 3, 0.5), (0.9, 0.6, 0.2))


def test_an_unthinned_roc_agrees_with_scikit_learn() -> None:
    truth, predicted = two_classes(800, digits=2)
    x, y, _ = trusted.roc_curve(truth.values, predicted.scores, drop_intermediate=False)
    curve = roc(truth, predicted)
    assert curve.x == pytest.approx(x)
    assert curve.y == pytest.approx(y)


def test_a_thinned_roc_keeps_its_ends_and_its_area() -> None:
    truth, predicted = two_classes(50_000)
    curve = roc(truth, predicted)
    assert len(curve.x) <= MOST_POINTS
    assert (curve.x[0], curve.y[0], curve.x[-1], curve.y[-1]) == (0, 0, 1, 1)
    assert trusted.auc(curve.x, curve.y) == pytest.approx(
        trusted.roc_auc_score(truth.values, predicted.scores), abs=1e-3
    )


def test_curves_of_one_class_or_without_scores_are_refused() -> None:
    truth, predicted = two_classes(20)
    with pytest.raises(Refused, match="one class only"):
        roc(Truth(BINARY, np.ones(20, dtype=np.int64)), predicted)
    with pytest.raises(Refused, match="labels only"):
        precision_recall(truth, Predicted(predicted.labels))


def test_a_model_that_says_what_comes_true_is_within_its_calibration_intervals() -> None:
    bins = calibration(*two_classes(20_000))
    assert [part.n for part in bins] == pytest.approx([2000] * 10, abs=2)
    assert sum(part.low <= part.said <= part.high for part in bins) >= 8


def test_a_calibration_bin_by_hand_and_equal_probabilities_share_one() -> None:
    truth = truth_of(BINARY, np.array([True] * 3 + [False] * 7))
    (part,) = calibration(truth, predicted_of(BINARY, truth.values == 1, np.full(10, 0.2)))
    assert (part.said, part.came_true, part.n) == pytest.approx((0.2, 0.3, 10))
    assert (part.low, part.high) == pytest.approx((0.1078, 0.6032), abs=1e-4)  # Wilson's interval of 3 in 10


def test_calibration_of_decision_values_is_refused() -> None:
    truth, predicted = two_classes(20)
    with pytest.raises(Refused, match="needs probabilities"):
        calibration(truth, Predicted(predicted.labels, predicted.scores))


def test_confusion_agrees_with_scikit_learn() -> None:
    truth, predicted = two_classes(500)
    matrix = confusion(truth, predicted)
    assert matrix.classes == ("False", "True")
    assert np.array_equal(matrix.counts, trusted.confusion_matrix(truth.values, predicted.labels))


def test_rare_classes_are_put_together() -> None:
    label = np.concatenate([np.repeat(np.arange(19), 10), np.arange(19, 60)])
    task = infer_task(label, is_classifier=True)
    matrix = confusion(truth_of(task, label), predicted_of(task, label))
    assert matrix.classes == (*map(str, range(19)), "other")
    assert np.array_equal(matrix.counts, np.diag([10] * 19 + [41]))


def test_residuals_are_true_less_predicted() -> None:
    true = np.linspace(0, 10, 1000)
    picture = residuals(Truth(Task(Kind.REGRESSION), true), Predicted(true - 1))
    assert len(picture.sample) == MOST_POINTS
    assert all(true - said == pytest.approx(1) for said, true in picture.sample)
    assert [band.middle for band in picture.bands] == pytest.approx([1.0] * 10)
    assert sum(bar.n for bar in picture.histogram) == 1000


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80))
def test_a_histogram_counts_every_value_once(values: list[float]) -> None:
    bars = histogram(np.array(values))
    assert sum(bar.n for bar in bars) == len(values)
    assert all(one.end == other.start for one, other in pairwise(bars))


@given(st.integers(2, 2000), st.integers(2, 50))
def test_a_thinned_line_keeps_its_ends_and_order(n: int, most: int) -> None:
    kept = thinned(np.arange(float(n)), np.random.default_rng(n).random(n), most)
    assert (kept[0], kept[-1]) == (0, n - 1)
    assert len(kept) <= most
    assert (np.diff(kept) > 0).all()


def test_pictures_are_plain_json() -> None:
    truth, predicted = two_classes(300)
    for picture in (roc(truth, predicted), calibration(truth, predicted), confusion(truth, predicted)):
        assert b"NaN" not in msgspec.json.encode(picture)
