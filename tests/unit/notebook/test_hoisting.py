"""What a statement learns from whole tables, and what stands in its place."""

from __future__ import annotations

import pytest

from unshelve.notebook.editing import Edit, edited
from unshelve.notebook.hoisting import learned_in
from unshelve.notebook.loops import loop_learned

TABLES = {"df"}


def applied(source: str) -> tuple[str, list[str]]:
    """The statement with `learned` for what it learns, and what is learned."""
    found = list(learned_in(source, TABLES))
    return edited(source, [Edit(each.node, each.use("learned")) for each in found]), [each.learn for each in found]


@pytest.mark.parametrize(
    ("source", "text", "learn"),
    [
        ("df['a'] = df['a'].fillna(df['a'].mean())", "df['a'] = df['a'].fillna(learned)", "df['a'].mean()"),
        ("df.a.fillna(df.a.mode()[0], inplace=True)", "df.a.fillna(learned, inplace=True)", "df.a.mode()[0]"),
        ("df['z'] = (df.x - df.x.mean())", "df['z'] = (df.x - learned)", "df.x.mean()"),
        ("df['m'] = np.median(df['x'])", "df['m'] = learned", "np.median(df['x'])"),
        (
            "df = pd.get_dummies(df, drop_first=True)",
            "df = pd.get_dummies(as_categories(df, learned), drop_first=True)",
            "categories(df)",
        ),
        (
            "df = pd.get_dummies(df, columns=['a', 'b'])",
            "df = pd.get_dummies(as_categories(df, learned), columns=['a', 'b'])",
            "categories(df, ['a', 'b'])",
        ),
        (
            "df['a'] = df['a'].astype('category').cat.codes",
            "df['a'] = as_categories(df['a'], learned).cat.codes",
            "categories(df['a'])",
        ),
        ("df['a'] = pd.factorize(df['a'])[0]", "df['a'] = codes(df['a'], learned)", "appearances(df['a'])"),
        ("X = StandardScaler().fit_transform(df)", "X = learned.transform(df)", "StandardScaler().fit(df)"),
        ("X = sc.fit_transform(df[num])", "X = learned.transform(df[num])", "clone(sc).fit(df[num])"),
        (
            "df['m'] = df.groupby('k')['v'].transform('mean')",
            "df['m'] = df['k'].map(learned)",
            "df.groupby('k')['v'].mean()",
        ),
        (
            "df['v'] = df['v'].fillna(df.groupby(['k', 'l'])['v'].transform(np.median))",
            "df['v'] = df['v'].fillna(df[['k', 'l']].join(learned.rename(\"learned\"), on=['k', 'l'])[\"learned\"])",
            "df.groupby(['k', 'l'])['v'].agg(np.median)",
        ),
        (
            "df['v'] = df.groupby('k')['v'].transform(lambda x: x.fillna(x.median()))",
            "df['v'] = df['v'].fillna(df['k'].map(learned))",
            "df.groupby('k')['v'].median()",
        ),
        (
            "df = df.drop(columns=[c for c in df.columns if df[c].isna().mean() > 0.4])",
            "df = df.drop(columns=learned)",
            "[c for c in df.columns if df[c].isna().mean() > 0.4]",
        ),
        ("m = {c: df[c].median() for c in ['a', 'b']}", "m = learned", "{c: df[c].median() for c in ['a', 'b']}"),
        (
            "df['q'] = pd.qcut(df['x'], 4, labels=False)",
            "df['q'] = pd.cut(df['x'], learned, labels=False, include_lowest=True)",
            "pd.qcut(df['x'], 4, labels=False, retbins=True)[1]",
        ),
    ],
)
def test_what_is_learned_is_named_and_the_rest_stays(source: str, text: str, learn: str) -> None:
    assert applied(source) == (text, [learn])


@pytest.mark.parametrize(
    "source",
    [
        "df['total'] = df[['a', 'b']].sum(axis=1)",
        "df['a'] = df['a'].str.strip().map({'x': 1})",
        "df['n'] = df['text'].str.len()",
        "df['b'] = other['x'].mean()",
        "df['c'] = pd.cut(df['x'], [0, 10, 20])",
    ],
)
def test_what_is_done_row_by_row_learns_nothing(source: str) -> None:
    assert applied(source) == (source, [])


def test_a_loop_over_columns_learns_by_column() -> None:
    source = "for c in df.select_dtypes('object'):\n    df[c] = le.fit_transform(df[c])"
    found = loop_learned(source, TABLES, lambda learned, _text: learned.learn.replace("clone(le)", "LabelEncoder()"))
    assert found is not None
    assert found.learn == (
        "found = {}",
        "for c in df.select_dtypes('object'):",
        "    found[c] = LabelEncoder().fit(df[c])",
        "return found",
    )
    assert found.apply("encoders") == "for c in encoders:\n    df[c] = encoders[c].transform(df[c])"


def test_a_loop_over_named_columns_keeps_its_head() -> None:
    source = "for c in ['a', 'b']:\n    df[c] = df[c].fillna(df[c].median())"
    found = loop_learned(source, TABLES, lambda learned, _text: learned.learn)
    assert found is not None
    assert found.apply("medians") == "for c in ['a', 'b']:\n    df[c] = df[c].fillna(medians[c])"
    assert found.kept == ""


def test_encoders_that_are_kept_by_column_are_what_is_learned() -> None:
    source = "for c in ['a', 'b']:\n    df[c] = encoders[c].fit_transform(df[c])"
    found = loop_learned(source, TABLES, lambda learned, _text: learned.learn)
    assert found is not None and found.kept == "encoders"
    assert found.apply("encoders") == "for c in ['a', 'b']:\n    df[c] = encoders[c].transform(df[c])"


def test_a_loop_that_learns_twice_is_not_taken_apart() -> None:
    source = "for c in cols:\n    df[c] = df[c].fillna(df[c].mean())\n    df[c] = df[c] / df[c].max()"
    assert loop_learned(source, TABLES, lambda learned, _text: learned.learn) is None
