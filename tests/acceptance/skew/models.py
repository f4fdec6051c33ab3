"""Solutions whose skew or leak is not in a transform: in the answer, the estimator, the target, what state has seen."""

HEAD = """
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LinearRegression, LogisticRegression

from unshelve import answer, endpoint, expect, fit, keep, model, source, step, target, transform


def table(n=400):
    draw = np.random.default_rng(11)
    rows = pd.DataFrame({"a": draw.normal(size=n), "b": draw.normal(size=n), "kind": draw.choice(["x", "y", "z"], n)})
    rows["late"] = rows["a"] + rows["b"] + 0.7 * draw.normal(size=n) > 0
    return rows


def fitted(features, late):
    return LogisticRegression().fit(features, late)

"""

ANSWERS = f'''"""Planted: answer steps and estimators that look at more than the row."""
{HEAD}

@source
def rows():
    return table()


@target
def late(rows):
    return rows["late"]


@transform
def features(rows):
    return rows[["a", "b"]]


@model
def ranked(features_train, late_train):
    return fitted(features_train, late_train)


@answer
def by_rank(ranked):
    return pd.Series(ranked).rank(pct=True).to_numpy() > 0.5


@model
def middling(features_train, late_train):
    return fitted(features_train, late_train)


@answer
def by_median(middling):
    return middling >= np.median(middling)


CALLS = []


@model
def tiring(features_train, late_train):
    return fitted(features_train, late_train)


@answer
def by_calls(tiring):
    CALLS.append(1)
    return tiring > 0.5 + 0.0001 * len(CALLS)


class Wrapped(ClassifierMixin, BaseEstimator):
    """A classifier around another one."""

    def fit(self, X, y):
        self.inner_ = LogisticRegression().fit(X, y)
        self.classes_ = self.inner_.classes_
        self.calls_ = 0
        return self

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class Scaling(Wrapped):
    def predict_proba(self, X):
        return self.inner_.predict_proba((X - X.mean()) / 2)


class Drifting(Wrapped):
    def predict_proba(self, X):
        self.calls_ += 1
        return self.inner_.predict_proba(X + 0.001 * self.calls_)


class Counting(Wrapped):
    def predict_proba(self, X):
        self.calls_ += 1
        return self.inner_.predict_proba(X)


class Noisy(Wrapped):
    def predict_proba(self, X):
        return self.inner_.predict_proba(X + np.random.default_rng().normal(size=X.shape))


@model
def scaling(features_train, late_train):
    return Scaling().fit(features_train, late_train)


@model
def drifting(features_train, late_train):
    return Drifting().fit(features_train, late_train)


@model
def counting(features_train, late_train):
    return Counting().fit(features_train, late_train)


@model
def noisy(features_train, late_train):
    return Noisy().fit(features_train, late_train)


@model
def untold(rows_train):
    return fitted(rows_train[["a", "b"]], rows_train["a"] > 0)
'''

SEEN = f'''"""Planted: state that has seen the rows it is judged by, and cleaning before the request."""
{HEAD}

@source
def rows():
    return table()


@target
def late(rows):
    return rows["late"]


@fit
def of_all(rows):
    return rows["a"].mean()


@transform
def all_features(rows, of_all):
    return rows[["a", "b"]] - of_all


@model
def by_all(all_features_train, late_train):
    return fitted(all_features_train, late_train)


@fit
def of_test(rows_test):
    return rows_test["a"].mean()


@transform
def test_features(rows, of_test):
    return rows[["a", "b"]] - of_test


@model
def by_test(test_features_train, late_train):
    return fitted(test_features_train, late_train)


@step
def of_a_step(rows):
    return float(rows["a"].mean())


@transform
def step_features(rows, of_a_step):
    return rows[["a", "b"]] - of_a_step


@model
def by_step(step_features_train, late_train):
    return fitted(step_features_train, late_train)


@fit
def encoded(rows):
    return rows.groupby("kind")["late"].mean().to_dict()


@transform
def encoded_features(rows, encoded):
    return rows[["a"]].assign(kind=rows["kind"].map(encoded))


@model
def by_encoding(encoded_features_train, late_train):
    return fitted(encoded_features_train, late_train)


@transform
def features(rows):
    return rows[["a", "b"]]


@model
def by_watching(features_train, late_train, features_test, late_test):
    strengths = [LogisticRegression(C=c).fit(features_train, late_train) for c in (0.01, 1.0)]
    return max(strengths, key=lambda one: one.score(features_test, late_test))


@source
def raw():
    return table().assign(a=lambda rows: rows["a"].where(rows["a"] > -1))


@step
def cleaned(raw):
    return raw.fillna(raw["a"].mean())


@target
def cleaned_late(cleaned):
    return cleaned["late"]


@transform
def cleaned_features(cleaned):
    return cleaned[["a", "b"]]


@model
def by_cleaning(cleaned_features_train, cleaned_late_train):
    return fitted(cleaned_features_train, cleaned_late_train)
'''

