"""When two values, tables or estimators count as the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.ensemble import GradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from unshelve.notebook.comparing import compare_plain, shown_row, worst
from unshelve.notebook.comparing_objects import compare_estimators, compare_predictions, compare_tables
from unshelve.solution.origin import Verdict

ROWS = np.random.default_rng(0)
X = ROWS.normal(size=(60, 3))
y = (X[:, 0] + ROWS.normal(size=60) > 0).astype(int)


@pytest.mark.parametrize(
    ("notebook", "solution", "verdict"),
    [
        (0.1, 0.1, Verdict.PROVEN),
        (1, 1.0, Verdict.PROVEN),
        (float("nan"), float("nan"), Verdict.PROVEN),
        (0.1, 0.1 + 1e-13, Verdict.WITHIN),
        (0.1, 0.1 + 1e-8, Verdict.DIFFERENT),
        (1, 2, Verdict.DIFFERENT),
        (10**17, 10**17 + 1, Verdict.DIFFERENT),
        (1, True, Verdict.DIFFERENT),
        ("1", 1, Verdict.DIFFERENT),
        (1.0, float("inf"), Verdict.DIFFERENT),
        ({"a": 0.5, "b": 0.5}, {"b": 0.5, "a": 0.5}, Verdict.PROVEN),
        ({"a": 0.5}, {"b": 0.5}, Verdict.DIFFERENT),
        (None, 0.0, Verdict.DIFFERENT),
    ],
)
def test_plain_values(notebook: object, solution: object, verdict: Verdict) -> None:
    assert compare_plain(notebook, solution) is verdict


def test_a_number_near_zero_is_held_against_the_usual_size() -> None:
    assert compare_plain(1e-17, 2e-17, usual=1.0) is Verdict.WITHIN
    assert compare_plain(1e-17, 2e-17) is Verdict.DIFFERENT


def test_the_worst_part_decides() -> None:
    assert worst([]) is Verdict.PROVEN
    assert worst([Verdict.PROVEN, Verdict.WITHIN, Verdict.DIFFERENT]) is Verdict.DIFFERENT


def test_a_row_is_shown_in_few_letters() -> None:
    row = {"age": 22.0, "name": "Braund", "fare": 22 / 3, "port": "S"}
    assert shown_row(row, {"name"}, most=3) == "age 22, name (hidden), fare 7.33333333333, …"


def test_labels_are_compared_exactly_and_the_first_that_differs_is_named() -> None:
    found = compare_predictions(np.array(["a", "b", "c"]), pd.Series(["a", "x", "y"]))
    assert (found.verdict, found.row, found.notebook, found.solution) == (Verdict.DIFFERENT, 1, "'b'", "'x'")


def test_predictions_of_another_number_of_rows_differ() -> None:
    assert compare_predictions([1, 2], [1, 2, 3]).detail == "another number of rows"
    assert compare_predictions(np.ones((2, 1)), [1.0, 1.0]).verdict is Verdict.PROVEN


def test_whole_numbers_are_not_equal_within_tolerance() -> None:
    assert compare_predictions([10**12], [10**12 + 1]).verdict is Verdict.DIFFERENT


def test_the_types_of_equal_columns_do_not_matter_to_a_model() -> None:
    one = pd.DataFrame({"n": [1, 2], "flag": [True, False], "kind": pd.Categorical(["x", "y"])})
    other = pd.DataFrame({"n": [1.0, 2.0], "flag": [1, 0], "kind": ["x", "y"]}, index=[7, 9])
    assert compare_tables(one, other).verdict is Verdict.PROVEN
    assert compare_tables(one[["n"]], np.array([[1.0], [2.0]])).verdict is Verdict.PROVEN


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (pd.DataFrame({"a": [1, 2], "c": [3, 4]}), "lacks the columns b and has the columns c"),
        (pd.DataFrame({"b": [3, 4], "a": [1, 2]}), "the same columns in another order"),
        (pd.DataFrame({"a": [2, 1], "b": [4, 3]}), "the same rows in another order"),
        (pd.DataFrame({"a": [1, 2], "b": [3, 5]}), "column b, row 1"),
        (pd.DataFrame({"a": [1, None], "b": [3, 4]}), "column a, row 1"),
        (pd.DataFrame({"a": [1, 2, 3], "b": [3, 4, 5]}), "another number of rows or columns"),
    ],
)
def test_tables_that_differ_say_where(other: pd.DataFrame, said: str) -> None:
    found = compare_tables(pd.DataFrame({"a": [1, 2], "b": [3, 4]}), other)
    assert found.verdict is Verdict.DIFFERENT
    assert said in found.detail


def test_sparse_rows_are_compared_as_they_are() -> None:
    one = sparse.csr_matrix(np.array([[0.0, 2.0], [1.0, 0.0]]))
    same, moved = sparse.csc_matrix(one.toarray()), sparse.csr_matrix(np.array([[0.0, 2.0], [0.0, 1.0]]))
    other = sparse.csr_matrix(np.array([[0.0, 2.0], [1.5, 0.0]]))
    assert compare_tables(one, same).verdict is Verdict.PROVEN
    assert compare_tables(one, moved).detail == "row 1 has values in other columns"
    assert compare_tables(one, other).detail == "column 0, row 1"


ESTIMATORS = [
    make_pipeline(StandardScaler(), LogisticRegression()),
    RandomForestRegressor(n_estimators=3, random_state=0),
    GradientBoostingClassifier(n_estimators=3, random_state=0),
    SVC(),
    KNeighborsClassifier(algorithm="kd_tree"),
    GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
]


@pytest.mark.parametrize("number", range(len(ESTIMATORS)))
def test_an_estimator_that_is_fitted_again_is_the_same_and_on_other_rows_it_is_not(number: int) -> None:
    from sklearn.base import clone

    first, again, other = (clone(ESTIMATORS[number]).fit(X[rows], y[rows]) for rows in (_ALL, _ALL, _FEWER))
    assert compare_estimators(first, again).verdict is Verdict.PROVEN
    assert compare_estimators(first, other).verdict is Verdict.DIFFERENT


_ALL, _FEWER = slice(0, 60), slice(0, 57)


def test_one_changed_number_deep_in_a_tree_is_found() -> None:
    first, other = (RandomForestRegressor(n_estimators=2, random_state=0).fit(X, y) for _ in range(2))
    other.estimators_[1].tree_.value[0] += 0.25
    found = compare_estimators(first, other)
    assert (found.verdict, found.detail) == (Verdict.DIFFERENT, "estimators_[1].tree_.values")


def test_another_class_or_parameter_is_another_estimator() -> None:
    first = LogisticRegression().fit(X, y)
    assert compare_estimators(first, SVC().fit(X, y)).detail == "class"
    assert compare_estimators(first, LogisticRegression(tol=1e-5).fit(X, y)).detail == "tol"


def test_an_estimator_that_learned_nothing_is_not_called_equal() -> None:
    assert compare_estimators(LogisticRegression(), LogisticRegression()).verdict is Verdict.NOT_COVERED


def test_generators_of_random_numbers_are_skipped_and_counted() -> None:
    first, other = LogisticRegression().fit(X, y), LogisticRegression().fit(X, y)
    first.generator_, other.generator_ = np.random.default_rng(1), np.random.default_rng(2)
    found = compare_estimators(first, other)
    assert found.verdict is Verdict.PROVEN
    assert "1 skipped (.generator_)" in found.detail


class Grown:
    """As CatBoost's models are: what they are pickled as holds a time."""

    __module__ = "catboost.core"

    def __init__(self, leaves: list[float], fitted_at: float) -> None:
        self.leaves, self.fitted_at = leaves, fitted_at

    def is_fitted(self) -> bool:
        return True

    def get_all_params(self) -> dict[str, int]:
        return {"depth": 1}

    def get_params(self, deep: bool = True) -> dict[str, int]:
        return {"depth": 1}

    def get_tree_leaf_counts(self) -> object:
        return np.array([len(self.leaves)])

    def get_leaf_values(self) -> object:
        return np.array(self.leaves)

    def get_borders(self) -> dict[int, list[float]]:
        return {0: [0.5]}


def test_models_that_keep_the_time_of_their_fit_are_compared_by_what_they_learned() -> None:
    one = Grown([1.0, 2.0], 1.0)
    assert compare_estimators(one, Grown([1.0, 2.0], 2.0)).verdict is Verdict.PROVEN
    assert compare_estimators(one, Grown([1.0, 3.0], 1.0)).verdict is Verdict.DIFFERENT
