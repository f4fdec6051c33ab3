"""The form that is not sliced: all statements in one step, which gives what the notebook ends with."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_house import notebook_of
from unshelve.notebook.choosing import choose
from unshelve.notebook.draft import CannotShape
from unshelve.notebook.flow import flow_of
from unshelve.notebook.script_form import script_draft
from unshelve.notebook.seen import Seen
from unshelve.notebook.watching import watch
from unshelve.notebook.writing import write

IMPORTS = """
import numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
X, y = load_iris(return_X_y=True)
"""


def script(folder: Path, *cells: str) -> str:
    notebook = notebook_of(IMPORTS, *cells, folder=folder)
    watched = watch(notebook, folder=folder)
    assert watched.ran, watched.ended
    flow = flow_of(notebook, watched).without_draws()
    seen = Seen(notebook, flow, watched)
    return write(script_draft(seen, choose(notebook, watched, flow)), seen).text


def test_what_was_fitted_and_measured_in_a_loop_is_given_and_its_helpers_are_not(tmp_path: Path) -> None:
    text = script(
        tmp_path,
        "scores = []\nbest = {}\nfor c in [0.1, 1]:\n    m = LogisticRegression(C=c, max_iter=300)\n    m.fit(X, y)\n"
        "    right = accuracy_score(y, m.predict(X))\n    scores.append(right)\n    best[c] = right\n    n = c",
        "other = LogisticRegression()  # which is never fitted\nprint(max(scores))",
    )
    given = text.partition("    return {\n")[2].partition("    }")[0]
    assert given.split() == [part for name in ("m", "best", "right", "scores") for part in (f'"{name}":', f"{name},")]
    assert "    print(max(scores))\n" in text


def test_a_number_gets_a_metric_step_under_the_name_that_holds_it_or_one_of_its_own(tmp_path: Path) -> None:
    text = script(
        tmp_path,
        "m = LogisticRegression(max_iter=300).fit(X, y)",
        "held = accuracy_score(y, m.predict(X))",
        "print('right:', m.score(X, y))",
    )
    assert "    held = accuracy_score(y, m.predict(X))\n" in text
    assert "    print('right:', (score := m.score(X, y)))\n" in text
    assert '    return whole_notebook["held"]\n' in text and '    return whole_notebook["score"]\n' in text


def test_a_notebook_that_ends_with_no_model_and_no_measure_has_no_such_form(tmp_path: Path) -> None:
    with pytest.raises(CannotShape, match="no name holds a fitted model"):
        script(tmp_path, "print(LogisticRegression(max_iter=300).fit(X, y).predict(X)[:3])")
