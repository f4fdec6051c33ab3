"""The numbers behind the pictures of a model: ROC, precision and recall, calibration, confusion, residuals.

Everything is plain numbers in frozen values, thinned to at most 200 points, so that a page or its JSON twin can show it
as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from unshelve.errors import Refused
from unshelve.evaluation.randomness import generator
from unshelve.evaluation.truth import Flags, Floats, Integers, Predicted, Truth

MOST_POINTS = 200
"""How many points a picture has at most."""

MOST_CLASSES = 20
"""How many classes a confusion matrix shows; the rarer ones are put together as "other"."""

_Z = 1.959963984540054
"""The 97.5 % point of the normal distribution, for 95 % intervals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A line of points; `threshold` is the score from which on rows are called positive (None: above every score)."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    threshold: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBin:
    """Rows of like probability: the mean probability said, the share that came true with its 95 % interval, rows."""

    said: float
    came_true: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Counts of rows: counts[i][j] of class i were called class j."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of a histogram: values from `start` up to `end`, and how many there are."""

    start: float
    end: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualBand:
    """Rows of like prediction: their mean prediction, and the 10 %, 50 % and 90 % points of true value less it."""

    predicted: float
    low: float
    middle: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Residuals:
    """A sample of (predicted, true) pairs, the residuals as a histogram, and as bands over the predictions."""

    sample: tuple[tuple[float, float], ...]
    histogram: tuple[Bar, ...]
    bands: tuple[ResidualBand, ...]


def roc(truth: Truth, predicted: Predicted, *, of: int = 1) -> Curve:
    """The ROC curve of one class against the rest: x false positive rate, y true positive rate, both from 0 to 1.

    of: the place of the class in the task (1 is the positive one of two). One point for each distinct score, then
    thinned to 200 that follow the line. Cost O(n log n). Raises Refused when only one class is present or there are no
    scores. Source: T. Fawcett, An introduction to ROC analysis (2006), algorithm 1.
    """
    found, wrong, cuts = _swept(*_one_class(truth, predicted, of))
    x, y = np.append(0.0, wrong / wrong[-1]), np.append(0.0, found / found[-1])
    return _curve(x, y, np.append(np.inf, cuts))


def precision_recall(truth: Truth, predicted: Predicted, *, of: int = 1) -> Curve:
    """The precision-recall curve of one class against the rest: x recall, y precision, both from 0 to 1.

    As `roc`, of which it shares cost and errors. Between points precision is not a straight line; draw it as steps.
    Source: J. Davis and M. Goadrich, The relationship between precision-recall and ROC curves (2006).
    """
    found, wrong, cuts = _swept(*_one_class(truth, predicted, of))
    return _curve(found / found[-1], found / (found + wrong), cuts)


def calibration(truth: Truth, predicted: Predicted, *, of: int = 1, bins: int = 10) -> tuple[CalibrationBin, ...]:
    """How often what was given a probability came true, in bins of about equally many rows.

    Rows of equal probability stay in one bin, so there may be fewer bins than asked. Cost O(n log n). Raises Refused
    when the model gives no probabilities. The interval is Wilson's. Source: L. Brown, T. Cai and A. DasGupta,
    Interval estimation for a binomial proportion (2001), section 3.1.1.
    """
    if predicted.scores is None or not predicted.probabilities:
        raise Refused("Calibration needs probabilities, and the model gives none.", code="no-probabilities")
    positive, scores = truth.values == of, _scores(predicted, of)
    parts = _quantile_bins(scores, bins)
    return tuple(_calibration_bin(scores[part], positive[part]) for part in parts)


def confusion(truth: Truth, predicted: Predicted) -> Confusion:
    """Which classes were called which, by the model's own labels (with the threshold they were made with).

    More than 20 classes: the 19 most frequent, and "other". Cost O(n + k^2).
    """
    k = len(truth.task.classes)
    counts = np.bincount(truth.values * k + predicted.labels, minlength=k * k).reshape(k, k)
    names = [str(value) for value in truth.task.classes]
    if k > MOST_CLASSES:
        kept = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[: MOST_CLASSES - 1])
        fold = np.full(k, MOST_CLASSES - 1)
        fold[kept] = np.arange(MOST_CLASSES - 1)
        folded = np.zeros((MOST_CLASSES, MOST_CLASSES), dtype=np.int64)
        np.add.at(folded, (fold[:, np.newaxis], fold[np.newaxis, :]), counts)
        counts, names = folded, [names[place] for place in kept] + ["other"]
    return Confusion(classes=tuple(names), counts=tuple(tuple(row) for row in counts.tolist()))


