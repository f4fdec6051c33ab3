"""Solutions without skew, of many kinds: every one of their models must end proven."""

CLASSES = '''"""Honest: classifiers."""
from helpers.wrapping import Wrapped, scaled

import numpy as np
import pandas as pd
from scipy.sparse import hstack
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from unshelve import answer, at_random, best, by_group, by_time, fit, keep, model, source, split, target, transform


@source(known_later=["score_later"])
def rows():
    draw = np.random.default_rng(3)
    n = 600
    table = pd.DataFrame({"a": draw.normal(size=n), "b": draw.normal(size=n), "size": draw.integers(1, 9, n)})
    table["part"] = np.where(draw.random(n) < 0.1, np.nan, draw.normal(size=n))
    table["kind"] = draw.choice(["x", "y ", "z"], n)
    table["group"] = draw.choice(["g%d" % i for i in range(30)], n)
    table["level"] = pd.Categorical(draw.choice(["low", "high", "top"], n), ["low", "high", "top", "never"])
    table["note"] = draw.choice(["red fox", "blue hen", "red hen", "grey fox"], n)
    table["flag"] = pd.Series(draw.choice([True, False, None], n), dtype=object)
    table["small"] = draw.normal(size=n).astype("float32")
    table["at"] = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(draw.integers(0, 365 * 24, n), unit="h")
    table["local"] = table["at"].dt.tz_convert("Europe/Amsterdam")
    table["wall"] = table["at"].dt.tz_localize(None)
    table["score_later"] = draw.normal(size=n)
    table["late"] = table["a"] + table["b"] + 0.5 * draw.normal(size=n) > 0
    return table


@target
def late(rows):
    return rows["late"]


@transform
def tidy(rows):
    return rows.assign(hour=rows["at"].dt.hour, there=rows["local"].dt.hour, day=rows["wall"].dt.dayofweek)


@keep
def whole(tidy):
    return tidy.dropna(subset=["part"]).reset_index(drop=True)


@fit
def middles(whole_train):
    return whole_train[["a", "part"]].median()


@fit
def worths(whole_train):
    return {int(size): float(rows["b"].mean()) for size, rows in whole_train.groupby("size")}


@fit
def scaler(whole_train):
    return StandardScaler().fit(whole_train[["a", "b"]])


@fit
def levels(whole_train):
    return whole_train.groupby("level", observed=True)[["b"]].mean()


@transform
def features(whole, middles, worths, scaler, levels):
    made = whole[["a", "part", "hour", "there", "day"]].fillna(middles)
    made[["sa", "sb"]] = scaler.transform(whole[["a", "b"]])
    made["worth"] = whole["size"].map(worths)
    made["level"] = whole["level"].astype(object).map(levels["b"]).fillna(0)
    made["flag"] = whole["flag"].map({True: 1, False: 0}).fillna(-1).astype(int)
    return made.join(pd.get_dummies(whole["kind"].astype(pd.CategoricalDtype(["x", "y ", "z"]))))


@model
def two(features_train, late_train):
    return LogisticRegression(max_iter=2000).fit(features_train, late_train)


@answer
def surely(two, threshold=0.6):
    return two >= threshold


@model(split=by_time("at", test=0.3), choose=best("roc_auc"))
def chosen(features_train, late_train):
    return {
        "forest": RandomForestClassifier(20, random_state=0).fit(features_train, late_train),
        "line": LogisticRegression(max_iter=2000).fit(features_train, late_train),
    }


@model(split=by_group("group", test=0.3))
def vector(features_train, late_train):
    return SVC(probability=True, random_state=0).fit(features_train, late_train)


@split
def halves(whole):
    return train_test_split(whole.index, test_size=0.5, random_state=1)


@model(split="halves")
def own_class(features_train, late_train):
    return Wrapped(LogisticRegression(max_iter=2000)).fit(features_train, late_train)


@transform
def helped(rows):
    return scaled(rows[["a", "b"]], 2)


@model(split=at_random(test=0.25))
def from_helpers(helped_train, late_train):
    return LogisticRegression().fit(helped_train, late_train)


@transform
def masked(rows):
    return rows.loc[:, [name not in ("id", "late") for name in rows.columns]].select_dtypes("number").fillna(0)


@model(split=at_random(test=0.25))
def by_mask(masked_train, late_train):
    return LogisticRegression(max_iter=2000).fit(masked_train, late_train)


@transform
def dummied(rows):
    return pd.get_dummies(rows[["a", "b", "level"]], drop_first=True)


@model(split=at_random(test=0.25))
def by_levels(dummied_train, late_train):
    return LogisticRegression().fit(dummied_train, late_train)


@fit
def components(rows_train):
    return PCA(2).fit(rows_train[["a", "b", "size"]])


@transform
def projected(rows, components):
    return components.transform(rows[["a", "b", "size"]])


@model(split=at_random(test=0.25))
def by_components(projected_train, late_train):
    return LogisticRegression().fit(projected_train, late_train)


@transform
def single(rows):
    return rows[["a", "b", "small"]].astype("float32")


@model(split=at_random(test=0.25))
def by_single(single_train, late_train):
    return LogisticRegression().fit(single_train, late_train)


@fit
def words(rows_train):
    return CountVectorizer().fit(rows_train["note"])


@transform
def counted(rows, words):
    return hstack([words.transform(rows["note"]), rows[["a", "b"]].to_numpy()]).tocsr()


@model(split=at_random(test=0.25))
def by_words(counted_train, late_train):
    return LogisticRegression().fit(counted_train, late_train)


@model(split=at_random(test=0.25))
def straight(rows_train, late_train):
    columns = make_column_transformer((OneHotEncoder(), ["kind"]), ("passthrough", ["a", "b"]))
    from sklearn.pipeline import make_pipeline

    return make_pipeline(columns, LogisticRegression()).fit(rows_train, late_train)
'''

