"""Random numbers of evaluation's own."""

from __future__ import annotations

import numpy as np


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A generator that depends on the seed and on what it is for.

    Not `default_rng(seed)`: authors make and shuffle data with that, most often with seed 0, and would get the very
    same numbers. A split then took the rows with the smallest values of a simulated column, and the ROC AUC on its test
    rows was 0.98 where 0.83 was true. Mixing in the purpose makes the streams independent (numpy's SeedSequence).
    """
    return np.random.default_rng([seed, *purpose.encode()])
