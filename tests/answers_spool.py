"""Batches of answers for tests of what writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from unshelve.data.spool import Batch, Spool, column_of
from unshelve.ids import new_id

NOW = datetime(2026, 3, 14, 2, 0, tzinfo=UTC)


def batch_of(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    *,
    batch: str = "b1",
    key: tuple[str, ...] = ("id",),
    changed: bool = False,
    part: int = 2,
    version: int = 1,
) -> Batch:
    """A spooled batch with these keys and values, in parts of `part` rows; stamps are added."""
    spool = Spool(folder / batch)
    for start in range(0, len(rows), part):
        some = rows[start : start + part]
        columns = {name: column_of([row[name] for row in some]) for name in rows[0]}
        columns["version"] = pa.array([version] * len(some), pa.int64())
        columns["answer_id"] = pa.array([new_id(1_773_453_600_000) for _ in some])
        columns["answered_at"] = pa.array([NOW] * len(some), pa.timestamp("ms", tz="UTC"))
        spool.add(start, start + len(some), columns, [])
    return spool.batch(sink="shop.nightly", batch=batch, key=key, changed=changed)


def scores(*values: Any, first: int = 1, **more: Any) -> list[dict[str, Any]]:
    """Rows with ids from `first` on and these values as their label."""
    return [{"id": first + place, "label": value, **more} for place, value in enumerate(values)]
