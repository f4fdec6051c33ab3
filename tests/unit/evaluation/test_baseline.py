from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import log_loss

from unshelve.errors import Refused
from unshelve.evaluation.baseline import baselines
from unshelve.evaluation.measures import Kind, Task
from unshelve.evaluation.truth import Truth, infer_task, truth_of

BINARY = Task(Kind.BINARY, (False, True))
AMOUNT = Task(Kind.REGRESSION)


def test_the_majority_is_answered_with_the_shares_of_the_train_rows() -> None:
    train = truth_of(BINARY, np.array([True] + [False] * 3))
    (baseline,) = baselines(train, truth_of(BINARY, np.array([True, False])))
    assert baseline.says == "always False, the most frequent class (75.0 % of the train rows)"
    assert (baseline.predicted.labels.tolist(), baseline.predicted.scores.tolist()) == ([0, 0], [0.25, 0.25])  # type: ignore[union-attr]
    found = {metric.name: metric.value for metric in baseline.metrics}
    assert (found["roc_auc"], found["accuracy"], found["balanced_accuracy"]) == (0.5, 0.5, 0.5)


def test_the_majority_of_several_classes_agrees_with_scikit_learn() -> None:
    labels = np.random.default_rng(0).choice(["a", "b", "c"], 300, p=[0.2, 0.5, 0.3])
    task = infer_task(labels, is_classifier=True)
    (baseline,) = baselines(truth_of(task, labels[:200]), truth_of(task, labels[200:]))
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((200, 1)), labels[:200])
    found = {metric.name: metric.value for metric in baseline.metrics}
    assert found["log_loss"] == pytest.approx(log_loss(labels[200:], dummy.predict_proba(np.zeros((100, 1)))))
    assert found["roc_auc_ovr"] == 0.5


def test_amounts_have_mean_and_median_and_with_times_the_last_value() -> None:
    train, test = Truth(AMOUNT, np.array([1.0, 2.0, 9.0, 4.0])), Truth(AMOUNT, np.array([4.0]))
    times = pd.Series(pd.to_datetime(["2013-01-03", "2013-01-01", "2013-01-02", "2013-01-03"]), index=[9, 8, 7, 6])
    assert [baseline.name for baseline in baselines(train, test)] == ["mean", "median"]
    found = {baseline.name: baseline.predicted.labels[0] for baseline in baselines(train, test, times=times)}
    assert found == {"mean": 4.0, "median": 3.0, "last value": 2.5}


def test_a_model_without_a_target_has_no_baseline() -> None:
    nothing = Truth(Task(Kind.UNSUPERVISED), np.zeros(3))
    assert baselines(nothing, nothing) == ()


def test_no_train_rows_and_times_of_other_rows_are_refused() -> None:
    train, test = Truth(AMOUNT, np.zeros(2)), Truth(AMOUNT, np.zeros(1))
    with pytest.raises(Refused, match="no train rows"):
        baselines(Truth(AMOUNT, np.zeros(0)), test)
    with pytest.raises(Refused, match="3 times for 2 train rows"):
        baselines(train, test, times=pd.Series([1, 2, 3]))
