"""Which steps come of a notebook that was watched, as text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from notebook_house import notebook_of
from unshelve.notebook.choosing import choose
from unshelve.notebook.draft import CannotShape
from unshelve.notebook.flow import flow_of
from unshelve.notebook.repairs import repair
from unshelve.notebook.restating import restated
from unshelve.notebook.seen import Seen
from unshelve.notebook.shaping import Shaper
from unshelve.notebook.unfolding import unfolded
from unshelve.notebook.watching import watch
from unshelve.notebook.writing import write

IMPORTS = """
import pandas as pd
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder, StandardScaler
from sklearn.metrics import accuracy_score
"""
END = """
model = LogisticRegression(max_iter=500)
model.fit(X_train, y_train)
print(accuracy_score(y_test, model.predict(X_test)))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("shaping")
    generator = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "id": np.arange(300),
            "age": np.where(generator.random(300) < 0.1, np.nan, generator.integers(18, 80, 300)),
            "city": generator.choice(["Bern", "Basel", "Chur"], 300),
            "spent": generator.gamma(2, 50, 300).round(1),
        }
    )
    table["left"] = np.where(generator.random(300) + table["spent"] / 400 > 0.8, "Yes", "No")
    table.to_csv(place / "people.csv", index=False)
    return place


def shaped(folder: Path, *cells: str) -> str:
    """The steps of a notebook with these cells, from the first decorator on."""
    repaired = repair(unfolded(notebook_of(IMPORTS, *cells, folder=folder)), folder)
    watched = watch(repaired.notebook, folder=folder)
    assert watched.ran, watched.ended
    plainer = restated(repaired, watched)
    notebook = plainer.notebook
    if plainer is not repaired:
        watched = watch(notebook, folder=folder)
    flow = flow_of(notebook, watched).without_draws()
    seen = Seen(notebook, flow, watched)
    cuts: set[tuple[frozenset[int], str]] = set()
    while True:
        before = len(cuts)
        draft = Shaper(seen, choose(notebook, watched, flow), cuts).shape()
        if len(cuts) == before:
            text = write(draft, seen).text
            return text[text.index("\n\n\n@") :].strip() + "\n"


def test_names_of_the_author_hide_no_decorator(folder: Path) -> None:
    text = shaped(
        folder,
        "def transform(t):\n    return t.assign(twice=t['spent'] * 2)\ndef model():\n    return LogisticRegression()",
        "df = transform(pd.read_csv('people.csv'))\ny = df['left']\nX = df[['spent', 'twice']]",
        "X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)",
        "clf = model().fit(X_train, y_train)\nprint(accuracy_score(y_test, clf.predict(X_test)))",
    )
    assert [line for line in text.splitlines() if "unshelve_" in line or line.startswith("@s")] == [
        "@source",
        "@unshelve_transform",
        "@split",
        '@unshelve_model(split="parts")',
    ]


def test_a_notebook_of_the_usual_kind(folder: Path) -> None:
    found = shaped(
        folder,
        "df = pd.read_csv('people.csv')\ndf.head()",
        "df.drop('id', axis=1, inplace=True)\ndf['left'] = df['left'].map({'Yes': 1, 'No': 0})",
        "df['age'] = df['age'].fillna(df['age'].mean())\ndf = pd.get_dummies(df, drop_first=True)",
        "X, y = df.drop('left', axis=1), df['left']",
        "X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=1, stratify=y)",
        "sc = StandardScaler()\nX_train = sc.fit_transform(X_train)\nX_test = sc.transform(X_test)",
        END,
    )
    assert found == USUAL


def test_rows_are_dropped_by_a_keep_behind_what_was_done_before(folder: Path) -> None:
    found = shaped(
        folder,
        "df = pd.read_csv('people.csv')\ndf['log'] = np.log(df['spent'] + 1)\ndf = df.dropna()",
        "X_train, X_test, y_train, y_test = train_test_split(df[['age', 'log']], df['left'], random_state=1)",
        END,
    )
    assert (
        '''@keep
def complete(prepared):
    """Rows that are kept."""
    return prepared.dropna()
'''
        in found
    )
    assert "train_test_split(complete.index, random_state=1)" in found


def test_rows_are_kept_by_a_condition_that_left_none_out(folder: Path) -> None:
    found = shaped(
        folder,
        "df = pd.read_csv('people.csv')\ndf = df[df['spent'] >= 0]",
        "X_train, X_test, y_train, y_test = train_test_split(df[['spent']], df['left'], random_state=1)",
        END,
    )
    assert "@keep" in found


def test_an_encoder_fitted_again_and_again_is_a_fit_for_each_column(folder: Path) -> None:
    found = shaped(
        folder,
        "df = pd.read_csv('people.csv')\nle = LabelEncoder()",
        "df['left'] = le.fit_transform(df['left'])\ndf['city'] = le.fit_transform(df['city'])",
        "X_train, X_test, y_train, y_test = train_test_split(df[['city', 'spent']], df['left'], random_state=1)",
        END,
    )
    assert "return LabelEncoder().fit(people['city'])" in found
    assert "people['city'] = city_encoder.transform(people['city'])" in found
    assert "    le = LabelEncoder()\n    return le.fit_transform(people['left'])\n" in found


