"""Lookups that are declared: a query, or files, brought again on their schedule and joined as programmed ones are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest

from postgres_server import fresh_database
from solution_house import House, open_house
from unshelve.registry.lookups import Refresh, refreshes_of
from unshelve.registry.sources import loads_of
from unshelve.solution.scheduling import queue_due_refreshes

SOLUTION = """
'''Trains in weather: does it rain on a train?'''
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from unshelve import files, model, source, sql, target, transform


@source(fresh="1d")
def trains() -> pd.DataFrame:
    rows = np.arange(400)
    hours = 24 + rows * 17 // 60
    return pd.DataFrame({
        "station": np.where(rows % 2, "North", "South"),
        "leaves": pd.Timestamp("2024-01-02") + pd.to_timedelta(rows * 17, unit="min"),
        "wet": np.sin(hours + np.where(rows % 2, 0.0, 1.5)) + np.cos(rows) / 4 > 0,
    })


weather = WEATHER


@target
def late(trains):
    return trains["wet"]


@transform
def features(trains, weather):
    return pd.DataFrame({"hour": trains["leaves"].dt.hour, "rain": weather["rain"]})


@model
def lateness(features_train, late_train):
    return LogisticRegression().fit(features_train, late_train)
"""

HOW = 'lookup=True, key="station", at="since", event="leaves", stale="6h", fresh="1h"'
BY_QUERY = SOLUTION.replace(
    "WEATHER",
    'sql("select station, since, rain from weather where since > :mark", '
    f'connection="dwh", watermark="since", zone="UTC", {HOW})',
)
BY_FILES = SOLUTION.replace("WEATHER", f'files("weather-*.csv", {HOW})')
MARCH = {"station": "North", "leaves": "2024-03-03T04:20:00"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture
def warehouse(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with fresh_database() as address:
        monkeypatch.setenv("UNSHELVE_SECRET_DWH", address)
        yield address


def weather() -> pd.DataFrame:
    hours = pd.date_range("2024-01-01", periods=200, freq="h")
    return pd.concat(
        [
            pd.DataFrame({"station": name, "since": hours, "rain": np.sin(np.arange(200) + shift)})
            for name, shift in (("North", 0.0), ("South", 1.5))
        ]
    )


def refreshes(house: House, solution: str) -> list[Refresh]:
    with house.control.database.read() as connection:
        return refreshes_of(connection, solution, "weather")


def status_of(house: House, model: str, row: dict[str, Any], wanted: int) -> dict[str, Any]:
    """The response to a row, once the answer process has taken over what is newest."""
    for _ in range(200):
        found = house.ask(model, row)
        if found.status_code == wanted:
            break
        time.sleep(0.05)
    assert found.status_code == wanted, found.text
    body: dict[str, Any] = found.json()
    return body


def test_a_query_is_a_lookup_that_is_loaded_by_what_is_new_and_goes_on_when_that_fails(
    house: House, warehouse: str
) -> None:
    with psycopg.connect(warehouse, autocommit=True) as session:
        session.execute("create table weather (station text, since timestamptz, rain float8)")
        with session.cursor() as cursor:
            cursor.executemany(
                "insert into weather values (%s, %s at time zone 'UTC', %s)", list(weather().itertuples(index=False))
            )
    first = house.run("dry", BY_QUERY)
    assert first.decision("lateness").proof == "proven", first.errors()
    status_of(house, "dry.lateness", MARCH, 422)

    with psycopg.connect(warehouse, autocommit=True) as session:
        session.execute("insert into weather values ('North', '2024-03-03T00:00Z', 0.9)")
    house.run("dry", BY_QUERY, only="weather")
    newest = refreshes(house, "dry")[0]
    assert (newest.error, newest.rows, newest.keys) == (None, 401, 2)
    with house.control.database.read() as connection:
        loads = loads_of(connection, "dry", "weather")
    assert [(load.complete, load.added) for load in loads] == [(False, 1), (True, 400)]
    assert status_of(house, "dry.lateness", MARCH, 200)["answers"][0]["version"] == 1

    with psycopg.connect(warehouse, autocommit=True) as session:
        session.execute("drop table weather")
    house.run("dry", BY_QUERY, only="weather")
    failed = refreshes(house, "dry")[0]
    assert failed.digest is None and failed.error is not None and "weather" in failed.error
    assert warehouse.partition("@")[0].rpartition(":")[2] not in failed.error
    status_of(house, "dry.lateness", MARCH, 200)


def test_files_are_a_lookup_that_takes_in_a_new_file_on_its_schedule(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = house.run("wet", BY_FILES, {"weather-1.csv": weather().to_csv(index=False)})
    assert ran.decision("lateness").proof == "proven", ran.errors()
    status_of(house, "wet.lateness", MARCH, 422)
    house.run("wet", BY_FILES, {"weather-2.csv": "station,since,rain\nNorth,2024-03-03 00:00:00,0.9\n"}, only="weather")
    assert [one.rows for one in refreshes(house, "wet")] == [401, 400]
    assert status_of(house, "wet.lateness", MARCH, 200)["answers"][0]["version"] == 1
    assert queue_due_refreshes(house.control) == 0
    later = house.control.clock.now() + timedelta(hours=1, minutes=1)
    monkeypatch.setattr(type(house.control.clock), "now", lambda _: later)
    assert (queue_due_refreshes(house.control), queue_due_refreshes(house.control)) == (1, 0)
