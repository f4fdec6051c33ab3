"""A sketch of a table: what each column looks like, for small pictures. From a sample where the table is large."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unshelve.data.loaded import Part, Sketch
from unshelve.data.meaning import sensitive_of
from unshelve.data.parts import read_part
from unshelve.storage.blobs import BlobStore

SAMPLE_ROWS: Final = 50_000
_BINS: Final = 16
_MOST: Final = 6
_LONGEST: Final = 40
_MOST_COLUMNS: Final = 200


def sketch_of(blobs: BlobStore, parts: Sequence[Part]) -> tuple[Sketch, ...]:
    """What the columns of a table look like, by rows of its first and its last part."""
    tables = []
    for part in dict.fromkeys((*parts[:1], *parts[-1:])):
        table = read_part(blobs, part)
        if len(table) > SAMPLE_ROWS:
            # Evenly spread: rows of one time stand together.
            table = table.take(pa.array(np.linspace(0, len(table) - 1, SAMPLE_ROWS).astype(np.int64)))
        tables.append(table)
    if not tables:
        return ()
    whole = pa.concat_tables(tables)
    return tuple(_sketch(name, whole.column(name)) for name in whole.schema.names[:_MOST_COLUMNS])


def _sketch(name: str, column: Any) -> Sketch:
    kind = column.type
    present = column.drop_null()
    missing = 1 - len(present) / len(column) if len(column) else 0.0
    told: dict[str, Any] = {"name": name, "type": str(kind), "missing": round(missing, 6)}
    texts = [str(each) for each in present.slice(0, 200).to_pylist()] if pa.types.is_string(kind) else []
    sensitive = sensitive_of(name, texts)
    if not len(present):
        return Sketch(**told, hidden="no values")
    if sensitive is not None:
        return Sketch(**told, hidden=f"{sensitive}: not shown")
    if pa.types.is_boolean(kind):
        yes = (pc.sum(present).as_py() or 0) / len(present)
        return Sketch(**told, most=(("true", yes), ("false", 1 - yes)), distinct=int(0 < yes < 1) + 1)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _numbers(told, present.cast(pa.float64(), safe=False), lambda value: f"{value:g}")
    if pa.types.is_timestamp(kind):
        seconds = present.cast(pa.timestamp("us", tz=kind.tz)).cast(pa.int64()).cast(pa.float64(), safe=False)
        return _numbers(told, pc.divide(seconds, 1e6), _time)
    if pa.types.is_date32(kind):
        days = present.cast(pa.int32()).cast(pa.float64())
        return _numbers(told, pc.multiply(days, 86400.0), _day)
    if pa.types.is_string(kind):
        return _texts(told, present)
    return Sketch(**told, hidden="bytes: not shown")


def _numbers(told: dict[str, Any], column: Any, words: Any) -> Sketch:
    values = column.to_numpy()
    values = values[np.isfinite(values)]
    if not len(values):
        return Sketch(**told, hidden="no finite values")
    low, high = float(values.min()), float(values.max())
    # A range that floats can cut into so many: a constant, or nearly one, gets one of its own.
    spread = max(abs(low), abs(high)) * 1e-9
    around = (low, high) if high - low > spread else (low - max(spread, 0.5), high + max(spread, 0.5))
    counts, edges = np.histogram(values / 2, bins=_BINS, range=(around[0] / 2, around[1] / 2))
    edges = edges * 2
    return Sketch(
        **told,
        lowest=words(low),
        highest=words(high),
        edges=tuple(edges.tolist()),
        counts=tuple(int(each) for each in counts),
        distinct=len(np.unique(values)),
    )


def _texts(told: dict[str, Any], column: Any) -> Sketch:
    counted = column.value_counts()
    counts = counted.field("counts").to_numpy()
    distinct = len(counts)
    if distinct > len(column) / 2 and distinct > _MOST:
        return Sketch(**told, distinct=distinct, hidden="texts of their own in most rows")
    order = np.argsort(-counts, kind="stable")[:_MOST]
    names = counted.field("values")
    most = tuple((_cut(names[int(place)].as_py()), float(counts[place]) / len(column)) for place in order)
    return Sketch(**told, most=most, distinct=distinct)


def _cut(text: str) -> str:
    text = text.replace("\0", "␀")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _time(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, OSError, ValueError):
        return f"{seconds:g} s"


def _day(seconds: float) -> str:
    return _time(seconds)[:10]
