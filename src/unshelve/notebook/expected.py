"""What the notebook computed and the solution must compute again: the values that a proof compares.

Values themselves lie in a folder that the second watched run filled (`Keep` in watching.py): pickles that only a
child process reads, since they need the notebook's own classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from unshelve.notebook.compare_order import TypedRows


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedMetric:
    """A number that the notebook computed on its predictions, and the metric step that gives it again."""

    step: str
    key: str
    """The name of the number within what the step returns; the step's own name where it returns one number."""
    name: str
    """As the author called it: "accuracy_score"."""
    statement: int
    value: float
    stable: bool
    """Whether two runs of the notebook gave the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A statement that drew random numbers, before which their state was kept (`random-N.pkl`)."""

    statement: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A value that the notebook ends with."""

    file: str
    """Where it was kept, in the folder of kept values."""
    part: Literal["model", "metric"]
    stable: bool
    """Whether two runs of the notebook ended with the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a lifted solution is held against."""

    kept: Path
    """The folder with the values that the notebook's second run left."""
    model: str
    """The model's step."""
    features: str | None
    """The step whose rows the model is given (a transform, keep, source or step); None where none is known."""
    fit_call: int | None
    """Index of the Call by which the notebook fitted the model: its receiver is the fitted estimator."""
    predict_call: int | None
    """Index of the Call by which it predicted the test rows: its first argument is what the model was given, in the
    order of the test part, its result the predictions. None where the notebook never predicted test rows."""
    metrics: tuple[ExpectedMetric, ...] = ()
    random: Mapping[str, tuple[Drawing, ...]] = field(default_factory=dict)
    """For each step that draws random numbers the statements in it that do, in order."""
    model_stable: bool = True
    """Whether two runs of the notebook fitted the same model."""
    predictions_stable: bool = True
    entry: str = "raw"
    """What a request is, as Lift.entry says: "raw", "table" or "script"."""
    required: tuple[str, ...] = ()
    """Fields without which a row is refused, since the notebook fills them from other rows."""
    answered: str | None = None
    """Name of the kept file ("12-prices.pkl") with what the notebook made of its predictions and the solution's
    answer step makes of them; None where there is no such step, or it was not kept."""
    typed: tuple[TypedRows, ...] = ()
    """Rows that the author typed in and asked the model about."""
    results: Mapping[str, Result] = field(default_factory=dict)
    """Of a notebook that was not sliced: the values that it ends with, by the names that hold them."""
    places: Mapping[int, str] = field(default_factory=dict)
    """Statement -> "cell 4, line 2", for words."""
