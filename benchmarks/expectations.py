"""Expectations of 1 million rows x 10 columns, against pandera in the same run on the same table.

    pip install pandera && python benchmarks/expectations.py [--rows 1000000] [--rounds 5]

Both say the same ten things and find the same failing rows, which is asserted. Rounds alternate; the best and the
median of each are printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import pandas as pd
import pandera.pandas as pa

from unshelve.data.checking import holds
from unshelve.data.checks import column, key, refers_to

CARRIERS = ["AA", "B6", "DL", "EV", "MQ", "UA", "US", "WN"]


def made(n: int) -> pd.DataFrame:
    """Flights with 1 in 1,000 values that do not fit."""
    draw = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "id": np.arange(n),
            "carrier": draw.choice(CARRIERS, n),
            "origin": draw.choice(["EWR", "JFK", "LGA"], n),
            "tail": [f"N{number:05d}" for number in draw.integers(0, 4000, n)],
            "distance": draw.uniform(10, 4900, n),
            "delay": draw.normal(10, 40, n),
            "temp": np.where(draw.random(n) < 0.02, np.nan, draw.normal(12, 8, n)),
            "seats": draw.integers(20, 400, n),
            "departs": pd.date_range("2013-01-01", periods=n, freq="30s"),
            "late": draw.random(n) < 0.2,
        }
    )
    odd = draw.choice(n, n // 1000, replace=False)
    table.loc[odd, "distance"] = -1.0
    table.loc[odd[: len(odd) // 2], "tail"] = "?"
    table.loc[odd[: len(odd) // 4], "carrier"] = "ZZ"
    return table


def ours(table: pd.DataFrame, airlines: pd.DataFrame) -> set[int]:
    checks = [
        key("id"),
        refers_to("airlines", "carrier"),
        column("origin", type="string", one_of=["EWR", "JFK", "LGA"], missing=False),
        column("tail", matches=r"N\d{5}"),
        column("distance", type="float", between=(0, 5000), missing=False),
        column("delay", type="float", between=(-1440, 1440)),
        column("temp", type="float", between=(-60, 60)),
        column("seats", type="integer", between=(1, 900), missing=False),
        column("departs", type="timestamp", between=("2000-01-01", None), missing=False),
        column("late", type="boolean"),
    ]
    rows = np.zeros(len(table), dtype=bool)
    for found in holds(table, checks, {"airlines": airlines}):
        if found.rows is not None:
            rows |= found.rows
    return set(np.flatnonzero(rows).tolist())


def theirs(table: pd.DataFrame, airlines: pd.DataFrame) -> set[int]:
    schema = pa.DataFrameSchema(
        {
            "id": pa.Column(int, unique=True, report_duplicates="exclude_first"),
            "carrier": pa.Column(checks=pa.Check.isin(airlines["carrier"].tolist())),
            "origin": pa.Column(checks=pa.Check.isin(["EWR", "JFK", "LGA"])),
            "tail": pa.Column(checks=pa.Check.str_matches(r"^N\d{5}$")),
            "distance": pa.Column(float, pa.Check.in_range(0, 5000)),
            "delay": pa.Column(float, pa.Check.in_range(-1440, 1440), nullable=True),
            "temp": pa.Column(float, pa.Check.in_range(-60, 60), nullable=True),
            "seats": pa.Column(int, pa.Check.in_range(1, 900)),
            "departs": pa.Column(checks=pa.Check.ge(pd.Timestamp("2000-01-01"))),
            "late": pa.Column(bool),
        }
    )
    try:
        schema.validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        return set(error.failure_cases["index"].dropna().astype(int))
    return set()


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    table, airlines = made(given.rows), pd.DataFrame({"carrier": CARRIERS})
    sides: dict[str, Callable[[pd.DataFrame, pd.DataFrame], set[int]]] = {"unshelve": ours, "pandera": theirs}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(given.rounds):
        found = {}
        for name, side in sides.items():
            start = time.perf_counter()
            found[name] = side(table, airlines)
            seconds[name].append(time.perf_counter() - start)
        assert found["unshelve"] == found["pandera"], "the two do not find the same rows"
    print(f"{given.rows:,} rows x {table.shape[1]} columns, {len(found['unshelve']):,} failing rows, found by both")
    for name, taken in seconds.items():
        print(f"{name:9} best {min(taken):.3f} s, median {statistics.median(taken):.3f} s")
    ratio = min(seconds["pandera"]) / min(seconds["unshelve"])
    print(f"pandera takes {ratio:.1f} times as long; load {os.getloadavg()[0]:.1f}, pandera {version('pandera')}")


if __name__ == "__main__":
    main()
