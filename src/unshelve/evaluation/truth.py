"""What is true and what was predicted, in one checked numeric form that all of evaluation computes with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unshelve.errors import Refused
from unshelve.evaluation.measures import Kind, Label, Task

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Values: TypeAlias = NDArray[Any]
"""A column as users have it: numbers, booleans, text or objects."""

MAX_CLASSES = 1_000
"""More classes than this are taken for a mistake: an identifier or an amount given to a classifier."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The true values of n rows: (n,) int64 places in `task.classes`, or (n,) float64 for a regression."""

    task: Task
    values: Values

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, positions: Integers) -> Truth:
        return Truth(self.task, self.values[positions])


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """What a model said of the same n rows.

    labels: (n,) int64 places in the task's classes, or (n,) float64 for a regression. scores: (n,) float64 for the
    positive class, (n, n_classes) float64 for several, None where the model gives none. `probabilities` tells whether
    scores are probabilities in [0, 1].
    """

    labels: Values
    scores: Floats | None = None
    probabilities: bool = False

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, positions: Integers) -> Predicted:
        scores = None if self.scores is None else self.scores[positions]
        return Predicted(self.labels[positions], scores, self.probabilities)


def infer_task(
    target: Values | None,
    *,
    is_classifier: bool | None = None,
    classes: Sequence[Label] | None = None,
    unit: str | None = None,
) -> Task:
    """The task that a target (all of it: train and test) and the kind of the estimator make.

    target: (n,) of any type, None for a model without one. `is_classifier` is None for an estimator that does not
    say: then booleans, text, categories and numbers with two distinct values are classes. `classes` are those the
    estimator says it knows; they are added to the ones found. Cost O(n log n).

    Raises Refused for an empty or two-dimensional target, missing values, one class only, more than 1,000
    classes, or text given to a regressor.
    """
    if target is None:
        return Task(Kind.UNSUPERVISED)
    column = _column(target, "The target")
    if not (_is_class_like(column) if is_classifier is None else is_classifier):
        _floats(column, "The target")
        return Task(Kind.REGRESSION, unit=unit)
    found = _distinct(column if classes is None else _with(column, classes))
    if len(found) == 1:
        raise Refused(
            f"The target has one class only, {found[0]!r}: there is nothing to tell apart.",
            code="one-class-only",
            hint="Look at the step that makes the target, and at the rows that keep steps drop.",
        )
    if len(found) > MAX_CLASSES:
        raise Refused(
            f"The target of a classifier has {len(found):,} classes; at most {MAX_CLASSES:,} are taken.",
            code="too-many-classes",
            hint="An amount needs a regressor; an identifier cannot be predicted.",
        )
    return Task(Kind.BINARY if len(found) == 2 else Kind.MULTICLASS, found)


def truth_of(task: Task, target: Values) -> Truth:
    """The target of some rows in numeric form. Cost O(n).

    Raises Refused for no rows, missing or infinite values, and a class that the task does not have.
    """
    return Truth(task, _encoded(task, target, "The target"))


def predicted_of(
    task: Task,
    labels: Values,
    scores: Values | None = None,
    *,
    classes: Sequence[Label] | None = None,
    probabilities: bool = True,
) -> Predicted:
    """What a model said, checked, in numeric form. Cost O(n x n_classes).

    labels: (n,) class values or numbers. scores: (n,) or (n, 2) for a binary task, (n, k) for several, with columns in
    the order of `classes` (the estimator's own; the task's by default); a class that the estimator does not know gets
    probability 0. Set `probabilities` to False for decision values without bounds.

    Raises Refused for NaN or infinite answers, a label that is no class of the task, scores of another shape,
    and probabilities outside [0, 1] or whose rows do not sum to 1 within 0.001.
    """
    answers = _encoded(task, labels, "The predictions")
    if scores is None or not task.classifies:
        return Predicted(answers)
    known = task.classes if classes is None else tuple(_plain(value) for value in classes)
    columns = _score_columns(np.asarray(scores), len(answers), len(known), binary=task.kind is Kind.BINARY)
    if probabilities:
        _check_probabilities(columns)
    if columns.ndim == 1:
        return Predicted(answers, columns, probabilities)
    aligned = _aligned(columns, known, task, fill=0.0 if probabilities else float(columns.min()))
    return Predicted(answers, aligned[:, 1].copy() if task.kind is Kind.BINARY else aligned, probabilities)


def is_class_like(target: Values) -> bool:
    """Whether values are classes rather than amounts: not numbers, or numbers with just two distinct values."""
    return _is_class_like(_column(target, "The target"))


def _is_class_like(column: Values) -> bool:
    if column.dtype.kind in "iuf":
        return len(np.unique(column)) <= 2
    return True


