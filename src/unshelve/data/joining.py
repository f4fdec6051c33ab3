"""Joining: what a load brought with what was kept before.

All that was kept from beyond the bound, and all with a key that came again, gives way to what came. Rows that came
as they were are left where they are: a load that brought nothing new leaves the same parts, and so the same digest.
Parts that nothing is taken from are not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from unshelve.data.batches import cast
from unshelve.data.loaded import Part
from unshelve.data.marks import Bound
from unshelve.data.parts import MOST_CELLS, MOST_ROWS, Noted, PartWriter, range_of, read_part, read_rows
from unshelve.storage.blobs import BlobStore

Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How rows of two loads are told apart: by which watermark, from where on, by which key, and which are gone."""

    watermark: str
    bound: Bound
    key: tuple[str, ...] = ()
    deleted: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The parts after a load, and how many rows it added, changed and took away."""

    parts: tuple[Part, ...]
    added: int
    changed: int
    removed: int


def join(
    blobs: BlobStore, schema: pa.Schema, parts: Sequence[Part], came: pa.Table, rules: Rules, noted: Noted
) -> Joined:
    """The parts with what came in place of what it renews. `came` fits the schema of the parts.

    Cost: the parts whose watermark or key reaches into what came are read, the others are not.
    """
    came = cast(came, schema)
    if not rules.key:
        # Without a key, what lies before the bound was kept by an earlier load.
        came = came.filter(rules.bound.within(came.column(rules.watermark), rules.watermark))
    came = newest(came, rules.key, rules.watermark)
    alive = came if rules.deleted is None else came.filter(pc.invert(is_deleted(came.column(rules.deleted))))
    touched = {place: mask for place, part in enumerate(parts) if (mask := _given_way(blobs, part, came, rules)).any()}
    gives = [read_rows(blobs, parts[place], mask) for place, mask in touched.items()]
    old = _hashes(pa.concat_tables(gives)) if gives else _NONE
    fresh = _hashes(alive)
    stay, same = _pairs(old, fresh)
    added_rows = alive.filter(pa.array(~same))
    position = 0
    for mask in touched.values():
        count = int(mask.sum())
        mask[np.flatnonzero(mask)[stay[position : position + count]]] = False
        position += count
    gone = int((~stay).sum())
    tables = {place: read_part(blobs, parts[place]) for place, mask in touched.items() if mask.any()}
    kept = [
        (part, touched[place], tables[place]) if place in tables else (part, None, None)
        for place, part in enumerate(parts)
    ]
    changed = _changed(old[~stay], gone, added_rows, kept, rules)
    made = _rewritten(blobs, schema, kept, added_rows, noted)
    return Joined(parts=made, added=len(added_rows) - changed, changed=changed, removed=gone - changed)


def newest(table: pa.Table, key: Sequence[str], watermark: str) -> pa.Table:
    """The rows of a table, of each key only the newest one: with the latest watermark, the last of equal ones."""
    if not key or len(table) < 2:
        return table
    frame = table.select([*dict.fromkeys([*key, watermark])]).to_pandas()
    order = frame[watermark].argsort(kind="stable") if not frame[watermark].isna().any() else np.arange(len(frame))
    last = ~frame.iloc[np.asarray(order)].duplicated(subset=list(key), keep="last")
    chosen = np.sort(np.asarray(order)[last.to_numpy()])
    return table if len(chosen) == len(table) else table.take(pa.array(chosen))


def is_deleted(column: Any) -> Any:
    """Which rows a column says are deleted: true, a number that is not 0, or a moment at which they were."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return pc.fill_null(column, False)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return pc.fill_null(pc.not_equal(column, 0), False)
    if pa.types.is_string(kind):
        told = pc.utf8_lower(pc.utf8_trim_whitespace(column))
        return pc.fill_null(pc.invert(pc.is_in(told, value_set=pa.array(["", "0", "f", "false", "n", "no"]))), False)
    return pc.is_valid(column)


def _given_way(blobs: BlobStore, part: Part, came: pa.Table, rules: Rules) -> Mask:
    """Which rows of a part give way: those beyond the bound, and those whose key came again."""
    mask = np.zeros(part.rows, dtype=bool)
    if part.latest is None or _reaches(part, rules):
        column = read_part(blobs, part, [rules.watermark]).column(rules.watermark)
        mask |= np.asarray(rules.bound.within(column, rules.watermark))
    if rules.key and len(came) and _overlaps(part, came.column(rules.key[0])):
        mask |= _has_key(read_part(blobs, part, rules.key), came, rules.key)
    return mask


