"""The metrics as functions of row weights, in panels that share their work: what the bootstrap runs on.

A Panel computes some metrics at once for weights w, (n,) float64 with sum n; for w = 1 it gives the metrics of the
rows themselves. Values that are undefined (a class without weight) are NaN, without a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

import numpy as np

from unshelve.evaluation.measures import MEASURES, Kind, Needs
from unshelve.evaluation.truth import Flags, Floats, Integers, Predicted, Truth

BINS = 2_048
"""Scores with more distinct values than this are put into so many bins for resampling; see `_ranked`."""


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Metrics that are computed together: their names, exact values, and values under row weights, (n_names,)."""

    names: tuple[str, ...]
    exact: Floats
    under: Callable[[Floats], Floats]


def names_for(truth: Truth, predicted: Predicted) -> tuple[str, ...]:
    """The names of the metrics that fit the task and what the model gives, in the order they are shown."""
    given = {Needs.LABELS}
    if predicted.scores is not None:
        given |= {Needs.SCORES, Needs.PROBABILITIES} if predicted.probabilities else {Needs.SCORES}
    kind = truth.task.kind
    names = [name for name, measure in MEASURES.items() if kind in measure.kinds and measure.needs in given]
    if kind is Kind.REGRESSION and not (truth.values > 0).all():
        names.remove("mape")  # a share of zero means nothing, nor does one of a value that changes sign
    return tuple(names)


def panels(truth: Truth, predicted: Predicted, names: Container[str]) -> tuple[Panel, ...]:
    """The panels that compute the named metrics (and perhaps others that cost nothing more)."""
    fitting = names_for(truth, predicted)
    builders: dict[Callable[[Truth, Predicted], Panel], None] = {}
    for name in fitting:
        if name in names:
            builders[_PANEL_OF[name]] = None
    return tuple(build(truth, predicted) for build in builders)


def means_under(values: Floats, w: Floats) -> Floats:
    """The weighted mean of each row of values, (m, n), under weights (n,): (m,).

    Not by BLAS: for so thin a product its threads cost more than they save, many times more on a busy machine.
    """
    means: Floats = np.einsum("ij,j->i", values, w) / w.sum()
    return means


def _labels(truth: Truth, predicted: Predicted) -> Panel:
    """From the weighted confusion matrix: accuracy, balanced accuracy, F1 and its parts. O(n + k^2)."""
    k = len(truth.task.classes)
    cells = truth.values * k + predicted.labels
    binary = truth.task.kind is Kind.BINARY
    summarise = _binary_label_metrics if binary else _label_metrics
    names = ("accuracy", "balanced_accuracy", "f1", "precision", "recall") if binary else _MANY_LABELS

    def under(w: Floats) -> Floats:
        return summarise(_summed(cells, w, k * k).reshape(k, k))

    return Panel(names, under(np.ones(len(truth))), under)


def _label_metrics(confusion: Floats) -> Floats:
    """Accuracy, balanced accuracy and macro F1 of a (k, k) matrix with true classes in rows."""
    right, true, said = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    seen = (true + said) > 0
    f1 = 2 * right[seen] / (true + said)[seen]
    recall = right[true > 0] / true[true > 0]
    return np.array([right.sum() / confusion.sum(), recall.mean(), f1.mean()])


def _binary_label_metrics(confusion: Floats) -> Floats:
    (_, false_positive), (false_negative, right) = confusion.tolist()
    accuracy, balanced, _ = _label_metrics(confusion)
    said, true = right + false_positive, right + false_negative
    f1 = 2 * right / (said + true) if said + true else 0.0
    return np.array([accuracy, balanced, f1, right / said if said else 0.0, right / true if true else 0.0])


def _losses(truth: Truth, predicted: Predicted) -> Panel:
    """Log loss and, for two classes, the Brier score: weighted means of losses by row. O(n).

    Probabilities are clipped to one machine epsilon, as scikit-learn does, so that the loss stays finite.
    """
    scores, true = _scores(predicted), truth.values
    if scores.ndim == 1:
        said = np.where(true == 1, scores, 1 - scores)
        names: tuple[str, ...] = ("log_loss", "brier")
    else:
        said = scores[np.arange(len(truth)), true]
        names = ("log_loss",)
    epsilon = np.finfo(np.float64).eps
    losses = -np.log(np.clip(said, epsilon, 1 - epsilon))[np.newaxis]
    if scores.ndim == 1:
        losses = np.vstack([losses, (scores - true) ** 2])

    def under(w: Floats) -> Floats:
        return means_under(losses, w)

    return Panel(names, under(np.ones(len(truth))), under)


def _area(truth: Truth, predicted: Predicted) -> Panel:
    """ROC AUC from weights summed by score. O(n log n) once, then O(n) for each weighting."""
    return _ranked("roc_auc", _roc_auc, truth.values == 1, _scores(predicted))


def _precision(truth: Truth, predicted: Predicted) -> Panel:
    """Average precision, at the cost of `_area`."""
    return _ranked("average_precision", _average_precision, truth.values == 1, _scores(predicted))


