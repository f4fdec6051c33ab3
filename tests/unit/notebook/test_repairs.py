"""A notebook is made to run where the meaning is certain, and each change is named."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from notebook_house import notebook_of
from unshelve.notebook.failing import Failure
from unshelve.notebook.leaving_out import may_be_left_out
from unshelve.notebook.mending import mended
from unshelve.notebook.repairs import Repaired, repair
from unshelve.notebook.watched import Watched
from unshelve.notebook.watching import watch, watch_repaired

FRAME = pd.DataFrame({"a": [1, 2], "t": ["x", "y"]})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("notebook")
    (made / "Data").mkdir()
    rows = "\n".join(f"{number},{number * 7 % 5},{'ab'[number % 2]},{number % 3 or ''}" for number in range(40))
    (made / "Data" / "rows.csv").write_text("x,y,t,n\n" + rows + "\n")
    return made


def rewritten(source: str, folder: Path) -> list[str]:
    return [each.source for each in repair(notebook_of(source, folder=folder), folder).notebook.statements]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("open(r'C:\\Users\\me\\rows.csv')", "open('Data/rows.csv')"),
        ("open('/content/drive/MyDrive/data/Rows.CSV')", "open('Data/rows.csv')"),
        ("import json\njson.dump(1, open('rows.csv', 'w'))", "json.dump(1, open('rows.csv', 'w'))"),
        ("from sklearn.externals import joblib", "import joblib"),
        ("from sklearn.grid_search import GridSearchCV as G", "from sklearn.model_selection import GridSearchCV as G"),
        ("from sklearn.preprocessing import Imputer", "from sklearn.impute import SimpleImputer as Imputer"),
        ("import numpy as np\nnp.float", "float"),
        ("RandomForestClassifier(7, max_features='auto')", "RandomForestClassifier(7, max_features='sqrt')"),
        ("mean_squared_error(a, b, squared=False)", "root_mean_squared_error(a, b)"),
        ("metrics.mean_squared_error(a, b, squared=False)", "metrics.root_mean_squared_error(a, b)"),
        ("mean_squared_error(a, b, squared=True)", "mean_squared_error(a, b)"),
        ("df['c'].fillna(0, inplace=True)", "df['c'] = df['c'].fillna(0)"),
        ("df[['c']].fillna(0, inplace=True)", "df[['c']].fillna(0, inplace=True)"),
        ("df[c].dtype == 'object'", '((df[c].dtype == "object") | (df[c].dtype == "str"))'),
        ("df[c].dtype in ['O', 'int']", "df[c].dtype in ('O', 'int', \"str\")"),
        ("kind == 'object'", "kind == 'object'"),
        (
            "df['c'].replace({'Yes': 1, 'No': 0}, inplace=True)",
            "df['c'] = df['c'].replace({'Yes': 1, 'No': 0}).infer_objects()",
        ),
        ("df.replace(['a', 'b'], [0, 1])", "df.replace(['a', 'b'], [0, 1]).infer_objects()"),
        ("text.replace('a', 'b')", "text.replace('a', 'b')"),
        (
            "from sklearn.cross_validation import KFold\nk = KFold(df.shape[0], 3, random_state=1)",
            "k = list(KFold(n_splits=3).split([0] * (df.shape[0])))",
        ),
        (
            "from sklearn import cross_validation\nk = cross_validation.StratifiedKFold(y, n_folds=4, shuffle=True)",
            "k = list(cross_validation.StratifiedKFold(n_splits=4, shuffle=True).split([0] * len(y), y))",
        ),
        ("from sklearn.model_selection import KFold\nk = KFold(3)", "k = KFold(3)"),
        ("from sklearn.model_selection import KFold\nk = KFold(10, True)", "k = KFold(10, True)"),
        ("from sklearn.model_selection import KFold\nk = KFold(n_folds=3)", "k = KFold(n_folds=3)"),
        (
            "from sklearn.model_selection import KFold as K\nk = K(len(X), n_folds=3, shuffle=True)",
            "k = list(K(n_splits=3, shuffle=True).split([0] * (len(X))))",
        ),
        (
            "from sklearn import model_selection as m\nk = m.StratifiedKFold(y, 4)",
            "k = list(m.StratifiedKFold(n_splits=4).split([0] * len(y), y))",
        ),
        (
            "import sklearn.cross_validation\nk = sklearn.cross_validation.KFold(9, indices=True)",
            "k = list(sklearn.model_selection.KFold(n_splits=3).split([0] * (9)))",
        ),
        (
            "from sklearn.cross_validation import *\nk = LeaveOneOut(len(X))",
            "k = list(LeaveOneOut().split([0] * (len(X))))",
        ),
        (
            "from sklearn.model_selection import KFold\ndef KFold(n, k):\n    return n\nk = KFold(9, 3)",
            "k = KFold(9, 3)",
        ),
        ("import pandas as pd\npd.tools.plotting.scatter_matrix(df)", "pd.plotting.scatter_matrix(df)"),
        ("import pandas as pd\npd.np.nan", "numpy.nan"),
        ("from sklearn import preprocessing\ni = preprocessing.Imputer()", "i = SimpleImputer()"),
        ("preprocessing = load()\ni = preprocessing.Imputer()", "i = preprocessing.Imputer()"),
        ("cross_val_score(m, X, y, scoring='log_loss')", "cross_val_score(m, X, y, scoring='neg_log_loss')"),
        ("s.str.replace(r'\\D', '')", "s.str.replace(r'\\D', '', regex=True)"),
        ("s.str.replace('.', '')", "s.str.replace('.', '')"),
    ],
)
def test_what_is_certain_without_a_run_is_rewritten(before: str, after: str, folder: Path) -> None:
    assert rewritten(before, folder)[-1] == after


def test_what_is_taken_from_another_module_today_is_imported(folder: Path) -> None:
    assert rewritten("import sklearn.externals\nsklearn.externals.joblib.dump(m, 'm.pkl')", folder)[1:] == [
        "import joblib",
        "joblib.dump(m, 'm.pkl')",
    ]


def test_an_import_of_names_that_went_to_two_modules_becomes_two(folder: Path) -> None:
    assert rewritten("from sklearn.preprocessing import Imputer, StandardScaler", folder) == [
        "from sklearn.impute import SimpleImputer as Imputer",
        "from sklearn.preprocessing import StandardScaler",
    ]


def test_the_root_of_an_error_is_measured_by_a_function_that_is_imported(folder: Path) -> None:
    assert rewritten("from sklearn.metrics import mean_squared_error as m, mean_squared_error\n"
                     "print(mean_squared_error(a, b, squared=False))", folder)[1:] == [
        "from sklearn.metrics import root_mean_squared_error",
        "print(root_mean_squared_error(a, b))",
    ]  # fmt: skip


def test_an_import_that_the_session_had_is_added(folder: Path) -> None:
    repaired = repair(notebook_of("a = 1\nb = pd.DataFrame()", folder=folder), folder)
    assert [each.source for each in repaired.notebook.statements] == [
        "a = 1",
        "import pandas as pd",
        "b = pd.DataFrame()",
    ]
    assert repaired.origins == (0, None, 1)
    assert [each.number for each in repaired.notebook.statements] == [0, 1, 2]


@pytest.mark.parametrize(
    ("source", "error", "after"),
    [
        ("df.corr()", "could not convert string to float: 'x'", "df.corr(numeric_only=True)"),
        ("df.drop('a', 1)", "DataFrame.drop() takes from 1 to 2 positional arguments but 3 were given",
         "df.drop('a', axis=1)"),
        ("df.append({'a': 3})", "'DataFrame' object has no attribute 'append'",
         "pd.concat([df, pd.DataFrame([{'a': 3}])])"),
        ("v.get_feature_names()", "'X' object has no attribute 'get_feature_names'", "v.get_feature_names_out()"),
        ("f(1, normalize=False)", "__init__() got an unexpected keyword argument 'normalize'", "f(1)"),
        ("f(1, normalize=True)", "__init__() got an unexpected keyword argument 'normalize'", None),
        ("OneHotEncoder(sparse=False)", "got an unexpected keyword argument 'sparse'",
         "OneHotEncoder(sparse_output=False)"),
        ("df['t'][df.a > 1] = 'z'", "ChainedAssignmentError", "df.loc[df.a > 1, 't'] = 'z'"),
        ("df[df.a > 1]['t'] = 'z'", "ChainedAssignmentError", None),
        ("df.loc[df.a > 1, 't'] = 3", "Invalid value '3' for dtype 'str'",
         "df['t'] = df['t'].astype(object).mask(df.a > 1, 3)"),
        ("df.groupby('a').t.fillna(method='pad')", "'SeriesGroupBy' object has no attribute 'fillna'",
         "df.groupby('a').t.ffill()"),
        ("df.nothing()", "'DataFrame' object has no attribute 'nothing'", None),
    ],
)  # fmt: skip
def test_a_statement_that_failed_is_written_as_it_is_today(source: str, error: str, after: str | None) -> None:
    failure = Failure(source=source, error=TypeError(error), line=1, names={"df": FRAME, "pd": pd})
    change = mended(failure)
    assert (change.source if change else None) == after


def test_folds_that_were_told_the_rows_are_known_by_their_number_when_they_fail() -> None:
    from sklearn.model_selection import KFold

    error = TypeError("KFold.__init__() takes 2 positional arguments but 3 were given")
    names = {"KFold": KFold, "n": 9, "k": 3, "mixed": True}
    found = [
        mended(Failure(source=f"f = KFold(n, {second})", error=error, line=1, names=names)) for second in ("k", "mixed")
    ]
    assert [each.source if each else None for each in found] == [
        "f = list(KFold(n_splits=k).split([0] * (n)))",
        "f = KFold(n, shuffle=mixed)",
    ]


def test_a_star_import_that_announces_too_much_names_what_is_there() -> None:
    import sklearn.model_selection as module

    error = ImportError("HalvingGridSearchCV is experimental and the API might change")
    change = mended(Failure(source="from sklearn.model_selection import *", error=error, line=1, names={}))
    assert change is not None and change.rule == "N201"
    names = change.source.removeprefix("from sklearn.model_selection import ").split(", ")
    assert "train_test_split" in names and all(hasattr(module, name) for name in names)


@pytest.mark.parametrize(
    ("source", "later", "spared"),
    [
        ("df.foo", ["df.mean()"], True),
        ("import seaborn as sns", ["sns.heatmap(df)", "a = sns.color_palette()"], True),
        ("import xgboost", ["m = xgboost.XGBClassifier()", "m.fit(X, y)"], False),
        ("df = clean(df)", ["m.fit(df, y)"], False),
        ("df = clean(df)", ["df = load()", "m.fit(df, y)"], True),
        ("m.fit(X, y)", ["print(accuracy_score(y, m.predict(X)))"], False),
        ("df.drop('a', inplace=True)", ["m.fit(df, y)"], False),
        ("x[0] = bad", ["total = sum(x)", "m.predict(total)"], False),
    ],
)
def test_only_what_no_model_needs_is_left_out(source: str, later: list[str], spared: bool) -> None:
    assert (may_be_left_out(source, later, ValueError("no")) is not None) is spared


def test_a_call_of_a_function_that_fits_is_no_look() -> None:
    earlier = ["def train(m):\n    return m.fit(X, y)", "def both(m):\n    train(m)", "def look(d):\n    print(d)"]
    found = [may_be_left_out(each, [], ValueError("no"), earlier=earlier) for each in ("both(m)", "look(d)")]
    assert [change.rule for change in found if change is not None] == ["N217", "N205"]


@pytest.fixture(scope="module")
def old(folder: Path) -> tuple[Repaired, Watched]:
    cells = (
        "import pandas as pd\ndf = pd.read_csv('../input/rows.csv')\ndf.corr()",
        "def drop(d):\n    return d.drop('y', 1)\nsmall = drop(df)",
        "df.n[df.x > 30] = 5\ndf.nothing\nimport no_such_module",
        "m = df.append({'x': 1, 'y': 2, 't': 'b', 'n': 3}, ignore_index=True)",
    )
    return watch_repaired(notebook_of(*cells, folder=folder), folder)


def test_a_repaired_notebook_runs_and_says_what_was_changed(old: tuple[Repaired, Watched]) -> None:
    repaired, watched = old
    assert watched.ran
    assert [finding.number for finding in repaired.findings] == ["N200", "N208", "N207", "N202", "N205", "N205", "N209"]
    assert repaired.left_out == {6, 7}
    assert repaired.texts[3] == "def drop(d):\n    return d.drop('y', axis=1)"
    assert watched.statements[5].changed.keys() == {"df"}


def test_the_repaired_notebook_runs_again_without_repairs(old: tuple[Repaired, Watched], folder: Path) -> None:
    again = watch(old[0].notebook, folder=folder)
    assert again.ran
    assert again.statements[8].bound["m"].fingerprint == old[1].statements[8].bound["m"].fingerprint


def test_a_loop_that_failed_in_its_midst_is_repaired_in_a_fresh_run(folder: Path) -> None:
    code = (
        "import pandas as pd\nseen = []\nresults = pd.DataFrame()\n"
        "for n in (1, 2):\n    seen.append(n)\n    results = results.append({'n': n}, ignore_index=True)\nlen(seen)"
    )
    repaired, watched = watch_repaired(notebook_of(code, folder=folder), folder)
    assert watched.ran
    assert watched.statements[4].printed == "2\n"
    assert [finding.number for finding in repaired.findings] == ["N209"]


def test_what_ends_a_run_is_a_finding_that_says_what_to_do(folder: Path) -> None:
    code = "import no_such_package as p\nm = p.Model()\nm.fit(1, 2)"
    repaired, watched = watch_repaired(notebook_of(code, folder=folder), folder)
    assert not watched.ran
    finding = repaired.findings[-1]
    assert (finding.number, finding.severity, finding.cell, finding.line) == ("N211", "error", 1, 1)
    assert finding.repair == "Install no-such-package where unshelve runs, and lift again."
