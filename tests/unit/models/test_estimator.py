"""What an estimator answers is learned by trying; labels are read off scores only where that is sure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from unshelve.errors import SolutionInvalid
from unshelve.models.estimator import Signature, Task, predict, try_out

Array = np.ndarray[Any, np.dtype[Any]]

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(200, 2))
TWO = X[:, 0] + 0.5 * DRAW.normal(size=200) > 0
THREE = np.asarray(["low", "middle", "high"])[np.digitize(X[:, 0], [-0.5, 0.5])]


@pytest.mark.parametrize(
    ("estimator", "y", "task", "scores", "from_scores"),
    [
        (LogisticRegression(), TWO, "binary", "probability", True),
        (make_pipeline(StandardScaler(), LogisticRegression()), TWO, "binary", "probability", True),
        (GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}), TWO, "binary", "probability", True),
        (RandomForestClassifier(5, random_state=0), THREE, "multiclass", "probability", True),
        (LinearSVC(), TWO, "binary", "decision", True),
        (LinearSVC(), THREE, "multiclass", "none", False),
        (TunedThresholdClassifierCV(LogisticRegression()), TWO, "binary", "probability", False),
        (SVC(), TWO, "binary", "decision", False),
        (LinearRegression(), X[:, 0], "regression", "none", False),
    ],
)
def test_scores_and_labels_are_what_the_estimator_itself_says(
    estimator: Any, y: Array, task: Task, scores: str, from_scores: bool
) -> None:
    fitted = estimator.fit(X, y)
    signature, raw = try_out(fitted, task, X)
    assert (signature.task, signature.scores, signature.label_from_scores) == (task, scores, from_scores)
    assert np.array_equal(raw.labels, fitted.predict(X))
    again = predict(fitted, signature, X[:7])
    assert np.array_equal(again.labels, fitted.predict(X[:7]))
    if scores == "probability":
        expected = fitted.predict_proba(X)[:, 1] if task == "binary" else fitted.predict_proba(X)
        assert raw.scores is not None and np.array_equal(raw.scores, expected)
    assert np.array_equal(raw.for_answer, raw.labels if raw.scores is None else raw.scores)


class Careful:
    """A class that nobody knows, whose labels agree with the scores on most rows only."""

    classes_ = np.asarray([False, True])

    def predict_proba(self, X: Array) -> Array:
        p = 1 / (1 + np.exp(-X[:, 0]))
        return np.column_stack([1 - p, p])

    def predict(self, X: Array) -> Array:
        labels: Array = self.predict_proba(X)[:, 1] > 0.5
        labels[X[:, 1] > 50] = True
        return labels


def test_an_unknown_class_is_asked_for_its_labels_even_where_they_agreed_when_tried() -> None:
    signature, _ = try_out(Careful(), "binary", X)
    assert not signature.label_from_scores
    assert predict(Careful(), signature, np.asarray([[-1.0, 99.0]])).labels.tolist() == [True]


def test_clusters_are_labels_without_scores() -> None:
    signature, raw = try_out(KMeans(2, random_state=0, n_init=1).fit(X), "unsupervised", X)
    assert signature == Signature(task="unsupervised")
    assert raw.scores is None


def test_the_unit_of_an_amount_is_kept() -> None:
    signature, _ = try_out(LinearRegression().fit(X, X[:, 0]), "regression", X, unit="min")
    assert signature.unit == "min"


def test_what_cannot_predict_is_no_model() -> None:
    with pytest.raises(SolutionInvalid, match=r"returned a dict, which has no predict\(\)"):
        try_out({}, "binary", X)


def test_an_estimator_that_saw_one_class_is_refused() -> None:
    forest = RandomForestClassifier(3, random_state=0).fit(X, np.zeros(200, dtype=int))
    with pytest.raises(SolutionInvalid, match="knows one class only, 0"):
        try_out(forest, "binary", X)
