"""Rows joined with a table of another time: in training, in the checks, in the Proof and for a request alike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from solution_house import House, open_house

WEATHER = '''
"""Trains in weather: does it rain on a train?"""
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from unshelve import model, source, target, transform


@source
def trains() -> pd.DataFrame:
    rows = np.arange(400)
    leaves = pd.Timestamp("2024-01-02") + pd.to_timedelta(rows * 17, unit="min")
    hours = 24 + rows * 17 // 60
    return pd.DataFrame({
        "station": np.where(rows % 2, "North", "South"),
        "leaves": leaves,
        "wet": np.sin(hours + np.where(rows % 2, 0.0, 1.5)) + np.cos(rows) / 4 > 0,
    })


@source(lookup=True, key="station", at="since", event="leaves", stale="6h", fresh="1h")
def weather() -> pd.DataFrame:
    hours = pd.date_range("2024-01-01", periods=200, freq="h")
    return pd.concat([
        pd.DataFrame({"station": name, "since": hours, "rain": np.sin(np.arange(200) + shift), "clouds": 1})
        for name, shift in (("North", 0.0), ("South", 1.5))
    ])


@target
def late(trains):
    return trains["wet"]


@transform
def features(trains, weather):
    return pd.DataFrame({"hour": trains["leaves"].dt.hour, "rain": weather["rain"]})


@model
def lateness(features_train, late_train):
    return LogisticRegression().fit(features_train, late_train)
'''


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("lookups")) as opened:
        yield opened


@pytest.fixture(scope="module")
def wet(house: House) -> House:
    ran = house.run("wet", WEATHER)
    assert not ran.errors(), ran.errors()
    assert ran.decision("lateness").proof == "proven", ran.decision("lateness")
    return house


def test_a_version_with_a_lookup_is_proven_and_asked_without_its_columns(wet: House) -> None:
    found = wet.ask("wet.lateness", {"station": "North", "leaves": "2024-01-03T10:20:00"})
    assert found.status_code == 200, found.text
    assert set(wet.json_file("wet.lateness", 1, "schema.json")["lookups"]) == {"weather"}
    assert [field["name"] for field in wet.json_file("wet.lateness", 1, "schema.json")["fields"]] == [
        "station",
        "leaves",
    ]


def test_a_row_without_an_entry_is_refused_by_the_name_of_the_field(wet: House) -> None:
    found = wet.ask("wet.lateness", {"station": "North", "leaves": "2024-03-03T10:20:00"})
    assert found.status_code == 422
    assert found.json()["problems"] == [
        {
            "row": 0,
            "field": "weather.rain",
            "problem": "is not known: the newest entry of station North in weather is too old at 2024-03-03 10:20:00",
        }
    ]
