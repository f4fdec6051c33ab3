"""A lookup's table in the order and with the types in which it is kept, and where the entries of each key lie in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from unshelve.data.instants import instants
from unshelve.data.lookup_keys import Keys, key_column
from unshelve.data.lookups import Lookup
from unshelve.data.tables import Table, to_pandas
from unshelve.errors import SolutionInvalid
from unshelve.schema.near import near

Positions = np.ndarray[Any, np.dtype[np.int64]]

_EXACT: Final = 2**53


def sorted_copy(table: Table, lookup: Lookup, name: str) -> pd.DataFrame:
    """The table of a lookup, checked, in the order and with the types in which it is kept.

    Rows are ordered by key, then by time; texts that are times as ISO 8601 writes them become times there. Whole
    numbers become float64 and truths nullable, so that a missing entry changes no column's type. Rows that are equal in
    every column count once. Raises SolutionInvalid for a key or time column that is not there or lacks a value, and for
    two different rows of one key at one time.
    """
    frame = to_pandas(table)
    for column in _identity(lookup):
        if column not in frame.columns:
            raise SolutionInvalid(
                f"Lookup {name} has no column {column!r}, which its {'at' if column == lookup.at else 'key'}= names.",
                code="lookup-column-missing",
                near=near(column, list(frame.columns)),
                hint=f"It has {', '.join(map(str, list(frame.columns)[:12]))}.",
            )
        lacking = int(frame[column].isna().sum())
        if lacking:
            raise SolutionInvalid(
                f"{lacking:,} of {len(frame):,} rows of lookup {name} have no {column}.",
                code="lookup-key-missing",
                hint=f"Drop them in its function: table.dropna(subset=[{column!r}]).",
            )
    frame = pd.DataFrame({column: with_room(frame[column]) for column in frame.columns})
    if lookup.at is not None:
        frame[lookup.at] = _as_times(frame[lookup.at])
    index = Index.of(frame, lookup, name)
    ordered = frame.take(index.order).reset_index(drop=True)
    twice = np.flatnonzero((index.codes[1:] == index.codes[:-1]) & (index.at[1:] == index.at[:-1]))
    if len(twice):
        ordered = _once(ordered, twice, lookup, name)
    return ordered


def _identity(lookup: Lookup) -> list[str]:
    """The columns by which entries are told apart."""
    return [*lookup.key, *((lookup.at,) if lookup.at else ())]


def _once(ordered: pd.DataFrame, twice: Positions, lookup: Lookup, name: str) -> pd.DataFrame:
    """The table with rows that are there twice taken once; SolutionInvalid where such rows say different things."""
    one, other = ordered.take(twice).reset_index(drop=True), ordered.take(twice + 1).reset_index(drop=True)
    same = ((one == other) | (one.isna() & other.isna())).fillna(False).all(axis=1).to_numpy(dtype=bool)
    if not same.all():
        row = one.iloc[int(np.flatnonzero(~same)[0])]
        shown = ", ".join(f"{column} {row[column]}" for column in _identity(lookup))
        raise SolutionInvalid(
            f"Lookup {name} says two different things of {shown}; {int((~same).sum()):,} keys are like that.",
            code="lookup-key-twice",
            hint=f"Keep one row for each: table.drop_duplicates({_identity(lookup)}).",
        )
    return ordered.drop(index=ordered.index[twice + 1]).reset_index(drop=True)


def _as_times(column: pd.Series[Any]) -> pd.Series[Any]:
    """Times that a database or file without such a type gave as texts, all with an offset or all without; any other
    column as it is."""
    if pd.api.types.infer_dtype(column, skipna=True) != "string":
        return column
    try:
        times: pd.Series[Any] = pd.to_datetime(column, format="ISO8601")
    except (ValueError, TypeError):
        return column
    return with_room(times) if times.dtype.kind == "M" else column


def with_room(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column in a type that can hold a missing value, and that does not depend on whether it holds one."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if pd.api.types.is_bool_dtype(column.dtype) or (
        column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) == "boolean"
    ):
        return column.astype("boolean")
    if pd.api.types.is_integer_dtype(column.dtype):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        if len(numbers) and bool(np.nanmax(np.abs(numbers), initial=0.0) > _EXACT):
            return column.astype("Int64")
        return pd.Series(numbers, index=column.index, name=column.name)
    if pd.api.types.is_float_dtype(column.dtype):
        return pd.Series(column.to_numpy(dtype=np.float64, na_value=np.nan), index=column.index, name=column.name)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        in_microseconds: pd.Series[Any] = column.dt.as_unit("us")
        return in_microseconds
    if column.dtype.kind == "M":
        return column.astype("datetime64[us]")
    return column


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """Where the entries of each key lie: `order` sorts the table; what follows is in that order."""

    order: Positions
    keys: Keys
    codes: Positions
    at: Positions
    zoned: bool
    starts: Positions

    @classmethod
    def of(cls, frame: pd.DataFrame, lookup: Lookup, name: str) -> Index:
        columns = [key_column(frame[column], f"{name}.{column}") for column in lookup.key]
        for column, found in zip(lookup.key, columns, strict=True):
            if found.missing.any():
                raise SolutionInvalid(
                    f"{name}.{column} holds {frame[column][found.missing].tolist()[0]!r}, which cannot be a key.",
                    code="lookup-key-type",
                    hint="Keys are texts, whole numbers, dates or True and False, all of one type.",
                )
        keys, codes = Keys.of(columns)
        zoned = False
        at = np.zeros(len(frame), dtype=np.int64)
        if lookup.at is not None:
            found_at = instants(frame[lookup.at], f"{name}.{lookup.at}", zone=lookup.zone, first=False)
            at, zoned = found_at.values, found_at.zoned
        if bool(np.all((codes[1:] > codes[:-1]) | ((codes[1:] == codes[:-1]) & (at[1:] >= at[:-1])))):
            order = np.arange(len(frame))
        else:
            order = np.lexsort((at, codes))
            codes, at = codes[order], at[order]
        starts = np.searchsorted(codes, np.arange(keys.count + 1)).astype(np.int64)
        return cls(order, keys, codes, at, zoned, starts)
