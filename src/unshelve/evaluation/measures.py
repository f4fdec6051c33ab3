"""What is measured: the task of a model, the metrics that fit it, and a measured value. Values only, no numbers yet.

`truth.py` tells the task from the target, `metrics.py` measures.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Label: TypeAlias = bool | int | float | str


class Kind(StrEnum):
    """What kind of answer a model gives."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"
    UNSUPERVISED = "unsupervised"


@dataclass(frozen=True, slots=True)
class Task:
    """The kind of a model's answers, its classes in sorted order, and the unit of a regression's target."""

    kind: Kind
    classes: tuple[Label, ...] = ()
    unit: str | None = None

    @property
    def classifies(self) -> bool:
        return self.kind in (Kind.BINARY, Kind.MULTICLASS)

    @property
    def positive(self) -> Label:
        """The class that a binary score speaks for: the last one in sorted order (True, 1, "yes")."""
        return self.classes[-1]


class Unit(StrEnum):
    """What a metric is counted in."""

    SHARE = "share"
    NATS = "nats"
    TARGET = "target"


class Needs(StrEnum):
    """What a metric is computed from."""

    LABELS = "labels"
    SCORES = "scores"
    PROBABILITIES = "probabilities"


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric of the platform, before it is measured."""

    name: str
    kinds: tuple[Kind, ...]
    needs: Needs
    higher_is_better: bool
    unit: Unit
    meaning: str
    beats_constant: bool = True
    """Whether a constant answer has an honest value to be beaten; precision, recall and F1 of "never" are 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One measured value with its 95 % interval, over n rows.

    `low` and `high` are None where no interval is known, as for a measure of the author's own. `unit` is "share",
    "nats", or the unit of the target ("target" when nobody has named it).
    """

    name: str
    value: float
    low: float | None
    high: float | None
    n: int
    higher_is_better: bool
    unit: str


_BOTH = (Kind.BINARY, Kind.MULTICLASS)
_TWO = (Kind.BINARY,)
_MANY = (Kind.MULTICLASS,)
_NUMBER = (Kind.REGRESSION,)

_ALL = (
    Measure("roc_auc", _TWO, Needs.SCORES, True, Unit.SHARE,
            "how often a positive row scores above a negative one; 0.5 is chance"),
    Measure("average_precision", _TWO, Needs.SCORES, True, Unit.SHARE,
            "precision averaged over recall; the share of positives is chance"),
    Measure("roc_auc_ovr", _MANY, Needs.SCORES, True, Unit.SHARE,
            "roc_auc of each class against the rest, averaged over classes"),
    Measure("log_loss", _BOTH, Needs.PROBABILITIES, False, Unit.NATS,
            "mean negative log of the probability given to what came true"),
    Measure("brier", _TWO, Needs.PROBABILITIES, False, Unit.SHARE,
            "mean squared difference of probability and what came true"),
    Measure("accuracy", _BOTH, Needs.LABELS, True, Unit.SHARE, "share of right answers"),
    Measure("balanced_accuracy", _BOTH, Needs.LABELS, True, Unit.SHARE,
            "share of right answers in each class, averaged over classes"),
    Measure("f1", _TWO, Needs.LABELS, True, Unit.SHARE, "harmonic mean of precision and recall", False),
    Measure("precision", _TWO, Needs.LABELS, True, Unit.SHARE, "share of the positive answers that are right", False),
    Measure("recall", _TWO, Needs.LABELS, True, Unit.SHARE, "share of the positive rows that are found", False),
    Measure("f1_macro", _MANY, Needs.LABELS, True, Unit.SHARE, "F1 of each class, averaged over classes"),
    Measure("mae", _NUMBER, Needs.LABELS, False, Unit.TARGET, "mean absolute error"),
    Measure("rmse", _NUMBER, Needs.LABELS, False, Unit.TARGET, "root of the mean squared error"),
    Measure("r2", _NUMBER, Needs.LABELS, True, Unit.SHARE, "share of the target's variance that is explained"),
    Measure("median_ae", _NUMBER, Needs.LABELS, False, Unit.TARGET, "median absolute error"),
    Measure("mape", _NUMBER, Needs.LABELS, False, Unit.SHARE,
            "mean absolute error as a share of the true value; only when every true value is positive"),
)  # fmt: skip

MEASURES = {measure.name: measure for measure in _ALL}
"""The platform's metrics by name, in the order in which they are shown."""
