"""What a fitted estimator answers: its signature, learned once at training, and its predictions.

Any object with `predict` serves. `predict_proba` gives scores; `decision_function` does where there is no
`predict_proba`. The label is read off the scores only for kinds of estimators that are known to do so themselves, and
where training showed that `predict` says the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from unshelve.errors import SolutionInvalid

Task = Literal["binary", "multiclass", "regression", "unsupervised"]
Scores = Literal["probability", "decision", "none"]
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a model answers: its task, its classes in the order of its scores, and where labels come from."""

    task: Task
    classes: tuple[bool | int | float | str, ...] = ()
    scores: Scores = "none"
    label_from_scores: bool = False
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Raw:
    """Predictions before any `answer` step.

    `labels`: (n,) predicted class, value or cluster. `scores`: (n,) score of the second class for a binary
    task, (n, n_classes) for a multi-class one, None where the estimator gives none.
    """

    labels: Array
    scores: Array | None

    @property
    def for_answer(self) -> Array:
        """What an `answer` step is handed: scores where there are any, else the predictions themselves."""
        return self.labels if self.scores is None else self.scores


def try_out(estimator: Any, task: Task, X: Any, *, unit: str | None = None) -> tuple[Signature, Raw]:
    """What a fitted estimator answers, as its signature, and what it says of `X`, the transformed held-out rows.

    Scores are computed once, and labels too where they have to be compared with the scores.
    """
    if not hasattr(estimator, "predict"):
        raise SolutionInvalid(
            f"A model returned a {type(estimator).__name__}, which has no predict().",
            code="not-an-estimator",
            hint="Return the fitted estimator itself.",
        )
    if task in ("regression", "unsupervised"):
        signature = Signature(task=task, unit=unit)
        return signature, predict(estimator, signature, X)
    classes = tuple(_plain(value) for value in np.asarray(getattr(estimator, "classes_", ())).tolist())
    if classes and len(classes) < 2:
        raise SolutionInvalid(
            f"The estimator knows one class only, {classes[0]!r}: there was no other in its training rows.",
            code="one-class-only",
            hint="Look at the split: each part needs rows of all classes.",
        )
    kind: Scores = "none"
    if hasattr(estimator, "predict_proba") and classes:
        kind = "probability"
    elif hasattr(estimator, "decision_function") and len(classes) == 2:
        kind = "decision"
    signature = Signature(task=task, classes=classes, scores=kind, unit=unit)
    raw = predict(estimator, signature, X)
    if kind == "none" or not _argues_by_scores(estimator):
        return signature, raw
    derived = _labels_of(signature, raw.scores) if raw.scores is not None else raw.labels
    if len(derived) == len(raw.labels) and bool(np.all(derived == raw.labels)):
        return replace(signature, label_from_scores=True), Raw(derived, raw.scores)
    return signature, raw


def predict(estimator: Any, signature: Signature, X: Any) -> Raw:
    """What the estimator says of transformed rows, of any kind of table it was fitted on."""
    if signature.scores == "none":
        return Raw(np.asarray(estimator.predict(X)).reshape(-1), None)
    if signature.scores == "decision":
        scores = np.asarray(estimator.decision_function(X))
    else:
        scores = np.asarray(estimator.predict_proba(X))
        if signature.task == "binary":
            scores = scores[:, 1]
    if not signature.label_from_scores:
        return Raw(np.asarray(estimator.predict(X)).reshape(-1), scores)
    return Raw(_labels_of(signature, scores), scores)


def _labels_of(signature: Signature, scores: Array) -> Array:
    classes = np.asarray(signature.classes)
    if signature.task != "binary":
        return np.asarray(classes[scores.argmax(axis=1)])
    # argmax takes the first class on a tie, so the second one needs more than a half
    threshold = 0.0 if signature.scores == "decision" else 0.5
    return np.asarray(classes[(scores > threshold).astype(np.intp)])


def _argues_by_scores(estimator: Any) -> bool:
    """Whether an estimator is of a kind whose labels are always those of the best score, not just on rows tried.

    An unknown class may have a threshold of its own that the tried rows do not show: it is asked for labels.
    """
    inner = estimator
    for _ in range(10):  # pipelines and searches, one inside the other
        if isinstance(getattr(inner, "steps", None), list):
            inner = inner.steps[-1][-1]
        elif hasattr(inner, "best_estimator_"):
            inner = inner.best_estimator_
    kind = type(inner)
    return kind.__module__.partition(".")[0] in _KNOWN and kind.__name__ not in _OTHERWISE


_KNOWN = frozenset({"sklearn", "lightgbm", "xgboost", "catboost"})
_OTHERWISE = frozenset(
    {
        "SVC", "NuSVC", "TunedThresholdClassifierCV", "FixedThresholdClassifier", "VotingClassifier",
        "StackingClassifier", "BaggingClassifier", "OneVsRestClassifier", "OneVsOneClassifier",
        "OutputCodeClassifier", "ClassifierChain", "SelfTrainingClassifier", "RFE", "RFECV", "AdaBoostClassifier",
    }
)  # fmt: skip
"""Classes of these libraries whose labels may be others than those of the best score, or that wrap what may be."""


def _plain(value: Any) -> bool | int | float | str:
    return value if isinstance(value, bool | int | float | str) else str(value)
