"""One column of a request's table, made from a list of values with exactly the training dtype."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from unshelve.data.dtypes import category_values, missing_marker, pandas_dtype
from unshelve.schema.rows import Cell
from unshelve.schema.schema import Field

# What pandas keeps columns in: numpy arrays of two dimensions, or extension arrays of one.
Block: TypeAlias = Any
Build: TypeAlias = Callable[[Sequence[Sequence[Cell]]], Block]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Builder:
    """Makes a block from the values of its columns: of several at once when `shares` is not None."""

    build: Build
    shares: str | None = None
    """Columns with the same text here are built together."""


def builder(one: Field) -> Builder:
    """The builder for a field's column; `Refused` when its dtype does not exist or cannot hold its type."""
    dtype = pandas_dtype(one)
    if isinstance(dtype, pd.CategoricalDtype):
        return Builder(_category(one, dtype))
    if isinstance(dtype, pd.ArrowDtype):
        return Builder(_arrow(dtype))
    if isinstance(dtype, pd.StringDtype):
        return Builder(_text(one, dtype))
    if isinstance(dtype, pd.DatetimeTZDtype):
        return Builder(_aware(dtype))
    if not isinstance(dtype, np.dtype):
        return Builder(lambda lists: pd.array(lists[0], dtype=dtype))
    if dtype.kind == "O":
        return Builder(_objects(one))
    if dtype.kind == "M":
        return Builder(_local(dtype))
    return Builder(lambda lists: np.array(lists, dtype=dtype), shares=dtype.name)


def moment_numbers(values: Sequence[Cell], unit: str) -> np.ndarray[Any, np.dtype[Any]]:
    """Aware moments, or texts of moments finer than a microsecond, as datetime64 in UTC; None is NaT."""
    if any(isinstance(value, str) for value in values):
        numbers = [None if value is None else _nanoseconds(value) for value in values]
        return (
            np.array([_NAT if n is None else n for n in numbers], dtype=np.int64).view("M8[ns]").astype(f"M8[{unit}]")
        )
    exact = [_NAT if value is None else (value - _EPOCH) // _MICROSECOND for value in values]
    return np.array(exact, dtype=np.int64).view("M8[us]").astype(f"M8[{unit}]", copy=False)


_NAT: Final = np.iinfo(np.int64).min


def _nanoseconds(value: Cell) -> int:
    """Nanoseconds since 1970 of a moment or of its text; a local one counts as if it were UTC."""
    finer = 0
    moment = value
    if isinstance(value, str):
        parted = re.fullmatch(r"(.{10})[T ](\d\d:\d\d:\d\d)\.(\d{6})(\d*)(.*)", value, re.IGNORECASE)
        if parted is None:
            moment = datetime.fromisoformat(value)
        else:
            moment = datetime.fromisoformat(f"{parted[1]}T{parted[2]}.{parted[3]}{parted[5].upper()}")
            finer = int(parted[4][:3].ljust(3, "0"))
    return int((_as_utc(moment) - _EPOCH) // _MICROSECOND) * 1000 + finer


def _local(dtype: np.dtype[Any]) -> Build:
    unit = np.datetime_data(dtype)[0]

    def build(lists: Sequence[Sequence[Cell]]) -> Block:
        (values,) = lists
        if any(isinstance(value, str) for value in values):
            return moment_numbers(values, unit).reshape(1, -1)
        # By way of microseconds: numpy refuses to cut a datetime to whole seconds by itself.
        return np.array([values], dtype="M8[us]").astype(dtype, copy=False)

    return build


def _aware(dtype: pd.DatetimeTZDtype) -> Build:
    unit = dtype.unit
    # The public ways to an aware array of known moments take 12 to 20 µs; a test compares with one of them.
    make: Callable[..., Block] = pd.arrays.DatetimeArray._simple_new  # type: ignore[attr-defined]

    def build(lists: Sequence[Sequence[Cell]]) -> Block:
        return make(moment_numbers(lists[0], unit), dtype=dtype)

    return build


def _text(one: Field, dtype: pd.StringDtype) -> Build:
    if dtype.storage != "pyarrow":
        return lambda lists: pd.array(lists[0], dtype=dtype)
    arrow = pa.large_string()
    make: Callable[..., Block] = dtype.__from_arrow__  # type: ignore[attr-defined]
    # Arrow arrays never change, so a row's category can be one that was made before: 2 µs less for each column.
    known = {category.value: pa.array([category.value], type=arrow) for category in one.categories}

    def build(lists: Sequence[Sequence[Cell]]) -> Block:
        (values,) = lists
        alone = known.get(values[0]) if len(values) == 1 else None
        return make(pa.array(values, type=arrow) if alone is None else alone)

    return build


def _category(one: Field, dtype: pd.CategoricalDtype) -> Build:
    codes = {value: code for code, value in enumerate(category_values(one, one.levels))}
    kind = np.min_scalar_type(-max(len(codes), 1))

    def build(lists: Sequence[Sequence[Cell]]) -> Block:
        # A value that is allowed although training had no such category is missing, as pandas has it.
        found = np.array([codes.get(value, -1) for value in lists[0]], dtype=kind)
        return pd.Categorical.from_codes(found, dtype=dtype, validate=False)

    return build


def _arrow(dtype: pd.ArrowDtype) -> Build:
    arrow = dtype.pyarrow_dtype
    if not pa.types.is_timestamp(arrow):
        return lambda lists: pd.arrays.ArrowExtensionArray(pa.array(lists[0], type=arrow))

    def build(lists: Sequence[Sequence[Cell]]) -> Block:
        moments = [value if value is None or isinstance(value, str) else _as_utc(value) for value in lists[0]]
        return pd.arrays.ArrowExtensionArray(pa.array(moment_numbers(moments, arrow.unit)).cast(arrow))

    return build


def _as_utc(moment: date) -> datetime:
    """The moment itself; a local one, or a date's beginning, as if it were UTC."""
    if not isinstance(moment, datetime):
        return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _objects(one: Field) -> Build:
    marker = missing_marker(one.dtype)
    inner = re.fullmatch(r"ndarray\[(\w+)\]", one.dtype)
    kind = None if inner is None else np.dtype(inner[1])

    def build(lists: Sequence[Sequence[Cell]]) -> Block:
        (values,) = lists
        made = np.empty((1, len(values)), dtype=object)
        row = made[0]
        for place, value in enumerate(values):
            if value is None:
                row[place] = marker
            else:
                row[place] = value if kind is None else np.array(value, dtype=kind)
        return made

    return build
