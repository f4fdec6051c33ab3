"""The table of effects: what is in it, and how names are found."""

from __future__ import annotations

import importlib
import pickle
from typing import Any  # Any: estimators have no type of their own

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

from unshelve.notebook.effects import effect_table, matches


def test_a_method_of_a_set_changes_it_and_the_same_word_of_a_table_does_not() -> None:
    assert effect_table().of_method("add", "list") == "changes"
    assert effect_table().of_method("add", "frame") == "pure"


def test_a_fit_changes_whatever_it_is_called_on() -> None:
    assert effect_table().of_method("fit", None) == "certain"


def test_a_method_that_nobody_knows_is_unknown_unless_the_value_never_changes() -> None:
    assert effect_table().of_method("frobnicate", None) == "unknown"
    assert effect_table().of_method("frobnicate", "const") == "pure"


def test_no_method_is_said_to_change_and_not_to_change_its_receiver() -> None:
    methods = effect_table().methods
    assert methods.pure & (methods.certain | methods.changes) == set()


def test_every_method_of_a_table_that_is_said_to_change_it_does_exist() -> None:
    assert {name for name in effect_table().methods.changes_tables if not hasattr(pd.DataFrame, name)} == set()


@pytest.mark.parametrize(
    ("name", "found"),
    [("numpy.linalg.norm", True), ("pandas.read_csv", True), ("sklearn.metrics.f1_score", True), ("mylib.f", False)],
)
def test_what_lies_under_a_known_library_is_known(name: str, found: bool) -> None:
    assert effect_table().is_known(name) is found


def test_a_pattern_that_ends_in_a_star_stands_for_all_that_begin_so() -> None:
    files = effect_table().files
    assert matches("pandas.read_parquet", files.reads)
    assert not matches("pandas.merge", files.reads)


@pytest.mark.parametrize(
    ("name", "option", "setting"),
    [
        ("pandas.set_option", "display.max_rows", "settings:looks"),
        ("pandas.set_option", "mode.copy_on_write", "settings:computing"),
        ("warnings.filterwarnings", "ignore", "settings:looks"),
        ("matplotlib.pyplot.style.use", "ggplot", "settings:figure"),
        ("os.chdir", "..", "settings:folder"),
        ("pandas.merge", "", None),
    ],
)
def test_a_setting_touches_what_it_sets(name: str, option: str, setting: str | None) -> None:
    assert effect_table().setting(name, option) == setting


@pytest.mark.parametrize(
    ("estimator", "draws"),
    [
        (SVC(), True),
        (SVR(), True),
        (Lasso(), True),
        (DecisionTreeClassifier(), True),
        (KMeans(2, n_init=1), True),
        (ExtraTreesClassifier(2), True),
        (LogisticRegression(), False),
        (LinearRegression(), False),
        (KNeighborsClassifier(), False),
        (GaussianNB(), False),
        (StandardScaler(), False),
        (LinearDiscriminantAnalysis(), False),
    ],
)  # fmt: skip
def test_the_table_knows_which_fits_move_the_global_generator(estimator: Any, draws: bool) -> None:
    before = pickle.dumps(np.random.get_state())
    rows = np.random.RandomState(0).rand(24, 2)
    estimator.fit(rows, (rows[:, 0] > 0.5).astype(int))
    assert (pickle.dumps(np.random.get_state()) != before) is draws
    table = effect_table().random
    assert (type(estimator).__name__ in table.estimators) is draws


def test_functions_named_in_full_do_exist() -> None:
    functions = effect_table().functions
    for name in functions.views | {"random.shuffle", "numpy.random.shuffle", "numpy.put", "heapq.heappush"}:
        module, _, last = name.rpartition(".")
        assert hasattr(importlib.import_module(module), last), name
