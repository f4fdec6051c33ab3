"""Transforms that answer a request otherwise than they were trained: each planted into one small solution.

They share a source and are run as a handful of solutions, since starting processes costs more than they do.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent

HEAD = '''"""Planted: transforms that are not what they seem."""

import os
import random
import time
import uuid
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import LabelEncoder, StandardScaler

from unshelve import fit, model, source, target, transform


@source
def rows():
    draw = np.random.default_rng(7)
    n = 400
    table = pd.DataFrame({"a": draw.normal(size=n), "b": draw.normal(size=n), "size": draw.integers(1, 9, n)})
    table.loc[table.index % 25 == 3, "a"] = 4.0
    table["part"] = np.where(draw.random(n) < 0.1, np.nan, draw.normal(size=n))
    table["kind"] = draw.choice(["x", "y", "z"], n)
    table["note"] = draw.choice(["red fox", "blue hen", "red hen", "grey fox"], n)
    table["code"] = draw.choice(["1", "2", "n/a"], n)
    table["flag"] = pd.Series(draw.choice([True, False, None], n), dtype=object)
    table["born"] = draw.integers(1950, 2000, n)
    table["at"] = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(draw.integers(0, 365 * 24, n), unit="h")
    for name in "cdefgh":
        table[name] = draw.normal(size=n)
    table["late"] = table["a"] + table["b"] + 0.5 * draw.normal(size=n) > 0
    return table


@target
def late(rows):
    return rows["late"]

'''

BODY = """
{before}
@transform
def {name}_features({parameters}):
{body}


@model
def {name}({name}_features_train, late_train):
    return LogisticRegression(max_iter=300).fit({name}_features_train, late_train)

