"""What decoding and building a request's table cost, beside what the usual ways cost in the same run.

    python benchmarks/schema.py [--seconds 0.3]

Two shapes: `flights` (12 columns: 3 categories, 6 floats that may be missing, 2 integers, 1 aware timestamp) and
`floats` (30 floats). Every figure is the median of seven repeats, with the fastest and the slowest.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import timeit
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import pandas as pd

from unshelve.data.frames import frame, records
from unshelve.data.profile import learn
from unshelve.errors import SchemaMismatch
from unshelve.schema.decoder import decoder

REPEATS = 7
MANY = 10_000


def flights(rows: int) -> pd.DataFrame:
    """A table like that of `examples/flights`."""
    random = np.random.default_rng(0)
    measured = {name: random.random(rows) * 50 for name in ("wind", "temp", "humid", "precip", "pressure", "visib")}
    measured = {name: np.where(random.random(rows) < 0.1, np.nan, values) for name, values in measured.items()}
    return pd.DataFrame(
        {
            "carrier": random.choice(list("ABCDEFGHIJ"), rows),
            "origin": random.choice(["EWR", "JFK", "LGA"], rows),
            "dest": random.choice([f"D{i:02d}" for i in range(100)], rows),
            **measured,
            "distance": random.integers(80, 4983, rows),
            "hour": random.integers(5, 24, rows),
            "time_hour": pd.date_range("2013-01-01", periods=rows, freq="h", tz="America/New_York"),
        }
    )


def floats(rows: int) -> pd.DataFrame:
    """Thirty columns of floats, as breast_cancer has them."""
    values = np.random.default_rng(0).random((rows, 30))
    return pd.DataFrame(values, columns=[f"mean feature {i}" for i in range(30)])


def measure(work: Callable[[], object], seconds: float) -> list[float]:
    """Seconds per call, once for each repeat, smallest first."""
    timer = timeit.Timer(work)
    number = max(1, int(seconds / max(timer.timeit(3) / 3, 1e-7)))
    return sorted(time / number for time in timer.repeat(REPEATS, number))


def line(name: str, times: list[float]) -> str:
    """One row of the report, in µs."""
    low, middle, high = (1e6 * time for time in (times[0], statistics.median(times), times[-1]))
    return f"| {name} | {middle:,.1f} | {low:,.1f} - {high:,.1f} |"


def report(name: str, table: pd.DataFrame, seconds: float) -> None:
    """Print the figures of one shape."""
    schema = learn(table)
    read = decoder(schema)
    sent = records(table, schema)
    one, many = (json.dumps({"rows": rows}).encode() for rows in (sent[:1], sent))
    wrong = one.replace(json.dumps(schema.names[0]).encode(), b'"unknown"')
    columns, all_columns = read.decode(one).columns(), read.decode(many).columns()
    dtypes = dict(table.dtypes)

    def refuse() -> None:
        try:
            read.decode(wrong)
        except SchemaMismatch:
            return
        raise AssertionError("a wrong row was accepted")

    assert frame(all_columns, schema).equals(table)
    print(
        f"\n### {name}: {len(table.columns)} columns; one row {len(one):,} bytes, {MANY:,} rows {len(many):,} bytes\n"
    )
    print("| what | µs, median | fastest - slowest |\n| --- | --- | --- |")
    works: list[tuple[str, Callable[[], object]]] = [
        ("decode one row", lambda: read.decode(one)),
        ("… and its columns", lambda: read.decode(one).columns()),
        ("… and its warnings", lambda: read.decode(one).warnings(0)),
        ("frame of one row", lambda: frame(columns, schema)),
        ("bytes to table, one row", lambda: frame(read.decode(one).columns(), schema)),
        ("usual way: json.loads, DataFrame, astype", lambda: pd.DataFrame(json.loads(one)["rows"]).astype(dtypes)),
        ("refuse one row, naming two problems", refuse),
        (f"decode {MANY:,} rows to columns", lambda: read.decode(many).columns()),
        (f"frame of {MANY:,} rows", lambda: frame(all_columns, schema)),
        (f"records of {MANY:,} rows", lambda: records(table, schema)),
        (f"learn from {MANY:,} rows", lambda: learn(table)),
    ]
    for said, work in works:
        print(line(said, measure(work, seconds)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.3, help="how long each repeat takes at least")
    seconds = parser.parse_args().seconds
    versions = ", ".join(f"{name} {version(name)}" for name in ("msgspec", "pandas", "numpy", "pyarrow"))
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}; {versions}")
    report("flights", flights(MANY), seconds)
    report("floats", floats(MANY), seconds)


if __name__ == "__main__":
    main()
