"""Which of several models is the notebook's model."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_house import notebook_of
from unshelve.errors import NotFound, Refused
from unshelve.notebook.choosing import Choice, choose
from unshelve.notebook.flow import flow_of
from unshelve.notebook.watching import watch

IMPORTS = """
import joblib
from scipy.stats import norm
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.tree import DecisionTreeClassifier
from sklearn.metrics import accuracy_score
X_train, X_test, y_train, y_test = train_test_split(*load_iris(return_X_y=True), random_state=0)
"""
POOR = "poor = DummyClassifier().fit(X_train, y_train)\nprint(accuracy_score(y_test, poor.predict(X_test)))"
GOOD = "good = DecisionTreeClassifier().fit(X_train, y_train)\nprint(accuracy_score(y_test, good.predict(X_test)))"
SEARCH = "grid = GridSearchCV(LogisticRegression(max_iter=500), {'C': [0.1, 1]}).fit(X_train, y_train)"


def chosen(folder: Path, *cells: str, wanted: str | None = None) -> Choice:
    notebook = notebook_of(IMPORTS, *cells, folder=folder)
    watched = watch(notebook, folder=folder)
    assert watched.ran, watched.ended
    return choose(notebook, watched, flow_of(notebook, watched).without_draws(), wanted=wanted)


@pytest.mark.parametrize(
    ("cells", "variable"),
    [
        ((GOOD, POOR), "good"),
        ((POOR, GOOD, "joblib.dump(poor, 'poor.pkl')"), "poor"),
        ((SEARCH, "grid.predict(X_test)", GOOD), "grid"),
        ((SEARCH, "best = grid.best_estimator_\nbest.fit(X_train, y_train).predict(X_test)", GOOD), "best"),
        ((SEARCH, GOOD), "good"),
        (("a = LogisticRegression(max_iter=300).fit(X_train, y_train)\nb = DecisionTreeClassifier()",
          "b.fit(X_train, y_train)"), "b"),
    ],
    ids=["the best", "the saved one", "the search", "fitted again as found", "a search that nobody asked", "the last"],
)  # fmt: skip
def test_the_model_is(cells: tuple[str, ...], variable: str, tmp_path: Path) -> None:
    choice = chosen(tmp_path, *cells)
    assert choice.model.variable == variable
    assert variable not in {each.variable for each in choice.others}


def test_a_name_says_otherwise_and_a_wrong_one_names_what_is_near(tmp_path: Path) -> None:
    assert chosen(tmp_path, GOOD, POOR, wanted="poor").model.variable == "poor"
    with pytest.raises(NotFound, match="pour") as error:
        chosen(tmp_path, GOOD, POOR, wanted="pour")
    assert "poor" in error.value.near


def test_equally_good_ones_are_told_as_a_tie(tmp_path: Path) -> None:
    again = GOOD.replace("good", "same").replace("Classifier()", "Classifier(random_state=1)")
    first = GOOD.replace("Classifier()", "Classifier(random_state=1)")
    choice = chosen(tmp_path, first, again)
    assert {choice.model.variable, *choice.tie} == {"good", "same"}


def test_a_notebook_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="fits no model"):
        chosen(tmp_path, "print(norm.cdf(1))")


def test_what_draws_random_numbers_does_not_change_the_distributions_of_scipy(tmp_path: Path) -> None:
    notebook = notebook_of(IMPORTS, "import numpy as np\nnp.random.rand(3)\nz = norm.ppf(0.5)", folder=tmp_path)
    watched = watch(notebook, folder=tmp_path)
    flow = flow_of(notebook, watched)
    assert flow.needs[-1].get("norm") == frozenset({1})