def residuals(truth: Truth, predicted: Predicted, *, seed: int = 0) -> Residuals:
    """How far the predictions of a regression are off, and where: true value less prediction, in the target's unit.

    The sample is drawn at random, 200 rows at most; the histogram has up to 40 bars between the 0.5 % and 99.5 %
    points, the outermost ones taking in what lies beyond; the bands are 10 bins of like prediction. Cost O(n log n).
    """
    said, true = predicted.labels, truth.values
    off = true - said
    drawn = np.sort(generator(seed, "sample").permutation(len(off))[:MOST_POINTS])
    return Residuals(
        sample=tuple(zip(said[drawn].tolist(), true[drawn].tolist(), strict=True)),
        histogram=histogram(off),
        bands=tuple(_residual_band(said[part], off[part]) for part in _quantile_bins(said, 10)),
    )


def histogram(values: Floats, *, bars: int = 40) -> tuple[Bar, ...]:
    """Counts of values in bars of equal width between their 0.5 % and 99.5 % points; the ends take in the rest.

    values: (n,) finite. A single distinct value, or an empty range, gives one bar. Cost O(n).
    """
    start, end = (float(edge) for edge in np.quantile(values, [0.005, 0.995]))
    if not end > start:
        return (Bar(start=float(values.min()), end=float(values.max()), n=len(values)),)
    edges = np.linspace(start, end, min(bars, MOST_POINTS) + 1)
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    counts = np.bincount(place, minlength=len(edges) - 1).tolist()
    sides = edges.tolist()
    return tuple(Bar(start=a, end=b, n=n) for a, b, n in zip(sides[:-1], sides[1:], counts, strict=True))


def thinned(x: Floats, y: Floats, most: int = MOST_POINTS) -> Integers:
    """Positions of at most `most` points that follow a line: both ends, and the rest evenly by length along it.

    x, y: (n,) finite; each axis is scaled to its range first. Cost O(n).
    """
    n = len(x)
    if n <= most:
        return np.arange(n)
    steps = sum(np.abs(np.diff(axis)) / (np.ptp(axis) or 1.0) for axis in (x, y))
    length = np.append(0.0, np.cumsum(steps))
    wanted = np.linspace(0.0, length[-1], most)
    return np.unique(np.minimum(np.searchsorted(length, wanted - 1e-12 * length[-1]), n - 1))


def _one_class(truth: Truth, predicted: Predicted, of: int) -> tuple[Flags, Floats]:
    positive = truth.values == of
    if positive.all() or not positive.any():
        raise Refused("The rows hold one class only; there is no curve to draw.", code="one-class-only")
    return positive, _scores(predicted, of)


def _scores(predicted: Predicted, of: int) -> Floats:
    if predicted.scores is None:
        raise Refused("The model gives labels only; this picture needs scores.", code="no-scores")
    return predicted.scores if predicted.scores.ndim == 1 else predicted.scores[:, of]


def _swept(positive: Flags, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """For each distinct score from the highest down: positive and negative rows at or above it, and the score."""
    distinct, place = np.unique(scores, return_inverse=True)
    counts = np.bincount(2 * place + positive, minlength=2 * len(distinct)).reshape(-1, 2)[::-1]
    above = np.cumsum(counts, axis=0).astype(np.float64)
    return above[:, 1], above[:, 0], distinct[::-1]


def _curve(x: Floats, y: Floats, cuts: Floats) -> Curve:
    kept = thinned(x, y)
    return Curve(
        x=tuple(x[kept].tolist()),
        y=tuple(y[kept].tolist()),
        threshold=tuple(cut if np.isfinite(cut) else None for cut in cuts[kept].tolist()),
    )


def _quantile_bins(values: Floats, bins: int) -> Iterable[Integers]:
    """Positions of rows in bins of about equal size by value; equal values are never divided."""
    distinct, place = np.unique(values, return_inverse=True)
    counts = np.bincount(place, minlength=len(distinct))
    middle = (np.cumsum(counts) - counts / 2) / len(values)
    bin_of = np.minimum((middle * bins).astype(np.int64), bins - 1)[place]
    return [np.flatnonzero(bin_of == number) for number in np.unique(bin_of)]


def _calibration_bin(said: Floats, came_true: Flags) -> CalibrationBin:
    n = len(said)
    share = float(came_true.mean())
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    low, high = max(0.0, float(centre - half)), min(1.0, float(centre + half))
    return CalibrationBin(said=float(said.mean()), came_true=share, low=low, high=high, n=n)


def _residual_band(said: Floats, off: Floats) -> ResidualBand:
    low, middle, high = (float(value) for value in np.quantile(off, [0.1, 0.5, 0.9]))
    return ResidualBand(predicted=float(said.mean()), low=low, middle=middle, high=high, n=len(off))
