"""What is said of a notebook without running it."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_house import notebook_of
from unshelve.notebook.remarks import remarks
from unshelve.notebook.secrets_in_text import blotted

FIT = "model.fit(X, y)"


def numbers(folder: Path, *cells: str) -> list[tuple[str, int | None, int | None]]:
    return [(each.number, each.cell, each.line) for each in remarks(notebook_of(*cells, folder=folder), folder)]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("x = y", "y = 1", "from m import *"), []),
        (("x = y", "y = 1"), [("N101", 1, 1)]),
        (("def f():\n    return y", "y = 1"), []),
        ((r"df = open(r'C:\data\a.csv')",), [("N103", 1, 1)]),
        (("df = read_csv('gone.csv')",), [("N104", 1, 1)]),
        (("df = read_csv('here.csv')",), []),
        (("password = 'correct-horse'",), [("N105", 1, 1)]),
        (("api_key = 'XXXXXXXXXX'\ntoken_pattern = '[a-z]{3,}'",), []),
        (("df = open('made.csv', 'w')", "df = read_csv('made.csv')"), []),
        ((r"found = open(r'(\d+)\.csv')",), []),
        (("requests = []", "requests.append(1)"), []),
        (("import requests as r", "r.get('x')"), [("N106", 2, 1)]),
        (("import numpy as np\nx = np.random.rand(3)",), [("N108", 1, 2)]),
        (("import numpy as np\nnp.random.seed(0)\nx = np.random.rand(3)",), []),
        (("a = train_test_split(1, shuffle=False)",), []),
        (("x = z", "x = z"), [("N101", 1, 1)]),
        (("df = read_csv('https://example.org/a.csv')",), [("N106", 1, 1)]),
        (("n = input()",), [("N107", 1, 1)]),
        (("a = train_test_split(1)",), [("N108", 1, 1)]),
        (("a = train_test_split(1, random_state=0)",), []),
        (
            ("sc = StandardScaler()", "x = sc.fit_transform(1)", "a = train_test_split(x, random_state=0)"),
            [("N109", 2, 1)],
        ),
        (("X_test = 1", "sc = 2", "sc.fit_transform(X_test)"), [("N110", 3, 1)]),
    ],
)
def test_findings(tmp_path: Path, cells: tuple[str, ...], expected: list[tuple[str, int, int]]) -> None:
    (tmp_path / "here.csv").write_text("a\n1\n")
    defined = "from a import read_csv, train_test_split, StandardScaler\nmodel = X = y0 = 1\nmodel.fit(X, y0)"
    found = numbers(tmp_path, defined, *cells)
    assert found == [(number, cell + 1, line) for number, cell, line in expected]


def test_a_notebook_without_a_model_is_an_error(tmp_path: Path) -> None:
    assert numbers(tmp_path, "x = 1") == [("N111", None, None)]


def test_only_deep_learning_is_an_error(tmp_path: Path) -> None:
    assert numbers(tmp_path, "import torch\nm = X = 1\nm.fit(X)") == [("N112", None, None)]
    metrics = "from sklearn.metrics import accuracy_score\nimport keras\nm = X = 1\nm.fit(X)"
    assert numbers(tmp_path, metrics) == [("N112", None, None)]
    assert numbers(tmp_path, "import torch\nfrom sklearn import svm\nm = X = 1\nm.fit(X)") == []


def test_a_secret_is_never_repeated(tmp_path: Path) -> None:
    source = "api_key = 'abcdef123456'\nurl = 'postgresql://me:hunter22@db/x'"
    found = remarks(notebook_of(source, folder=tmp_path), tmp_path)
    assert "abcdef123456" not in str(found) and "hunter22" not in str(found)
    assert blotted(source) == "api_key = '•••'\nurl = 'postgresql://me:•••@db/x'"
