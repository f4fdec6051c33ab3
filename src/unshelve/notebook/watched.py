"""What a run of a notebook showed: after each statement the names that are new or changed, and the calls that matter.

Written by the process that runs the notebook, as JSON; read by everything that decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

ValueKind = Literal[
    "frame", "series", "array", "sparse", "estimator", "number", "text", "list", "dict", "function", "class", "module",
    "figure", "none", "other",
]  # fmt: skip

CallKind = Literal["read", "split", "fit", "fit_transform", "transform", "predict", "score", "metric", "search", "save"]


class ValueInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a value looked like, without the value."""

    kind: ValueKind
    type: str
    """Qualified name of its class: "pandas.DataFrame", "sklearn.svm._classes.SVC"."""
    identity: int
    """`id()` of the object: equal for two names of one object, within one run."""
    fingerprint: str
    """Hash of its content; equal content gives an equal one in each run. "" where it cannot be told."""
    rows: int | None = None
    """Length, for frames, series, arrays, sparse matrices, lists and dicts."""
    columns: tuple[str, ...] | None = None
    """For frames, as text."""
    contents: tuple[str, ...] | None = None
    """For frames of at most 300 columns a hash of the values of each column, for series one; None for others."""
    name: str | None = None
    """For series."""
    width: int | None = None
    """Second dimension of arrays and sparse matrices."""
    dtype: str = ""
    """For arrays: "float64", "object"."""
    index: str = ""
    """For frames and series: hash of the index, so that "same rows in the same order" can be told."""
    number: float | None = None
    """For numbers: the value itself."""
    text: str = ""
    """A short repr (at most 200 characters), for reports."""


class StatementRun(msgspec.Struct, frozen=True, kw_only=True):
    """One statement as it ran."""

    number: int
    seconds: float
    error: str | None = None
    """"ValueError: could not convert …", when it raised."""
    bound: Mapping[str, ValueInfo] = {}
    """Names that are new, or name another object than before."""
    changed: Mapping[str, ValueInfo] = {}
    """Names whose object is the same and whose content is another."""
    deleted: tuple[str, ...] = ()
    drew: bool = False
    """Whether it moved the state of `random` or `numpy.random`."""
    figures: int = 0
    """Figures that it opened or drew on."""
    printed: str = ""
    read: tuple[str, ...] = ()
    """Files that it read, as it named them."""
    written: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    """What the notebook's own code did in it that a run of the solution would do unwatched: "starts a program (rm)"."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call that matters: of an estimator's method, a metric, a split, or one that reads or saves data."""

    statement: int
    kind: CallKind
    name: str
    """"sklearn.metrics.accuracy_score", "sklearn.svm._classes.SVC.fit"."""
    receiver: ValueInfo | None = None
    """The estimator, after the call."""
    arguments: tuple[ValueInfo, ...] = ()
    """Positional ones, then named ones in their order."""
    keywords: tuple[str, ...] = ()
    """The names of the last `len(keywords)` arguments."""
    result: ValueInfo | None = None
    value: float | None = None
    """For metrics and scores that are numbers."""
    shared: tuple[int, int] | None = None
    """For splits: how many rows of the second part are, value by value, in the first too, and of how many."""
    inside: bool = False
    """Whether it was made inside another call of this list (a search that fits, a score that predicts)."""


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run."""

    statements: tuple[StatementRun, ...]
    calls: tuple[Call, ...]
    python: str
    libraries: Mapping[str, str]
    """Distributions that were imported, with versions."""
    seconds: float
    ended: str | None = None
    """Why it ended early: the error of a statement, a limit, an exit; None when it came to its end."""

    @property
    def ran(self) -> bool:
        return self.ended is None

    def run_of(self, number: int) -> StatementRun | None:
        """How a statement ran; None where the run never came to it."""
        return self.statements[number] if number < len(self.statements) else None
