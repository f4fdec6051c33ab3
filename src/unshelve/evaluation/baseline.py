"""The dumb baselines: what anybody could answer without a model. One that does not beat them is not worth shipping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from unshelve.errors import Refused
from unshelve.evaluation.measures import Kind, Metric
from unshelve.evaluation.metrics import measure
from unshelve.evaluation.truth import Predicted, Truth


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Baseline:
    """One baseline: its name, what it answers in words, its answers for the test rows and their metrics."""

    name: str
    says: str
    predicted: Predicted
    metrics: tuple[Metric, ...]


def baselines(train: Truth, test: Truth, *, times: pd.Series[Any] | None = None) -> tuple[Baseline, ...]:
    """The baselines of a task, learned from the train rows and measured on the test rows.

    Classes: "majority", the most frequent class, with the shares of the classes as probabilities. Amounts: "mean" and
    "median" and, where the rows are split by time, "last value": the mean of the target over the train rows with the
    latest time. `times`, (n_train,), are the times of the train rows, None for other splits. Unsupervised: none.
    Metrics come without intervals. Cost O(n log n). Raises Refused when there are no train rows.
    """
    if train.task.kind is Kind.UNSUPERVISED:
        return ()
    if len(train) == 0:
        raise Refused("There are no train rows to learn a baseline from.", code="no-rows")
    if train.task.classifies:
        return (_majority(train, test),)
    constants = [("mean", float(np.mean(train.values))), ("median", float(np.median(train.values)))]
    if times is not None:
        constants.append(("last value", _last_value(train, times)))
    return tuple(_constant(name, value, test) for name, value in constants)


def _majority(train: Truth, test: Truth) -> Baseline:
    task = train.task
    shares = np.bincount(train.values, minlength=len(task.classes)) / len(train)
    top = int(np.argmax(shares))
    scores = np.full(len(test), shares[1]) if task.kind is Kind.BINARY else np.tile(shares, (len(test), 1))
    predicted = Predicted(np.full(len(test), top, dtype=np.int64), scores, probabilities=True)
    return Baseline(
        name="majority",
        says=f"always {task.classes[top]!r}, the most frequent class ({100 * shares[top]:.1f} % of the train rows)",
        predicted=predicted,
        metrics=measure(test, predicted, resamples=0),
    )


def _constant(name: str, value: float, test: Truth) -> Baseline:
    predicted = Predicted(np.full(len(test), value))
    return Baseline(
        name=name,
        says=f"always {value:.6g}, the {name} of the target in the train rows",
        predicted=predicted,
        metrics=measure(test, predicted, resamples=0),
    )


def _last_value(train: Truth, times: pd.Series[Any]) -> float:
    if len(times) != len(train):
        raise Refused(f"There are {len(times):,} times for {len(train):,} train rows.", code="lengths-differ")
    return float(np.mean(train.values[(times == times.max()).to_numpy(dtype=bool)]))