def test_a_model_fitted_in_a_loop_has_no_such_form(folder: Path) -> None:
    with pytest.raises(CannotShape, match="inside a loop"):
        shaped(
            folder,
            "df = pd.read_csv('people.csv')",
            "X_train, X_test, y_train, y_test = train_test_split(df[['spent']], df['left'], random_state=1)",
            "for model in (each for each in [LogisticRegression()]):\n    model.fit(X_train, y_train)\n"
            "    print(accuracy_score(y_test, model.predict(X_test)))",
        )


USUAL = '''@source
def people():
    """The rows of people.csv."""
    return pd.read_csv('people.csv')


@fit
def mean_age(people):
    """Learned from the rows."""
    return people['age'].mean()


@transform
def filled(people, mean_age):
    """What is made of a row."""
    people.drop('id', axis=1, inplace=True)
    people['age'] = people['age'].fillna(mean_age)
    return people


@fit
def categories_learned(filled):
    """Learned from the rows."""
    return categories(filled)


@transform
def encoded(filled, categories_learned):
    """What is made of a row."""
    filled = pd.get_dummies(as_categories(filled, categories_learned), drop_first=True)
    return filled


@target
def left(people):
    """What is predicted: left."""
    people['left'] = people['left'].map({'Yes': 1, 'No': 0})
    return people['left']


@fit
def sc(encoded_train):
    """Learned from the rows."""
    return StandardScaler().fit(encoded_train)


@transform
def features(encoded, sc):
    """What is made of a row."""
    return sc.transform(encoded)


@split
def parts(people, left):
    """Rows to learn from, and rows to judge by."""
    return train_test_split(people.index, test_size=0.25, random_state=1, stratify=left)


@model(split="parts")
def left_model(features_train, left_train):
    """LogisticRegression: left from features."""
    return LogisticRegression(max_iter=500).fit(features_train, left_train)
'''


NUMBERS = "df = pd.read_csv('people.csv').drop(columns=['city', 'age'])"


def test_parts_of_parts_are_divided_by_the_author_s_own_lines(folder: Path) -> None:
    found = shaped(
        folder,
        NUMBERS,
        "full, test = train_test_split(df, test_size=0.2, random_state=1)",
        "train, val = train_test_split(full, test_size=0.25, random_state=1)",
        "X_train = train.drop(columns=['left'])\ny_train = train.left",
        "X_val = val.drop(columns=['left'])\ny_val = val.left",
        "model = LogisticRegression(max_iter=500)\nmodel.fit(X_train, y_train)",
        "print(accuracy_score(y_val, model.predict(X_val)))",
    )
    assert PARTS_OF_PARTS in found
    assert "def prepared(people):" in found
    assert "LogisticRegression(max_iter=500).fit(prepared_train, left_train)" in found


PARTS_OF_PARTS = '''
@split
def parts(people):
    """Rows to learn from, and rows to judge by."""
    full, test = train_test_split(people, test_size=0.2, random_state=1)
    train, val = train_test_split(full, test_size=0.25, random_state=1)
    return train.index, val.index
'''


def test_slices_of_arrays_divide_the_labels(folder: Path) -> None:
    found = shaped(
        folder,
        NUMBERS,
        "X, y = df.drop(columns=['left']).values, df['left'].values\nn = int(len(X) * 0.8)",
        "X_train, X_test = X[:n], X[n:]\ny_train, y_test = y[:n], y[n:]",
        "sc = StandardScaler()\nX_train = sc.fit_transform(X_train)\nX_test = sc.transform(X_test)",
        END,
    )
    assert "    X_train = people.index[:n]\n    X_test = people.index[n:]\n    return X_train, X_test\n" in found
    assert "def sc(prepared_train):" in found


def test_test_rows_of_words_of_their_own_are_what_a_request_goes_through(folder: Path) -> None:
    found = shaped(
        folder,
        NUMBERS,
        "train = df.sample(frac=0.8, random_state=3)\ntest = df.drop(train.index)",
        "rows = train.drop(columns=['left'])\nsc = StandardScaler()\nscaled = sc.fit_transform(rows)",
        "model = LogisticRegression(max_iter=500)\nmodel.fit(scaled, train['left'])",
        "asked = sc.transform(test.drop('left', axis=1))",
        "print(accuracy_score(test['left'], model.predict(asked)))",
    )
    assert "    train = people.sample(frac=0.8, random_state=3)\n    test = people.drop(train.index)\n" in found
    assert "    asked = prepared\n" not in found
    assert "    return sc.transform(people)\n" in found


