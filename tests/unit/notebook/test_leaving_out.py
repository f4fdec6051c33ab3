"""Statements that fail and are left out: as in the author's own run, or with all that needs them; never in silence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from notebook_house import notebook_of
from unshelve.notebook.leaving_out import may_be_left_out, needing, with_what_needs_it
from unshelve.notebook.repairs import repair
from unshelve.notebook.syntax import to_python
from unshelve.notebook.watching import watch, watch_repaired

MODEL = """class Model:
    def fit(self, x): self.x = x
    def predict(self): return self.x"""
FAILED = ValueError("could not convert")


def test_what_failed_for_its_author_is_left_out_with_the_rest_of_its_cell(tmp_path: Path) -> None:
    notebook = notebook_of(MODEL, "model = Model()\nmodel.fit(int('a'))\nmodel = 7", "model.fit(3)", folder=tmp_path)
    cells = tuple(replace(each, failed="ValueError" if each.number == 2 else None) for each in notebook.cells)
    repaired, watched = watch_repaired(replace(notebook, cells=cells), tmp_path)
    assert watched.ran
    assert [(each.number, each.cell) for each in repaired.findings] == [("N219", 2)]
    assert repaired.left_out == {2, 3}


def test_another_failure_than_that_of_the_author_ends_the_run(tmp_path: Path) -> None:
    notebook = notebook_of(MODEL, "model = Model()\nx = int('a')\nmodel.fit(x)", folder=tmp_path)
    cells = tuple(replace(each, failed="KeyError") for each in notebook.cells)
    assert not watch_repaired(replace(notebook, cells=cells), tmp_path)[1].ran


def test_what_fails_after_a_model_was_fitted_goes_with_all_that_needs_it_where_that_is_asked(tmp_path: Path) -> None:
    cells = (
        MODEL,
        "one = Model()\none.fit(1)",
        "x = int('a')\nother = Model()\nother.fit(x)",
        "a = other.x\nb = one.x",
    )
    notebook = notebook_of(*cells, folder=tmp_path)
    assert not watch_repaired(notebook, tmp_path)[1].ran
    repaired, watched = watch_repaired(notebook, tmp_path, partly=True)
    assert watched.ran
    assert repaired.left_out == {3, 5, 6}
    (finding,) = repaired.findings
    assert (finding.number, finding.severity, finding.line) == ("N220", "warning", 1)
    assert finding.message.endswith("and was left out, and 2 later ones with it")


def test_before_a_model_was_fitted_nothing_is_left_out_that_is_needed() -> None:
    assert with_what_needs_it("x = int('a')", ["model.fit(x)"], FAILED, earlier=["y = 1"]) is None


def test_a_name_that_was_bound_anew_is_needed_no_more() -> None:
    assert needing("x = int('a')", [(1, "y = x"), (2, "x = 3"), (3, "z = x"), (4, "y + 1")]) == [1, 4]


def test_a_model_that_could_not_be_fitted_again_does_not_count_by_its_first_fit() -> None:
    later = [(1, "score = model.score(X, y)"), (2, "pd.read_csv('a.csv')")]
    assert needing("fitted = model.fit(pd.concat(x))", later, earlier=["import pandas as pd"]) == [1]


def test_an_import_of_all_names_is_never_left_out() -> None:
    assert may_be_left_out("from preamble import *", ["print(1)"], ImportError("no")) is None


def test_a_magic_with_a_blank_is_a_magic() -> None:
    assert (
        to_python("% matplotlib inline\nx = 5\nx = (x\n% 3)")[0] == "pass  # % matplotlib inline\nx = 5\nx = (x\n% 3)"
    )


def test_a_function_that_only_the_session_had_is_imported(tmp_path: Path) -> None:
    notebook = notebook_of("cross_val_score(m, x, y)", folder=tmp_path)
    made = [each.source for each in repair(notebook, tmp_path).notebook.statements]
    assert made == ["from sklearn.model_selection import cross_val_score", "cross_val_score(m, x, y)"]


def test_a_warning_that_names_its_place_by_position_is_only_a_warning(tmp_path: Path) -> None:
    notebook = notebook_of("import warnings\nwarnings.warn('old', FutureWarning, 2)\nx = 1", folder=tmp_path)
    repaired, watched = watch_repaired(notebook, tmp_path)
    assert watched.ran
    assert repaired.findings == ()


@pytest.mark.parametrize(
    ("leaving", "message"),
    [
        ("exit()", "the notebook ends here, and 2 statements stand behind it"),
        ("import sys\nsys.exit('enough')", "the notebook ends here, and 2 statements stand behind it"),
        ("raise SystemExit(1)", "the notebook ends here, and 2 statements stand behind it"),
        ("def leave():\n    quit()\nif a:\n    leave()", "the notebook ends here, and 2 statements stand behind it"),
    ],
)
def test_a_notebook_that_leaves_ends_there(leaving: str, message: str, tmp_path: Path) -> None:
    notebook = notebook_of("a = 1", leaving, "1 / 0\nb = 2", folder=tmp_path)
    repaired, watched = watch_repaired(notebook, tmp_path)
    assert watched.ran
    assert [(each.number, each.cell, each.message) for each in repaired.findings] == [("N222", 2, message)]
    last = len(notebook.statements)
    assert repaired.left_out == {last - 3, last - 2, last - 1}
    assert watch(repaired.notebook, folder=tmp_path).ran


@pytest.mark.parametrize("leaving", ["if a:\n    exit('no rows')", "if a:\n    b = 2\n    exit()"])
def test_a_condition_that_leaves_for_want_of_something_ends_the_run(leaving: str, tmp_path: Path) -> None:
    repaired, watched = watch_repaired(notebook_of("a = 1", leaving, "b = 2", folder=tmp_path), tmp_path)
    assert "it calls exit" in str(watched.ended)
    assert [each.number for each in repaired.findings] == ["N216"]


def test_an_exit_that_is_not_reached_changes_nothing(tmp_path: Path) -> None:
    repaired, watched = watch_repaired(notebook_of("a = 0\nif a:\n    exit()", "b = 2", folder=tmp_path), tmp_path)
    assert watched.ran and repaired.findings == ()


@pytest.mark.parametrize("later", ["for c in X:\n    X[c] = sc.fit_transform(X[c])", "m.fit([X[c] for c in cols])"])
def test_a_picture_in_a_loop_is_not_needed_where_others_use_its_variable_anew(later: str) -> None:
    picture = "for c in X:\n    plt.subplot(2, 2, 1)\n    sns.histplot(X[c])"
    assert may_be_left_out(picture, [later], NameError("name 'sns' is not defined")) is not None
    assert may_be_left_out(picture, ["m.fit(X[c])"], NameError("name 'sns' is not defined")) is None
