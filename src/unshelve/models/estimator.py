"""What a fitted estimator answers: its signature, learned once at training, and its predictions.

Any object with `predict` serves. `predict_proba` gives scores; `decision_function` does where there is no
`predict_proba`. The label is read off the scores only where training showed that `predict` says the same.
"""

from __future__ import annotations

from dataclasses import dataclass
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


def signature_of(estimator: Any, task: Task, X: Any, *, unit: str | None = None) -> Signature:
    """Learn what a fitted estimator answers, trying it on `X`, the transformed held-out rows."""
    if not hasattr(estimator, "predict"):
        raise SolutionInvalid(
            f"A model returned a {type(estimator).__name__}, which has no predict().",
            code="not-an-estimator",
            hint="Return the fitted estimator itself.",
        )
    if task in ("regression", "unsupervised"):
        return Signature(task=task, unit=unit)
    classes = tuple(_plain(value) for value in np.asarray(getattr(estimator, "classes_", ())).tolist())
    kind: Scores = "none"
    if hasattr(estimator, "predict_proba") and classes:
        kind = "probability"
    elif hasattr(estimator, "decision_function") and len(classes) == 2:
        kind = "decision"
    guess = Signature(task=task, classes=classes, scores=kind, label_from_scores=True, unit=unit)
    agrees = kind != "none" and _labels_agree(estimator, guess, X)
    return Signature(task=task, classes=classes, scores=kind, label_from_scores=agrees, unit=unit)


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


def _labels_agree(estimator: Any, signature: Signature, X: Any) -> bool:
    derived = predict(estimator, signature, X).labels
    said = np.asarray(estimator.predict(X)).reshape(-1)
    return len(derived) == len(said) and bool(np.all(derived == said))


def _plain(value: Any) -> bool | int | float | str:
    return value if isinstance(value, bool | int | float | str) else str(value)
