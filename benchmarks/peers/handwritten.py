"""The service that a data scientist writes by hand: FastAPI, pydantic, pandas and scikit-learn.

No sign-in, no log, no versions. Started by `benchmarks/answers.py`, which names the model's file in PEER_MODEL.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from fastapi import FastAPI
from flights_model import load, solution
from pydantic import BaseModel

features = solution().features
flights = load(Path(os.environ["PEER_MODEL"]))
app = FastAPI()


class Flight(BaseModel):
    departs: datetime
    carrier: str
    origin: str
    dest: str
    tailnum: str | None = None
    temp: float | None = None
    humid: float | None = None
    wind_speed: float | None = None
    wind_gust: float | None = None
    precip: float | None = None
    pressure: float | None = None
    visib: float | None = None


class Asked(BaseModel):
    rows: list[Flight]


@app.post("/predict")
def predict(asked: Asked) -> dict[str, Any]:
    table = pd.DataFrame([row.model_dump() for row in asked.rows])
    table["departs"] = pd.to_datetime(table["departs"])
    weather = ["temp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
    table[weather] = table[weather].astype("float64")
    scores = flights.model.predict_proba(features(table, flights.built, flights.places))[:, 1]
    return {"answers": [{"label": bool(score >= 0.25), "score": float(score)} for score in scores]}
