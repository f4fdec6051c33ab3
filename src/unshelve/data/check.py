"""A table held against a Schema: one finding for each way in which a field's values do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from unshelve.data.dtypes import Column, Table, as_pandas, dtype_text
from unshelve.data.values import json_values
from unshelve.schema.bounds import bounds
from unshelve.schema.explain import explain_value
from unshelve.schema.near import near
from unshelve.schema.schema import NUMBERS, Field, FieldType, Schema, holds_missing
from unshelve.schema.words import allowed, quoted

Flags = np.ndarray[Any, np.dtype[np.bool_]]

_MOST_GIVEN: Final = 3


@dataclass(frozen=True, slots=True)
class FieldFinding:
    """One way in which a field's values do not fit the Schema."""

    field: str
    problem: str
    rows: int = 0
    """How many rows have it; 0 when it is about the whole column."""
    first_row: int | None = None
    given: tuple[str, ...] = ()
    """The first different values that do not fit; none of a sensitive field."""

    def __str__(self) -> str:
        if self.first_row is None:
            return f"{self.field} {self.problem}"
        given = f": {', '.join(self.given)}" if self.given else ""
        return f"{self.field} {self.problem} ({self.rows:,} rows, the first is {self.first_row}{given})"


def check_table(table: Table, schema: Schema) -> tuple[FieldFinding, ...]:
    """What in a table's rows a decoder of this Schema would refuse, field by field; empty when all rows fit.

    Columns that the Schema does not have are passed over, and so are dtypes: see `check_dtypes`.
    """
    frame = as_pandas(table)
    found: list[FieldFinding] = []
    for one in schema.fields:
        if one.name in frame.columns:
            found += _check_column(frame[one.name], one)
        elif not one.missing:
            alike = near(one.name, map(str, frame.columns))
            found.append(
                FieldFinding(one.name, "is not there" + (f"; did you mean {' or '.join(alike)}?" if alike else ""))
            )
    return tuple(found)


def check_dtypes(table: Table, schema: Schema) -> tuple[FieldFinding, ...]:
    """The columns whose dtype is not the one that a request's column is built with, so that a transform may differ."""
    frame = as_pandas(table)
    found = []
    for one in schema.fields:
        if one.name not in frame.columns:
            continue
        dtype = dtype_text(frame[one.name])
        same = dtype == one.dtype or (dtype.startswith("object") and one.dtype.startswith("object"))
        if not same:
            room = " (which has room for a missing value)" if one.missing and not holds_missing(dtype) else ""
            found.append(FieldFinding(one.name, f"has the dtype {dtype}; the Schema says {one.dtype}{room}"))
    return tuple(found)


def _check_column(column: Column, one: Field) -> Iterator[FieldFinding]:
    absent = column.isna().to_numpy(dtype=bool)
    if absent.any() and not one.missing:
        yield FieldFinding(one.name, "is missing", int(absent.sum()), int(np.argmax(absent)))
    wrong, problem = _wrong(column, one)
    wrong &= ~absent
    if wrong.any():
        given = () if one.sensitive else tuple(_given(column[wrong]))
        yield FieldFinding(one.name, problem, int(wrong.sum()), int(np.argmax(wrong)), given)


def _wrong(column: Column, one: Field) -> tuple[Flags, str]:
    """Which values do not fit, and how this is said."""
    dtype = column.dtype
    numeric = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
    if one.type in NUMBERS and numeric and not one.categories:
        return _wrong_numbers(column, one), f"must be {allowed(one)}"
    moments = pd.api.types.is_datetime64_any_dtype(dtype)
    if moments and one.type is FieldType.DATE:
        aware = getattr(dtype, "tz", None) is not None
        return _all(column, aware) | (column != column.dt.normalize()).to_numpy(dtype=bool), f"must be {allowed(one)}"
    if moments and one.type is FieldType.TIMESTAMP and "[ns" not in one.dtype:
        aware = column.dt.tz is not None
        return _all(column, aware is not (one.zone is not None)), f"must be {allowed(one)}"
    return _wrong_values(column, one)


def _wrong_numbers(column: Column, one: Field) -> Flags:
    low, high = bounds(one)
    if pd.api.types.is_integer_dtype(column.dtype):
        numbers = column.fillna(0).to_numpy()
        # Compared as Python compares, so that a bound beyond 2**53 is not rounded first.
        whole = numbers.astype(object) if max(abs(low), abs(high)) > 2**53 else numbers
        return np.asarray((whole < low) | (whole > high), dtype=bool)
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = ~((numbers >= low) & (numbers <= high))
    if one.type is FieldType.INTEGER:
        wrong |= numbers != np.trunc(numbers)
    return np.asarray(wrong, dtype=bool)


def _wrong_values(column: Column, one: Field) -> tuple[Flags, str]:
    """Value by value, as the slow pass of the decoder says; equal texts are looked at once."""
    said: dict[object, str | None] = {}
    problems: list[str | None] = []
    for value in json_values(column, one):
        if value is None:
            problems.append(None)
            continue
        key = (type(value), value) if isinstance(value, str | int | float) else None
        if key is None or key not in said:
            problem = explain_value(value, one)
            problems.append(None if problem is None else problem.problem)
            if key is not None:
                said[key] = problems[-1]
        else:
            problems.append(said[key])
    first = next((problem for problem in problems if problem is not None), "")
    return np.array([problem is not None for problem in problems], dtype=bool), first


def _all(column: Column, flag: bool) -> Flags:
    return np.full(len(column), flag)


def _given(wrong: Column) -> Iterator[str]:
    seen: set[str] = set()
    for value in wrong:
        text = quoted(value.item() if isinstance(value, np.generic) else value)
        if text not in seen:
            seen.add(text)
            yield text
        if len(seen) == _MOST_GIVEN:
            return
