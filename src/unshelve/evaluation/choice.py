"""Which of several candidates becomes the version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from unshelve.errors import SolutionInvalid


@dataclass(frozen=True, slots=True, repr=False)
class Best:
    """The candidate with the best value of one metric."""

    metric: str

    def __repr__(self) -> str:
        return f"best({self.metric!r})"


def best(metric: str) -> Best:
    """Among the candidates that a model step returns, the one with the best `metric` becomes the version."""
    if not isinstance(metric, str) or not metric:
        raise SolutionInvalid(f"best needs the name of a metric; it was given {metric!r}.", hint='best("roc_auc")')
    return Best(metric)


def choose(values: Mapping[str, float | None], *, higher_is_better: bool) -> str:
    """The name of the best candidate, given the value of the metric for each; of equal ones the first.

    A candidate without a value (None, NaN) is never chosen. Raises SolutionInvalid when none has one.
    """
    sign = 1.0 if higher_is_better else -1.0
    known = {name: sign * value for name, value in values.items() if value is not None and value == value}
    if not known:
        raise SolutionInvalid("None of the candidates has a value for the metric that chooses between them.")
    return max(known, key=lambda name: known[name])
