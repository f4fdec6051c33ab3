"""What is said of training and test rows that mix: each planted once, and not there where nothing is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_house import notebook_of
from unshelve.notebook.remarks import remarks
from unshelve.notebook.remarks_watched import watched_remarks
from unshelve.notebook.watching import watch

IMPORTS = (
    "import pandas as pd\nfrom sklearn.model_selection import train_test_split, GridSearchCV\n"
    "from sklearn.preprocessing import StandardScaler, LabelEncoder\nfrom sklearn.linear_model import Ridge\n"
    "df = pd.DataFrame()"
)
X_AND_Y = "y = df['t']\nX = df.drop(columns=['t'])"
DIVIDED = "X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)"
FITTED = "m = Ridge().fit(X_train, y_train)\nm.score(X_test, y_test)"


def numbers(folder: Path, *cells: str) -> list[tuple[str, int | None, int | None]]:
    found = remarks(notebook_of(IMPORTS, *cells, folder=folder), folder)
    return [(each.number, each.cell, each.line) for each in found]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ((X_AND_Y, DIVIDED, FITTED), []),
        # before the rows are divided
        ((X_AND_Y, "X = StandardScaler().fit_transform(X)", DIVIDED, FITTED), [("N109", 3, 1)]),
        ((X_AND_Y, "shown = StandardScaler().fit_transform(X)", DIVIDED, FITTED), []),
        ((X_AND_Y, "y = LabelEncoder().fit_transform(y)", DIVIDED, FITTED), []),
        ((X_AND_Y, "from imblearn.over_sampling import SMOTE\nX, y = SMOTE(random_state=0).fit_resample(X, y)", DIVIDED,
          FITTED), [("N121", 3, 2)]),
        # learned from test rows
        ((X_AND_Y, DIVIDED, "X_test = StandardScaler().fit_transform(X_test)", FITTED), [("N110", 4, 1)]),
        ((X_AND_Y, DIVIDED, "X_test['a'] = X_test['a'].fillna(X_test['a'].mean())", FITTED), [("N118", 4, 1)]),
        ((X_AND_Y, DIVIDED, "X_test['a'] = X_test['a'].fillna(X_train['a'].mean())", FITTED), []),
        # chosen, or judged, by rows that were seen
        ((X_AND_Y, DIVIDED, "for a in (1, 2):\n    Ridge(alpha=a).fit(X_train, y_train).score(X_test, y_test)"),
         [("N115", 4, 1)]),
        ((X_AND_Y, DIVIDED, "for a in (1, 2):\n    Ridge(alpha=a).fit(X_train, y_train).score(X_val, y_val)",
          "X_val = y_val = 1"), [("N101", 4, 1), ("N101", 4, 1)]),
        ((X_AND_Y, DIVIDED, "g = GridSearchCV(Ridge(), {})\ng.fit(X, y)\ng.score(X_test, y_test)"), [("N115", 4, 2)]),
        ((X_AND_Y, DIVIDED, "m = Ridge()\nm.fit(X, y)\nm.predict(X_test)"), [("N116", 4, 2)]),
        ((X_AND_Y, DIVIDED, FITTED, "m.fit(X, y)\nm.predict(X)"), []),
        # prepared by two texts
        ((X_AND_Y, DIVIDED, "X_train['a'] = X_train['a'].fillna(X_train['a'].mean())\n"
          "X_test['a'] = X_test['a'].fillna(X_train['a'].median())", FITTED), [("N117", 4, 2)]),
        ((X_AND_Y, DIVIDED, "X_train['a'] = X_train['a'].fillna(0)\nX_test['a'] = X_test['a'].fillna(0)", FITTED), []),
        ((X_AND_Y, DIVIDED, "sc = StandardScaler()\nX_train = sc.fit_transform(X_train)", FITTED), [("N117", 4, 2)]),
        ((X_AND_Y, DIVIDED, "sc = StandardScaler()\nX_train = sc.fit_transform(X_train)\n"
          "X_test = sc.transform(X_test)", FITTED), []),
        # the target among the features
        (("y = df['t']\nX = df[['a', 't']]", DIVIDED, FITTED), [("N114", 2, 2)]),
        (("y = df['t']\nX = df.copy()", "X = X.drop('t', axis=1)", DIVIDED, FITTED), []),
        (("df['rate'] = df.groupby('a')['t'].transform('mean')", X_AND_Y, DIVIDED, FITTED), [("N119", 2, 1)]),
        (("df['t'] = df['delay'] > 15", X_AND_Y, DIVIDED, FITTED), [("N119", 2, 1)]),
        (("df['t'] = df['delay'] > 15\ndf = df.drop(columns=['delay'])", X_AND_Y, DIVIDED, FITTED), []),
    ],
)  # fmt: skip
def test_rows_that_mix_are_found(tmp_path: Path, cells: tuple[str, ...], expected: list[tuple[str, int, int]]) -> None:
    assert numbers(tmp_path, *cells) == expected


def test_a_run_shows_copies_across_the_division_and_a_column_that_is_the_target(tmp_path: Path) -> None:
    code = (
        "import pandas as pd\nfrom sklearn.linear_model import Ridge\n"
        "from sklearn.model_selection import train_test_split\n"
        "df = pd.DataFrame({'a': [n // 2 for n in range(80)], 'b': [n // 2 % 7 for n in range(80)]})\n"
        "y = df['b'].rename('t')\n"
        "X_train, X_test, y_train, y_test = train_test_split(df, y, random_state=0)\nRidge().fit(X_train, y_train)"
    )
    notebook = notebook_of(code, folder=tmp_path)
    found = watched_remarks(notebook, watch(notebook, folder=tmp_path))
    assert [(each.number, each.line) for each in found] == [("N120", 6), ("N114", 7)]
    assert found[0].message.startswith("14 of 20 test rows")
    assert found[1].message.startswith("b is a column of the features")