def _column(values: Values, what: str) -> Values:
    column = np.asarray(values)
    if column.ndim == 2 and column.shape[1] == 1:
        column = column[:, 0]
    if column.ndim != 1:
        raise Refused(
            f"{what} has shape {column.shape}; one value for each row is expected.",
            code="not-one-column",
            hint="A model answers one target; make a model for each.",
        )
    if len(column) == 0:
        raise Refused(f"{what} has no rows: there is nothing to evaluate.", code="no-rows")
    missing = int(np.count_nonzero(pd.isna(column)))
    if missing:
        raise Refused(
            f"{what} has {missing:,} missing values in {len(column):,} rows.",
            code="missing-values",
            hint="Drop such rows in a keep step." if what == "The target" else "A model must answer every row.",
        )
    return _typed(column)


def _typed(column: Values) -> Values:
    """The same values in the type of what they are: objects of one kind as that kind, text as objects of any length."""
    if column.dtype.kind != "O":
        return column.astype(object) if column.dtype.kind == "U" else column
    kind = pd.api.types.infer_dtype(column, skipna=False)
    if kind in ("boolean", "integer", "floating", "mixed-integer-float", "decimal"):
        return column.astype({"boolean": np.bool_, "integer": np.int64}.get(kind, np.float64))
    return column


def _distinct(column: Values) -> tuple[Label, ...]:
    try:
        found = sorted(pd.unique(column).tolist())
    except TypeError:
        found = []
    if not found or not isinstance(found[0], bool | int | float | str):
        raise Refused(
            "The target holds values that cannot be classes: of several types, or no numbers, text or booleans.",
            code="mixed-target",
            hint="Give all classes one of these types.",
        )
    return tuple(found)


def _with(column: Values, classes: Sequence[Label]) -> Values:
    return np.concatenate([column, _typed(np.asarray(list(classes), dtype=column.dtype))])


def _plain(value: object) -> Label:
    plain = value.item() if isinstance(value, np.generic) else value
    return plain if isinstance(plain, bool | int | float | str) else str(plain)


def _encoded(task: Task, values: Values, what: str) -> Values:
    column = _column(values, what)
    if not task.classifies:
        return _floats(column, what)
    classes = np.asarray(task.classes)
    if classes.dtype.kind in "biuf" and column.dtype.kind in "biuf":
        classes, column = classes.astype(np.float64), column.astype(np.float64)
    elif classes.dtype.kind == "U":
        column = column.astype(object)
    places: Integers = pd.Index(classes.astype(column.dtype)).get_indexer(pd.Index(column)).astype(np.int64)
    if (places < 0).any():
        _refuse_class(task, _plain(column[int(np.argmax(places < 0))]), what)
    return places


def _refuse_class(task: Task, found: Label, what: str) -> None:
    names = [str(value) for value in task.classes]
    raise Refused(
        f"{what} cannot be {found!r}: it is none of the {len(names)} classes ({', '.join(names[:5])}"
        f"{', …' if len(names) > 5 else ''}).",
        code="unknown-class",
        near=get_close_matches(str(found), names, n=2),
    )


def _floats(column: Values, what: str) -> Floats:
    if column.dtype.kind not in "biuf":
        raise Refused(
            f"{what} of a regressor must be numbers; {_plain(column[0])!r} was found.",
            code="not-numbers",
            hint="Text and categories need a classifier.",
        )
    numbers = column.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise Refused(f"{what} cannot be infinite.", code="not-finite")
    return numbers


def _score_columns(scores: Values, n: int, n_classes: int, *, binary: bool) -> Floats:
    shapes = {(n, n_classes)} | ({(n,)} if binary else set())
    if scores.shape not in shapes:
        raise Refused(
            f"The scores have shape {scores.shape}; {' or '.join(map(str, sorted(shapes, key=len)))} is expected.",
            code="wrong-shape",
        )
    if scores.dtype.kind not in "biuf":
        raise Refused("The scores are not numbers.", code="not-numbers")
    columns = scores.astype(np.float64)
    if not np.isfinite(columns).all():
        bad = int(np.count_nonzero(~np.isfinite(columns.reshape(n, -1)).all(axis=1)))
        raise Refused(
            f"The scores of {bad:,} of {n:,} rows are NaN or infinite.",
            code="not-finite",
            hint="A model must give every row a finite score.",
        )
    return columns


def _check_probabilities(columns: Floats) -> None:
    outside = bool(columns.min() < 0 or columns.max() > 1)
    if outside or (columns.ndim == 2 and np.abs(columns.sum(axis=1) - 1).max() > 1e-3):
        raise Refused(
            "The probabilities lie outside 0 to 1." if outside else "The probabilities of a row do not sum to 1.",
            code="not-probabilities",
            hint="Decision values are scores, not probabilities.",
        )


def _aligned(columns: Floats, known: tuple[Label, ...], task: Task, *, fill: float) -> Floats:
    if known == task.classes:
        return columns
    aligned = np.full((len(columns), len(task.classes)), fill)
    for place, value in enumerate(task.classes):
        if value in known:
            aligned[:, place] = columns[:, known.index(value)]
    return aligned
