"""Rows joined with a table of another time: in training, in the checks, in the Proof and for a request alike."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from solution_house import House, open_house
from unshelve.predictions.query import PredictionLog
from unshelve.predictions.record import Record
from unshelve.predictions.sealed import SealedFiles, SealedSegment
from unshelve.registry.lookups import Refresh, newest_copies, refreshes_of
from unshelve.registry.runs import runs_of
from unshelve.security.actors import LOCAL
from unshelve.security.delegation import Delegation
from unshelve.serving.asker import VersionAsker
from unshelve.solution.scheduling import queue_due_refreshes

WEATHER = """
'''Trains in weather: does it rain on a train?'''
import numpy as np
import pandas as pd
from pathlib import Path
from sklearn.linear_model import LogisticRegression
from unshelve import model, source, target, transform


@source(fresh="1d")
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
    table = pd.concat([
        pd.DataFrame({"station": name, "since": hours, "rain": np.sin(np.arange(200) + shift), "clouds": 1})
        for name, shift in (("North", 0.0), ("South", 1.5))
    ])
    return pd.DataFrame(eval((Path(__file__).parent / "more.txt").read_text(), {"table": table, "pd": pd}))


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

AS_IT_WAS = "table"
RAIN = (
    "pd.concat([table, pd.DataFrame("
    "{'station': 'North', 'since': pd.Timestamp('2024-03-03'), 'rain': [0.9], 'clouds': 1})])"
)
MARCH: dict[str, Any] = {"station": "North", "leaves": "2024-03-03T04:20:00"}
JANUARY: dict[str, Any] = {"station": "North", "leaves": "2024-01-03T10:20:00"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("lookups")) as opened:
        yield opened


@pytest.fixture(scope="module")
def wet(house: House) -> House:
    ran = house.run("wet", WEATHER, {"more.txt": AS_IT_WAS})
    assert not ran.errors(), ran.errors()
    assert ran.decision("lateness").proof == "proven", ran.decision("lateness")
    return house


def refreshed(house: House, more: str) -> Refresh:
    """What comes of a refresh of the weather, with what its source brings now."""
    house.run("wet", WEATHER, {"more.txt": more}, only="weather")
    with house.control.database.read() as connection:
        return refreshes_of(connection, "wet", "weather")[0]


def status_of(house: House, row: dict[str, Any], wanted: int) -> dict[str, Any]:
    """The response to a row, once the answer process has taken over what is newest."""
    for _ in range(100):
        found = house.ask("wet.lateness", row)
        if found.status_code == wanted:
            break
        time.sleep(0.05)
    assert found.status_code == wanted, found.text
    answer: dict[str, Any] = found.json()
    return answer


def test_a_version_with_a_lookup_is_proven_and_asked_without_its_columns(wet: House) -> None:
    status_of(wet, JANUARY, 200)
    assert set(wet.json_file("wet.lateness", 1, "schema.json")["lookups"]) == {"weather"}
    assert [field["name"] for field in wet.json_file("wet.lateness", 1, "schema.json")["fields"]] == [
        "station",
        "leaves",
    ]


def test_a_row_without_an_entry_is_refused_by_the_name_of_the_field(wet: House) -> None:
    found = status_of(wet, {"station": "North", "leaves": "2024-03-03T10:20:00"}, 422)
    assert found["problems"] == [
        {
            "row": 0,
            "field": "weather.rain",
            "problem": "is not known: the newest entry of station North in weather is too old at 2024-03-03 10:20:00",
        }
    ]


def test_a_refresh_answers_without_a_new_version_and_a_receipt_goes_by_the_copy_of_then(wet: House) -> None:
    before = status_of(wet, MARCH, 422)
    assert before["problems"][0]["field"] == "weather.rain"
    found = refreshed(wet, RAIN)
    assert (found.error, found.rows, found.keys) == (None, 401, 2)
    answer = status_of(wet, MARCH, 200)["answers"][0]
    assert answer["version"] == 1
    record = logged(wet, answer["id"])
    used = msgspec.json.decode(record.lookups)
    assert used["weather"]["copy"] == found.digest
    assert 0 <= used["weather"]["age_seconds"] < 600
    assert used["weather"]["found"] == "entry"

    other = refreshed(wet, RAIN.replace("0.9", "-0.9"))
    assert other.digest != found.digest
    newer = changed(wet, MARCH, answer["score"])
    assert newer["score"] != answer["score"]
    again = answered_from({"weather": str(found.digest)}, wet, [MARCH])[0]
    assert (again["score"], again["label"]) == (answer["score"], answer["label"])


