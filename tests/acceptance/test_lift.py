"""`unshelve lift` on notebooks as people leave them: proven, not sliced, refused; and `check` without running."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

IMPORTS = """import pandas as pd
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.metrics import accuracy_score"""
DIVIDED = """X, y = df.drop('left', axis=1), df['left']
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=1)"""
MODEL = """model = RandomForestClassifier(n_estimators=8)
model.fit(X_train, y_train)
print(accuracy_score(y_test, model.predict(X_test)))"""


def unshelve(*arguments: str | Path) -> tuple[int, dict[str, Any], str]:
    """Exit status, the JSON of the last line, and what went to standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "unshelve.cli.main", *map(str, arguments), "--json"],
        capture_output=True,
        text=True,
    )
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stderr


def notebook(folder: Path, *cells: str) -> Path:
    """A notebook in a folder with a data file of 400 people, some without an age."""
    generator = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": np.where(generator.random(400) < 0.1, np.nan, generator.integers(18, 80, 400)),
            "city": generator.choice(["Bern", "Basel", "Chur"], 400),
            "spent": generator.gamma(2, 50, 400).round(1),
        }
    )
    table["left"] = np.where(generator.random(400) * 0.3 + table["spent"] / 250 > 0.6, "Yes", "No")
    table.to_csv(folder / "people.csv", index=False)
    made = [{"cell_type": "code", "source": cell, "outputs": [], "metadata": {}} for cell in cells]
    path = folder / "people who left.ipynb"
    path.write_text(json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def test_a_notebook_of_the_usual_kind_is_proven_for_raw_rows(tmp_path: Path) -> None:
    """Unseeded, with a mean, dummies and a scaler: the random state is put back, and every test row answered alike."""
    path = notebook(
        tmp_path,
        IMPORTS,
        "%matplotlib inline\ndf = pd.read_csv('C:/Users/me/people.csv')\ndf.head()",
        "df['age'] = df['age'].fillna(df['age'].mean())\ndf['left'] = df['left'].map({'Yes': 1, 'No': 0})",
        "df = pd.get_dummies(df, drop_first=True)\n" + DIVIDED,
        "sc = StandardScaler()\nX_train = sc.fit_transform(X_train)\nX_test = sc.transform(X_test)",
        MODEL,
        "new = pd.DataFrame([[44, 120.5, 0, 1]], columns=X.columns)\nmodel.predict(sc.transform(new))",
    )
    before = path.read_bytes()
    status, said, _ = unshelve("lift", path, "-o", tmp_path / "people")
    assert (status, said["outcome"], said["entry"]) == (0, "proven", "raw"), said
    assert said["request"] == {"rows": 100, "equal": 100}
    assert said["metrics"]["equal"] == said["metrics"]["stable"]
    assert path.read_bytes() == before
    record = json.loads((tmp_path / "people" / "lift.json").read_text())
    dropped = {each["source"]: each["dropped"] for each in record["statements"] if each["dropped"]}
    assert dropped["df.head()"] == "looks only"
    assert record["examples"] == [{"cell": 7, "row": {"age": 44.0, "city": "Chur", "spent": 120.5}}]
    assert sorted(each.name for each in (tmp_path / "people").iterdir()) == [
        "answers.json", "lift.json", "people who left.ipynb", "people.csv", "proof.json", "solution.py",
        "test_solution.py",
    ]  # fmt: skip


def test_what_people_changed_outlives_a_change_of_the_notebook_and_is_never_called_proven(tmp_path: Path) -> None:
    cells = (IMPORTS, "df = pd.read_csv('people.csv').dropna()\ndf['left'] = df['left'].map({'Yes': 1, 'No': 0})")
    rest = ("df = df.drop('city', axis=1)\n" + DIVIDED, MODEL.replace("=8", "=8, random_state=3"))
    path, folder = notebook(tmp_path, *cells, *rest), tmp_path / "people"
    status, said, _ = unshelve("lift", path, "-o", folder)
    assert (status, said["outcome"], said["changes"]) == (0, "proven", None), said
    tests = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    done = subprocess.run([*tests, "test_solution.py"], cwd=folder, capture_output=True, text=True)
    assert "6 passed" in done.stdout, done.stdout
    edited = (folder / "solution.py").read_text().replace("n_estimators=8", "n_estimators=3")
    (folder / "solution.py").write_text(edited)
    (folder / "NOTES.md").write_text("mine")
    notebook(tmp_path, *cells, "df['rate'] = df['spent'] / df['age']", *rest)
    status, said, _ = unshelve("lift", path, "-o", folder)
    assert (status, said["outcome"], said["edited"]) == (1, "not-proven", ["left_model"])
    assert "The code was edited by hand: left_model. Without that it is proven." in said["reason"]
    text = (folder / "solution.py").read_text()
    assert "n_estimators=3" in text and "['rate'] = " in text and (folder / "NOTES.md").read_text() == "mine"
    assert "left_model" in said["changes"]["changed"] and said["changes"]["metrics"]
    assert 0 < said["changes"]["answers"]["changed"] < said["changes"]["answers"]["rows"]
    proof = json.loads((folder / "proof.json").read_text())
    assert any("edited by hand" in each["detail"] for each in proof["values"] if each["verdict"] == "different")


def test_rows_that_are_filled_from_others_are_told_and_never_proven_raw(tmp_path: Path) -> None:
    path = notebook(
        tmp_path,
        IMPORTS,
        "df = pd.read_csv('people.csv')\ndf['age'] = df['age'].ffill().bfill()",
        "df = df.drop('city', axis=1)\n" + DIVIDED,
        MODEL,
    )
    status, said, _ = unshelve("lift", path, "-o", tmp_path / "people")
    assert (status, said["outcome"], said["entry"]) == (0, "proven", "table"), said
    text = (tmp_path / "people" / "solution.py").read_text()
    assert "@step\ndef computed():" in text and "df['age'].ffill()" in text
    record = json.loads((tmp_path / "people" / "lift.json").read_text())
    assert "gives another age" in record["entry_reason"]


def test_a_model_fitted_in_a_loop_is_lifted_as_a_whole_and_answers_nothing(tmp_path: Path) -> None:
    path = notebook(
        tmp_path,
        IMPORTS,
        "df = pd.read_csv('people.csv').dropna()\nX, y = df[['age', 'spent']], df['left']\nright = []\n"
        "model = RandomForestClassifier(n_estimators=3)",
        "for size in range(20, 60, 2):\n    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=size)\n"
        "    model.fit(X_train, y_train)\n    right.append(accuracy_score(y_test, model.predict(X_test)))",
    )
    status, said, _ = unshelve("lift", path, "-o", tmp_path / "people")
    assert (status, said["outcome"], said["entry"], said["request"]) == (0, "proven", "script", None), said
    assert said["statements"]["kept"] == said["statements"]["of"]
    proof = json.loads((tmp_path / "people" / "proof.json").read_text())
    held = {each["what"]: each["detail"] for each in proof["values"] if each["verdict"] == "proven"}
    assert held.keys() == {"model, as the notebook ends", "right, as the notebook ends"}
    assert all("random state put back" in each for each in held.values())


def test_a_dropped_statement_that_mattered_is_found_named_and_kept(tmp_path: Path) -> None:
    path = notebook(
        tmp_path,
        "import os\n" + IMPORTS,
        "df = pd.read_csv('people.csv').dropna()\ndf.head()\ngetattr(os, 'environ').update(FACTOR='3')\ndf.describe()",
        "X = df[['age', 'spent']] * float(os.environ.get('FACTOR', '1'))\ny = df['left']\n"
        "X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=1)",
        MODEL.replace("=8", "=8, random_state=3"),
    )
    status, said, _ = unshelve("lift", path, "-o", tmp_path / "people")
    assert (status, said["outcome"], said["entry"]) == (0, "proven", "raw"), said
    assert [(each["cell"], each["line"]) for each in said["findings"] if each["number"] == "N122"] == [(2, 3)]
    text = (tmp_path / "people" / "solution.py").read_text()
    assert "getattr(os, 'environ').update(FACTOR='3')" in text and "describe" not in text


def test_a_feature_made_of_the_target_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    path = notebook(
        tmp_path,
        IMPORTS,
        "df = pd.read_csv('people.csv').dropna()\ndf['rate'] = (df['left'] == 'Yes') * 1.0 + df['spent'] / 1000",
        "df = df.drop('city', axis=1)\n" + DIVIDED,
        MODEL,
    )
    status, said, _ = unshelve("lift", path, "-o", tmp_path / "people")
    assert (status, said["outcome"]) == (1, "refused")
    assert "cannot be made without what is to be predicted" in said["reason"]
    assert not (tmp_path / "people").exists()


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (("x = 1",), "fits no model"),
        (
            ("import pandas as pd", "df = pd.read_csv('nowhere_near.csv')", DIVIDED, MODEL),
            "does not run to its end: cell 2, line 1",
        ),
        (
            ("import sys\nsys.exit()", "model = 1"),
            "that could answer. Cell 1, line 2: the notebook ends here, and one statement stands behind it.",
        ),
    ],
)
def test_what_cannot_be_lifted_is_refused_with_the_reason(tmp_path: Path, cells: tuple[str, ...], reason: str) -> None:
    status, said, _ = unshelve("lift", notebook(tmp_path, *cells), "-o", tmp_path / "people")
    assert (status, said["outcome"]) == (1, "refused")
    assert reason in said["reason"]
    assert not (tmp_path / "people").exists()


