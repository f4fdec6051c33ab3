"""The answer process with the same model: signed in, validated, logged. Used where no server is named.

It stands for `serving/loaded.py`: the same table from the same Schema, the same transform, the same model.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from flights_model import load, solution

from unshelve.data.frames import frame
from unshelve.data.profile import learn
from unshelve.errors import NotFound
from unshelve.schema.decoder import Decoder, decoder
from unshelve.schema.rows import Rows
from unshelve.storage.blobs import BlobStore
from unshelve.storage.database import Database
from unshelve.storage.home import Home

MODEL = "flights.lateness"


@dataclass
class Flights:
    decoder: Decoder
    flights: Any
    features: Any
    model: str = MODEL
    version: int = 1
    kind: Literal["model", "endpoint"] = "model"
    slow: bool = True
    together: int = int(os.environ.get("BENCH_TOGETHER", "1"))
    seconds: float = 0.0

    def answer(self, rows: Rows) -> list[dict[str, Any]]:
        table = frame(rows.columns(), rows.schema)
        flights = self.flights
        scores = flights.model.predict_proba(self.features(table, flights.built, flights.places))[:, 1]
        return [{"label": bool(score >= 0.25), "score": float(score)} for score in scores]


@dataclass
class Nothing(Flights):
    """Costs nothing, so that what is left is the path to a model and back."""

    model: str = "flights.nothing"
    slow: bool = False

    def answer(self, rows: Rows) -> list[dict[str, Any]]:
        return [{"label": True, "score": 0.36}] * rows.n


class Fixed:
    """Releases that never change."""

    def __init__(self, *predictors: Flights) -> None:
        self._by_name = {predictor.model: predictor for predictor in predictors}

    def release_for(self, model: str) -> Flights:
        if model not in self._by_name:
            raise NotFound(f"There is no model {model}.")
        return self._by_name[model]

    def loaded(self, model: str, number: int) -> Flights | None:
        return self.release_for(model)

    def version(self, model: str, number: int) -> Flights:
        return self.release_for(model)

    def refresh(self) -> None:
        return


def releases(home: Home, database: Database, blobs: BlobStore) -> Fixed:
    flights = load(Path(os.environ["PEER_MODEL"]))
    schema = learn(flights.sample)
    parts = (decoder(schema), flights, solution().features)
    return Fixed(Flights(*parts), Nothing(*parts))
