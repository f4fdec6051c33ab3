"""Declared sources as lookups: what they say of themselves, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from unshelve.data.lookups import Lookup
from unshelve.errors import Refused
from unshelve.pipeline.declared import DeclaredSource, files, http, objects, sql
from unshelve.testing.lookups import joined

HOW = Lookup(key=("station",), at="since", event="leaves", stale_seconds=21600.0, zone="Europe/Rome")


@pytest.mark.parametrize(
    "made",
    [
        lambda **how: sql("select 1", connection="dwh", **how),
        lambda **how: http("https://api.example.com/weather", **how),
        lambda **how: files("weather.csv", **how),
        lambda **how: objects("s3://bucket/weather.csv", **how),
    ],
    ids=["sql", "http", "files", "objects"],
)
def test_each_of_them_can_be_a_lookup(made: Callable[..., DeclaredSource]) -> None:
    how = {"key": "station", "at": "since", "event": "leaves", "stale": "6h", "zone": "Europe/Rome"}
    assert made(lookup=True, **how).mark.lookup == HOW
    assert made().mark.lookup is None
    for option in ("at", "event", "stale"):
        with pytest.raises(Refused, match=f"{option}= is for lookups"):
            made(**{option: how[option]})
    with pytest.raises(Refused, match="'Mars' names no time zone"):
        made(lookup=True, **{**how, "zone": "Mars"})


def test_rows_of_a_history_are_told_apart_by_key_and_time() -> None:
    one = sql("select 1", connection="dwh", watermark="w", lookup=True, key=["a", "b"], at="t")
    assert one.options["key"] == ["a", "b", "t"]
    present = sql("select 1", connection="dwh", watermark="w", lookup=True, key="a")
    assert present.options["key"] == ["a"]


@pytest.mark.parametrize("option", ["key", "zone"])
def test_a_key_or_zone_of_files_is_for_lookups(option: str) -> None:
    with pytest.raises(Refused, match=f"{option}= is for lookups"):
        files("a.csv", **{option: "Europe/Rome"})  # type: ignore[arg-type]  # one of two options


def test_a_unit_test_gets_of_it_what_a_transform_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "w.csv").write_text("station,since,rain\nNorth,2024-01-01T00:00:00,1\nNorth,2024-01-01T06:00:00,2\n")
    monkeypatch.chdir(tmp_path)
    weather = files("w.csv", lookup=True, key="station", at="since", event="leaves")
    rows = pd.DataFrame({"station": ["North", "South"], "leaves": pd.to_datetime(["2024-01-01 05:00"] * 2)})
    assert joined(weather, rows)["rain"].astype(object).where(lambda each: each.notna(), None).tolist() == [1.0, None]
