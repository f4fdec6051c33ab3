"""Late trains: will a train arrive late?

Lifted from late_trains.ipynb.
"""

from pathlib import Path

import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier

from unshelve import at_least, at_random, chart, fit, keep, model, source, target, transform

DATA = Path(__file__).parent / "data"
LATE_MINUTES = 6
TEST_SHARE = 0.25
SEED = 7


@source
def timetable() -> pd.DataFrame:
    """Trains of last year."""
    return pd.read_csv(DATA / "trains.csv", parse_dates=["leaves"])


@keep
def run(timetable):
    """Cancelled trains have no delay."""
    return timetable.dropna(subset=["delay"])


@target
def is_late(run):
    return run["delay"] >= LATE_MINUTES


@fit
def usual(run):
    """The median delay of each origin."""
    return run.groupby("origin")["delay"].median()


@transform
def features(run, usual):
    """What is known before the train leaves."""
    rows = run.assign(hour=run["leaves"].dt.hour, usual=run["origin"].map(usual))
    rows["evening"] = rows["hour"].isin([17, 18, 19]).astype(int)  # people go home
    return rows[["hour", "wind", "cars", "express", "usual", "evening"]]


@model(split=at_random(test=TEST_SHARE, seed=SEED), gates=[at_least("roc_auc", 0.7)])
def late(features_train, is_late_train):
    """Will it be late?"""
    return HistGradientBoostingClassifier(random_state=SEED).fit(features_train, is_late_train)


@chart
def by_hour(run, is_late):
    """Late trains by hour."""
    return is_late.groupby(run["leaves"].dt.hour).mean()
