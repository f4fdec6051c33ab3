"""What ended a run says which packages a notebook needs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from notebook_house import notebook_of
from unshelve.notebook.environment import Unknown, Wanted, day_of, wanted_for
from unshelve.notebook.environment_table import environment_table, is_older

BOSTON = "from sklearn.datasets import load_boston\nimport seaborn as sns"


def here(module: str) -> bool:
    return module in ("sklearn", "pandas", "numpy")


def test_a_missing_package_is_wanted_with_all_others_that_the_notebook_lacks(tmp_path: Path) -> None:
    notebook = notebook_of("import pandas\nimport xgboost\nfrom imblearn.over_sampling import SMOTE", folder=tmp_path)
    found = wanted_for("cell 1, line 2: ModuleNotFoundError: No module named 'xgboost'", notebook, here=here)
    assert isinstance(found, Wanted)
    assert (found.packages, found.older) == (("imbalanced-learn", "xgboost"), False)


def test_nothing_is_installed_for_a_module_that_no_table_knows(tmp_path: Path) -> None:
    notebook = notebook_of("import my_tools", folder=tmp_path)
    found = wanted_for("No module named 'my_tools'", notebook, here=here)
    assert found == Unknown(module="my_tools", package="my-tools")


def test_a_module_beside_the_notebook_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "shap.py").write_text("")
    notebook = notebook_of("import xgboost\nimport shap", folder=tmp_path)
    found = wanted_for("No module named 'xgboost'", notebook, here=here)
    assert isinstance(found, Wanted)
    assert found.packages == ("xgboost",)


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="other versions go with other Pythons")
@pytest.mark.parametrize(
    ("ended", "version"),
    [
        ("ImportError: `load_boston` has been removed", "1.1.3"),
        ("ValueError: Invalid parameter 'normalize' for estimator LinearRegression()", "1.1.3"),
        ("TypeError: __init__() got an unexpected keyword argument 'base_estimator'", "1.3.2"),
        ("ValueError: The 'liblinear' solver does not support multiclass classification", "1.5.2"),
    ],
)
def test_what_is_gone_says_how_old_a_package_must_be(ended: str, version: str, tmp_path: Path) -> None:
    found = wanted_for(ended, notebook_of(BOSTON, folder=tmp_path), here=here)
    assert isinstance(found, Wanted)
    assert found.older
    assert {f"scikit-learn=={version}", "seaborn"} <= set(found.packages)


def test_a_name_that_is_in_no_table_is_looked_for_in_the_day_of_the_notebook(tmp_path: Path) -> None:
    notebook = notebook_of(BOSTON, folder=tmp_path)
    ended = "ImportError: cannot import name 'something' from 'sklearn.utils'"
    assert wanted_for(ended, notebook, here=here) is None  # nobody knows its day
    assert day_of("3.6.9") == "2021-12"
    assert day_of("3.12.1") is None


def test_an_error_of_the_notebook_itself_wants_no_packages(tmp_path: Path) -> None:
    assert wanted_for("KeyError: 'age'", notebook_of(BOSTON, folder=tmp_path), here=here) is None


def test_the_sets_go_from_the_newest_to_the_oldest() -> None:
    days = [each.until for each in environment_table().sets]
    assert days == sorted(days, reverse=True)
    assert is_older("1.1.3", "1.2") and not is_older("1.2", "1.2.0") and is_older("3.0.*", "3.1")
