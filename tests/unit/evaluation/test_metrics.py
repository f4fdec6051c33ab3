from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as trusted
from hypothesis import given
from hypothesis import strategies as st

from unshelve.errors import NotFound, Refused
from unshelve.evaluation.bootstrap import weights
from unshelve.evaluation.measures import MEASURES, Kind, Metric, Task
from unshelve.evaluation.metrics import gain_of, measure, value_of
from unshelve.evaluation.truth import Predicted, Truth, infer_task, predicted_of, truth_of
from unshelve.evaluation.weighted import BINS, panels

BINARY = Task(Kind.BINARY, (False, True))
AMOUNT = Task(Kind.REGRESSION)


def two_classes(n: int, seed: int = 0, positives: float = 0.3, digits: int = 12) -> tuple[Truth, Predicted]:
    generator = np.random.default_rng(seed)
    late = generator.random(n) < positives
    score = np.round(1 / (1 + np.exp(-generator.normal(loc=1.2 * late - 1.0))), digits)
    return truth_of(BINARY, late), predicted_of(BINARY, score > 0.5, score)


def five_classes(n: int, seed: int = 0) -> tuple[Truth, Predicted]:
    generator = np.random.default_rng(seed)
    label = generator.integers(0, 5, n)
    scores = generator.random((n, 5)) + 0.4 * np.eye(5)[label]
    scores /= scores.sum(axis=1, keepdims=True)
    task = infer_task(label, is_classifier=True)
    return truth_of(task, label), predicted_of(task, scores.argmax(axis=1), scores)


def amounts(n: int, seed: int = 0) -> tuple[Truth, Predicted]:
    generator = np.random.default_rng(seed)
    true = generator.gamma(2.0, size=n) + 0.1
    return truth_of(AMOUNT, true), predicted_of(AMOUNT, true + generator.normal(size=n))


def values(truth: Truth, predicted: Predicted) -> dict[str, float]:
    return {metric.name: metric.value for metric in measure(truth, predicted, resamples=0)}


def test_a_binary_example_by_hand() -> None:
    truth = truth_of(BINARY, np.array([True, True, False, False]))
    predicted = predicted_of(BINARY, np.array([True, False, True, False]), np.array([0.9, 0.4, 0.6, 0.1]))
    assert values(truth, predicted) == pytest.approx(
        {
            "roc_auc": 3 / 4,
            "average_precision": 1 / 2 * 1 + 1 / 2 * 2 / 3,
            "log_loss": -(2 * np.log(0.9) + 2 * np.log(0.4)) / 4,
            "brier": (0.01 + 0.36 + 0.36 + 0.01) / 4,
            "accuracy": 1 / 2,
            "balanced_accuracy": 1 / 2,
            "f1": 1 / 2,
            "precision": 1 / 2,
            "recall": 1 / 2,
        }
    )


def test_a_regression_by_hand() -> None:
    truth, predicted = truth_of(AMOUNT, np.array([1.0, 2.0, 4.0])), predicted_of(AMOUNT, np.array([1.0, 3.0, 2.0]))
    assert values(truth, predicted) == pytest.approx(
        {"mae": 1.0, "rmse": np.sqrt(5 / 3), "r2": 1 - 5 / (14 / 3), "median_ae": 1.0, "mape": (0 + 1 / 2 + 1 / 2) / 3}
    )


@pytest.mark.parametrize("digits", [12, 1])
@pytest.mark.parametrize("n", [50, 5000])
def test_binary_values_agree_with_scikit_learn(n: int, digits: int) -> None:
    truth, predicted = two_classes(n, digits=digits)
    true, said, score = truth.values, predicted.labels, predicted.scores
    assert values(truth, predicted) == pytest.approx(
        {
            "roc_auc": trusted.roc_auc_score(true, score),
            "average_precision": trusted.average_precision_score(true, score),
            "log_loss": trusted.log_loss(true, score),
            "brier": trusted.brier_score_loss(true, score),
            "accuracy": trusted.accuracy_score(true, said),
            "balanced_accuracy": trusted.balanced_accuracy_score(true, said),
            "f1": trusted.f1_score(true, said),
            "precision": trusted.precision_score(true, said),
            "recall": trusted.recall_score(true, said),
        },
        rel=1e-12,
    )


def test_multi_class_values_agree_with_scikit_learn() -> None:
    truth, predicted = five_classes(4000)
    true, said, scores = truth.values, predicted.labels, predicted.scores
    assert values(truth, predicted) == pytest.approx(
        {
            "roc_auc_ovr": trusted.roc_auc_score(true, scores, multi_class="ovr"),
            "log_loss": trusted.log_loss(true, scores),
            "accuracy": trusted.accuracy_score(true, said),
            "balanced_accuracy": trusted.balanced_accuracy_score(true, said),
            "f1_macro": trusted.f1_score(true, said, average="macro"),
        },
        rel=1e-12,
    )