def test_the_proof_is_asked_with_the_copy_of_the_training_whatever_came_since(wet: House) -> None:
    pinned = wet.package("wet.lateness", 1)["files"]["lookup/weather"]["digest"]
    of_then = answered_from({"weather": pinned}, wet, [JANUARY])[0]["score"]
    refreshed(wet, "table.assign(rain=0.0)")  # history rewritten: answers differ, the version is what it was
    assert changed(wet, JANUARY, of_then)["score"] != of_then
    held = [msgspec.json.decode(line) for line in heldout(wet)[1:20]]
    said = answered_from({"weather": pinned}, wet, [each["row"] for each in held])
    assert [each["score"] for each in said] == [each["answer"]["score"] for each in held]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("table.iloc[:0]", "brought no rows"),
        ("table.drop(columns='rain')", "Its columns changed: rain is gone"),
        ("table.assign(rain='wet')", "rain was float64 and is str"),
        ("table.drop(columns='station')", "has no column 'station', which its key= names"),
        ("table.assign(since='noon')", "which is no time"),
        ("pd.concat([table, table.assign(rain=1.0)])", "says two different things of station"),
        ("table.assign(station=[None] + list(table.station)[1:])", "1 of 400 rows of lookup weather have no station"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_refresh_that_fails_leaves_the_former_copy_and_says_why(wet: House, more: str, says: str) -> None:
    with wet.control.database.read() as connection:
        before = newest_copies(connection, "wet")["wet.weather"]
    found = refreshed(wet, more)
    assert found.digest is None
    assert says in str(found.error)
    with wet.control.database.read() as connection:
        assert newest_copies(connection, "wet")["wet.weather"] == before
    assert status_of(wet, JANUARY, 200)


def test_an_old_copy_is_refreshed_by_a_run_of_that_step_once(wet: House, monkeypatch: pytest.MonkeyPatch) -> None:
    refreshed(wet, AS_IT_WAS)
    assert queue_due_refreshes(wet.control) == 0
    now = wet.control.clock.now()
    monkeypatch.setattr(type(wet.control.clock), "now", lambda _: now + timedelta(hours=1, minutes=1))
    assert (queue_due_refreshes(wet.control), queue_due_refreshes(wet.control)) == (1, 0)
    with wet.control.database.read() as connection:
        assert runs_of(connection, "wet")[0].cause == "the lookup weather is refreshed"


def test_what_a_lookup_gives_can_be_asked_by_its_key_alone(wet: House) -> None:
    refreshed(wet, AS_IT_WAS)
    with asker(wet) as ask:
        status, said = ask.lookups([JANUARY, {"station": "South", "leaves": "2025-01-01T00:00:00"}])
    assert status == 200
    found = said["lookups"]
    assert found[0]["weather"]["age_seconds"] == 1200
    assert found[0]["weather"]["values"]["since"] == "2024-01-03T10:00:00"
    assert found[1]["weather"]["values"] is None


def changed(house: House, row: dict[str, Any], former: float) -> dict[str, Any]:
    """The answer once it is another one than before."""
    for _ in range(100):
        answer: dict[str, Any] = status_of(house, row, 200)["answers"][0]
        if answer["score"] != former:
            break
        time.sleep(0.05)
    return answer


def asker(house: House, copies: dict[str, str] | None = None) -> VersionAsker:
    bearer = Delegation.load_or_create(house.control.home.keys).issue(LOCAL, house.control.clock.now())
    return VersionAsker(str(house.control.address), bearer, "wet.lateness", 1, copies=copies)


def answered_from(copies: dict[str, str], house: House, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    with asker(house, copies) as ask:
        status, said = ask(rows)
    assert status == 200, said
    answers: list[dict[str, Any]] = said["answers"]
    return answers


def heldout(house: House) -> list[bytes]:
    digest = house.package("wet.lateness", 1)["files"]["heldout"]["digest"]
    return house.control.blobs.get(digest).split(b"\n")


def logged(house: House, name: str) -> Record:
    files: SealedFiles = _NothingSealed()
    return PredictionLog(house.control.database, house.control.home.predictions, files).find(name)


class _NothingSealed:
    """No sealed files: the answers of these tests are in the open segment."""

    def seal(self, segment: Path) -> SealedSegment:
        raise NotImplementedError(segment)

    def recent(self, path: str, *, model: str | None, before: str | None, limit: int) -> list[Record]:
        raise NotImplementedError(path, model, before, limit)

    def find(self, path: str, record_id: str) -> Record | None:
        raise NotImplementedError(path, record_id)


def test_after_a_restart_of_everything_the_last_copy_answers(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        assert house.run("wet", WEATHER, {"more.txt": AS_IT_WAS}).decision("lateness").released
        refreshed(house, RAIN)
    with open_house(tmp_path) as again:
        assert again.ask("wet.lateness", MARCH).status_code == 200
