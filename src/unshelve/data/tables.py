"""One way to take rows and columns of a table, whether it is a pandas or a polars one.

A solution's functions get the kind of table that its source returned; the platform only needs to select
rows, hide columns, replace a column and compare. Arrow tables become pandas tables at the source.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from unshelve.errors import SolutionInvalid

Table = Any  # pandas.DataFrame or polars.DataFrame: told apart at run time, polars may not be installed


def is_polars(value: object) -> bool:
    """Whether a value is a polars table or series; polars is not imported for it."""
    polars = sys.modules.get("polars")
    return polars is not None and isinstance(value, polars.DataFrame | polars.Series)


def is_dataset(value: object) -> bool:
    """Whether a value is a table in parts (`data/dataset.py`, which imports pyarrow)."""
    kind = type(value)
    return kind.__name__ == "Dataset" and kind.__module__ == "unshelve.data.dataset"


def entry_table(value: object, step: str) -> Table:
    """A source's rows as the rest of the platform takes them.

    pandas: unique text columns and a clean index 0 … n-1 (a named index becomes columns). polars and a dataset: as
    they are. Arrow: as pandas. Anything else, or a table without rows or columns, is a SolutionInvalid.
    """
    if is_polars(value) or is_dataset(value):
        table: Table = value
    elif isinstance(value, pd.DataFrame):
        named = [name for name in value.index.names if name is not None]
        table = value.reset_index(drop=not named)
    elif type(value).__module__.startswith("pyarrow") and hasattr(value, "to_pandas"):
        table = value.to_pandas()
    else:
        raise SolutionInvalid(
            f"{step} returned {_kind(value)}, not a table.",
            code="not-a-table",
            hint="Return a pandas, polars or Arrow table, or yield them one after the other.",
        )
    names = list(table.columns)
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        raise SolutionInvalid(
            f"{step} has a column named {odd[0]!r}, which is not text.",
            code="odd-column",
            hint="Name its columns: table.columns = [...].",
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SolutionInvalid(f"{step} has two columns named {twice!r}.", code="odd-column")
    if not names or len(table) == 0:
        raise SolutionInvalid(
            f"{step} brought no {'columns' if not names else 'rows'}.",
            code="empty-source",
            hint="Nothing can be learned from it; what stood before is untouched.",
        )
    return table


def columns(table: Table) -> tuple[str, ...]:
    return tuple(table.columns)


def take(table: Table, rows: np.ndarray[Any, np.dtype[np.int64]] | None) -> Table:
    """The rows at these positions, in this order, with a clean index."""
    if rows is None:
        return table
    if is_polars(table):
        return table[rows]
    return table.take(rows).reset_index(drop=True)


def without(table: Table, names: Iterable[str]) -> Table:
    """The table less some columns; names that it does not have are passed over."""
    hidden = [name for name in names if name in set(columns(table))]
    if not hidden:
        return table
    return table.drop(hidden) if is_polars(table) else table.drop(columns=hidden)


def only(table: Table, names: Sequence[str]) -> Table:
    return table.select(names) if is_polars(table) else table[list(names)]


def with_column(table: Table, name: str, values: Any) -> Table:
    """The table with one column replaced, in its place and of its type."""
    if is_polars(table):
        return table.with_columns(values.alias(name))
    return table.assign(**{name: values})


def column(table: Table, name: str) -> Any:
    return table[name]


def shuffled(table: Table, name: str, order: np.ndarray[Any, np.dtype[np.int64]]) -> Table:
    """The table with the values of one column in another order."""
    values = table[name]
    moved = values[order] if is_polars(table) else values.take(order).set_axis(table.index)
    return with_column(table, name, moved)


def constant(table: Table, names: Iterable[str], row: Table) -> Table:
    """The table with the values of one row (a table of one) in all rows of some columns."""
    repeated = np.zeros(len(table), dtype=np.int64)
    for name in names:
        values = row[name]
        many = values[repeated] if is_polars(table) else values.take(repeated).set_axis(table.index)
        table = with_column(table, name, many)
    return table


def filled(table: Table, name: str, value: float | str) -> Table:
    """The table with one value in all rows of a column, which takes the type of the value."""
    if is_polars(table):
        import polars

        return table.with_columns(polars.lit(value).alias(name))
    return table.assign(**{name: value})


def like(table: pd.DataFrame, example_is_polars: bool) -> Table:
    """A pandas table as the kind that the solution's functions take."""
    if not example_is_polars:
        return table
    import polars

    return polars.from_pandas(table)


