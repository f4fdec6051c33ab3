"""The model of `examples/flights`, trained once and kept in a file, for every server of the comparison.

    python benchmarks/peers/flights_model.py MODEL_FILE BODIES_FILE

The first file holds the fitted model and its frozen state; the second 500 request bodies, one flight each.
"""

from __future__ import annotations

import importlib.util
import json
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
BODIES = 500
KNOWN_LATER = ("arr_delay", "dep_delay", "air_time")


@dataclass
class Flights:
    """What answers: a fitted classifier and the frozen state of its transform."""

    model: Any
    built: Any
    places: Any
    sample: pd.DataFrame
    """Some training rows, for learning the Schema."""


def solution() -> ModuleType:
    """The example's functions, which are ordinary ones."""
    spec = importlib.util.spec_from_file_location("flights_solution", ROOT / "examples/flights/solution.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["flights_solution"] = module
    spec.loader.exec_module(module)
    return module


def train(model_file: Path, bodies_file: Path) -> None:
    """Trains as the example does, on January to June, and writes both files."""
    author = solution()
    rows = author.flown(author.flights())
    first = rows[rows["departs"] < "2013-07-01"]
    built, places = author.built(author.planes()), author.places(first)
    model = author.lateness(author.features(first, built, places), author.late(first))
    known = [name for name in rows.columns if name not in (*KNOWN_LATER, "flight")]  # no model reads the flight number
    sample = first[known].sample(20_000, random_state=0).reset_index(drop=True)
    model_file.write_bytes(pickle.dumps(Flights(model, built, places, sample)))
    asked = rows[rows["departs"] >= "2013-07-01"][known].sample(BODIES, random_state=1)
    with bodies_file.open("w", encoding="utf-8") as file:
        for row in asked.to_dict("records"):
            row["departs"] = row["departs"].isoformat()
            clean = {name: None if pd.isna(value) else value for name, value in row.items()}
            file.write(json.dumps({"rows": [clean]}) + "\n")


def load(model_file: Path) -> Flights:
    """The trained model; the file is one that `train` wrote."""
    sys.modules["__main__"].Flights = Flights  # type: ignore[attr-defined]
    found: Flights = pickle.loads(model_file.read_bytes())
    return found


if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]))