def _reaches(part: Part, rules: Rules) -> bool:
    """Whether a part's latest watermark may lie beyond the bound."""
    value = rules.bound.value
    latest: Any = range_of(pa.array([value]))[1]  # a JSON value of the kind that parts note
    return latest is None or type(latest) is not type(part.latest) or bool(part.latest >= latest)


def _overlaps(part: Part, came: Any) -> bool:
    if part.lowest is None or part.highest is None:
        return True
    lowest, highest = range_of(came)
    return lowest is None or not (highest < part.lowest or lowest > part.highest)


def _has_key(table: pa.Table, came: pa.Table, key: Sequence[str]) -> Mask:
    if len(key) == 1:
        return np.asarray(pc.is_in(table.column(key[0]), value_set=came.column(key[0]).combine_chunks()))
    there = pd.util.hash_pandas_object(table.select(list(key)).to_pandas(), index=False)
    return np.asarray(np.isin(there, pd.util.hash_pandas_object(came.select(list(key)).to_pandas(), index=False)))


def _hashes(table: pa.Table) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """A number of 64 bits for each row that is equal for equal rows."""
    if not len(table):
        return _NONE
    hashed = np.zeros(len(table), dtype=np.uint64)
    for place, name in enumerate(table.schema.names):
        column = pd.Series(table.column(name).to_pandas())
        values = pd.util.hash_array(np.asarray(column.astype(object) if column.dtype == object else column.to_numpy()))
        # Mixed by place, so that two columns whose values are exchanged make another row.
        hashed = (hashed ^ (values + np.uint64(place))) * np.uint64(0x9E3779B97F4A7C15)
        hashed ^= hashed >> np.uint64(29)
    return hashed


def _pairs(old: Any, fresh: Any) -> tuple[Mask, Mask]:
    """Which old rows and which fresh ones are each other's equals, one for one."""
    one, other = _numbered(old), _numbered(fresh)
    return np.asarray(one.isin(other)), np.asarray(other.isin(one))


def _numbered(hashes: Any) -> pd.MultiIndex:
    series = pd.Series(hashes)
    return pd.MultiIndex.from_arrays([series, series.groupby(series).cumcount()])


def _changed(_old: Any, gone: int, fresh: pa.Table, kept: Sequence[tuple[Part, Any, Any]], rules: Rules) -> int:
    """How many of the rows that gave way came back with another content."""
    if not gone or not len(fresh):
        return 0
    if not rules.key:
        return 0
    before = pa.concat_tables([table.filter(pa.array(mask)) for _, mask, table in kept if mask is not None])
    return int(_has_key(fresh, before, rules.key).sum())


def _rewritten(
    blobs: BlobStore, schema: pa.Schema, kept: Sequence[tuple[Part, Any, Any]], fresh: pa.Table, noted: Noted
) -> tuple[Part, ...]:
    """The parts that are left, those that rows were taken from written anew, with the fresh rows behind them.

    Small parts at the end are joined with what comes, each time at least twice as much: there are never many.
    """
    most = max(1_000, min(MOST_ROWS, MOST_CELLS // len(schema)))
    kept = list(kept)
    tail: list[tuple[Part, Any, Any]] = []
    size = len(fresh)
    while len(fresh) and kept and kept[-1][0].rows <= 2 * size and kept[-1][0].rows + size <= most:
        tail.insert(0, kept.pop())
        size += tail[0][0].rows
    with PartWriter(blobs, noted) as writer:
        for part, mask, table in kept:
            if mask is None:
                writer.keep(schema, [part])
            elif not mask.all():
                _add(writer, table.filter(pa.array(~mask)))
                writer.flush()
        for part, mask, table in tail:
            _add(writer, read_part(blobs, part) if mask is None else table.filter(pa.array(~mask)))
        _add(writer, fresh)
        if writer.schema is None:
            return ()
        return tuple(writer.finish()[1])


def _add(writer: PartWriter, table: pa.Table) -> None:
    for batch in table.to_batches():
        writer.add(batch)


_NONE = np.zeros(0, dtype=np.uint64)
