"""That an estimator and the answer step after it answer a row alike in every way it can come."""

from __future__ import annotations

import io
import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from unshelve.data.tables import first_difference, take_any, usual_sizes
from unshelve.errors import UserCodeFailed
from unshelve.ids import digest
from unshelve.models.estimator import Raw, Signature, predict
from unshelve.solution.alike import SAME, Positions

SCORES: Final = 1e-9
"""Relative difference under which scores count as equal: matrix products over one row, over many, and on another
number of threads sum up in another order."""
SECONDS: Final = 1.5
"""How long rows are predicted one at a time; the Proof asks many more."""
FEWEST: Final = 8
"""Rows that are predicted one at a time however long it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerer:
    """A fitted estimator with its answer step (None where it has none), as messages name them."""

    model: str
    estimator: Any
    signature: Signature
    step: str | None = None
    answer: Callable[[Any], Any] | None = None
    answer_anew: Callable[[Any], Any] | None = None
    """The answer step as it is after the solution's code was loaded anew."""
    state: Mapping[str, Any] | None = None
    """Frozen state that the answer step takes."""


def check_answers(one: Answerer, X: Any, alone: Sequence[Any], numbers: Positions) -> None:
    """Raise UserCodeFailed, naming step and row, unless rows are answered alike alone, shuffled, again and in bulk.

    X: transformed rows; `alone`: the first of them, transformed one at a time; `numbers`: theirs in the entry.
    """
    whole = _frame(predict(one.estimator, one.signature, X))
    before, known = _digest(one.estimator), _digest(one.estimator)
    said = f"The estimator of model {one.model}"
    check = _Held(said, "estimator-not-row-wise", numbers, whole, usual_sizes(whole), SCORES)
    check.hold(_frame(predict(one.estimator, one.signature, X)), np.arange(len(whole)), "when it is asked again")
    order = np.random.default_rng(5).permutation(len(whole))
    shuffled = _frame(predict(one.estimator, one.signature, take_any(X, order)))
    check.hold(shuffled, order, "in another order than in the whole table")
    began = time.perf_counter()
    for row, X_row in enumerate(alone):
        if row >= FEWEST and time.perf_counter() - began > SECONDS:
            break
        found = _frame(predict(one.estimator, one.signature, X_row))
        check.hold(found, np.asarray([row]), "when it comes alone than in the whole table")
    if before == known != _digest(one.estimator):  # some never give the same bytes twice: of those nothing is known
        raise UserCodeFailed(
            f"{said} changes while it predicts: what one request does to it, the next would see.",
            code="estimator-changes",
            hint="Let predict() leave the estimator as it is.",
        )
    _check_answer_step(one, predict(one.estimator, one.signature, X), numbers)


def _check_answer_step(one: Answerer, raw: Raw, numbers: Positions) -> None:
    if one.answer is None or one.answer_anew is None:
        return
    given = raw.for_answer
    before = _digest(one.state)
    whole = _answered(one.answer(given), len(given))
    check = _Held(f"Answer {one.step}", "answer-not-row-wise", numbers, whole, usual_sizes(whole))
    everything = np.arange(len(given))
    check.hold(_answered(one.answer(given), len(given)), everything, "when it is made again")
    order = np.random.default_rng(6).permutation(len(given))
    check.hold(_answered(one.answer(given[order]), len(given)), order, "in another order than among all")
    for row in everything[:200]:
        found = _answered(one.answer(given[[row]]), 1)
        check.hold(found, np.asarray([row]), "when it comes alone than among all")
    for row in everything[:200][::-1]:
        found = _answered(one.answer_anew(given[[row]]), 1)
        check.hold(found, np.asarray([row]), "when the code is loaded anew")
    if _digest(one.state) != before:
        raise UserCodeFailed(
            f"Answer {one.step} changes its frozen input.",
            code="answer-changed-state",
            hint="Copy it first: what one request changes, the next would see.",
        )


@dataclass(frozen=True, slots=True)
class _Held:
    """What is usually answered, to hold against what is answered otherwise."""

    who: str
    code: str
    numbers: Positions
    whole: pd.DataFrame
    sizes: Mapping[str, float]
    relative: float = SAME

    def hold(self, found: pd.DataFrame, rows: Positions, how: str) -> None:
        expected = take_any(self.whole, rows)
        odd = first_difference(expected, found, relative=self.relative, usual=self.sizes)
        if odd is None:
            return
        row = int(self.numbers[rows[min(odd[0], len(rows) - 1)]])
        raise UserCodeFailed(
            f"{self.who} gives another {odd[1]} for row {row} {how}.",
            code=self.code,
            hint="A request comes row by row: let each row's answer depend on that row alone.",
            details={"column": odd[1], "row": row},
        )


def _frame(raw: Raw) -> pd.DataFrame:
    columns: dict[str, Any] = {"label": raw.labels}
    if raw.scores is not None and raw.scores.ndim == 1:
        columns["score"] = raw.scores
    elif raw.scores is not None:
        columns.update({f"score {place}": raw.scores[:, place] for place in range(raw.scores.shape[1])})
    return pd.DataFrame(columns)


def _answered(values: Any, count: int) -> pd.DataFrame:
    if not hasattr(values, "__len__") or len(values) != count:
        found = f"{len(values):,} values" if hasattr(values, "__len__") else f"a {type(values).__name__}"
        raise UserCodeFailed(
            f"The answer step was given {count:,} predictions and returned {'None' if values is None else found}.",
            code="answer-changed-rows",
            hint="Return one value for each prediction.",
        )
    return pd.DataFrame({"value": values.tolist() if hasattr(values, "tolist") else list(values)})


def _digest(value: Any) -> str:
    file = io.BytesIO()
    _Content(file, protocol=5).dump(value)
    return digest(file.getvalue())


class _Content(pickle.Pickler):
    """Pickles what predictions follow from: the search trees of scikit-learn also count how often they were asked."""

    def reducer_override(self, value: Any) -> Any:
        if type(value).__name__ in _TREES and type(value).__module__.startswith("sklearn.neighbors."):
            return type(value), tuple(value.get_arrays())
        return NotImplemented


_TREES: Final = ("KDTree", "BallTree", "KDTree32", "BallTree32", "KDTree64", "BallTree64")