@pytest.mark.parametrize("n", [3000, 3001])
def test_regression_values_agree_with_scikit_learn(n: int) -> None:
    truth, predicted = amounts(n)
    true, said = truth.values, predicted.labels
    assert values(truth, predicted) == pytest.approx(
        {
            "mae": trusted.mean_absolute_error(true, said),
            "rmse": trusted.root_mean_squared_error(true, said),
            "r2": trusted.r2_score(true, said),
            "median_ae": trusted.median_absolute_error(true, said),
            "mape": trusted.mean_absolute_percentage_error(true, said),
        },
        rel=1e-12,
    )


@pytest.mark.parametrize("make", [two_classes, five_classes, amounts])
def test_a_weight_is_the_same_as_repeating_the_row(make: Any) -> None:
    truth, predicted = make(40)
    w = next(weights(40, 1, seed=3))
    repeated = np.repeat(np.arange(40), w.astype(np.int64))
    again = values(truth.rows(repeated), predicted.rows(repeated))
    for panel in panels(truth, predicted, MEASURES):
        for name, value in zip(panel.names, panel.under(w), strict=True):
            assert value == pytest.approx(again[name], rel=1e-12), name


@given(st.integers(0, 30), st.integers(2, 60))
def test_shares_lie_between_0_and_1_and_intervals_around_their_value(seed: int, n: int) -> None:
    truth, predicted = two_classes(n, seed, digits=1)
    for metric in measure(truth, predicted, resamples=50):
        assert metric.n == n
        assert metric.value >= 0 and (metric.unit != "share" or metric.value <= 1)
        if metric.low is not None and metric.high is not None:
            assert metric.low <= metric.value + 0.2 and metric.high >= metric.value - 0.2


@given(st.integers(0, 20))
def test_scores_the_other_way_round_turn_the_area_over(seed: int) -> None:
    truth, predicted = two_classes(80, seed, positives=0.5)
    assert predicted.scores is not None
    turned = Predicted(predicted.labels, 1 - predicted.scores, probabilities=True)
    assert value_of("roc_auc", truth, turned) == pytest.approx(1 - value_of("roc_auc", truth, predicted))


def test_the_interval_of_an_area_agrees_with_resampling_rows_by_scikit_learn() -> None:
    truth, predicted = two_classes(300)
    metric = measure(truth, predicted)[0]
    generator = np.random.default_rng(5)
    assert predicted.scores is not None
    areas = []
    for _ in range(1000):
        rows = generator.integers(0, 300, 300)
        areas.append(trusted.roc_auc_score(truth.values[rows], predicted.scores[rows]))
    assert (metric.low, metric.high) == pytest.approx(tuple(np.percentile(areas, [2.5, 97.5])), abs=0.006)


@pytest.mark.parametrize("positives", [0.3, 0.004])
def test_putting_scores_into_bins_does_not_change_intervals(positives: float, monkeypatch: pytest.MonkeyPatch) -> None:
    truth, predicted = two_classes(20_000, positives=positives)
    binned = measure(truth, predicted, resamples=200)[:2]
    monkeypatch.setattr("unshelve.evaluation.weighted.BINS", 10**9)
    exact = measure(truth, predicted, resamples=200)[:2]
    for one, other in zip(binned, exact, strict=True):
        assert one.value == other.value
        assert one.low is not None and one.high is not None and other.low is not None and other.high is not None
        width = other.high - other.low
        assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=0.02 * width)


def test_nineteen_of_twenty_intervals_hold_the_true_value() -> None:
    held = 0
    for seed in range(200):
        truth, predicted = two_classes(300, seed)
        area = measure(truth, predicted, resamples=200)[0]
        assert area.low is not None and area.high is not None
        held += area.low <= 0.8019 <= area.high  # the normal distribution at 1.2 / sqrt(2)
    assert 0.90 <= held / 200 <= 0.98


def test_bins_are_used_on_many_distinct_scores() -> None:
    _, predicted = two_classes(20_000)
    assert predicted.scores is not None
    assert len(np.unique(predicted.scores)) > BINS


def test_the_same_seed_gives_the_same_intervals() -> None:
    truth, predicted = two_classes(200)
    assert measure(truth, predicted, seed=1) == measure(truth, predicted, seed=1)
    assert measure(truth, predicted, seed=1) != measure(truth, predicted, seed=2)


def test_metrics_carry_unit_direction_and_rows() -> None:
    truth, predicted = amounts(50)
    minutes = Truth(Task(Kind.REGRESSION, unit="minutes"), truth.values)
    mae, *_, mape = measure(minutes, predicted, resamples=0)
    assert mae == Metric(name="mae", value=mae.value, low=None, high=None, n=50, higher_is_better=False, unit="minutes")
    assert mape.unit == "share"


