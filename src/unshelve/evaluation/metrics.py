"""Metrics with intervals, and the gain of one model over another.

`truth.py` puts target and predictions into numeric form first; `measures.py` lists what can be measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from unshelve.errors import NotFound, Refused
from unshelve.evaluation.bootstrap import LEVEL, interval, weights
from unshelve.evaluation.measures import MEASURES, Kind, Metric, Task, Unit
from unshelve.evaluation.truth import Floats, Predicted, Truth
from unshelve.evaluation.weighted import Panel, names_for, panels

RESAMPLES = 500
"""Resamples behind the interval of a metric; fewer, but 100 at least, when rows x (classes - 1) pass 80,000."""

PAIRED_RESAMPLES = 1_000
"""Resamples behind a gain, on which a gate decides; fewer, but 400 at least, when rows pass 20,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """How much better one model is than another by a metric, on the same n rows.

    `gain` is in the unit of the metric and positive when the first model is better, whether higher or lower
    values are. low and high: ends of the interval that holds the true gain with probability `level`; None when too
    few resamples defined the metric.
    """

    metric: str
    value: float
    other: float
    gain: float
    low: float | None
    high: float | None
    level: float
    n: int


def measure(truth: Truth, predicted: Predicted, *, resamples: int | None = None, seed: int = 0) -> tuple[Metric, ...]:
    """All metrics that fit, each with its 95 % bootstrap percentile interval; none for an unsupervised task.

    truth, predicted: the same n rows. Values agree with scikit-learn's. A metric that is undefined on these rows (ROC
    AUC of one class, R2 of a constant target) is left out; resamples=0 leaves out the intervals. Missing values
    were refused before, by `truth_of` and `predicted_of`.

    Cost: O(n log n) once, O(n x n_classes) per resample; all binary metrics of 160,000 rows in under 1 s on one
    core. Memory O(n x n_classes). Raises Refused when the lengths differ. Source: see bootstrap.py.
    """
    _check_lengths(truth, predicted)
    names = names_for(truth, predicted)
    built = panels(truth, predicted, names)
    if resamples is None:
        resamples = _resamples(truth.task, len(truth))
    replicates = _replicates(built, len(truth), resamples, seed)
    exact = dict(zip(_names(built), np.concatenate([panel.exact for panel in built]), strict=True)) if built else {}
    place = {name: column for column, name in enumerate(exact)}
    return tuple(
        _metric(truth, name, float(exact[name]), replicates[:, place[name]])
        for name in names
        if np.isfinite(exact[name])
    )


def value_of(name: str, truth: Truth, predicted: Predicted) -> float:
    """One metric without interval; NaN where it is undefined on these rows. Cost O(n log n).

    Raises NotFound for a metric that does not fit the task or what the model gives.
    """
    _check_lengths(truth, predicted)
    return float(_Some((name,), truth, predicted)(None)[0])


def gain_of(
    name: str,
    truth: Truth,
    predicted: Predicted,
    other: Predicted,
    *,
    level: float = LEVEL,
    resamples: int | None = None,
    seed: int = 0,
) -> Gain:
    """How much better `predicted` is than `other` by one metric: the paired bootstrap.

    Both are drawn by the same weights, so what the two models have in common (hard rows, easy rows) cancels. The lower
    end of the interval above 0 is a one-sided test of size (1 - level) / 2, 2.5 % by default.

    Cost: O(n) per resample; 2,000 rows in 0.2 s, 160,000 in 1 s. Raises NotFound for a metric that does not fit,
    Refused when lengths differ. Source: Efron and Tibshirani (1993), section 16.4, with rows of two models as pairs.
    """
    n = len(truth)
    if resamples is None:
        resamples = int(np.clip(40_000_000 / max(n, 1), 400, PAIRED_RESAMPLES))
    (gain,) = gains_of((name,), truth, predicted, (other,), level=level, resamples=resamples, seed=seed)[0]
    return gain


def gains_of(
    names: Sequence[str],
    truth: Truth,
    predicted: Predicted,
    others: Sequence[Predicted],
    *,
    level: float = LEVEL,
    resamples: int,
    seed: int = 0,
) -> list[list[Gain]]:
    """As `gain_of`, of several metrics (outer) over several rivals (inner), all under the same draws.

    Cost: that of one `gain_of` for drawing, and of each model once for each resample.
    """
    _check_lengths(truth, predicted)
    for other in others:
        _check_lengths(truth, other)
    mine = _Some(names, truth, predicted)
    rivals = [_Some(names, truth, other) for other in others]
    signs = np.array([1.0 if MEASURES[name].higher_is_better else -1.0 for name in names])
    drawn = np.empty((resamples, len(rivals), len(names)))
    for row, w in enumerate(weights(len(truth), resamples, seed)):
        own = mine(w)
        drawn[row] = [signs * (own - rival(w)) for rival in rivals]
    value, against = mine(None), [rival(None) for rival in rivals]
    found = []
    for place, name in enumerate(names):
        ends = [interval(drawn[:, rival, place], level) for rival in range(len(rivals))]
        found.append(
            [
                Gain(
                    metric=name,
                    value=float(value[place]),
                    other=float(theirs[place]),
                    gain=float(signs[place] * (value[place] - theirs[place])),
                    low=low,
                    high=high,
                    level=level,
                    n=len(truth),
                )
                for theirs, (low, high) in zip(against, ends, strict=True)
            ]
        )
    return found


class _Some:
    """Some metrics of one model, as a function of row weights (None: every row once): (n_names,)."""

    def __init__(self, names: Sequence[str], truth: Truth, predicted: Predicted) -> None:
        fitting = names_for(truth, predicted)
        for name in names:
            if name not in fitting:
                raise NotFound(
                    f"The metric {name!r} cannot be measured here; those that can are {', '.join(fitting) or 'none'}.",
                    code="metric-not-found",
                    near=get_close_matches(name, fitting, n=2),
                )
        self._panels = panels(truth, predicted, set(names))
        computed = _names(self._panels)
        self._places = [computed.index(name) for name in names]

    def __call__(self, w: Floats | None) -> Floats:
        values = [panel.exact if w is None else panel.under(w) for panel in self._panels]
        found: Floats = np.concatenate(values)[self._places]
        return found


def _resamples(task: Task, n: int) -> int:
    size = n * max(1, len(task.classes) - 1)
    return int(np.clip(RESAMPLES * 80_000 / size, 100, RESAMPLES))


def _replicates(built: Sequence[Panel], n: int, resamples: int, seed: int) -> Floats:
    values = np.empty((resamples, len(_names(built))))
    for row, w in enumerate(weights(n, resamples, seed)):
        values[row] = np.concatenate([panel.under(w) for panel in built])
    return values


def _names(built: Sequence[Panel]) -> list[str]:
    return [name for panel in built for name in panel.names]


def _metric(truth: Truth, name: str, value: float, replicates: Floats) -> Metric:
    what = MEASURES[name]
    low, high = interval(replicates) if len(replicates) else (None, None)
    unit = truth.task.unit or "target" if what.unit is Unit.TARGET else what.unit.value
    return Metric(
        name=name, value=value, low=low, high=high, n=len(truth), higher_is_better=what.higher_is_better, unit=unit
    )


def _check_lengths(truth: Truth, predicted: Predicted) -> None:
    if truth.task.kind is Kind.UNSUPERVISED:
        raise Refused("A model without a target has nothing to be measured by.", code="no-target")
    if len(truth) != len(predicted):
        raise Refused(
            f"There are {len(truth):,} true values and {len(predicted):,} predictions; each row needs both.",
            code="lengths-differ",
        )
