"""Which type of field a column is."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from unshelve.data.dtypes import Column
from unshelve.schema.bounds import EXACT_WHOLE
from unshelve.schema.schema import FieldType

MOST_CATEGORIES: Final = 200
"""Different texts that a category may have; a column with more holds free text."""

_LONGEST_CATEGORY: Final = 200


class NotAFieldError(Exception):
    """A column cannot become a field; the text goes on after the column's name."""


def type_of(column: Column, present: Column) -> FieldType:
    """The type of a column; `present` holds its values that are not missing. `NotAFieldError` if it has none."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _category_type(dtype)
    if isinstance(dtype, pd.ArrowDtype):
        return _arrow_type(dtype.pyarrow_dtype, present)
    if isinstance(dtype, pd.StringDtype):
        return _text_type(present)
    if pd.api.types.is_object_dtype(dtype):
        return _object_type(present)
    if pd.api.types.is_bool_dtype(dtype):
        return FieldType.BOOLEAN
    if pd.api.types.is_integer_dtype(dtype) and not isinstance(dtype, pd.SparseDtype):
        return FieldType.INTEGER
    if pd.api.types.is_float_dtype(dtype) and not isinstance(dtype, pd.SparseDtype):
        numpy_float = isinstance(dtype, np.dtype)
        return FieldType.INTEGER if numpy_float and _lost_integers(column, present) else FieldType.FLOAT
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return _moment_type(present, aware=getattr(dtype, "tz", None) is not None)
    raise NotAFieldError(f"has the dtype {dtype}, {_advice(str(dtype))}")


def _lost_integers(column: Column, present: Column) -> bool:
    """Whether a float column is one of integers that missing values have turned to float."""
    if len(present) == len(column):
        return False
    numbers = present.to_numpy(dtype=np.float64)
    whole = np.isfinite(numbers) & (np.abs(numbers) <= EXACT_WHOLE[column.dtype.itemsize * 8])
    # A minus zero would come back as a plus one.
    return bool(
        whole.all() and (numbers == np.trunc(numbers)).all() and not (np.signbit(numbers) & (numbers == 0)).any()
    )


def _category_type(dtype: pd.CategoricalDtype) -> FieldType:
    inner = dtype.categories.dtype
    if pd.api.types.is_bool_dtype(inner) or not pd.api.types.is_integer_dtype(inner):
        if pd.api.types.infer_dtype(dtype.categories, skipna=True) == "string":
            return FieldType.CATEGORY
        raise NotAFieldError(f"is a category of {inner} values; use a category of text or whole numbers")
    return FieldType.INTEGER


def _arrow_type(arrow: pa.DataType, present: Column) -> FieldType:
    types = pa.types
    if types.is_timestamp(arrow):
        return _moment_type(present, aware=arrow.tz is not None)
    if types.is_string(arrow) or types.is_large_string(arrow) or types.is_string_view(arrow):
        return _text_type(present)
    if types.is_list(arrow) or types.is_large_list(arrow):
        if types.is_floating(arrow.value_type):
            return FieldType.FLOATS
    elif types.is_boolean(arrow):
        return FieldType.BOOLEAN
    elif types.is_integer(arrow):
        return FieldType.INTEGER
    elif types.is_floating(arrow):
        return FieldType.FLOAT
    elif types.is_date32(arrow):
        return FieldType.DATE
    raise NotAFieldError(f"has the Arrow type {arrow}, {_advice(str(arrow))}")


def _object_type(present: Column) -> FieldType:
    kind = pd.api.types.infer_dtype(present, skipna=True)
    if kind == "string":
        return _text_type(present)
    if kind in _OBJECTS:
        return _OBJECTS[kind]
    if isinstance(present.iloc[0], list | np.ndarray):
        if all(map(_is_floats, present)) and len({_container(value) for value in present}) == 1:
            return FieldType.FLOATS
        raise NotAFieldError("holds lists that are not all of finite floats; make them so in the source")
    kinds = sorted({type(value).__name__ for value in present})
    raise NotAFieldError(f"holds values of {', '.join(kinds[:5])}, {_advice(kind)}")


def _is_floats(value: object) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and value.dtype.kind == "f" and bool(np.isfinite(value).all())
    return isinstance(value, list) and all(isinstance(number, float) and math.isfinite(number) for number in value)


def _container(value: object) -> str:
    return str(value.dtype) if isinstance(value, np.ndarray) else "list"


def _text_type(present: Column) -> FieldType:
    """A category where few values come again and again, else a free text.

    The share of rows whose text nobody else has is how often a new row will bring a new text (Good and Turing);
    above a tenth, refusing new texts would refuse too many rows.
    """
    counts = present.value_counts()
    few = len(counts) <= MOST_CATEGORIES and 2 * len(counts) <= len(present)
    rare = len(present) >= 100 and 10 * int((counts == 1).sum()) > len(present)
    short = few and max(len(str(text)) for text in counts.index) <= _LONGEST_CATEGORY
    return FieldType.CATEGORY if short and not rare else FieldType.STRING


def _moment_type(present: Column, *, aware: bool) -> FieldType:
    midnight = not aware and bool((present == present.dt.normalize()).all())
    return FieldType.DATE if midnight else FieldType.TIMESTAMP


def _advice(kind: str) -> str:
    for part, said in _ADVICE:
        if part in kind:
            return said
    return "which a row of JSON cannot say; turn it into numbers or text in the source"


_OBJECTS: Final = {
    "boolean": FieldType.BOOLEAN,
    "integer": FieldType.INTEGER,
    "floating": FieldType.FLOAT,
    "date": FieldType.DATE,
}

_ADVICE: Final = (
    ("decimal", "which JSON cannot carry exactly; turn it into float in the source: astype(float)"),
    ("timedelta", "a duration; turn it into a number in the source: .dt.total_seconds()"),
    ("duration", "a duration; turn it into a number in the source: .dt.total_seconds()"),
    ("period", "a period; turn it into a timestamp in the source: .dt.to_timestamp()"),
    ("datetime", "moments as objects; turn them into a timestamp column in the source: pd.to_datetime(…)"),
    ("interval", "an interval; turn it into text in the source: astype(str)"),
    ("Sparse", "a sparse column; make it dense in the source: .sparse.to_dense()"),
    ("complex", "complex numbers; split them into two columns in the source"),
    ("dictionary", "an Arrow dictionary; turn it into text or a pandas category in the source"),
    ("mixed-integer-float", "whole numbers and floats as objects; make it one type in the source: astype(float)"),
    ("mixed", "more than one type; make it one type in the source"),
)
