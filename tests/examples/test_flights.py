"""examples/flights as plain functions: no platform, no server."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.metrics import roc_auc_score

KNOWN_LATER = ["dep_delay", "arr_delay", "air_time"]
JULY = pd.Timestamp("2013-07-01")


@pytest.fixture(scope="module")
def rows(flights_file: ModuleType) -> pd.DataFrame:
    found: pd.DataFrame = flights_file.flights()
    return found


@pytest.fixture(scope="module")
def halves(flights_file: ModuleType, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    flown = flights_file.flown(rows)
    first = flown[flown["departs"] < JULY].iloc[::8].reset_index(drop=True)
    second = flown[flown["departs"] >= JULY].iloc[::8].reset_index(drop=True)
    return first, second


@pytest.fixture(scope="module")
def state(flights_file: ModuleType, halves: tuple[pd.DataFrame, pd.DataFrame]) -> dict[str, Any]:
    return {"built": flights_file.built(flights_file.planes()), "places": flights_file.places(halves[0])}


@pytest.fixture(scope="module")
def judged(
    flights_file: ModuleType, halves: tuple[pd.DataFrame, pd.DataFrame], state: dict[str, Any]
) -> tuple[Any, pd.DataFrame, Any]:
    """A lateness model fitted on an eighth of the first half, with features and truth of the second."""
    first, second = halves
    fitted = flights_file.lateness(flights_file.features(first, **state), flights_file.late(first), rounds=30)
    return fitted, flights_file.features(second, **state), flights_file.late(second)


def test_every_flight_of_2013_is_there_with_its_weather(rows: pd.DataFrame) -> None:
    assert len(rows) == 336_776
    assert rows["departs"].dt.year.eq(2013).all()
    assert rows["temp"].isna().mean() < 0.005


def test_the_weather_joined_is_that_of_the_departure_hour(flights_file: ModuleType, rows: pd.DataFrame) -> None:
    weather = flights_file._table("weather.csv")
    one = weather[(weather.origin == "LGA") & (weather.month == 3) & (weather.day == 8) & (weather.hour == 9)]
    left = rows[(rows["origin"] == "LGA") & (rows["departs"].dt.floor("h") == pd.Timestamp("2013-03-08 09:00"))]
    assert len(left) > 5
    assert left["wind_speed"].unique().tolist() == one["wind_speed"].tolist()


def test_the_rows_meet_what_is_expected_of_them(flights_file: ModuleType, rows: pd.DataFrame) -> None:
    assert flights_file.flights_are_plausible(rows, flights_file.airlines()) == ()
    assert flights_file.weather_is_there(rows) is None


def test_odd_rows_are_told(flights_file: ModuleType, rows: pd.DataFrame) -> None:
    some = rows.head(100)
    odd = some.assign(origin="BOS", arr_delay=5000.0, carrier="ZZ")
    assert flights_file.flights_are_plausible(odd, flights_file.airlines()) == (
        "origin is one of EWR, JFK, LGA: 100 of 100 do not.",
        "arr_delay is between -1,440 and 1,440: 100 of 100 do not.",
        "carrier is in airlines: 100 of 100 do not.",
        "there are at least 100,000 rows: There are 100.",
    )
    assert "100.0%" in flights_file.weather_is_there(some.assign(temp=float("nan")))


def test_private_planes_of_the_register_are_told(flights_file: ModuleType) -> None:
    assert flights_file.planes_are_airliners(flights_file.planes()) == ("seats is at least 20: 40 of 3,322 do not.",)


def test_what_is_known_only_later_changes_no_feature(
    flights_file: ModuleType, halves: tuple[pd.DataFrame, pd.DataFrame], state: dict[str, Any]
) -> None:
    asked = halves[1].drop(columns=KNOWN_LATER)
    assert_frame_equal(flights_file.features(asked, **state), flights_file.features(halves[1], **state))


def test_features_of_a_row_alone_are_those_in_bulk(
    flights_file: ModuleType, halves: tuple[pd.DataFrame, pd.DataFrame], state: dict[str, Any]
) -> None:
    bulk = flights_file.features(halves[1], **state)
    for number in range(0, len(bulk), 997):
        alone = flights_file.features(halves[1].iloc[[number]].reset_index(drop=True), **state)
        assert_frame_equal(alone, bulk.iloc[[number]].reset_index(drop=True))


def test_unknown_places_and_planes_are_missing_values(
    flights_file: ModuleType, halves: tuple[pd.DataFrame, pd.DataFrame], state: dict[str, Any]
) -> None:
    odd = halves[1].head(3).assign(dest="XXX", tailnum="N0")
    found = flights_file.features(odd, **state)
    assert found["dest"].isna().all() and found["plane_age"].isna().all()
    assert found["dest"].cat.categories.tolist() == state["places"]["dest"]


def test_lateness_can_be_foretold_in_the_second_half_of_the_year(judged: tuple[Any, pd.DataFrame, Any]) -> None:
    fitted, features, truth = judged
    assert roc_auc_score(truth, fitted.predict_proba(features)[:, 1]) > 0.66


def test_the_model_is_not_too_good_to_be_true(judged: tuple[Any, pd.DataFrame, Any]) -> None:
    fitted, features, truth = judged
    assert roc_auc_score(truth, fitted.predict_proba(features)[:, 1]) < 0.78


def test_a_flight_is_called_late_from_one_chance_in_four_on(flights_file: ModuleType) -> None:
    assert flights_file.called_late(np.array([0.1, 0.25, 0.9])).tolist() == [False, True, True]


@pytest.mark.parametrize(("warned", "late", "dollars"), [(True, True, 150), (True, False, -50), (False, True, 0)])
def test_an_answer_is_worth_what_the_assumption_says(
    flights_file: ModuleType, warned: bool, late: bool, dollars: float
) -> None:
    assert flights_file.saved(SimpleNamespace(label=warned), late) == dollars


@pytest.mark.parametrize(
    ("score", "minutes", "spare", "plan"),
    [
        (0.10, -8.0, 60, "go as planned"),
        (0.30, -2.0, 60, "leave a margin"),
        (0.30, -2.0, 20, "take an earlier flight"),
        (0.60, 10.0, 90, "take an earlier flight"),
        (0.10, 25.0, 20, "take an earlier flight"),
    ],
)
def test_advice_combines_both_models_and_the_time_to_spare(
    flights_file: ModuleType, score: float, minutes: float, spare: int, plan: str
) -> None:
    lateness = SimpleNamespace(label=score >= 0.25, score=score)
    told = flights_file.advice(lateness, SimpleNamespace(value=minutes), minutes_to_spare=spare)
    assert (told.plan, told.chance_of_late, told.typical_minutes) == (plan, score, minutes)


def test_charts_and_metrics_hold_finite_numbers(
    flights_file: ModuleType, halves: tuple[pd.DataFrame, pd.DataFrame], judged: tuple[Any, pd.DataFrame, Any]
) -> None:
    drawn = [
        flights_file.late_by_hour(halves[0]),
        flights_file.late_by_airline(halves[0], flights_file.airlines()),
        flights_file.late_by_week(halves[0]),
        flights_file.late_by_visibility(halves[0]),
        flights_file.saved_by_threshold(*judged),
    ]
    for one in drawn:
        for values in one["series"].values() if "series" in one else [one["y"]]:
            assert len(values) == len(one["x"]) > 3
            assert np.isfinite(values).all()
    assert 0.3 < flights_file.late_in_top_tenth(*judged) < 1
