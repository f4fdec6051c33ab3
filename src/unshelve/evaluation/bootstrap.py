"""The bootstrap: how far a value could have been off, had chance drawn other rows.

A resample of n rows with replacement is the same as giving row i the weight w[i], how often it was drawn. Every
statistic here is a function of such weights, so candidate, champion and baseline are compared under the same
draws (paired), and what can be sorted or summed is sorted or summed once, not once per resample.

Source: B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), sections 6.4 and 13.3 (percentile
interval).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from unshelve.evaluation.randomness import generator
from unshelve.evaluation.truth import Floats

LEVEL = 0.95
"""The share of intervals that hold the true value."""

_ENOUGH = 0.5
"""The share of resamples in which a statistic must be defined, for its interval to be given."""


def weights(n: int, resamples: int, seed: int) -> Iterator[Floats]:
    """For each resample, how often each of n rows was drawn: (n,) float64, whole numbers with sum n.

    The same seed gives the same weights. Cost: O(n) time per resample (0.6 ms for 160,000 rows), O(n) memory.
    """
    luck = generator(seed, "bootstrap")
    for _ in range(resamples):
        drawn = luck.integers(0, n, size=n, dtype=np.int32 if n < 2**31 else np.int64)
        yield np.bincount(drawn.astype(np.int64), minlength=n).astype(np.float64)


def interval(replicates: Floats, level: float = LEVEL) -> tuple[float | None, float | None]:
    """The percentile interval of a statistic, from its values in all resamples.

    replicates: (n_resamples,); NaN where a resample left the statistic undefined (no row of a class was drawn).
    Such resamples are left out; when they are more than half, or one is infinite, the interval is (None, None).
    """
    defined = replicates[~np.isnan(replicates)]
    if len(defined) < max(1.0, _ENOUGH * len(replicates)) or not np.isfinite(defined).all():
        return None, None
    tail = 50 * (1 - level)
    low, high = np.percentile(defined, [tail, 100 - tail])
    return float(low), float(high)
