"""An answer: what leaves for one row, as JSON for callers and as a value for endpoints and worth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unshelve.errors import UserCodeFailed
from unshelve.models.estimator import Raw, Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One model's answer to one row, as an endpoint or a worth function gets it.

    Of a classifier: `label`, and `score` (binary) or `scores` by class. Of a regressor: `value`. Of a
    clustering: `label`. `version` is the number of the version that answered.
    """

    label: Any = None
    score: float | None = None
    scores: dict[str, float] = field(default_factory=dict)
    value: float | None = None
    version: int | None = None


def answers(signature: Signature, raw: Raw, answered: Any = None) -> list[dict[str, Any]]:
    """The answers to n rows as JSON-able dicts. `answered` is what an `answer` step made of the raw predictions."""
    labels = _plain_list(raw.labels if answered is None else answered)
    if len(labels) != len(raw.labels):
        raise UserCodeFailed(
            f"The answer step was given {len(raw.labels)} predictions and returned {len(labels)}.",
            code="answer-changed-rows",
            hint="Return one value for each prediction.",
        )
    if signature.task == "regression":
        return [{"value": value} for value in labels]
    if raw.scores is None:
        return [{"label": label} for label in labels]
    if signature.task == "binary":
        return [{"label": label, "score": score} for label, score in zip(labels, raw.scores.tolist(), strict=True)]
    names = [str(name) for name in signature.classes]
    return [
        {"label": label, "scores": dict(zip(names, scores, strict=True))}
        for label, scores in zip(labels, raw.scores.tolist(), strict=True)
    ]


def as_value(answer: dict[str, Any], version: int | None = None) -> Answer:
    """The answer as an endpoint gets it."""
    return Answer(
        label=answer.get("label"),
        score=answer.get("score"),
        scores=answer.get("scores", {}),
        value=answer.get("value"),
        version=version,
    )


def _plain_list(values: Any) -> list[Any]:
    if hasattr(values, "tolist"):
        listed: list[Any] = values.tolist()
    elif hasattr(values, "to_list"):
        listed = values.to_list()
    else:
        listed = [value.item() if isinstance(value, np.generic) else value for value in values]
    return listed
