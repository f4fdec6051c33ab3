"""Gates: the conditions that a version must pass before it answers anybody but its prover.

A gate is a frozen value that a solution file names; `judge.py` judges it by evidence. The verdict is
"passed", "failed" or "undecided", and only "passed" lets a version through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING, TypeAlias

from unshelve.errors import SolutionInvalid

if TYPE_CHECKING:
    from unshelve.evaluation.evidence import Summary

PER = {"answer": 1, "thousand": 1000}
"""How many answers a worth is stated for."""


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A metric has at least a value."""

    metric: str
    value: float

    @property
    def name(self) -> str:
        return f"{self.metric} at least {self.value:g}"


@dataclass(frozen=True, slots=True)
class AtMost:
    """A metric has at most a value."""

    metric: str
    value: float

    @property
    def name(self) -> str:
        return f"{self.metric} at most {self.value:g}"


@dataclass(frozen=True, slots=True)
class BeatsChampion:
    """A metric is better than the champion's by more than `by`, beyond chance, on rows neither was trained on."""

    metric: str
    by: float = 0.0

    @property
    def name(self) -> str:
        margin = f" by {self.by:g}" if self.by else ""
        return f"{self.metric} beats the champion{margin}"


@dataclass(frozen=True, slots=True)
class BeatsBaseline:
    """One of the metrics is better than that of every dumb baseline, beyond chance. Always on; nobody writes it."""

    metrics: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{' or '.join(self.metrics)} beats the baseline"


@dataclass(frozen=True, slots=True)
class Proven:
    """The Proof found no difference between training and serving. Always on; nobody writes it."""

    @property
    def name(self) -> str:
        return "served answers proven"


@dataclass(frozen=True, slots=True)
class WorthAtLeast:
    """What answers are worth, by the solution's `worth` step, is at least a value."""

    value: float
    per: str = "answer"

    @property
    def name(self) -> str:
        return f"worth at least {self.value:g} per {'thousand answers' if self.per == 'thousand' else self.per}"


@dataclass(frozen=True, slots=True)
class MaxLatency:
    """A share `quantile` of single answers takes at most this long."""

    milliseconds: float
    quantile: float = 0.95

    @property
    def name(self) -> str:
        return f"{100 * self.quantile:g} % of answers within {self.milliseconds:g} ms"


@dataclass(frozen=True, slots=True)
class MaxSize:
    """The packed version takes at most this much room (1 MB = 1,000,000 bytes)."""

    megabytes: float

    @property
    def name(self) -> str:
        return f"size at most {self.megabytes:g} MB"


@dataclass(frozen=True, slots=True)
class CustomGate:
    """A condition of the author's own."""

    function: Callable[[Summary], object]
    name: str


Gate: TypeAlias = (
    AtLeast | AtMost | BeatsChampion | BeatsBaseline | Proven | WorthAtLeast | MaxLatency | MaxSize | CustomGate
)


class Outcome(StrEnum):
    """What became of a gate."""

    PASSED = "passed"
    FAILED = "failed"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome of one gate, the sentence that explains it and the numbers that it rests on."""

    name: str
    outcome: Outcome
    message: str
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return self.outcome is Outcome.PASSED


def at_least(metric: str, value: float) -> AtLeast:
    """The metric, as measured on the test rows, has at least this value."""
    return AtLeast(_metric("at_least", metric), _number("at_least", value))


def at_most(metric: str, value: float) -> AtMost:
    """The metric, as measured on the test rows, has at most this value."""
    return AtMost(_metric("at_most", metric), _number("at_most", value))


def beats_champion(metric: str, by: float = 0.0) -> BeatsChampion:
    """The metric beats the champion's by more than `by`, beyond chance, on rows that neither was trained on.

    Better is higher or lower as the metric has it; `by` is in the metric's own unit. The first version, without
    a champion to beat, passes.
    """
    return BeatsChampion(_metric("beats_champion", metric), _number("beats_champion", by, least=0.0))


def worth_at_least(value: float, per: str = "answer") -> WorthAtLeast:
    """Test answers were worth at least `value` on average, in the unit of the `worth` step.

    `per` is "answer" or "thousand".
    """
    if per not in PER:
        raise SolutionInvalid(f'worth_at_least was given per={per!r}; it is "answer" or "thousand".')
    return WorthAtLeast(_number("worth_at_least", value), per)


def max_latency(milliseconds: float, quantile: float = 0.95) -> MaxLatency:
    """A share `quantile` of single answers, measured through HTTP, takes at most this many milliseconds."""
    share = _number("max_latency", quantile, least=0.0)
    if not 0 < share <= 1:
        raise SolutionInvalid(f"max_latency was given quantile={quantile!r}; it lies above 0 and up to 1.")
    return MaxLatency(_number("max_latency", milliseconds, least=0.0), share)


def max_size(megabytes: float) -> MaxSize:
    """The packed version takes at most this many megabytes (1 MB = 1,000,000 bytes)."""
    return MaxSize(_number("max_size", megabytes, least=0.0))


def custom_gate(function: Callable[[Summary], object], name: str | None = None) -> CustomGate:
    """A condition of your own: `function(summary)` returns a bool, or a bool and a sentence that explains it.

    The summary holds metrics, baseline, champion, worth, latency and size as plain numbers. A function that
    raises leaves the gate undecided.
    """
    if not callable(function):
        raise SolutionInvalid(f"custom_gate needs a function; it was given {function!r}.")
    return CustomGate(function, name or str(getattr(function, "__name__", "custom gate")).replace("_", " "))


def _metric(gate: str, metric: object) -> str:
    if not isinstance(metric, str) or not metric:
        raise SolutionInvalid(
            f"{gate} needs the name of a metric; it was given {metric!r}.", hint=f'For example {gate}("roc_auc", ...).'
        )
    return metric


def _number(gate: str, value: object, *, least: float | None = None) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise SolutionInvalid(f"{gate} needs a finite number; it was given {value!r}.")
    if least is not None and value < least:
        raise SolutionInvalid(f"{gate} was given {value!r}; it cannot be below {least:g}.")
    return float(value)
