"""What answers are worth, in a unit that the author states: money, hours, kilograms.

The solution's `worth` step is applied elsewhere and gives one number for each answer, given what came true. Here those
numbers are summed up, compared with answering always or never, and used to place a threshold.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from unshelve.errors import Refused
from unshelve.evaluation.bootstrap import interval, weights
from unshelve.evaluation.curves import thinned
from unshelve.evaluation.truth import Floats, Values
from unshelve.evaluation.weighted import means_under

RESAMPLES = 1_000
"""Resamples behind the interval of a worth; fewer, but 300 at least, when rows pass 50,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """How much more an answer is worth than under a rule that needs no model; the interval is paired, 95 %."""

    mean: float
    gain: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """The mean worth of an answer over n test rows with its 95 % interval, the total, and the rules it is held against.

    `never` and `always` are None where they were not computed (they make sense for two classes).
    """

    unit: str
    n: int
    mean: float
    low: float | None
    high: float | None
    total: float
    never: Over | None
    always: Over | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """The score from which on "yes" is worth most, what an answer is then worth, the share of "yes", and the curve.

    `at` is +infinity, written None, when it is worth most to say "no" to every row. curve: (threshold, mean worth)
    pairs, at most 200.
    """

    at: float | None
    mean: float
    share: float
    curve: tuple[tuple[float, float], ...]


def appraise(
    values: Values, *, unit: str, never: Values | None = None, always: Values | None = None, seed: int = 0
) -> Worth:
    """The worth of the answers to n test rows.

    values: (n,) worth of the model's answers; never, always: (n,) worth on the same rows, had the answer been "no" or
    "yes" each time. Unit and range are the author's; NaN and infinite values are refused. The interval is the bootstrap
    percentile interval of the mean (paired for the comparisons); with very few rows that decide almost everything it is
    too narrow, as every such interval is. Cost: O(n) per resample. Raises Refused for no rows, values that are not
    finite numbers, and lengths that differ. Source: see bootstrap.py.
    """
    rows = [_worths(values, "The worth values")]
    rules = [rule if rule is None else _worths(rule, "The worth of a rule") for rule in (never, always)]
    for rule in rules:
        if rule is not None and len(rule) != len(rows[0]):
            raise Refused("The worth of a rule must be given for the same rows.", code="lengths-differ")
    rows += [rows[0] - rule for rule in rules if rule is not None]
    table = np.vstack(rows)
    n = table.shape[1]
    resamples = int(np.clip(50_000_000 / n, 300, RESAMPLES))
    means = np.array([means_under(table, w) for w in weights(n, resamples, seed)])
    ends = iter([interval(means[:, row]) for row in range(len(table))])
    low, high = next(ends)
    over = [None if rule is None else _over(rule, rows[0], *next(ends)) for rule in rules]
    total = float(rows[0].sum())
    return Worth(unit=unit, n=n, mean=total / n, low=low, high=high, total=total, never=over[0], always=over[1])


def best_threshold(scores: Values, worth_if_yes: Values, worth_if_no: Values) -> Threshold:
    """The threshold on scores that makes answers worth most: "yes" from it on, "no" below.

    scores: (n,) of any range; worth_if_yes, worth_if_no: (n,) worth of a row under either answer. Rows of equal score
    get the same answer; of thresholds that are worth the same the highest is taken (fewest "yes"). A threshold lies
    half-way between two neighbouring scores. Cost O(n log n).

    The worth found is that of the best of up to n + 1 thresholds on these very rows, so it flatters: search on train
    rows (cross-validated scores) and appraise on test rows. Raises Refused as `appraise` does.
    """
    given = [
        _worths(values, what) for values, what in ((scores, "The scores"), (worth_if_yes, _IF), (worth_if_no, _IF))
    ]
    if len({len(values) for values in given}) > 1:
        raise Refused("Scores and worth values must be of the same rows.", code="lengths-differ")
    score, yes, no = given
    distinct, place = np.unique(score, return_inverse=True)
    gained = np.bincount(place, weights=yes - no, minlength=len(distinct))
    mean = (no.sum() + np.concatenate([[0.0], np.cumsum(gained[::-1])])) / len(
        score
    )  # "yes" to the top 0, 1, ... scores
    said = np.concatenate([[0], np.cumsum(np.bincount(place, minlength=len(distinct))[::-1])])
    cuts = np.concatenate([[np.inf], (distinct[1:] / 2 + distinct[:-1] / 2)[::-1], distinct[:1]])
    best = int(np.argmax(mean))
    kept = thinned(np.arange(1.0, len(mean)), mean[1:]) + 1
    return Threshold(
        at=float(cuts[best]) if np.isfinite(cuts[best]) else None,
        mean=float(mean[best]),
        share=float(said[best] / len(score)),
        curve=tuple((float(cuts[k]), float(mean[k])) for k in kept),
    )


_IF = "The worth values"


def _over(rule: Floats, values: Floats, low: float | None, high: float | None) -> Over:
    return Over(mean=float(rule.mean()), gain=float((values - rule).mean()), low=low, high=high)


def _worths(values: Values, what: str) -> Floats:
    column = np.asarray(values)
    if column.ndim != 1 or len(column) == 0:
        raise Refused(f"{what} have shape {column.shape}; one number for each row is expected.", code="no-rows")
    if column.dtype.kind == "O":
        with suppress(TypeError, ValueError):
            column = column.astype(np.float64)
    if column.dtype.kind not in "biuf":
        raise Refused(f"{what} are not numbers.", code="not-numbers", hint="A worth step returns one number.")
    numbers = column.astype(np.float64)
    bad = int(np.count_nonzero(~np.isfinite(numbers)))
    if bad:
        raise Refused(f"{what} of {bad:,} of {len(numbers):,} rows are missing or infinite.", code="not-finite")
    return numbers