LEAKS = f'''"""Planted: targets that leak into what the model is given."""
{HEAD}

@source
def copied():
    rows = table()
    return rows.assign(was_late=rows["late"])


@target
def copied_late(copied):
    return copied["late"]


@transform
def copied_features(copied):
    return copied[["a", "b", "was_late"]]


@model
def by_copy(copied_features_train, copied_late_train):
    return fitted(copied_features_train, copied_late_train)


@source
def coded():
    rows = table()
    return rows.assign(outcome=np.where(rows["late"], "charged", "free"))


@target
def coded_late(coded):
    return coded["late"]


@transform
def coded_features(coded):
    return coded[["a", "b"]].assign(charged=coded["outcome"] == "charged")


@model
def by_code(coded_features_train, coded_late_train):
    return fitted(coded_features_train, coded_late_train)


@source
def timed():
    rows = table()
    return rows.assign(minutes=60 * rows["a"] + 7, hours=rows["a"])


@target
def minutes(timed):
    return timed["minutes"]


@transform
def timed_features(timed):
    return timed[["b", "hours"]]


@model
def by_hours(timed_features_train, minutes_train):
    return LinearRegression().fit(timed_features_train, minutes_train)


@source
def computed():
    rows = table(1000)
    return rows.assign(total=2 * rows["a"] + 3 * rows["b"] + 1)


@target
def total(computed):
    return computed["total"]


@transform
def computed_features(computed):
    return computed[["a", "b"]]


@model
def by_formula(computed_features_train, total_train):
    return LinearRegression().fit(computed_features_train, total_train)


@source(known_later=["landed"])
def later():
    rows = table()
    return rows.assign(landed=rows["a"] * 2)


@target
def later_late(later):
    return later["late"]


@transform
def later_features(later):
    return later[["a", "landed"]]


@model
def by_later(later_features_train, later_late_train):
    return fitted(later_features_train, later_late_train)


@transform
def named_features(later):
    return later[["a"]].assign(late=later["late"])


@model
def by_name(named_features_train, later_late_train):
    return fitted(named_features_train, later_late_train)


@transform
def dotted_features(later):
    return later[["a"]].assign(late=later.late)


@model
def by_dot(dotted_features_train, later_late_train):
    return fitted(dotted_features_train, later_late_train)


@model
def by_rows(later_train, later_late_train):
    return fitted(later_train[["a", "late"]], later_late_train)


@transform
def local_features(later):
    return later[["a"]] * float(open("rate.txt").read())


@model
def by_local_file(local_features_train, later_late_train):
    return fitted(local_features_train, later_late_train)


from dataclasses import dataclass

ASKED = []


@dataclass
class Advice:
    text: str
    asked: int


@transform
def plain_features(later):
    return later[["a", "b"]]


@model
def plain(plain_features_train, later_late_train):
    return fitted(plain_features_train, later_late_train)


@endpoint
def advice(plain) -> Advice:
    ASKED.append(1)
    return Advice("late" if plain.label else "in time", len(ASKED))
'''

TARGET_AS_INPUT = f'''"""Planted: a transform that takes the target."""
{HEAD}

@source
def rows():
    return table()


@target
def late(rows):
    return rows["late"]


@transform
def features(rows, late):
    return rows[["a"]].assign(late=late)


@model
def guess(features_train, late_train):
    return fitted(features_train, late_train)
'''

JUDGED_BY_ITS_OWN_ROWS = f'''"""Planted: a model that is given all rows."""
{HEAD}

@source
def rows():
    return table()


@target
def late(rows):
    return rows["late"]


@model
def guess(rows, late):
    return fitted(rows[["a", "b"]], late)
'''