"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A transform: the expression or lines of its body, what stands before it, and how it is to be caught.

    `says` is in the message of the failed step; `column` is the column that the message names. With `not_covered`
    the version is made, and its Proof says so instead.
    """

    name: str
    body: str
    before: str = ""
    parameters: str = "rows"
    says: str = ""
    column: str | None = None
    not_covered: str | None = None
    served: str | None = None
    """What the Proof finds to be different, where only the served version shows it."""

    def text(self) -> str:
        """Its part of a solution file."""
        lines = self.body.strip().splitlines()
        if len(lines) == 1 and not lines[0].startswith("return"):
            lines = [f"return {lines[0]}"]
        body = indent("\n".join(lines), "    ").replace("NAME", self.name)
        before = self.before.replace("NAME", self.name)
        return BODY.format(name=self.name, before=before, body=body, parameters=self.parameters)


def solution(planted: tuple[Planted, ...]) -> str:
    """A solution file with these transforms, each before a model of its own."""
    return HEAD + "".join(each.text() for each in planted)


OTHER_ROWS = "than in the whole table"
"""A transform whose result for a row depends on the rows beside it."""

FAILS = "works on the whole table, but fails on row"

STATISTICS = (
    Planted(name="mean", body='rows[["a", "b"]] - rows[["a", "b"]].mean()', column="a", says=OTHER_ROWS),
    Planted(
        name="z_score", body='((rows[["b"]] - rows[["b"]].mean()) / rows[["b"]].std())', column="b", says=OTHER_ROWS
    ),
    Planted(name="rank", body='rows[["a", "b"]].rank(pct=True)', column="a", says=OTHER_ROWS),
    Planted(name="quartile", body='rows[["a"]].assign(q=pd.qcut(rows["b"], 4, labels=False))', says=FAILS),
    Planted(
        name="thirds", body='rows[["a"]].assign(c=pd.cut(rows["b"], 3, labels=False))', column="c", says=OTHER_ROWS
    ),
    Planted(
        name="clipped",
        body='rows[["a", "b"]].clip(rows["a"].quantile(0.05), rows["a"].quantile(0.95))',
        says=OTHER_ROWS,
    ),
    Planted(name="filled_mean", body='rows[["a", "part"]].fillna(rows["part"].mean())', column="part", says=OTHER_ROWS),
    Planted(
        name="group_mean",
        body='rows[["a"]].assign(m=rows.groupby("kind")["b"].transform("mean"))',
        column="m",
        says=OTHER_ROWS,
    ),
    Planted(
        name="frequency",
        body='rows[["a"]].assign(f=rows["kind"].map(rows["kind"].value_counts()))',
        column="f",
        says=OTHER_ROWS,
    ),
    Planted(
        name="rare_mean",
        body='rows[["b"]].assign(a=np.where(rows["a"] > 3.9, rows["b"].mean(), rows["a"]))',
        column="a",
        says=OTHER_ROWS,
    ),
    Planted(
        name="big_batch",
        body='rows[["a", "b"]].assign(c=float(len(rows) > 250))',
        column="c",
        says=OTHER_ROWS,
    ),
)

FITTED = (
    Planted(
        name="codes",
        body='rows[["a"]].assign(k=rows["kind"].astype("category").cat.codes)',
        column="k",
        says=OTHER_ROWS,
    ),
    Planted(name="factorized", body='rows[["a"]].assign(k=pd.factorize(rows["kind"])[0])', column="k", says=OTHER_ROWS),
    Planted(name="dummies", body='pd.get_dummies(rows[["a", "kind"]], drop_first=True)', says="alone"),
    Planted(
        name="label_encoder",
        body='rows[["a"]].assign(k=LabelEncoder().fit_transform(rows["kind"]))',
        column="k",
        says=OTHER_ROWS,
    ),
    Planted(name="scaler", body='StandardScaler().fit_transform(rows[["a", "b"]])', column="column 0", says=OTHER_ROWS),
    Planted(name="components", body='PCA(2).fit_transform(rows[["a", "b"]])', says=FAILS),
    Planted(name="words", body='CountVectorizer().fit_transform(rows["note"]).toarray()', says="alone"),
    Planted(
        name="clusters",
        body='rows[["a"]].assign(k=KMeans(3, random_state=0, n_init=1).fit_predict(rows[["a", "b"]]))',
        column="k",
        says=OTHER_ROWS,
    ),
)

ORDER = (
    Planted(name="forward_filled", body='rows[["a", "part"]].ffill().fillna(0)', column="part", says=OTHER_ROWS),
    Planted(
        name="rolling",
        body='rows[["a"]].assign(r=rows["b"].rolling(3, min_periods=1).mean())',
        column="r",
        says=OTHER_ROWS,
    ),
    Planted(name="lagged", body='rows[["a"]].assign(r=rows["b"].shift(1).fillna(0))', column="r", says=OTHER_ROWS),
    Planted(name="differenced", body='rows[["a"]].assign(r=rows["b"].diff().fillna(0))', column="r", says=OTHER_ROWS),
    Planted(
        name="interpolated",
        body='rows[["a"]].assign(r=rows["part"].interpolate().fillna(0))',
        column="r",
        says=OTHER_ROWS,
    ),
    Planted(name="index", body='rows[["a"]].assign(r=rows.index % 2)', column="r", says=OTHER_ROWS),
    Planted(name="numbered", body='rows[["a"]].assign(r=np.arange(len(rows)))', column="r", says=OTHER_ROWS),
    Planted(
        name="aligned",
        before='@fit\ndef NAME_values(rows_train):\n    return rows_train["b"]\n',
        parameters="rows, aligned_values",
        body='rows[["a"]].assign(r=aligned_values).fillna(0)',
        column="r",
        says=OTHER_ROWS,
    ),
    Planted(
        name="since_the_newest",
        body='rows[["a"]].assign(r=(rows["at"].max() - rows["at"]).dt.days)',
        column="r",
        says=OTHER_ROWS,
    ),
    Planted(name="sorted", body='rows[["a", "b"]].sort_values("a")', says="in another order"),
    Planted(
        name="sorted_anew",
        body='rows[["a", "b"]].sort_values("a").reset_index(drop=True)',
        column="a",
        says=OTHER_ROWS,
    ),
    Planted(name="dropped_missing", body='rows[["a", "part"]].dropna()', says="gives the same rows back"),
    Planted(name="dropped_twice", body='rows[["a", "b"]].drop_duplicates()', says="when the same row comes twice"),
)

TYPES = (
    Planted(
        name="any_missing",
        body='rows[["a"]].assign(r=float(rows["part"].isna().any()))',
        column="r",
        says=OTHER_ROWS,
    ),
    Planted(
        name="text_of_number",
        body='rows[["a"]].assign(r=pd.to_numeric(rows["code"], errors="coerce").map(str).str.len())',
        column="r",
        says=OTHER_ROWS,
    ),
    Planted(
        name="masked_number",
        body='rows[["a"]].assign(r=rows["size"].where(rows["size"] > 2).map(str).str.len())',
        column="r",
        says=OTHER_ROWS,
    ),
    Planted(
        name="turned_object",
        body="""
