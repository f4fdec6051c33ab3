"""Estimators and answer steps that look at more than the row are refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsRegressor

from unshelve.errors import UserCodeFailed
from unshelve.models.estimator import Signature
from unshelve.solution.predicting import Answerer, check_answers

Array = np.ndarray[Any, np.dtype[np.float64]]

X = np.linspace(0, 1, 40).reshape(-1, 1)
NUMBERS = np.arange(100, 140)


class Line:
    """Answers a line through the origin; `how` spoils it."""

    def __init__(self, how: Callable[[Line, Array], Array] | None = None) -> None:
        self.how = how
        self.calls = 0

    def predict(self, X: Array) -> Array:
        said: Array = 2 * X[:, 0]
        return said if self.how is None else said + self.how(self, X)

    def __getstate__(self) -> dict[str, int]:
        return {"calls": self.calls}


def by_the_batch(line: Line, X: Array) -> Array:
    return np.full(len(X), X.mean())


def by_calls(line: Line, X: Array) -> Array:
    line.calls += 1
    return np.full(len(X), float(line.calls))


def in_silence(line: Line, X: Array) -> Array:
    line.calls += 1
    return np.zeros(len(X))


def by_position(line: Line, X: Array) -> Array:
    return np.arange(len(X), dtype=float)


def checked(line: Line, answer: Callable[[Any], Any] | None = None, anew: Callable[[Any], Any] | None = None) -> None:
    one = Answerer(
        model="m",
        estimator=line,
        signature=Signature(task="regression"),
        step="said" if answer else None,
        answer=answer,
        answer_anew=anew or answer,
        state={},
    )
    check_answers(one, X, [X[[row]] for row in range(len(X))], NUMBERS)


def test_an_estimator_and_an_answer_that_go_by_the_row_pass() -> None:
    checked(Line())
    checked(Line(), lambda raw: raw > 1)


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree", "brute"])
def test_neighbours_whose_tree_counts_its_questions_pass(algorithm: Literal["kd_tree", "ball_tree", "brute"]) -> None:
    near = KNeighborsRegressor(algorithm=algorithm).fit(X, X[:, 0])
    one = Answerer(model="near", estimator=near, signature=Signature(task="regression"), state={})
    check_answers(one, X, [X[[row]] for row in range(len(X))], NUMBERS)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (by_the_batch, "The estimator of model m gives another label for row 100 when it comes alone"),
        (by_calls, "when it is asked again"),
        (by_position, "in another order"),
        (in_silence, "changes while it predicts"),
    ],
)
def test_an_estimator_that_looks_further_is_refused(how: Callable[[Line, Array], Array], says: str) -> None:
    with pytest.raises(UserCodeFailed) as caught:
        checked(Line(how))
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda raw: raw >= np.median(raw), "Answer said gives another value for row 100 when it comes alone"),
        (lambda raw: np.argsort(raw), "in another order"),
        (lambda raw: raw[:1], "was given 40 predictions and returned 1 values"),
        (lambda raw: None, "returned None"),
        (lambda raw: 1.0, "returned a float"),
    ],
)
def test_an_answer_that_looks_further_is_refused(answer: Callable[[Any], Any], says: str) -> None:
    with pytest.raises(UserCodeFailed) as caught:
        checked(Line(), answer)
    assert says in caught.value.message


def test_an_answer_that_a_restart_changes_is_refused() -> None:
    with pytest.raises(UserCodeFailed, match="when the code is loaded anew"):
        checked(Line(), lambda raw: raw + 1, lambda raw: raw)
