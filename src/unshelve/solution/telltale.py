"""Columns that give the target away: a copy of it under another name, or something that is made from it.

Only a column that tells the target outright is refused. What looks too good, and may yet be honest, is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from unshelve.errors import SolutionInvalid
from unshelve.evaluation.truth import Predicted, Truth

FEWEST: Final = 20
"""Rows below which a column may agree with the target by chance."""
MANY: Final = 200
"""Rows from which on an answer without any mistake is remarkable."""
FEWEST_OF_A_CLASS: Final = 20
FEWEST_OF_A_VALUE: Final = 5
EXACT: Final = 1e-9
"""Relative size of what is left of a target that is computed from a column."""

Values = np.ndarray[Any, np.dtype[Any]]


def refuse_copies(model: str, target: str, rows: pd.DataFrame, values: Values) -> None:
    """Raise SolutionInvalid, naming the column, when one of the columns is the target in another guise.

    rows: (n, n_columns) raw training rows as requests have them; values: (n,) the target. Classes: each value of the
    column stands for one class, and each class for one value. Amounts: the column times a constant plus another.
    Cost O(n log n) for each column.
    """
    for name in rows.columns:
        if is_copy(rows[name], values):
            raise SolutionInvalid(
                f"Column {name} gives away {target}: each of its values stands for one value of the target, in all of "
                f"{len(values):,} training rows of model {model}.",
                code="target-given-away",
                hint=f'If it is known only afterwards, hide it: @source(known_later=["{name}"]). If a request does '
                "know it, there is nothing to predict.",
                details={"column": str(name)},
            )


def is_copy(column: pd.Series[Any], values: Values) -> bool:
    """Whether a column tells the target outright, and the target the column."""
    present = column.notna().to_numpy()
    if len(values) < FEWEST or not present.all():
        return False
    classes = pd.unique(pd.Series(values))
    if pd.api.types.is_numeric_dtype(values.dtype) and len(classes) > FEWEST:
        return _is_linear(column, values.astype(np.float64))
    if len(classes) < 2 or column.nunique() != len(classes):
        return False
    pairs = pd.DataFrame({"column": column.astype(str).to_numpy(), "target": pd.Series(values).astype(str).to_numpy()})
    counts = pairs.value_counts()
    return len(counts) == len(classes) and int(counts.min()) >= FEWEST_OF_A_VALUE


def _is_linear(column: pd.Series[Any], values: Values) -> bool:
    if not pd.api.types.is_numeric_dtype(column.dtype) or isinstance(column.dtype, pd.CategoricalDtype):
        return False
    x = column.to_numpy(dtype=np.float64)
    low, high = int(np.argmin(x)), int(np.argmax(x))
    if not np.isfinite(x).all() or x[low] == x[high]:
        return False
    slope = (values[high] - values[low]) / (x[high] - x[low])
    rest = values - (values[low] + slope * (x - x[low]))
    scale = float(np.ptp(values))
    return scale > 0 and float(np.abs(rest).max()) <= EXACT * scale


def too_good(model: str, target: str, truth: Truth, predicted: Predicted) -> Iterator[str]:
    """A sentence when the model makes no mistake on many held-out rows: the target may be computed from the inputs."""
    n = len(truth)
    if n < MANY:
        return
    if truth.task.classifies:
        counts = np.bincount(truth.values, minlength=len(truth.task.classes))
        perfect = bool((truth.values == predicted.labels).all()) and int(counts.min()) >= FEWEST_OF_A_CLASS
    else:
        spread = float(np.ptp(truth.values))
        perfect = spread > 0 and float(np.abs(truth.values - predicted.labels).max()) <= EXACT * spread
    if perfect:
        yield (
            f"Model {model} is right on all of {n:,} held-out rows: whether {target} is computed from columns that a "
            "request could not know is not covered."
        )