def test_a_folder_that_holds_something_else_is_not_written_over(tmp_path: Path) -> None:
    path = notebook(tmp_path, IMPORTS)
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "solution.py").write_text("mine = 1\n")
    status, said, _ = unshelve("lift", path, "-o", tmp_path / "people")
    assert (status, said["error"]["code"]) == (1, "lift-folder-taken")
    assert (tmp_path / "people" / "solution.py").read_text() == "mine = 1\n"


def test_check_says_what_is_found_without_running(tmp_path: Path) -> None:
    path = notebook(tmp_path, IMPORTS, "df = pd.read_csv('C:/Users/me/people.csv')\npassword = 'correct-horse'", MODEL)
    status, said, _ = unshelve("check", path)
    assert status == 0
    assert {each["number"] for each in said["findings"]} >= {"N103", "N105", "N108"}
    assert "correct-horse" not in json.dumps(said)


def test_an_error_that_repeats_a_secret_is_told_without_it(tmp_path: Path) -> None:
    """The code itself has none; its step raises what a file says, and elsewhere than in the notebook."""
    (tmp_path / "said.txt").write_text("cannot log in with hunter2-very")
    loading = """def loaded():
    if __name__ != '__main__':
        raise ConnectionError(open('said.txt').read())
    open('said.txt').read()
    return pd.read_csv('people.csv').dropna()"""
    path = notebook(
        tmp_path,
        IMPORTS,
        "password = 'hunter2-very'",
        "print(len('hunter2-very'))",
        f"{loading}\ndf = loaded()\ndf['left'] = df['left'].map({{'Yes': 1, 'No': 0}})",
        "df = df.drop('city', axis=1)\n" + DIVIDED,
        MODEL,
    )
    status, said, told = unshelve("lift", path, "-o", tmp_path / "people")
    assert (status, said["outcome"]) == (1, "not-proven"), said
    assert "cannot log in with •••" in said["reason"]
    written = [each.read_text() for each in (tmp_path / "people").iterdir() if each.name != "said.txt"]
    assert all("hunter2" not in text for text in (json.dumps(said), told, *written))


def test_few_rows_that_are_filled_from_others_are_refused_and_the_rest_is_proven(tmp_path: Path) -> None:
    path = notebook(
        tmp_path,
        IMPORTS,
        "df = pd.read_csv('people.csv').drop('city', axis=1)",
        DIVIDED,
        "X_train = X_train.ffill().bfill()\nX_test = X_test.ffill().bfill()",
        MODEL,
    )
    table = pd.read_csv(tmp_path / "people.csv")
    table["age"] = table["age"].fillna(30).mask(table.index % 50 == 7)
    table.to_csv(tmp_path / "people.csv", index=False)
    status, said, _ = unshelve("lift", path, "-o", tmp_path / "people")
    assert (status, said["outcome"], said["entry"]) == (0, "proven", "raw"), said
    assert 95 <= said["request"]["rows"] == said["request"]["equal"] < 100
    assert 'required=["age"]' in (tmp_path / "people" / "solution.py").read_text()
    values = json.loads((tmp_path / "people" / "proof.json").read_text())["values"]
    told = {each["what"]: each["detail"] for each in values if each["verdict"] == "not covered"}
    assert told["rows with a missing age"].startswith("they are refused: what the notebook makes of them depends on")
