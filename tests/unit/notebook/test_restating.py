"""The same program in plainer statements: what stands for which, and that it computes the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_house import notebook_of
from unshelve.notebook.repairs import repair
from unshelve.notebook.restating import restated, same_calls
from unshelve.notebook.watching import watch

IMPORTS = """
import pandas as pd
from sklearn.datasets import load_iris, make_moons
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
"""


def said(folder: Path, *cells: str) -> list[str]:
    """The restated statements behind the imports, once it is known that they make the same calls."""
    repaired = repair(notebook_of(IMPORTS, *cells, folder=folder), folder)
    before = watch(repaired.notebook, folder=folder)
    assert before.ran, before.ended
    plainer = restated(repaired, before)
    if plainer is not repaired:
        assert same_calls(repaired, before, plainer, watch(plainer.notebook, folder=folder))
    assert [each.number for each in plainer.notebook.statements] == list(range(len(plainer.origins)))
    return [each.source for each in plainer.notebook.statements[6:]]


def test_a_bundle_of_arrays_becomes_one_table(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        "iris = load_iris()\ndf = pd.DataFrame(iris.data, columns=iris.feature_names)",
        "X_train, X_test, y_train, y_test = train_test_split(df, iris.target, random_state=0)",
        "m = LogisticRegression(max_iter=500).fit(X_train, y_train)\nprint(iris.target_names[m.predict(X_test)[0]])",
    )
    assert found[:5] == [
        "iris = load_iris()",
        "iris_table = pd.DataFrame(iris.data, columns=iris.feature_names)",
        'iris_table["target"] = iris.target',
        'df = iris_table.drop(columns="target")',
        'X_train, X_test, y_train, y_test = train_test_split(df, iris_table["target"].to_numpy(), random_state=0)',
    ]
    assert found[-1] == "print(load_iris().target_names[m.predict(X_test)[0]])"


def test_features_and_target_that_come_as_arrays_become_one_table(tmp_path: Path) -> None:
    found = said(tmp_path, "X, y = make_moons(random_state=0)", "m = DecisionTreeClassifier(random_state=0).fit(X, y)")
    assert found == [
        "X, y = make_moons(random_state=0)",
        'moons = pd.DataFrame(X, columns=["X0", "X1"])',
        'moons["y"] = y',
        'X = moons.drop(columns="y").to_numpy()',
        'y = moons["y"].to_numpy()',
        "m = DecisionTreeClassifier(random_state=0).fit(X, y)",
    ]


def test_columns_read_by_their_place_in_an_array_are_read_by_name(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        "df = load_iris(as_frame=True).frame\ndf['kind'] = df.target.map(str)\narray = df.values",
        "X, y = array[:, :2], array[:, -1]\nwidth = array[0, 1]\nm = DecisionTreeClassifier(random_state=0).fit(X, y)",
    )
    assert found[3:6] == [
        "X = df[['sepal length (cm)', 'sepal width (cm)']].to_numpy(dtype=object)",
        "y = df['kind'].to_numpy(dtype=object)",
        "width = array[0, 1]",
    ]


def test_an_array_of_a_table_that_changed_since_is_left_as_it_is(tmp_path: Path) -> None:
    cells = (
        "df = load_iris(as_frame=True).frame\narray = df.values\ndf['target'] = 0\ny = array[:, 4]",
        "array = array * 2\nX = array[:, :2]\nm = DecisionTreeClassifier(random_state=0).fit(X, y)",
    )
    assert said(tmp_path, *cells) == [line for cell in cells for line in cell.splitlines()]


def test_a_file_that_is_read_as_an_array_becomes_a_table(tmp_path: Path) -> None:
    (tmp_path / "some.csv").write_text("1,2,0\n3,4,1\n")
    found = said(
        tmp_path,
        "import numpy as np\ndata = np.loadtxt('some.csv', delimiter=',')",
        "m = DecisionTreeClassifier(random_state=0).fit(data[:, :2], data[:, 2])",
    )
    assert found[3:] == [
        "data_table = pd.DataFrame(data, columns=['column_0', 'column_1', 'column_2'])",
        "data_rows = data_table[['column_0', 'column_1']].to_numpy(dtype=\"float64\")",
        "data_rows_2 = data_table['column_2'].to_numpy(dtype=\"float64\")",
        "m = DecisionTreeClassifier(random_state=0).fit(data_rows, data_rows_2)",
    ]


def test_what_computes_other_values_is_not_the_same(tmp_path: Path) -> None:
    cells = ("X, y = load_iris(return_X_y=True)", "m = DecisionTreeClassifier(random_state=0).fit(X, y)")
    other = (cells[0], "m = DecisionTreeClassifier(random_state=0).fit(X * 2, y)")
    one, two = (repair(notebook_of(IMPORTS, *each, folder=tmp_path), tmp_path) for each in (cells, other))
    first, second = (watch(each.notebook, folder=tmp_path) for each in (one, two))
    assert same_calls(one, first, one, first)
    assert not same_calls(one, first, two, second)


def test_a_column_that_a_constant_names_is_named(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        "TARGET = 'target'\nother = 'a'\nother = 'b'\ndf = load_iris(as_frame=True).frame\ndf[other] = 1",
        "m = DecisionTreeClassifier(random_state=0)\nm.fit(df.drop(columns=[TARGET]), df[TARGET])\nprint(TARGET)",
    )
    assert found[4] == "df[other] = 1"
    assert "df_rows = df.drop(columns=['target'])" in found and "print(TARGET)" in found


def test_tables_in_a_loop_have_statements_of_their_own(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        "df = load_iris(as_frame=True).frame\ntrain, test = df[::2].copy(), df[1::2].copy()\nboth = [train, test]",
        "for rows in both:\n    rows['a'] = 1\n    rows['b'] = rows['a'] + 1",
        "m = DecisionTreeClassifier(random_state=0).fit(train, train['target'])",
    )
    assert found[1:8] == [
        "train = df[::2].copy()",
        "test = df[1::2].copy()",
        "pass",
        "train['a'] = 1",
        "train['b'] = train['a'] + 1",
        "test['a'] = 1",
        "test['b'] = test['a'] + 1",
    ]


def test_a_loop_over_tables_that_are_others_by_then_stays(tmp_path: Path) -> None:
    cells = (
        "df = load_iris(as_frame=True).frame\ntrain = df[::2]\ntest = df[1::2]\nboth = [train, test]",
        "train = train.drop(columns='target')\nfor rows in both:\n    print(len(rows.columns))",
    )
    assert said(tmp_path, *cells)[-1] == "for rows in both:\n    print(len(rows.columns))"


def test_a_loop_over_models_is_its_turns(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        "X, y = load_iris(return_X_y=True, as_frame=True)\nmodels = {'tree': DecisionTreeClassifier(random_state=0),"
        " 'line': LogisticRegression(max_iter=500)}",
        "for name, model in models.items():\n    model.fit(X, y)\n    print(name, model.score(X, y))",
    )
    assert found[2:] == [
        "name, model = 'tree', DecisionTreeClassifier(random_state=0)",
        "models['tree'] = model",
        "model.fit(X, y)",
        "print(name, model.score(X, y))",
        "name, model = 'line', LogisticRegression(max_iter=500)",
        "models['line'] = model",
        "model.fit(X, y)",
        "print(name, model.score(X, y))",
    ]


def test_a_loop_that_counts_models_takes_them_by_their_keys(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        "X, y = load_iris(return_X_y=True, as_frame=True)\nseed, names = 3, []",
        "models = {'tree': DecisionTreeClassifier(max_depth=2), 'line': LogisticRegression(random_state=seed)}",
        "for i in range(len(list(models))):\n    model = list(models.values())[i]\n    model.fit(X, y)\n"
        "    names.append(list(models.keys())[i])",
    )
    assert found[3:] == [
        "i = 0",
        "model = DecisionTreeClassifier(max_depth=2)",
        "models['tree'] = model",
        "model.fit(X, y)",
        "names.append('tree')",
        "i = 1",
        "model = models['line']",
        "model.fit(X, y)",
        "names.append('line')",
    ]


@pytest.mark.parametrize(
    "loop",
    [
        "for depth in range(1, 20):\n    DecisionTreeClassifier(max_depth=depth).fit(X, y)",
        "for depth in [1, 2]:\n    DecisionTreeClassifier(max_depth=depth).fit(X, y)\n    break",
        "for depth in (each for each in [1, 2]):\n    DecisionTreeClassifier(max_depth=depth).fit(X, y)",
    ],
)
def test_a_loop_of_many_turns_or_unknown_ones_stays(tmp_path: Path, loop: str) -> None:
    cells = ("X, y = load_iris(return_X_y=True, as_frame=True)", loop)
    assert said(tmp_path, *cells) == list(cells)


def test_a_function_that_fits_is_its_statements_where_it_is_called(tmp_path: Path) -> None:
    function = (
        "def trained(model, rows, scale=True):\n    '''Fits.'''\n    sc = StandardScaler()\n"
        "    scaled = sc.fit_transform(rows)\n"
        "    model.fit(scaled, y)\n    return model, sc"
    )
    found = said(
        tmp_path,
        "X, y = load_iris(return_X_y=True, as_frame=True)",
        function,
        "sc = 3\nfitted, scaler = trained(LogisticRegression(max_iter=500), X)",
    )
    assert found[2:] == [
        "sc = 3",
        "model = LogisticRegression(max_iter=500)",
        "rows = X",
        "scale = True",
        "sc_trained = StandardScaler()",
        "scaled = sc_trained.fit_transform(rows)",
        "model.fit(scaled, y)",
        "fitted = model",
        "scaler = sc_trained",
    ]


def test_what_a_function_measures_and_shows_is_measured_where_it_is_called(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        "X, y = load_iris(return_X_y=True, as_frame=True)\nm = LogisticRegression(max_iter=500).fit(X, y)",
        "def right(model):\n    return model.score(X, y)",
        "right(m)",
    )
    assert found[3:] == ["model = m", "model.score(X, y)"]


def test_rows_without_a_name_get_one_that_says_of_which_part_they_are(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        "df = load_iris(as_frame=True).frame\ntrain, val = df[::2], df[1::2]\ncols = list(df.columns[:4])",
        "m = LogisticRegression(max_iter=500)\nm.fit(train[cols], train.target)\nm.score(val[cols], val.target)",
    )
    assert found[-6:] == [
        "train_rows = train[cols]",
        "train_target = train.target",
        "m.fit(train_rows, train_target)",
        "val_rows = val[cols]",
        "val_target = val.target",
        "m.score(val_rows, val_target)",
    ]


PEOPLE = """
from sklearn.preprocessing import LabelEncoder
df = pd.DataFrame({"age": [1.0, None, 3.0, 4.0] * 5, "city": list("abba") * 5, "job": list("xyxz") * 5})
train, test = df[::2].copy(), df[1::2].copy()
le = LabelEncoder()
"""


def test_a_loop_over_columns_of_two_tables_is_a_loop_for_each(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        PEOPLE,
        "for c in ['age']:\n    mean = train[c].mean()\n    train[c] = train[c].fillna(mean)\n"
        "    test[c] = test[c].fillna(mean)",
    )
    assert found[-3:] == [
        "mean_by_column = {c: train[c].mean() for c in ['age']}",
        "for c in ['age']:\n    train[c] = train[c].fillna(mean_by_column[c])",
        "for c in ['age']:\n    test[c] = test[c].fillna(mean_by_column[c])",
    ]


def test_an_encoder_that_is_fitted_for_each_column_is_one_for_each(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        PEOPLE,
        "kept = {}\nfor c in df.columns:\n    if c != 'age':\n        le.fit(list(train[c]) + list(test[c]))\n"
        "        train[c] = le.transform(train[c])\n        test[c] = le.transform(test[c])\n        kept[c] = le",
        "print(le.classes_)",
    )
    assert found[-8:] == [
        "columns = [c for c in df.columns if c != 'age']",
        "le_by_column = {c: LabelEncoder() for c in columns}",
        "for c in columns:\n    le_by_column[c].fit(list(train[c]) + list(test[c]))",
        "for c in columns:\n    train[c] = le_by_column[c].transform(train[c])",
        "for c in columns:\n    test[c] = le_by_column[c].transform(test[c])",
        "for c in columns:\n    kept[c] = le_by_column[c]",
        "le = le_by_column[c]",
        "print(le.classes_)",
    ]


@pytest.mark.parametrize(
    "turn",
    [
        "train[c] = train[c] + train['age'].sum()\n    test[c] = test[c] + 1",  # 'age' is another turn's
        "train[c] = train.iloc[:, 0]\n    test[c] = test[c] + 1",
        "train['more_' + c] = train[c]\n    test['more_' + c] = train['more_age']",
        "train[c] = train[c] * 2\n    test[c] = test[c] * 2\n    sums.append(train[c].sum())",
        "m = train[c].mean()\n    train[c] = train[c] - m\n    m = m + 1\n    test[c] = test[c] - m",
    ],
)
def test_turns_that_may_hang_together_stay_in_one_loop(tmp_path: Path, turn: str) -> None:
    loop = f"for c in ['age', 'size']:\n    {turn}"
    found = said(tmp_path, PEOPLE, "sums = []\ntrain['size'], test['size'] = 2, 3", loop)
    assert found[-1] == loop


TWO_FILES = """
known = load_iris(as_frame=True).frame
asked = known[::3].drop(columns="target").reset_index(drop=True)
n = len(known)
"""


def test_rows_of_two_files_are_parted_again_by_the_target(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        TWO_FILES,
        "both = pd.concat([known, asked]).reset_index(drop=True)\nboth.drop(columns='target', inplace=True)",
        "rows, rest = 1, 2\nX = both[:n]\nX_asked = both.iloc[n:, :]\ny = known['target']",
        "m = DecisionTreeClassifier(random_state=0).fit(X, y)\nm.predict(X_asked)",
    )
    assert found[3:] == [
        "y = known['target']",
        "joined = pd.concat([known, asked]).reset_index(drop=True)",
        'joined["target_2"] = pd.Series(list(y), index=joined.index[:len(y)])',
        'joined_known = joined[joined["target_2"].notna()]',
        'joined_target_2 = joined_known["target_2"]',
        'both = joined.drop(columns="target_2")',
        "both.drop(columns='target', inplace=True)",
        "rows, rest = 1, 2",
        'X = both[joined["target_2"].notna()]',
        'X_asked = both[joined["target_2"].isna()]',
        "y = known['target']",
        "m = DecisionTreeClassifier(random_state=0).fit(X, y)",
        "m.predict(X_asked)",
    ]


@pytest.mark.parametrize(
    "cells",
    [
        ("both = pd.concat([known, asked])", "y = known['target']"),  # labels that come twice
        ("both = pd.concat([known, asked], ignore_index=True)\nknown = known * 2", "y = known['target']"),
        ("both = pd.concat([known, asked], ignore_index=True)", "y = both['target'][:n].astype(int)"),
    ],
)
def test_two_files_of_which_the_target_is_not_certain_stay(tmp_path: Path, cells: tuple[str, str]) -> None:
    fit = "m = DecisionTreeClassifier(random_state=0)\nm.fit(both.drop(columns='target')[:n], y)"
    found = said(tmp_path, TWO_FILES, *cells, fit)
    assert not any("joined" in each for each in found)


def test_an_encoder_fitted_by_a_line_of_its_own_is_one_by_column(tmp_path: Path) -> None:
    loop = (
        "for c in ['city', 'job']:\n    le = LabelEncoder()\n    le.fit(list(df[c]))\n    df[c] = le.transform(df[c])"
    )
    found = said(tmp_path, PEOPLE, loop)
    assert found[-3:] == [
        "le_by_column = {c: LabelEncoder() for c in ['city', 'job']}",
        "for c in ['city', 'job']:\n    le_by_column[c].fit(list(df[c]))",
        "for c in ['city', 'job']:\n    df[c] = le_by_column[c].transform(df[c])",
    ]