def to_pandas(table: Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas() if is_polars(table) or is_dataset(table) else table
    return frame


def clean(value: Any) -> Any:
    """What a transform returned, with a clean index where it has one (a row's number is kept beside, not in it)."""
    if isinstance(value, pd.DataFrame | pd.Series):
        return value.reset_index(drop=True)
    return value


def length(value: Any) -> int:
    """How many rows a transform's result has: tables, series, arrays, sparse matrices, lists."""
    shape = getattr(value, "shape", None)
    return int(shape[0]) if shape else len(value)


def take_any(value: Any, rows: np.ndarray[Any, np.dtype[np.int64]]) -> Any:
    """The rows at these positions of a table, series, array, sparse matrix or list."""
    if isinstance(value, pd.DataFrame | pd.Series):
        return value.take(rows).reset_index(drop=True)
    if isinstance(value, list | tuple):
        return [value[row] for row in rows]
    return value[rows]


def as_frame(value: Any) -> pd.DataFrame:
    """A transform's result as a table for comparing: a series is one column, an array's columns are numbered."""
    if isinstance(value, pd.DataFrame):
        return value
    if is_polars(value):
        return pd.DataFrame(
            {c.name: c.to_numpy() for c in (value.get_columns() if hasattr(value, "get_columns") else [value])}
        )
    if isinstance(value, pd.Series):
        return value.to_frame(str(value.name) if value.name is not None else "value")
    if hasattr(value, "toarray"):
        value = value.toarray()
    array = np.asarray(value)
    if array.ndim == 1:
        return pd.DataFrame({"value": array})
    flat = array.reshape(len(array), -1)
    return pd.DataFrame(flat, columns=[f"column {number}" for number in range(flat.shape[1])])


def first_difference(
    left: Any, right: Any, *, relative: float = 0.0, usual: Mapping[str, float] | None = None
) -> tuple[int, str] | None:
    """The first (row, column) where two transforms' results differ by more than `relative`, or None.

    Missing equals missing. A difference in columns or rows counts as one at row 0. `usual` is the usual size of each
    column's numbers: one that cancels out to almost nothing may differ by `relative` of that.
    """
    one, two = as_frame(left), as_frame(right)
    if list(one.columns) != list(two.columns):
        odd = sorted(set(map(str, one.columns)) ^ set(map(str, two.columns)))
        return 0, odd[0] if odd else "the order of the columns"
    if len(one) != len(two):
        return min(len(one), len(two)), "the number of rows"
    if _plainly_equal(one, two):
        return None
    found: tuple[int, str] | None = None
    for name in one.columns:
        unequal = differing(one[name], two[name], relative=relative, usual=(usual or {}).get(str(name), 0.0))
        if unequal.any():
            row = int(np.argmax(unequal))
            if found is None or row < found[0]:
                found = row, str(name)
    return found


def differs(left: Any, right: Any) -> bool:
    """Whether two transforms' results differ anywhere, as `first_difference` tells it: quicker where they do, since
    tables of thousands of columns are not searched column by column.
    """
    one, two = as_frame(left), as_frame(right)
    plain = one.columns.is_unique and np.dtype(object) not in set(one.dtypes)
    if plain and one.columns.equals(two.columns) and len(one) == len(two) and one.dtypes.equals(two.dtypes):
        return not one.set_axis(two.index).equals(two)
    return first_difference(one, two) is not None


def rows_differing(left: Any, right: Any, *, relative: float = 0.0) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which rows of two transforms' results differ, as booleans of shape (n,); all where columns or rows differ."""
    one, two = as_frame(left), as_frame(right)
    if list(one.columns) != list(two.columns) or len(one) != len(two):
        return np.ones(len(one), dtype=np.bool_)
    unequal = np.zeros(len(one), dtype=np.bool_)
    for name in one.columns:
        unequal |= differing(one[name], two[name], relative=relative)
    return unequal


def usual_sizes(value: Any) -> dict[str, float]:
    """The median size of the numbers in each column of a transform's result; columns of other values are left out."""
    frame = as_frame(value)
    found = {}
    for name in frame.columns:
        if _is_numeric(frame[name]):
            numbers = np.abs(frame[name].to_numpy(dtype=np.float64, na_value=np.nan))
            numbers = numbers[np.isfinite(numbers)]
            found[str(name)] = float(np.median(numbers)) if len(numbers) else 0.0
    return found


def differing(
    one: pd.Series[Any], two: pd.Series[Any], *, relative: float = 0.0, usual: float = 0.0
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Where two columns differ, as booleans of shape (n,).

    Numbers may differ by `relative` of the larger one, or of `usual`; those of single precision by SINGLE of it where
    anything is allowed at all.
    """
    missing_one, missing_two = one.isna().to_numpy(), two.isna().to_numpy()
    if _is_numeric(one) and _is_numeric(two):
        a, b = one.to_numpy(dtype=np.float64, na_value=np.nan), two.to_numpy(dtype=np.float64, na_value=np.nan)
        if relative and {one.dtype.name.lower(), two.dtype.name.lower()} & _SINGLE_PRECISION:
            relative = max(relative, SINGLE)
        with np.errstate(invalid="ignore", over="ignore"):
            limit = relative * np.maximum(np.maximum(np.abs(a), np.abs(b)), usual)
            close = np.isfinite(a) & np.isfinite(b) & (np.abs(a - b) <= limit)
            unequal = ~((a == b) | close)
    else:
        a_values, b_values = one.astype(object).to_numpy(), two.astype(object).to_numpy()
        unequal = np.fromiter((bool(_unlike(x, y)) for x, y in zip(a_values, b_values, strict=True)), bool, len(one))
    unequal[missing_one & missing_two] = False
    unequal[missing_one ^ missing_two] = True
    return np.asarray(unequal, dtype=np.bool_)


SINGLE = 1e-5
"""Relative difference under which numbers of single precision count as equal, where double ones may differ a little."""

_SINGLE_PRECISION = {"float32", "float16"}


def _plainly_equal(one: pd.DataFrame, two: pd.DataFrame) -> bool:
    """Whether two tables are equal to the last bit, by pandas' own comparison: ten times quicker than by column.

    False says nothing: objects are left to a closer look, since they may say of themselves what they are equal to.
    """
    plain = one.columns.is_unique and np.dtype(object) not in set(one.dtypes)
    return plain and one.equals(two)


def _is_numeric(values: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(values.dtype) and not isinstance(values.dtype, pd.CategoricalDtype)


def _unlike(one: Any, two: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(two, np.ndarray):
        return not np.array_equal(np.asarray(one), np.asarray(two))
    return bool(one != two)


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
