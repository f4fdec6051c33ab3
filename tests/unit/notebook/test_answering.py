"""What the author makes of a prediction becomes a step of its own, where nothing else goes into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_house import notebook_of
from unshelve.notebook.answering import answer_step
from unshelve.notebook.choosing import choose
from unshelve.notebook.flow import flow_of
from unshelve.notebook.naming import Names
from unshelve.notebook.seen import Seen
from unshelve.notebook.watching import watch

ROWS = """
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, mean_absolute_error
from sklearn.model_selection import train_test_split
X, y = load_diabetes(return_X_y=True)
"""
SPLIT = "X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)"


@pytest.mark.parametrize(
    ("cells", "lines"),
    [
        (
            (
                f"y = np.log1p(y)\n{SPLIT}",
                "m = LinearRegression().fit(X_train, y_train)\ndays = np.expm1(m.predict(X_test))",
                "asked = np.expm1(y_test)\nmean_absolute_error(asked, days)",
            ),
            ["return np.expm1(estimate)"],
        ),
        (
            (
                f"y = (y > 150).astype(int)\n{SPLIT}\nlimit = 0.4",
                "m = LogisticRegression().fit(X_train, y_train)\nscore = m.predict_proba(X_test)[:, 1]",
                "called = (score >= limit).astype(int)\naccuracy_score(y_test, called)",
            ),
            ["score = estimate", "return (score >= limit).astype(int)"],
        ),
        (
            (
                SPLIT,
                "m = LinearRegression().fit(X_train, y_train)\nsaid = m.predict(X_test)",
                "better = said + y_test.mean()\nmean_absolute_error(y_test, better)",
            ),
            None,
        ),
        ((SPLIT, "m = LinearRegression().fit(X_train, y_train)\nmean_absolute_error(y_test, m.predict(X_test))"), None),
    ],
    ids=["expm1", "threshold", "made of the truth", "nothing made"],
)
def test_an_answer_is_made_of_the_prediction_alone(
    tmp_path: Path, cells: tuple[str, ...], lines: list[str] | None
) -> None:
    notebook = notebook_of(ROWS, *cells, folder=tmp_path)
    watched = watch(notebook, folder=tmp_path)
    assert watched.ran, watched.ended
    flow = flow_of(notebook, watched).without_draws()
    choice = choose(notebook, watched, flow)
    found = answer_step(Seen(notebook, flow, watched), choice, "estimate", Names(set()), set())
    assert (found[0].lines if found else None) == lines
