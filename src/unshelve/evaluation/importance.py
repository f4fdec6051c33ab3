"""Which columns a model leans on: permutation importance, by its answers alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd

from unshelve.errors import Refused
from unshelve.evaluation.measures import MEASURES
from unshelve.evaluation.metrics import value_of
from unshelve.evaluation.randomness import generator
from unshelve.evaluation.truth import Predicted, Truth

MOST_ROWS = 1_000
"""Rows that importance is measured on, drawn at random from those given."""

REPEATS = 5
"""How many times each column is shuffled."""


class ImpossibleRows(ValueError):  # noqa: N818 - it is no error but what shuffling one column alone may come to
    """Rows that the author's code cannot take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """What shuffling one column costs: the mean loss of the metric, the least and most over the repeats.

    In the unit of the metric. Positive: the model is worse without the column. Near 0: it does not use it.
    """

    column: str
    metric: str
    mean: float
    least: float
    most: float


def permutation_importance(
    predict: Callable[[pd.DataFrame], Predicted],
    table: pd.DataFrame,
    truth: Truth,
    *,
    metric: str,
    columns: tuple[str, ...] | None = None,
    seed: int = 0,
) -> tuple[Importance, ...]:
    """The importance of the columns of the raw rows, the largest first.

    predict: answers for a frame of the same columns and dtypes (a new frame with a RangeIndex each time). table: (n,
    n_columns) raw rows with truth of the same n rows; `columns` limits the work to some. Missing values are shuffled
    with the others. Columns that carry the same information share their importance out: each alone seems unimportant.
    A column is left out whose values make rows that cannot be when they are shuffled alone (the 31st of November), so
    that `predict` raises ImpossibleRows. Seeded: the same input gives the same result. Cost: 1 + 5 x n_columns calls of
    `predict` on at most 1,000 rows.

    Raises Refused when the metric is undefined on these rows, or lengths differ.
    Source: L. Breiman, Random Forests (2001), section 10.
    """
    if len(table) != len(truth):
        raise Refused(f"The table has {len(table):,} rows, the truth {len(truth):,}.", code="lengths-differ")
    luck = generator(seed, "importance")
    drawn = np.sort(luck.permutation(len(table))[:MOST_ROWS])
    rows, truth = table.iloc[drawn].reset_index(drop=True), truth.rows(drawn)
    whole = value_of(metric, truth, predict(rows.copy()))
    if not np.isfinite(whole):
        raise Refused(f"The metric {metric!r} is undefined on these rows.", code="metric-undefined")
    sign = 1.0 if MEASURES[metric].higher_is_better else -1.0
    found = []
    for column in tuple(table.columns) if columns is None else columns:
        losses = []
        orders = [luck.permutation(len(rows)) for _ in range(REPEATS)]
        with suppress(ImpossibleRows):
            for order in orders:
                shuffled = rows.copy()
                shuffled[column] = rows[column].take(order).array
                losses.append(sign * (whole - value_of(metric, truth, predict(shuffled))))
            found.append(_importance(str(column), metric, losses))
    return tuple(sorted(found, key=lambda importance: -importance.mean))


def _importance(column: str, metric: str, losses: list[float]) -> Importance:
    return Importance(column=column, metric=metric, mean=float(np.mean(losses)), least=min(losses), most=max(losses))
