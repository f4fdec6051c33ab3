"""A version of a model, packed by hand: code, estimator, state and Schema as a run would store them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pandas as pd
from sklearn.linear_model import LinearRegression

from unshelve.data.profile import learn
from unshelve.models.package import File, Manifest
from unshelve.pipeline.artifacts import write_artifact
from unshelve.storage.blobs import BlobStore

ROWS = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "kind": ["x", "y", "x", "y"], "note": ["p", "q", "r", "s"]})
CODE = '''
FACTOR = 10

def features(rows, usual):
    """Only a and kind matter; the note is named and not used."""
    rows = rows.drop(columns=["note"])
    return rows[["a"]].assign(x=rows["kind"] == "x") - usual

def called(amounts, digits=1):
    return amounts.round(digits)
'''


def pack(blobs: BlobStore, *, name: str = "shop.amounts", code: str = CODE, **changes: Any) -> Manifest:
    """A manifest whose files are in the store; `changes` replace its fields."""
    learned = learn(ROWS[["a", "kind"]]).to_json()
    described = {**learned, "order": ["a", "kind", "note"], "polars": False}
    estimator = LinearRegression().fit(ROWS[["a"]].assign(x=ROWS["kind"] == "x") - 1.0, [10.0, 18.0, 30.0, 41.0])
    values: dict[str, Any] = {
        "estimator": estimator,
        "state/usual": 1.0,
        "schema.json": described,
        "fillers": ROWS[["note"]].head(1),
        "code/solution.py": code.encode(),
    }
    fields: dict[str, Any] = {
        "title": "Amounts",
        "description": "",
        "path": {
            "entry": "rows",
            "steps": [{"name": "features", "rows": {"rows": "rows"}, "frozen": {"usual": "usual"}, "parameters": {}}],
            "output": "features",
        },
        "answer": {"name": "called", "frozen": {}, "arguments": {"digits": 2}},
        "signature": {"task": "regression"},
        "files": files(blobs, values),
    }
    return Manifest(model=name, kind="model", **{**fields, **changes})


def files(blobs: BlobStore, values: Mapping[str, Any]) -> dict[str, File]:
    """Values as files of a package."""
    found = {}
    for path, value in values.items():
        if path.startswith("code/"):
            found[path] = File(digest=blobs.put(value), size=len(value), kind="bytes")
            continue
        made = write_artifact(value, blobs)
        found[path] = File(digest=made.digest, size=made.size_bytes, kind=made.kind.value, code=made.code)
    return found


def held_out(blobs: BlobStore, rows: list[dict[str, Any]]) -> File:
    """Held-out rows as packing writes them."""
    head = {"tried": len(rows), "refused": 0, "of": len(rows)}
    lines = [head, *({"position": i, "row": row, "answer": {"value": 0.0}} for i, row in enumerate(rows))]
    data = b"\n".join(msgspec.json.encode(line) for line in lines)
    return File(digest=blobs.put(data), size=len(data), kind="bytes")