def test_nothing_held_out_is_said_of_the_division(folder: Path) -> None:
    found = shaped(
        folder,
        NUMBERS,
        "X, y = df.drop(columns=['left']), df['left']",
        "model = LogisticRegression(max_iter=500)\nmodel.fit(X, y)",
        "model = LogisticRegression(max_iter=50)\nmodel.fit(X, y)\nprint(model.score(X, y))",
    )
    assert "the notebook holds none out" in found
    assert "    return people.index, people.index\n" in found
    assert "LogisticRegression(max_iter=500)" not in found


def test_an_earlier_fit_of_the_same_model_is_not_needed(folder: Path) -> None:
    found = shaped(
        folder,
        NUMBERS,
        "X, y = df[['spent']], df['left']\nX_train, X_test, y_train, y_test = train_test_split(X, y, random_state=1)",
        "model = LogisticRegression()\nmodel.fit(X_train, y_train)",
        "X, y = df[['spent', 'id']], df['left']",
        "X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=2)\nmodel.fit(X_train, y_train)",
        "print(accuracy_score(y_test, model.predict(X_test)))",
    )
    assert "random_state=1" not in found
    assert found.count(".fit(") == 1


def test_columns_made_of_the_target_alone_are_no_features(folder: Path) -> None:
    found = shaped(
        folder,
        NUMBERS,
        "df['flag'] = df['left'].map({'Yes': 1, 'No': 0})\ndf['word'] = df['flag'].astype(str)",
        "X, y = df.drop(columns=['left', 'flag', 'word']), df['flag']",
        "X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=1)",
        END,
    )
    target = found[found.index("@target") :]
    assert "word" not in found.replace(target, "")
    assert "people['flag'] = people['left'].map({'Yes': 1, 'No': 0})" in target


def test_a_target_among_picked_columns_is_read_of_the_table_they_were_picked_of(folder: Path) -> None:
    found = shaped(
        folder,
        "df = pd.read_csv('people.csv')\nsome = df[['age', 'spent', 'left']]\nsome['age'] = some['age'].fillna(0)",
        "X, y = some.iloc[:, :2], some.iloc[:, 2]\n"
        "X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=1)",
        END,
    )
    assert "    some = people[['age', 'spent']]\n" in found
    assert (
        '''def left(people):
    """What is predicted: left."""
    return people['left']
'''
        in found
    )


def test_what_groups_have_is_learned_and_looked_up(folder: Path) -> None:
    found = shaped(
        folder,
        "df = pd.read_csv('people.csv')\ndf['usual'] = df.groupby('city')['spent'].transform('median')",
        "X_train, X_test, y_train, y_test = train_test_split(df[['spent', 'usual']], df['left'], random_state=1)",
        END,
    )
    assert "    return people.groupby('city')['spent'].median()\n" in found
    assert "    people['usual'] = people['city'].map(median_spent_by_city)\n" in found


def test_what_is_learned_of_the_target_after_the_division_is_given_the_target(folder: Path) -> None:
    found = shaped(
        folder,
        "df = pd.read_csv('people.csv')\ndf['left'] = (df['left'] == 'Yes').astype(int)\ndf['rich'] = df['spent'] > 90",
        "train, test = df[:200].copy(), df[200:].copy()",
        "rate = train.groupby('city')['left'].mean()",
        "for part in (train, test):\n    part['usual'] = part['city'].map(rate)",
        "X_train, y_train = train[['spent', 'usual']], train['left']",
        "X_test, y_test = test[['spent', 'usual']], test['left']",
        END,
    )
    assert "def rate(prepared_train, left_train):" in found
    assert "    prepared_train = prepared_train.assign(left=left_train)\n" in found
    assert "    return prepared_train.groupby('city')['left'].mean()\n" in found


def test_a_target_that_is_divided_with_its_table_is_that_of_the_kept_rows(folder: Path) -> None:
    found = shaped(
        folder,
        "df = pd.read_csv('people.csv')\ndf.dropna(subset=['age'], inplace=True)",
        "train, test = df[:200], df[200:]",
        "X_train, y_train = train[['spent', 'age']], train['left']",
        "X_test, y_test = test[['spent', 'age']], test['left']",
        END,
    )
    assert "def left(complete):" in found and "    return complete['left']\n" in found


def test_rows_of_two_files_are_one_source_and_those_with_a_target_are_kept(folder: Path) -> None:
    found = shaped(
        folder,
        "known = pd.read_csv('people.csv')[:250]\nasked = pd.read_csv('people.csv')[250:].drop(columns='left')",
        "y = known['left'].map({'Yes': 1, 'No': 0})\nboth = pd.concat([known, asked], ignore_index=True)",
        "both['age'] = both['age'].fillna(both['age'].mean())\nX = both[:250][['age', 'spent']]",
        "model = LogisticRegression(max_iter=500)\nmodel.fit(X, y)\nmodel.predict(both[250:][['age', 'spent']])",
    )
    assert '    joined["target"] = pd.Series(list(y), index=joined.index[:len(y)])\n    return joined\n' in found
    assert 'def kept(people):\n    """Rows that are kept."""\n    return people[people["target"].notna()]\n' in found
    assert '    return kept["target"]\n' in found
    assert "def mean_age(prepared):" in found