flags = np.asarray([0 if flag is None else flag for flag in rows["flag"]])
return rows[["a"]].assign(r=(~flags) * 1.0)
""",
        column="r",
        says=OTHER_ROWS,
    ),
    Planted(
        name="number_columns",
        body='rows[["a", "part"]].fillna(0).assign(r=rows[["kind", "part"]].dropna(axis=1).shape[1])',
        column="r",
        says=OTHER_ROWS,
    ),
)

WORLD = (
    Planted(
        name="local_hour",
        body='rows[["a"]].assign(r=[moment.to_pydatetime().astimezone().hour for moment in rows["at"]])',
        column="r",
        says="time zone",
    ),
    Planted(
        name="local_day",
        body='rows[["a"]].assign(r=[time.localtime(moment.timestamp()).tm_mday for moment in rows["at"]])',
        column="r",
        says="time zone",
    ),
    Planted(
        name="age", body='rows[["a"]].assign(r=pd.Timestamp.now().year - rows["born"])', not_covered="what time it is"
    ),
    Planted(name="clock", body='rows[["a"]].assign(r=time.perf_counter())', column="r", says="when it is made again"),
    Planted(
        name="noise",
        body='rows[["a"]] + np.random.normal(size=(len(rows), 1))',
        column="a",
        says="when it is made again",
    ),
    Planted(
        name="entropy",
        body='rows[["a"]].assign(r=np.random.default_rng().random())',
        column="r",
        says="when it is made again",
    ),
    Planted(
        name="seeded_noise",
        body='rows[["a"]] + np.random.default_rng(0).normal(size=(len(rows), 1))',
        column="a",
        says=OTHER_ROWS,
    ),
    Planted(
        name="rare_noise",
        body='rows[["a", "b"]] + (random.random() < 1e-9)',
        not_covered="random",
    ),
    Planted(
        name="identity", body='rows[["a"]].assign(r=uuid.uuid4().int % 997)', column="r", says="when it is made again"
    ),
    Planted(
        name="environment",
        body='rows[["a"]].assign(r=float(os.environ.get("RATE", 3)))',
        not_covered="environment",
    ),
    Planted(
        name="file",
        before="NAME_rate = Path(RATE_FILE)\n",
        body='rows[["a"]] * float(NAME_rate.read_text())',
        not_covered="rate.txt",
    ),
    Planted(
        name="hidden_file",
        body='rows[["a"]] * float(getattr(Path(RATE_FILE), "read" + "_text")())',
        not_covered="rate.txt",
    ),
    Planted(
        name="set_order",
        body='rows[list({"a", "b", "c", "d", "e", "f", "g", "h", "size"})].to_numpy()',
        served="score",
    ),
    Planted(name="text_hash", body='rows[["a"]].assign(r=rows["kind"].map(hash) % 1009)', served="score"),
)

MEMORY = (
    Planted(
        name="cached",
        before="@lru_cache\ndef NAME_first(size):\n    return NAME_first.cache_info().currsize\n",
        body='rows[["a"]].assign(r=[cached_first(int(size)) for size in rows["size"]])',
        column="r",
        says="it remembers earlier rows",
    ),
    Planted(
        name="running_total",
        before="""
def NAME_make():
    total = 0.0

    def add(value):
        nonlocal total
        total += value
        return total

    return add


NAME_add = NAME_make()
""",
        body='rows[["a"]].assign(r=[running_total_add(value) for value in rows["b"]])',
        column="r",
        says="when it is made again",
    ),
    Planted(
        name="counts_in_silence",
        before="def NAME_helper(): ...\n",
        body="""
NAME_helper.calls = getattr(NAME_helper, "calls", 0) + 1
return rows[["a"]].assign(r=float(NAME_helper.calls > 10**6))
""",
        not_covered="Variable counts_in_silence_helper.calls",
    ),
    Planted(
        name="counted",
        before="NAME_calls = [0]\n",
        body='NAME_calls[0] += 1\nreturn rows[["a"]].assign(r=NAME_calls[0])',
        column="r",
        says="when it is made again",
    ),
    Planted(
        name="first_seen",
        before="NAME_seen = {}\n",
        body="""
for kind in rows["kind"]:
    NAME_seen.setdefault(kind, len(NAME_seen))
return rows[["a"]].assign(r=rows["kind"].map(NAME_seen))
""",
        column="r",
        says="it remembers earlier rows",
    ),
    Planted(
        name="remembered_mean",
        before="NAME_means = {}\n",
        body='mean = NAME_means.setdefault("b", rows["b"].mean())\nreturn rows[["a"]].assign(r=mean)',
        column="r",
        says="it remembers earlier rows",
    ),
    Planted(
        name="default_list",
        parameters="rows, seen=[]",
        body='seen.extend(rows["kind"].unique())\nreturn rows[["a"]].assign(r=float(len(seen) > 4))',
        column="r",
        says="when it is made again",
    ),
    Planted(
        name="changed_state",
        before="@fit\ndef NAME_seen(rows_train):\n    return {kind: 1 for kind in rows_train['kind']}\n",
        parameters="rows, changed_state_seen",
        body='for kind in rows["kind"]:\n    changed_state_seen[kind] += 1\nreturn rows[["a", "b"]]',
        says="changes its frozen input changed_state_seen",
    ),
)

GROUPS: dict[str, tuple[Planted, ...]] = {
    "statistics": STATISTICS,
    "fitted": FITTED,
    "order": ORDER,
    "types": TYPES,
    "world": WORLD,
    "memory": MEMORY,
}
