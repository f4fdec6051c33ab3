"""Rows that an author typed in: which are found in the text, and how they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from notebook_house import notebook_of
from unshelve.notebook.choosing import choose
from unshelve.notebook.compare_order import TypedRows
from unshelve.notebook.flow import flow_of
from unshelve.notebook.secrets_in_text import Secrets
from unshelve.notebook.seen import Seen
from unshelve.notebook.typed_rows import calls_about_few, typed_rows
from unshelve.notebook.watched import Watched
from unshelve.notebook.watching import watch

FITTED = """
import pandas as pd
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
df = pd.read_csv('people.csv')
X, y = df[['age', 'spent']], df['left']
sc = StandardScaler()
Z = sc.fit_transform(X)
model = LogisticRegression().fit({rows}, y)
model.predict({rows})
def prepared(table):
    return table.assign(spent=table['spent'] * 1.0)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("typed")
    generator = np.random.default_rng(0)
    table = pd.DataFrame({"age": generator.integers(18, 80, 60), "spent": generator.gamma(2, 50, 60).round(1)})
    table["left"] = np.where(table["spent"] > table["spent"].median(), "Yes", "No")
    table.to_csv(place / "people.csv", index=False)
    return place


def found(folder: Path, cell: str, *, rows: str = "X.values") -> list[TypedRows]:
    """What is found in a cell that stands after a model was fitted on these rows."""
    return _found(folder, cell, rows)[0]


def takers(folder: Path, cell: str, *, rows: str) -> list[str | None]:
    """The calls that fitted what took the rows first."""
    typed, watched = _found(folder, cell, rows)
    return [None if each.taken_by is None else watched.calls[each.taken_by].name.rpartition(".")[2] for each in typed]


def _found(folder: Path, cell: str, rows: str) -> tuple[list[TypedRows], Watched]:
    notebook = notebook_of(FITTED.format(rows=rows), cell, folder=folder)
    watched = watch(notebook, folder=folder)
    assert watched.ran, watched.ended
    flow = flow_of(notebook, watched)
    choice = choose(notebook, watched, flow)
    typed = typed_rows(Seen(notebook, flow, watched), choice, Secrets([FITTED, cell]))
    assert {each.call for each in typed} <= set(calls_about_few(watched, choice))
    return list(typed), watched


@pytest.mark.parametrize(
    ("cell", "rows"),
    [
        ("print(model.predict([[35, 20.5]]))", ([35, 20.5],)),
        ("model.predict_proba(np.array([[35, -2], [61, 3]]))", ([35, -2], [61, 3])),
        ("given = (35, 20.5)\nshaped = np.asarray(given).reshape(1, -1)\nmodel.predict(shaped)", ([35, 20.5],)),
        ("age = 35\nmodel.predict(np.array([age, 20.5]).reshape((1, 2)))", ([35, 20.5],)),
        ("new = {'age': 35, 'spent': 20.5}\nmodel.predict([list(new.values())])", ([35, 20.5],)),
        ("age = int('35')\nmodel.predict([[age, float('20.5')]])", ([35, 20.5],)),
        ("model.predict(np.expand_dims([35, 20.5], axis=0))", ([35, 20.5],)),
    ],
)
def test_values_in_a_row_are_read_however_they_are_put_together(folder: Path, cell: str, rows: Any) -> None:
    assert [each.rows for each in found(folder, cell)] == [rows]


@pytest.mark.parametrize(
    "cell",
    [
        "model.predict(pd.DataFrame({'age': [35], 'spent': [20.5]}))",
        "new = dict(age=35, spent=20.5)\nmodel.predict(pd.DataFrame([new]))",
        "model.predict(pd.DataFrame([[35, 20.5]], columns=X.columns))",
        "names = ['age', 'spent']\nmodel.predict(pd.DataFrame(data=[[35, 20.5]], columns=names)[names])",
        "model.predict(pd.Series({'age': 35, 'spent': 20.5}).to_frame().T)",
        "new = pd.DataFrame({'age': 35, 'spent': 20.5}, index=[0])\nnew['spent'] += 0\nmodel.predict(new)",
        "model.predict(prepared(pd.DataFrame({'age': [35], 'spent': [20.5]})))",
    ],
)
def test_rows_with_names_are_read_through_what_is_done_to_them(folder: Path, cell: str) -> None:
    assert [each.rows for each in found(folder, cell, rows="X")] == [({"age": 35, "spent": 20.5},)]


@pytest.mark.parametrize(
    "cell",
    [
        "model.predict(X.values[:2])",
        "row = X.iloc[[3]].values\nmodel.predict(row)",
        "model.predict([[df['age'].mean(), 20.5]])",
        "row = [[35, 20.5]]\nrow[0][1] = df['spent'].max()\nmodel.predict(row)",
        "other = LogisticRegression(C=9).fit(X, y)\nother.predict([[35, 20.5]])\nmodel.score(X.values, y)",
    ],
)
def test_rows_of_the_data_and_questions_to_another_model_are_none(folder: Path, cell: str) -> None:
    assert found(folder, cell) == []


def test_what_took_the_rows_first_is_the_scaler_or_the_model_or_nobody(folder: Path) -> None:
    scaled = "z = sc.transform([[35, 20.5]])\nmodel.predict(z)"
    assert takers(folder, scaled, rows="Z") == ["fit_transform"]
    assert takers(folder, "model.predict([[0.1, 0.2]])", rows="Z") == ["fit"]
    worked = "model.predict(prepared(pd.DataFrame([{'age': 35, 'spent': 20.5}])))"
    assert takers(folder, worked, rows="X") == [None]


def test_a_row_with_a_secret_in_it_is_left_out(folder: Path) -> None:
    row = "{'age': 35, 'spent': 20.5, 'token': 'hunter2hunter2'}"
    assert found(folder, f"model.predict(pd.DataFrame([{row}])[['age', 'spent']])", rows="X") == []