def _area_ovr(truth: Truth, predicted: Predicted) -> Panel:
    """ROC AUC of each class against the rest, averaged over the classes present. k times the cost of `_area`."""
    scores = _scores(predicted)
    parts = [_ranked("", _roc_auc, truth.values == place, scores[:, place]) for place in range(scores.shape[1])]

    def under(w: Floats) -> Floats:
        return _mean_of_defined(np.concatenate([part.under(w) for part in parts]))

    return Panel(("roc_auc_ovr",), _mean_of_defined(np.concatenate([part.exact for part in parts])), under)


def _ranked(name: str, statistic: Callable[[Floats, Floats], float], positive: Flags, scores: Floats) -> Panel:
    """A statistic of ranks, computed from the weight of negative and of positive rows at each score.

    Up to BINS distinct scores have a bin each, and resampling is exact. More are cut into bins of equal mass, where
    all positive rows and all negative rows weigh the same, so that rare positives keep bins of their own. What the
    bins cost in value is added back as a constant, so only the spread is approximate: pairs within one bin, about one
    in BINS, count as ties.
    """
    distinct, place = np.unique(scores, return_inverse=True)
    n_bins = len(distinct)
    cells = place + n_bins * positive
    counts = np.bincount(cells, minlength=2 * n_bins).reshape(2, -1).astype(np.float64)
    exact, correction = statistic(*counts), 0.0
    if n_bins > BINS:
        mass = (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)).sum(axis=0) / 2
        cut = np.minimum(((np.cumsum(mass) - mass / 2) * BINS).astype(np.int64), BINS - 1)
        n_bins, cells = BINS, cut[place] + BINS * positive
        correction = exact - statistic(*_summed(cells, np.ones(len(cells)), 2 * BINS).reshape(2, -1))

    def under(w: Floats) -> Floats:
        value = statistic(*_summed(cells, w, 2 * n_bins).reshape(2, -1)) + correction
        return np.array([min(max(value, 0.0), 1.0) if value == value else value])

    return Panel((name,), np.array([exact]), under)


def _roc_auc(negative: Floats, positive: Floats) -> float:
    """The share of pairs in which the positive row is above the negative one; ties count a half."""
    pairs = negative.sum() * positive.sum()
    below = negative.cumsum() - negative / 2
    return float(positive @ below / pairs) if pairs > 0 else np.nan


def _average_precision(negative: Floats, positive: Floats) -> float:
    """Precision at each score from the highest down, weighted by the gain in recall."""
    found = positive[::-1].cumsum()
    if not 0 < found[-1] < found[-1] + negative.sum():
        return np.nan
    said = found + negative[::-1].cumsum()
    precision = np.divide(found, said, out=np.zeros_like(found), where=said > 0)
    return float(positive[::-1] @ precision / found[-1])


def _summed(cells: Integers, w: Floats, n_cells: int) -> Floats:
    return np.bincount(cells, weights=w, minlength=n_cells).astype(np.float64, copy=False)


def _mean_of_defined(values: Floats) -> Floats:
    defined = values[~np.isnan(values)]
    return np.array([defined.mean() if len(defined) else np.nan])


def _errors(truth: Truth, predicted: Predicted) -> Panel:
    """MAE, RMSE, R2 and MAPE from weighted sums by row. O(n). R2 of a target without spread is NaN."""
    true, said = truth.values, predicted.labels
    centred = true - true.mean()
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        error = true - said
        sums = np.vstack([np.abs(error), error**2, centred, centred**2, np.abs(error) / np.abs(true)])

    def under(w: Floats) -> Floats:
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            mae, mse, mean, square, share = means_under(sums, w)
            spread = square - mean**2
            r2 = 1 - mse / spread if spread > _FLAT * square else np.nan
        return np.array([mae, np.sqrt(mse), r2, share])

    return Panel(("mae", "rmse", "r2", "mape"), under(np.ones(len(truth))), under)


def _median_error(truth: Truth, predicted: Predicted) -> Panel:
    """Median absolute error: errors are sorted once, then the middle of the weights is sought. O(n)."""
    with np.errstate(over="ignore"):
        errors = np.abs(truth.values - predicted.labels)
    order = np.argsort(errors, kind="stable")
    errors = errors[order]

    def under(w: Floats) -> Floats:
        upto = np.cumsum(w[order])
        half = upto[-1] / 2
        lower = errors[np.searchsorted(upto, half, side="left")]
        upper = errors[min(np.searchsorted(upto, half, side="right"), len(errors) - 1)]
        return np.array([lower / 2 + upper / 2])

    return Panel(("median_ae",), under(np.ones(len(truth))), under)


def _scores(predicted: Predicted) -> Floats:
    if predicted.scores is None:
        raise ValueError("a metric that needs scores was asked of a model without scores")
    return predicted.scores


_FLAT = 1e-14
"""Relative spread below which a target is constant but for rounding."""

_MANY_LABELS = ("accuracy", "balanced_accuracy", "f1_macro")

_PANEL_OF: dict[str, Callable[[Truth, Predicted], Panel]] = {
    "roc_auc": _area,
    "average_precision": _precision,
    "roc_auc_ovr": _area_ovr,
    "log_loss": _losses,
    "brier": _losses,
    "accuracy": _labels,
    "balanced_accuracy": _labels,
    "f1": _labels,
    "precision": _labels,
    "recall": _labels,
    "f1_macro": _labels,
    "mae": _errors,
    "rmse": _errors,
    "r2": _errors,
    "mape": _errors,
    "median_ae": _median_error,
}
