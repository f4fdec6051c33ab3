"""Rows that an author typed in, as a caller sends them: proven when they are, never called proven when they are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from unshelve.notebook.compare_order import TypedRows
from unshelve.notebook.expected import Expected
from unshelve.notebook.proving import Proven, prove
from unshelve.solution.origin import AuthorsRow, ProvenValue, Verdict

SOLUTION = '''"""People: who buys?"""
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from unshelve import fit, model, source, split, target, transform


@source
def people():
    return pd.read_csv("people.csv")


@target
def buys(people):
    return people["buys"]


@split
def parts(people):
    return train_test_split(people.index, test_size=0.3, random_state=1)


@transform
def coded(people):
    return people.assign(sex=people["sex"].map({"female": 0, "male": 1}))[["age", "sex", "spent"]]


@fit
def scaler(coded_train):
    return StandardScaler().fit(coded_train)


@transform
def scaled(coded, scaler):
    return scaler.transform(coded)


@model
def buyer(scaled_train, buys_train):
    return LogisticRegression().fit(scaled_train, buys_train)
'''
RAW = {"age": 44, "sex": "male", "spent": 80.5}
CODED = [44, 1, 80.5]


def people() -> pd.DataFrame:
    rows = range(300)
    table = pd.DataFrame({"age": [18 + 7 * n % 60 for n in rows], "sex": ["male" if n % 3 else "female" for n in rows]})
    table["spent"] = [(n * 37 % 211) + 0.5 for n in rows]
    table["buys"] = [int(n * 37 % 211 + (n % 3) * 20 > 120) for n in rows]
    return table


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Proven:
    """A solution held against a notebook that asks about rows in several ways."""
    folder = tmp_path_factory.mktemp("typed")
    (folder / "people").mkdir()
    people().to_csv(folder / "people" / "people.csv", index=False)
    (folder / "people" / "solution.py").write_text(SOLUTION)
    return prove(folder / "people", notebook_of_people(folder / "kept"))


def notebook_of_people(kept: Path) -> Expected:
    """What a notebook computes: it codes, scales, fits, and asks about rows that its author typed."""
    kept.mkdir()
    df = people()
    df["sex"] = df["sex"].map({"female": 0, "male": 1})
    X, y = df[["age", "sex", "spent"]], df["buys"]
    X_train, X_test, y_train, _ = train_test_split(X, y, test_size=0.3, random_state=1)
    scaler = StandardScaler()
    train = scaler.fit_transform(X_train)
    model = LogisticRegression().fit(train, y_train)
    test = scaler.transform(X_test)
    keep(kept, 0, [X_train], scaler, train)
    keep(kept, 1, [train, y_train], model, model)
    keep(kept, 2, [test], model, model.predict(test))
    named = pd.DataFrame([CODED], columns=X.columns)
    keep(kept, 3, [scaler.transform(named)], model, model.predict(scaler.transform(named)))
    keep(kept, 4, [scaler.transform(named)], model, model.predict_proba(scaler.transform(named)))
    keep(kept, 5, [[CODED]], model, model.predict([CODED]))
    row = {"age": 44, "sex": 1, "spent": 80.5}
    return Expected(
        kept=kept,
        model="buyer",
        features="scaled",
        fit_call=1,
        predict_call=2,
        typed=(
            typed(3, 3, [CODED], taken_by=0),
            typed(4, 4, [row], taken_by=0, method="predict_proba"),
            typed(5, 5, [CODED], taken_by=1),
            typed(6, 3, [CODED[:2]], taken_by=0),
            typed(7, 3, [{"age": 44, "spent": 80.5}], taken_by=0),
            typed(8, 3, [[44, 2, 80.5]], taken_by=0),
            typed(9, 3, [{**RAW, "age": 45}], taken_by=None),
            typed(10, 3, [{**RAW, "sex": "unknown"}], taken_by=None),
        ),
    )


def keep(kept: Path, number: int, arguments: list[Any], receiver: Any, result: Any) -> None:
    call = {"arguments": tuple(arguments), "keywords": {}, "receiver": receiver, "result": result}
    (kept / f"call-{number}.pkl").write_bytes(cloudpickle.dumps(call))


def typed(cell: int, call: int, rows: list[Any], *, taken_by: int | None, method: str = "predict") -> TypedRows:
    return TypedRows(statement=cell, cell=cell, call=call, method=method, rows=tuple(rows), taken_by=taken_by)


def value(proven: Proven, cell: int) -> ProvenValue:
    return next(each for each in proven.values if each.what == f"the author's own row in cell {cell}")


def test_a_coded_row_is_asked_in_the_words_of_the_data_and_becomes_an_example_once(proven: Proven) -> None:
    assert (proven.outcome, proven.reason) == ("proven", None)
    for cell in (3, 4):
        found = value(proven, cell)
        assert found.verdict in (Verdict.PROVEN, Verdict.WITHIN), found
        assert found.notebook == found.solution != ""
    assert proven.examples == (AuthorsRow(cell=3, row=RAW),)


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (5, "value 1 stands for no single field of a request"),
        (6, "it has 2 values, and what it is handed to was fitted on 3 columns"),
        (7, "it says nothing of sex, which a request needs"),
        (8, "no row of the data has 2 as sex"),
        (9, "the notebook gives its model other values for it than the steps of a request make of it"),
        (10, "the Schema refuses it: sex"),
    ],
)
def test_a_row_that_is_none_of_the_data_is_not_asked_and_the_proof_says_why(
    proven: Proven, cell: int, why: str
) -> None:
    found = value(proven, cell)
    assert found.verdict is Verdict.NOT_COVERED
    assert why in found.detail


def test_an_answer_that_is_another_than_the_notebook_s_stands_against_the_proof(tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    people().to_csv(tmp_path / "people" / "people.csv", index=False)
    (tmp_path / "people" / "solution.py").write_text(SOLUTION)
    expected = notebook_of_people(tmp_path / "kept")
    call = cloudpickle.loads((tmp_path / "kept" / "call-3.pkl").read_bytes())
    keep(tmp_path / "kept", 3, list(call["arguments"]), call["receiver"], 1 - call["result"])
    found = prove(tmp_path / "people", replace(expected, typed=expected.typed[:1]))
    assert (found.outcome, value(found, 3).verdict, found.examples) == ("not-proven", Verdict.DIFFERENT, ())
    assert found.reason is not None and "the author's own row in cell 3" in found.reason
