from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from unshelve.errors import Refused
from unshelve.evaluation.measures import Kind, Task
from unshelve.evaluation.truth import infer_task, predicted_of, truth_of

BINARY = Task(Kind.BINARY, (False, True))
THREE = Task(Kind.MULTICLASS, ("a", "b", "c"))
AMOUNT = Task(Kind.REGRESSION)


@pytest.mark.parametrize(
    ("target", "is_classifier", "task"),
    [
        (None, None, Task(Kind.UNSUPERVISED)),
        (np.array([True, False]), True, BINARY),
        (np.array([1, 0, 1]), True, Task(Kind.BINARY, (0, 1))),
        (pd.Series(["no", "yes"]), None, Task(Kind.BINARY, ("no", "yes"))),
        (pd.Categorical(["b", "a", "c"]), None, THREE),
        (pd.Series(["b", "a", "c"], dtype="string"), True, THREE),
        (np.array([2, 1, 3]), True, Task(Kind.MULTICLASS, (1, 2, 3))),
        (np.array([0.0, 1.0]), None, Task(Kind.BINARY, (0.0, 1.0))),
        (np.array([0.5, 1.5, 7.0]), None, AMOUNT),
        (np.array([3, 1, 2]), None, AMOUNT),
        (np.array([True, False]), False, AMOUNT),
        (pd.Series([1, 2, 3], dtype="Int64"), False, AMOUNT),
        (np.array([[0.5], [1.5], [2.5]]), None, AMOUNT),
        (pd.Series([True, False], dtype=object), True, BINARY),
    ],
)
def test_the_task_follows_from_the_target_and_the_estimator(target: Any, is_classifier: bool, task: Task) -> None:
    assert infer_task(target, is_classifier=is_classifier) == task


def test_classes_that_only_the_estimator_knows_are_added() -> None:
    assert infer_task(np.array(["a", "b"]), is_classifier=True, classes=["a", "b", "c"]) == THREE
    longer = infer_task(np.array(["a", "b"]), is_classifier=True, classes=["a", "another", "b"])
    assert longer.classes == ("a", "another", "b")


@pytest.mark.parametrize(
    ("target", "is_classifier", "says"),
    [
        ([], True, "no rows"),
        ([1, 1, 1], True, "one class only, 1"),
        ([1.0, float("nan")], False, "1 missing values in 2 rows"),
        (["a", None], True, "1 missing values in 2 rows"),
        (["a", "b"], False, "must be numbers; 'a'"),
        ([1.0, float("inf")], False, "infinite"),
        (range(2000), True, "2,000 classes"),
        ([[1, 2], [3, 4]], True, r"shape \(2, 2\)"),
        (pd.Series(["a", 1, "b"], dtype=object), True, "cannot be classes"),
        (pd.date_range("2013-01-01", periods=3), True, "cannot be classes"),
    ],
)
def test_a_target_that_makes_no_task_is_refused(target: Any, is_classifier: bool, says: str) -> None:
    with pytest.raises(Refused, match=says):
        infer_task(np.asarray(target), is_classifier=is_classifier)


@pytest.mark.parametrize(
    ("task", "values", "codes"),
    [
        (BINARY, np.array([True, False, True]), [1, 0, 1]),
        (BINARY, np.array([1, 0, 1]), [1, 0, 1]),
        (BINARY, np.array([True, False], dtype=object), [1, 0]),
        (THREE, pd.Series(["c", "a"]), [2, 0]),
        (THREE, pd.Categorical(["c", "b"]), [2, 1]),
        (Task(Kind.BINARY, (1, 2)), np.array([2.0, 1.0]), [1, 0]),
        (AMOUNT, np.array([2, 3], dtype=np.int8), [2.0, 3.0]),
    ],
)
def test_true_values_become_places_in_the_classes_or_numbers(task: Task, values: Any, codes: list[float]) -> None:
    truth = truth_of(task, values)
    assert truth.values.tolist() == codes
    assert truth.values.dtype == (np.float64 if task is AMOUNT else np.int64)


def test_a_class_that_the_task_does_not_have_is_refused_with_the_nearest() -> None:
    with pytest.raises(Refused, match=r"cannot be 'lat'.* Did you mean late"):
        truth_of(Task(Kind.BINARY, ("early", "late")), np.array(["early", "lat"]))


def test_two_columns_of_probabilities_are_those_of_both_classes() -> None:
    labels, scores = np.array([True, False]), np.array([[0.2, 0.8], [0.9, 0.1]])
    assert predicted_of(BINARY, labels, scores).scores.tolist() == [0.8, 0.1]  # type: ignore[union-attr]
    swapped = predicted_of(BINARY, labels, scores, classes=[True, False])
    assert swapped.scores.tolist() == [0.2, 0.9]  # type: ignore[union-attr]


def test_a_class_that_the_estimator_does_not_know_has_probability_0() -> None:
    predicted = predicted_of(THREE, np.array(["a"]), np.array([[0.3, 0.7]]), classes=["a", "c"])
    assert predicted.scores is not None
    assert predicted.scores.tolist() == [[0.3, 0.0, 0.7]]


@pytest.mark.parametrize(
    ("task", "labels", "scores", "says"),
    [
        (AMOUNT, [1.0, float("nan")], None, "1 missing values"),
        (AMOUNT, [1.0, float("inf")], None, "infinite"),
        (BINARY, [True, False], [0.5, float("nan")], "scores of 1 of 2 rows are NaN"),
        (BINARY, [True, False], [0.5, 1.5], "outside 0 to 1"),
        (BINARY, [True, False], [[0.5, 0.2], [0.5, 0.5]], "do not sum to 1"),
        (BINARY, [True, False], [0.5], r"shape \(1,\)"),
        (BINARY, [True, False], ["high", "low"], "not numbers"),
        (BINARY, [True, None], None, "1 missing values"),
        (BINARY, ["yes", "no"], None, "cannot be 'yes'"),
        (THREE, ["a", "b"], [0.5, 0.5], r"shape \(2,\); \(2, 3\) is expected"),
        (BINARY, [], None, "no rows"),
    ],
)
def test_predictions_that_cannot_be_measured_are_refused(task: Task, labels: Any, scores: Any, says: str) -> None:
    with pytest.raises(Refused, match=says):
        predicted_of(task, np.asarray(labels), None if scores is None else np.asarray(scores))


def test_decision_values_may_lie_anywhere() -> None:
    predicted = predicted_of(BINARY, np.array([True, False]), np.array([3.0, -2.0]), probabilities=False)
    assert (predicted.probabilities, predicted.scores.tolist()) == (False, [3.0, -2.0])  # type: ignore[union-attr]