WRAPPING = '''"""A project module: a class of estimators, and a helper."""
from sklearn.base import BaseEstimator, ClassifierMixin

from .arithmetic import times


class Wrapped(ClassifierMixin, BaseEstimator):
    def __init__(self, inner):
        self.inner = inner

    def fit(self, X, y):
        self.inner.fit(X, y)
        self.classes_ = self.inner.classes_
        return self

    def predict(self, X):
        return self.classes_[(self.inner.predict_proba(X)[:, 1] > 0.4).astype(int)]

    def predict_proba(self, X):
        return self.inner.predict_proba(X)


def scaled(table, factor):
    return times(table, factor)
'''

ARITHMETIC = """def times(table, factor):
    return table * factor
"""

OTHERS = '''"""Honest: many classes, amounts, clusters, polars, and an endpoint over two models."""
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import polars as pl
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from unshelve import answer, endpoint, fit, keep, model, source, target, transform


def table(n=500):
    draw = np.random.default_rng(5)
    made = pd.DataFrame({"a": draw.normal(size=n), "b": draw.normal(size=n), "kind": draw.choice(list("pqrs"), n)})
    made["amount"] = np.exp(made["a"] + 0.5 * made["b"] + 0.3 * draw.normal(size=n))
    made["grade"] = np.where(made["amount"] < 0.7, "low", np.where(made["amount"] < 1.5, "middle", "high"))
    return made


@source
def rows():
    return table()


@target
def grade(rows):
    return rows["grade"]


@target
def amount(rows):
    return rows["amount"]


@fit
def kinds(rows_train):
    return sorted(rows_train["kind"].unique())


@transform
def features(rows, kinds):
    return rows[["a", "b"]].assign(**{kind: rows["kind"] == kind for kind in kinds})


@model
def grades(features_train, grade_train):
    return RandomForestClassifier(20, random_state=0).fit(features_train, grade_train)


@model
def amounts(features_train, amount_train):
    return HistGradientBoostingRegressor(random_state=0).fit(features_train, np.log(amount_train))


@answer
def in_euros(amounts):
    return np.exp(amounts)


@model
def logs(features_train, amount_train):
    return LinearRegression().fit(features_train, amount_train)


@model
def clusters(features):
    return KMeans(3, random_state=0, n_init=1).fit(features)


@dataclass
class Offer:
    text: str
    price: float
    weekend: bool


@endpoint
def offer(grades, amounts, day: date, rebate: float = 0.1, steps=(1, 2)) -> Offer:
    price = round(amounts.value * (1 - rebate) * steps[0], 2)
    return Offer(f"{grades.label} ({len(grades.scores)})", price, day.weekday() > 4)


@source
def frames():
    return pl.from_pandas(table())


@keep
def usual(frames):
    return frames.filter(pl.col("amount") < 20)


@target
def dear(usual):
    return usual["amount"] > 1


@fit
def middle(usual_train):
    return float(usual_train["a"].median())


@transform
def columns(usual, middle):
    return usual.select((pl.col("a") - middle).alias("a"), pl.col("b"), (pl.col("kind") == "p").alias("p"))


@model
def with_polars(columns_train, dear_train):
    return LogisticRegression().fit(columns_train.to_numpy(), dear_train)
'''
