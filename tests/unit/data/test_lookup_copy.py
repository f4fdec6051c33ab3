"""Rows joined with a table by key and time: never a later entry, alike in every way, and said where it cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from unshelve.data import lookup_keys
from unshelve.data.lookup_copy import LookupCopy
from unshelve.data.lookup_table import sorted_copy
from unshelve.data.lookups import Lookup
from unshelve.errors import SchemaMismatch, SolutionInvalid

WEATHER = Lookup(key=("origin",), at="since", event="departs", stale_seconds=6 * 3600)


def weather() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "origin": ["JFK", "JFK", "EWR", "JFK"],
            "since": pd.to_datetime(["2024-01-01 12:00", "2024-01-01 06:00", "2024-01-01 06:00", "2024-01-01 18:00"]),
            "temp": [12, 6, 60, 18],
            "wet": [True, False, True, False],
        }
    )


def copy_of(table: pd.DataFrame, lookup: Lookup) -> LookupCopy:
    return LookupCopy(sorted_copy(table, lookup, "weather"), lookup, name="weather")


def rows(*given: tuple[str | None, str | None]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "origin": [each[0] for each in given],
            "departs": pd.to_datetime(pd.Series([each[1] for each in given]), format="ISO8601"),
        }
    ).astype({"origin": "str"})


def test_each_row_gets_the_newest_entry_of_its_key_that_holds_by_then() -> None:
    asked = rows(
        ("JFK", "2024-01-01 12:00"),  # the entry of that very moment
        ("JFK", "2024-01-01 11:59:59.999999"),
        ("JFK", "2024-01-01 05:00"),  # only later ones
        ("EWR", "2024-01-01 12:00"),
        ("EWR", "2024-01-01 12:00:00.000001"),  # a microsecond too old
        ("LGA", "2024-01-01 12:00"),
        (None, "2024-01-01 12:00"),
        ("JFK", None),
    )
    found = copy_of(weather(), WEATHER).join(asked)
    assert found["temp"].tolist()[:2] == [12, 6] and found["temp"].tolist()[3] == 60
    assert found["temp"].isna().tolist() == [False, False, True, False, True, True, True, True]
    assert found.dtypes.astype(str).tolist() == ["datetime64[us]", "float64", "boolean"]


def test_planted_future_rows_change_nothing_before_them() -> None:
    asked = rows(("JFK", "2024-01-01 12:30"), ("EWR", "2024-01-01 08:00"), ("JFK", "2024-01-01 19:00"))
    planted = pd.DataFrame(
        {
            "origin": ["JFK", "EWR"],
            "since": pd.to_datetime(["2024-01-01 19:00:00.000001", "2024-01-01 08:00:00.000001"]),
            "temp": [999, 999],
            "wet": [True, True],
        }
    )
    usual = copy_of(weather(), WEATHER).join(asked)
    assert_frame_equal(copy_of(pd.concat([weather(), planted]), WEATHER).join(asked), usual)


@pytest.mark.parametrize("in_a_dict", [lookup_keys.IN_A_DICT, 0], ids=["in a dict", "by bisection"])
@pytest.mark.parametrize("keys", [("number",), ("text",), ("text", "number"), ("number", "text", "day", "yes")])
def test_it_gives_what_a_search_by_hand_gives_alone_shuffled_and_in_bulk(
    monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...], in_a_dict: int
) -> None:
    monkeypatch.setattr(lookup_keys, "IN_A_DICT", in_a_dict)
    chance = np.random.default_rng(0)
    table, asked = (_some(chance, count) for count in (300, 200))
    table["value"] = np.arange(300)
    table = table.drop_duplicates([*keys, "at"])
    lookup = Lookup(key=keys, at="at", event="at", stale_seconds=40 * 60)
    copy = copy_of(table, lookup)
    bulk = copy.join(asked)
    expected = [_by_hand(table, lookup, row) for row in asked.to_dict("records")]
    assert bulk["value"].astype(object).where(bulk["value"].notna(), None).tolist() == expected
    assert sum(each is not None for each in expected) > 3
    order = chance.permutation(len(asked))
    assert_frame_equal(copy.join(asked.take(order)).sort_index(), bulk)
    alone = pd.concat([copy.join(asked.iloc[[row]]) for row in range(len(asked))])
    assert_frame_equal(alone, bulk)


def _some(chance: np.random.Generator, count: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "number": chance.integers(-2, 3, count),
            "text": chance.choice(["a", "b", "ü", ""], count),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(chance.integers(0, 2, count), unit="D"),
            "yes": chance.choice([True, False], count),
            "at": pd.Timestamp("2024-01-01") + pd.to_timedelta(chance.integers(0, 600, count), unit="min"),
        }
    )


def _by_hand(table: pd.DataFrame, lookup: Lookup, row: dict[Any, Any]) -> int | None:
    mine = table[np.logical_and.reduce([table[key] == row[key] for key in lookup.key])]
    past = mine[(mine["at"] <= row["at"]) & (row["at"] - mine["at"] <= pd.Timedelta(seconds=lookup.stale_seconds or 0))]
    return None if past.empty else int(past.sort_values("at")["value"].iloc[-1])


def test_without_a_time_the_present_state_is_given_by_key_alone() -> None:
    lookup = Lookup(key=("customer",))
    table = pd.DataFrame({"customer": [7, 3], "orders": [70, 30]})
    found = copy_of(table, lookup).join(pd.DataFrame({"customer": [3.0, np.nan, 7.0, 3.5]}))
    assert found["orders"].isna().tolist() == [False, True, False, True]
    assert found["orders"].tolist()[0::2] == [30, 70]


ZONE = Lookup(key=("k",), at="at", event="event", zone="America/New_York")


def test_local_times_are_compared_with_instants_in_the_zone_that_is_named() -> None:
    table = pd.DataFrame(
        {"k": 1, "at": pd.to_datetime(["2013-07-01T11:00Z", "2013-12-01T12:00Z"]), "value": ["summer", "winter"]}
    )
    asked = pd.DataFrame(
        {"k": 1, "event": pd.to_datetime(["2013-07-01 06:59", "2013-07-01 07:00", "2013-12-01 07:00"])}
    )
    found = copy_of(table, ZONE).join(asked)["value"]
    assert found.isna().tolist() == [True, False, False] and found.tolist()[1:] == ["summer", "winter"]


def test_an_hour_that_is_shown_twice_is_read_so_that_nothing_is_known_too_early() -> None:
    # On 2013-11-03 the clocks of New York show 01:30 at 05:30Z and again at 06:30Z.
    instants = pd.DataFrame({"k": 1, "at": pd.to_datetime(["2013-11-03T05:00Z", "2013-11-03T06:00Z"]), "v": [5, 6]})
    asked = pd.DataFrame({"k": [1], "event": pd.to_datetime(["2013-11-03 01:30"])})
    assert copy_of(instants, ZONE).join(asked)["v"].tolist() == [5]
    local = pd.DataFrame({"k": 1, "at": pd.to_datetime(["2013-11-03 00:30", "2013-11-03 01:30"]), "v": [0, 1]})
    exact = pd.DataFrame({"k": 1, "event": pd.to_datetime(["2013-11-03T05:45Z", "2013-11-03T06:45Z"])})
    assert copy_of(local, ZONE).join(exact)["v"].tolist() == [0, 1]


def test_an_hour_that_is_skipped_is_read_as_by_a_clock_that_was_not_put_forward() -> None:
    # On 2013-03-10 they go from 02:00 to 03:00, at 07:00Z.
    table = pd.DataFrame({"k": 1, "at": pd.to_datetime(["2013-03-10T07:20Z", "2013-03-10T07:40Z"]), "v": [20, 40]})
    asked = pd.DataFrame({"k": 1, "event": pd.to_datetime(["2013-03-10 02:30", "2013-03-10 03:30"])})
    assert copy_of(table, ZONE).join(asked)["v"].tolist() == [20, 20]
    local = pd.DataFrame({"k": 1, "at": pd.to_datetime(["2013-03-10 02:30"]), "v": [1]})
    exact = pd.DataFrame({"k": 1, "event": pd.to_datetime(["2013-03-10T07:29Z", "2013-03-10T07:30Z"])})
    assert copy_of(local, ZONE).join(exact)["v"].isna().tolist() == [True, False]


def test_a_zone_on_one_side_alone_is_refused() -> None:
    table = weather().assign(since=lambda each: each["since"].dt.tz_localize("UTC"))
    with pytest.raises(SolutionInvalid, match=r"weather.since has a time zone and departs has none") as caught:
        copy_of(table, WEATHER).join(rows(("JFK", "2024-01-01 12:00")))
    assert "zone=" in str(caught.value.hint)


@pytest.mark.parametrize("keys", [[1, 2], [1.5, 2.0], [pd.Timestamp("2024-01-01")] * 2])
def test_keys_of_another_type_than_the_rows_are_refused(keys: list[Any]) -> None:
    asked = pd.DataFrame({"origin": keys, "departs": pd.to_datetime(["2024-01-01"] * 2)})
    copy = copy_of(weather(), WEATHER)
    for some in (asked, asked.iloc[:1]):
        with pytest.raises(SolutionInvalid, match=r"origin is (numbers|times) in the rows and texts in lookup weather"):
            copy.join(some)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (weather().drop(columns="origin"), "Lookup weather has no column 'origin', which its key= names"),
        (weather().drop(columns="since"), "Lookup weather has no column 'since', which its at= names"),
        (weather().assign(origin=pd.Series([None, "a", "b", "c"])), "1 of 4 rows of lookup weather have no origin"),
        (weather().assign(since=pd.Series([None] * 4)), "4 of 4 rows of lookup weather have no since"),
        (weather().assign(since="noon"), "weather.since holds 'noon', which is no time"),
        (weather().assign(origin=[1.5, 2, 3, 4]), "weather.origin holds 1.5, which cannot be a key"),
        (weather().assign(origin=[b"x", "a", "b", "c"]), "which cannot be a key"),
        (pd.concat([weather(), weather().assign(temp=0)]), "says two different things of origin EWR, since 2024-01-01"),
    ],
)
def test_a_table_that_cannot_be_a_lookup_is_refused_with_the_reason(table: pd.DataFrame, says: str) -> None:
    with pytest.raises(SolutionInvalid) as caught:
        sorted_copy(table, WEATHER, "weather")
    assert says in str(caught.value)


def test_rows_that_are_there_twice_count_once() -> None:
    assert_frame_equal(
        sorted_copy(pd.concat([weather(), weather()]), WEATHER, "weather"), sorted_copy(weather(), WEATHER, "weather")
    )


def test_a_required_value_that_is_not_there_is_named_by_row_and_field_with_the_reason() -> None:
    copy = copy_of(weather(), WEATHER).requiring(["temp"])
    asked = rows(("JFK", "2024-01-01 12:00"), ("LGA", "2024-01-01 12:00"), ("EWR", "2024-01-02"), ("EWR", "2023-01-01"))
    with pytest.raises(SchemaMismatch) as caught:
        copy.join(asked)
    assert caught.value.details["problems"] == [
        {"row": row, "field": "weather.temp", "problem": f"is not known: {said}"}
        for row, said in (
            (1, "weather has no entry of origin LGA"),
            (2, "the newest entry of origin EWR in weather is too old at 2024-01-02 00:00:00"),
            (3, "weather has no entry of origin EWR before 2023-01-01 00:00:00"),
        )
    ]


def test_a_copy_whose_columns_are_gone_or_of_another_type_does_not_fit() -> None:
    trained = copy_of(weather(), WEATHER).columns
    more = copy_of(weather().assign(clouds=1), WEATHER).like(trained)
    assert more is not None and more.columns == trained
    assert copy_of(weather().drop(columns="wet"), WEATHER).like(trained) is None
    assert copy_of(weather().assign(temp="warm"), WEATHER).like(trained) is None
    assert copy_of(weather().assign(temp=pd.Series([1.5, None, 2, 3])), WEATHER).like(trained) is not None


def test_a_table_without_rows_gives_nothing() -> None:
    found = LookupCopy(weather().iloc[:0], WEATHER, name="weather").join(rows(("JFK", "2024-01-01 12:00")))
    assert found.isna().all(axis=None) and len(found) == 1


def test_polars_rows_get_a_polars_table() -> None:
    polars = pytest.importorskip("polars")
    found = copy_of(weather(), WEATHER).join(polars.from_pandas(rows(("JFK", "2024-01-01 12:00"))))
    assert found["temp"].to_list() == [12.0]


@pytest.mark.parametrize("each_alone", [False, True], ids=["in bulk", "alone"])
def test_a_copy_that_is_asked_says_what_each_row_found(each_alone: bool) -> None:
    asked = rows(
        ("JFK", "2024-01-01 12:00"),
        ("EWR", "2024-01-01 12:00:00.000001"),
        ("EWR", "2024-01-01 05:00"),
        ("LGA", "2024-01-01 12:00"),
        (None, "2024-01-01 12:00"),
        ("JFK", None),
    )
    copy = copy_of(weather(), WEATHER)
    outcomes: list[str] = []
    for part in [asked.iloc[[row]] for row in range(len(asked))] if each_alone else [asked]:
        one = copy.asked()
        assert_frame_equal(one.join(part), copy.join(part))
        outcomes += one.outcomes
    assert outcomes == ["entry", "stale", "none", "none", "none", "none"]


def test_of_rows_that_are_joined_twice_the_worse_counts() -> None:
    one = copy_of(weather(), WEATHER).asked()
    one.join(rows(("JFK", "2024-01-01 12:00"), ("EWR", "2024-01-02"), ("LGA", "2024-01-02")))
    one.join(rows(("JFK", "2024-01-03"), ("EWR", "2024-01-01 12:00"), ("JFK", "2024-01-01 12:00")))
    assert one.outcomes == ["stale", "stale", "none"]


def test_times_that_came_as_texts_are_times_where_all_of_them_are() -> None:
    told = weather().assign(since=weather()["since"].dt.strftime("%Y-%m-%d %H:%M:%S").astype("str"))
    assert_frame_equal(sorted_copy(told, WEATHER, "weather"), sorted_copy(weather(), WEATHER, "weather"))
    zoned = sorted_copy(weather().assign(since=weather()["since"].dt.strftime("%Y-%m-%dT%H:%MZ")), WEATHER, "weather")
    assert str(zoned["since"].dtype) == "datetime64[us, UTC]"
    with pytest.raises(SolutionInvalid, match=r"weather.since holds '31.12.2024', which is no time"):
        sorted_copy(weather().assign(since="31.12.2024"), WEATHER, "weather")
