"""Columns that give the target away are found; useful ones are left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from unshelve.errors import SolutionInvalid
from unshelve.evaluation.truth import infer_task, predicted_of, truth_of
from unshelve.solution.telltale import is_copy, refuse_copies, too_good

LATE = np.asarray([True, False, False] * 40)
MINUTES = np.random.default_rng(0).normal(size=120)
GRADES = np.asarray(["a", "b", "c"] * 40)


@pytest.mark.parametrize(
    ("column", "target"),
    [
        (pd.Series(LATE), LATE),
        (pd.Series(~LATE), LATE),
        (pd.Series(np.where(LATE, "yes", "no")), LATE),
        (pd.Series(pd.Categorical(GRADES)), GRADES),
        (pd.Series(GRADES).map({"a": 3, "b": 1, "c": 2}), GRADES),
        (pd.Series(MINUTES), MINUTES),
        (pd.Series(-60 * MINUTES + 7), MINUTES),
    ],
)
def test_a_copy_in_any_guise_is_a_copy(column: pd.Series[Any], target: np.ndarray[Any, Any]) -> None:
    assert is_copy(column, target)


@pytest.mark.parametrize(
    ("column", "target"),
    [
        (pd.Series(MINUTES + 1e-6 * np.random.default_rng(1).normal(size=120)), MINUTES),
        (pd.Series(np.where(LATE, 5.0 + MINUTES, -5.0)), LATE),  # it parts the classes, and is more than they are
        (pd.Series(np.r_[~LATE[:1], LATE[1:]]), LATE),
        (pd.Series(["x"] * 120), LATE),
        (pd.Series(LATE).astype(object).where(np.arange(120) > 0), LATE),
        (pd.Series(GRADES), MINUTES),
        (pd.Series(LATE[:12]), LATE[:12]),
    ],
)
def test_what_only_helps_is_no_copy(column: pd.Series[Any], target: np.ndarray[Any, Any]) -> None:
    assert not is_copy(column, target)


def test_a_copy_is_refused_by_name_with_what_to_do() -> None:
    with pytest.raises(SolutionInvalid, match="Column was_late gives away late") as caught:
        refuse_copies("m", "late", pd.DataFrame({"a": MINUTES, "was_late": LATE}), LATE)
    assert 'known_later=["was_late"]' in str(caught.value)


@pytest.mark.parametrize(("n", "wrong", "said"), [(600, 0, True), (600, 1, False), (60, 0, False)])
def test_an_answer_without_any_mistake_on_many_rows_is_said(n: int, wrong: int, said: bool) -> None:
    target = np.resize(LATE, n)
    labels = np.r_[~target[:wrong], target[wrong:]]
    task = infer_task(target)
    sentences = list(too_good("m", "late", truth_of(task, target), predicted_of(task, labels)))
    assert bool(sentences) is said


def test_an_amount_that_is_computed_is_said() -> None:
    values = np.random.default_rng(2).normal(size=300)
    task = infer_task(values)
    assert list(too_good("m", "minutes", truth_of(task, values), predicted_of(task, values * (1 + 1e-12))))
    assert not list(too_good("m", "minutes", truth_of(task, values), predicted_of(task, values + 1e-3)))