def test_rows_of_one_class_leave_out_what_they_do_not_define() -> None:
    truth = truth_of(BINARY, np.zeros(30, dtype=bool))
    predicted = predicted_of(BINARY, np.zeros(30, dtype=bool), np.linspace(0, 0.4, 30))
    names = [metric.name for metric in measure(truth, predicted)]
    assert names == ["log_loss", "brier", "accuracy", "balanced_accuracy", "f1", "precision", "recall"]


def test_constant_predictions_have_defined_values() -> None:
    truth, _ = two_classes(100)
    never = predicted_of(BINARY, np.zeros(100, dtype=bool), np.zeros(100))
    found = values(truth, never)
    assert (found["roc_auc"], found["f1"], found["precision"], found["recall"]) == (0.5, 0.0, 0.0, 0.0)
    assert found["log_loss"] == pytest.approx(trusted.log_loss(truth.values, np.zeros(100)))


def test_a_constant_amount_has_no_r2_and_one_around_zero_no_mape() -> None:
    constant = truth_of(AMOUNT, np.full(20, 0.1))
    assert set(values(constant, Predicted(np.linspace(0, 1, 20)))) == {"mae", "rmse", "median_ae", "mape"}
    around = truth_of(AMOUNT, np.linspace(-1, 1, 20))
    assert "mape" not in values(around, Predicted(np.zeros(20)))


def test_huge_and_single_values_stay_defined() -> None:
    huge = truth_of(AMOUNT, np.array([1e200, -1e200, 1e200]))
    assert [metric.name for metric in measure(huge, Predicted(np.zeros(3)))] == ["mae", "median_ae"]
    one = truth_of(AMOUNT, np.array([2.0]))
    assert values(one, Predicted(np.array([3.0]))) == {"mae": 1.0, "rmse": 1.0, "median_ae": 1.0, "mape": 0.5}


def test_labels_alone_give_no_metrics_of_scores_and_decision_values_none_of_probabilities() -> None:
    truth, predicted = two_classes(60)
    assert next(iter(values(truth, Predicted(predicted.labels)))) == "accuracy"
    assert list(values(truth, Predicted(predicted.labels, predicted.scores)))[:3] == [
        "roc_auc",
        "average_precision",
        "accuracy",
    ]


def test_lengths_that_differ_and_models_without_a_target_are_refused() -> None:
    truth, predicted = two_classes(20)
    with pytest.raises(Refused, match="20 true values and 10 predictions"):
        measure(truth, predicted.rows(np.arange(10)))
    with pytest.raises(Refused, match="without a target"):
        measure(Truth(Task(Kind.UNSUPERVISED), np.zeros(3)), Predicted(np.zeros(3)))


def test_a_metric_that_does_not_fit_is_refused_with_the_nearest() -> None:
    truth, predicted = two_classes(20)
    with pytest.raises(NotFound, match="Did you mean roc_auc"):
        value_of("roc_acu", truth, predicted)
    with pytest.raises(NotFound, match="Did you mean recall"):
        gain_of("recal", truth, predicted, predicted)
    with pytest.raises(NotFound, match="'rmse' cannot be measured here"):
        gain_of("rmse", truth, predicted, predicted)


def test_a_model_gains_nothing_over_itself() -> None:
    truth, predicted = two_classes(500)
    gain = gain_of("roc_auc", truth, predicted, predicted)
    assert (gain.gain, gain.low, gain.high) == (0.0, 0.0, 0.0)


def test_a_gain_is_positive_when_better_whatever_the_direction_and_turns_over() -> None:
    truth, predicted = amounts(300)
    better = Predicted((predicted.labels + truth.values) / 2)
    there, back = gain_of("mae", truth, better, predicted), gain_of("mae", truth, predicted, better)
    assert there.low is not None and there.low > 0
    assert (there.gain, there.low) == pytest.approx((-back.gain, -(back.high or 0)))


def test_pairing_makes_the_interval_narrower_than_two_intervals() -> None:
    truth, predicted = two_classes(2000)
    assert predicted.scores is not None
    noisy = predicted.scores + np.random.default_rng(1).normal(scale=0.02, size=2000)
    other = Predicted(predicted.labels, noisy)
    gain, alone = gain_of("roc_auc", truth, predicted, other), measure(truth, predicted)[0]
    assert gain.low is not None and gain.high is not None and alone.low is not None and alone.high is not None
    assert gain.high - gain.low < 0.3 * (alone.high - alone.low)


@pytest.mark.parametrize(("make", "rows"), [(two_classes, 160_000), (five_classes, 41_000), (amounts, 160_000)])
def test_all_metrics_of_many_rows_are_measured_within_seconds(make: Any, rows: int) -> None:
    truth, predicted = make(rows)
    start = time.process_time()
    measure(truth, predicted)
    assert time.process_time() - start < 4  # 1 s where nothing else runs; see benchmarks/gates.py
