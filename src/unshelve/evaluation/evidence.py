"""What a version is judged by, in one value: metrics, answers, baselines, champion, worth, latency, size, Proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from unshelve.evaluation.baseline import Baseline
from unshelve.evaluation.measures import Kind, Metric, Task
from unshelve.evaluation.truth import Floats, Integers, Predicted, Truth
from unshelve.evaluation.worth import Worth


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Champion:
    """The version to beat: its name, and its answers on the test rows of the candidate that it was not trained on.

    rows: (m,) positions among the candidate's test rows; predicted: the champion's answers for those m rows.
    """

    name: str
    rows: Integers
    predicted: Predicted


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """Everything gates may ask about a candidate version.

    truth and predicted: its test rows, None for an unsupervised model. `metrics` holds the platform's, and the author's
    own beside them. champion: None when no version answers yet. latency_seconds: (k,) times of single answers through
    HTTP. proof: the outcome of the Proof, None when it has not run.
    """

    task: Task
    metrics: tuple[Metric, ...] = ()
    truth: Truth | None = None
    predicted: Predicted | None = None
    baselines: tuple[Baseline, ...] = ()
    champion: Champion | None = None
    worth: Worth | None = None
    latency_seconds: Floats | None = None
    size_bytes: int | None = None
    proof: str | None = None

    def metric(self, name: str) -> Metric | None:
        return next((metric for metric in self.metrics if metric.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a gate of the author's own is given: plain numbers by name.

    `champion` and `on_shared` are the metrics of the champion and of the candidate on the rows that neither was trained
    on; both are empty without a champion or such rows. What was not measured is None or absent.
    """

    kind: Kind
    rows: int
    metrics: Mapping[str, float]
    baselines: Mapping[str, Mapping[str, float]]
    champion: Mapping[str, float]
    on_shared: Mapping[str, float]
    worth: float | None
    latency_seconds: tuple[float, ...]
    size_bytes: int | None
    proof: str | None
