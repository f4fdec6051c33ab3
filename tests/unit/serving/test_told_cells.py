"""A request's row finds by the values it was sent with exactly what its table finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from unshelve.data.frames import records
from unshelve.data.lookup_copy import LookupCopy
from unshelve.data.lookup_table import sorted_copy
from unshelve.data.lookups import Lookup
from unshelve.data.profile import learn
from unshelve.schema.decoder import decoder
from unshelve.serving.request_table import RequestTable, told

TEXTS = ["a", "b", "ü", "", "only the table has it"]
KEYS: dict[str, Callable[[np.random.Generator], pd.Series[Any]]] = {
    "text": lambda chance: pd.Series(chance.choice(TEXTS[:4], 60)),
    "text that may be missing": lambda chance: pd.Series([None, *chance.choice(TEXTS[:4], 59)], dtype="str"),
    "object": lambda chance: pd.Series(chance.choice(TEXTS[:4], 60), dtype=object),
    "category": lambda chance: pd.Series(chance.choice(TEXTS[:4], 60)).astype("category"),
    "number": lambda chance: pd.Series(chance.integers(0, 6, 60)),
    "number of eight bits": lambda chance: pd.Series(chance.integers(0, 6, 60), dtype="int8"),
    "number that may be missing": lambda chance: pd.Series([None, *chance.integers(0, 6, 59)], dtype="Int64"),
    "number as a float": lambda chance: pd.Series([np.nan, *chance.integers(0, 6, 59)]),
    "truth": lambda chance: pd.Series(chance.choice([True, False], 60)),
}
EVENTS = {
    "microseconds": lambda events: events,
    "nanoseconds": lambda events: events.astype("datetime64[ns]"),
    "seconds": lambda events: events.astype("datetime64[s]"),
    "in UTC": lambda events: events.dt.tz_localize("UTC"),
    "in a zone": lambda events: events.dt.tz_localize("UTC").dt.tz_convert("Europe/Amsterdam"),
}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("key", KEYS)
def test_the_values_that_were_sent_find_what_the_table_finds(key: str, event: str) -> None:
    chance = np.random.default_rng(len(key) + len(event))
    lookup = Lookup(key=("key",), at="at", event="event", stale_seconds=3600, zone=None)
    training = pd.DataFrame({"key": KEYS[key](chance), "event": EVENTS[event](_moments(chance, 60))})
    copy = LookupCopy(sorted_copy(_table(chance, key, event), lookup, "it"), lookup, name="it")
    schema = learn(training, known_missing={"event"})
    table = RequestTable.build(schema, {"order": list(schema.names), "format": schema.to_json()["format"]}, None)
    fields = told(schema, ("key", "event"))
    reader = decoder(schema)
    bulk = copy.join(table.of(reader.decode_rows(sent := [*records(training, schema), _without_event(training)])))
    for place, row in enumerate(sent):
        rows = reader.decode_rows([row])
        cells = {name: rows.values[0][position] for name, position in fields}
        alone = copy.join(table.of(rows))
        assert_frame_equal(copy.join(table.of(rows), [cells]), alone)
        assert_frame_equal(alone, bulk.iloc[[place]].reset_index(drop=True))
    together = reader.decode_rows(sent)
    each = [{name: row[position] for name, position in fields} for row in together.values]
    assert_frame_equal(copy.join(table.of(together), each), bulk)
    assert bulk["value"].notna().any() and bulk["value"].isna().any()


def test_columns_that_may_hold_something_else_than_was_sent_are_not_told() -> None:
    table = pd.DataFrame(
        {
            "text": ["a", "b"],
            "category": pd.Categorical(["a", "b"]),
            "whole": [1, 2],
            "float": [1.0, np.nan],
            "seconds": pd.to_datetime(["2024-01-01 00:00:00", "2024-01-02 00:00:01"]).astype("datetime64[s]"),
            "finer": pd.to_datetime(["2024-01-01 00:00:00", "2024-01-02 00:00:01"]).astype("datetime64[us]"),
        }
    )
    schema = learn(table)
    assert told(schema, list(schema.names)) == (("text", 0), ("whole", 2), ("finer", 5))
    assert told(schema, ["finer", "elsewhere"]) == (("finer", 5),)


def _moments(chance: np.random.Generator, count: int) -> pd.Series[Any]:
    tenths = pd.to_timedelta(chance.integers(0, 9 * 36_000, count) * 100, unit="ms").as_unit("us")
    return pd.Series(pd.Timestamp("2024-01-01").as_unit("us") + tenths)


def _table(chance: np.random.Generator, key: str, event: str) -> pd.DataFrame:
    keys = (
        pd.Series(chance.choice(TEXTS, 90))
        if "text" in key or key in ("object", "category")
        else KEYS["truth" if key == "truth" else "number"](chance)
    )
    at = _moments(chance, len(keys))
    at = at.dt.tz_localize("UTC") if event.startswith("in ") else at
    return pd.DataFrame({"key": keys, "at": at, "value": np.arange(len(keys)), "text": "x"}).drop_duplicates(
        ["key", "at"]
    )


def _without_event(training: pd.DataFrame) -> dict[str, Any]:
    first = training["key"].dropna().iloc[0]
    return {"key": first.item() if isinstance(first, np.generic) else first, "event": None}


def test_a_polars_table_finds_the_same_by_the_values_that_were_sent() -> None:
    pytest.importorskip("polars")
    chance = np.random.default_rng(7)
    lookup = Lookup(key=("key",), at="at", event="event", stale_seconds=3600)
    training = pd.DataFrame({"key": KEYS["text"](chance), "event": _moments(chance, 60)})
    copy = LookupCopy(sorted_copy(_table(chance, "text", "microseconds"), lookup, "it"), lookup, name="it")
    schema = learn(training)
    described = {"order": list(schema.names), "format": schema.to_json()["format"], "polars": True}
    table, reader = RequestTable.build(schema, described, None), decoder(schema)
    for row in records(training, schema):
        rows = reader.decode_rows([row])
        cells = {name: rows.values[0][place] for name, place in told(schema, ("key", "event"))}
        assert len(cells) == 2
        given = table.of(rows)
        assert copy.join(given, [cells]).equals(copy.join(given), null_equal=True)
