"""The dtype of a training column as a text, and a column of that dtype again.

int64, uint8, float32, bool               numpy
Int64, Float64, boolean                   pandas with a mask
datetime64[us], datetime64[ns, UTC]       moments
str, string                               text with NaN, text with NA; `str[python]` when not held by Arrow
category, category[int64], …, ordered     of text, of whole numbers; `ordered` where the order means something
object, object[None], object[NaT]         Python objects, by what stands where a value is missing (NaN unless said)
list, ndarray[float32]                    one list or numpy array of numbers in each cell
int64[pyarrow], timestamp[us][pyarrow]    Arrow types in pandas
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from unshelve.errors import Refused
from unshelve.schema.schema import Field, FieldType

# A pandas, polars or Arrow table or column: told apart at run time, and pandas-stubs has no name for all dtypes.
Table = Any
Column = Any
DType = Any

MISSING: Final[dict[str, object]] = {"None": None, "NaT": pd.NaT, "NA": pd.NA}
"""What stands in an object column where a value is missing, by the name in the dtype's text; NaN has no name."""

# pandas reads the names of most Arrow types, and not those of lists.
_ARROW_LIST: Final = re.compile(r"(?P<large>large_)?list<(?P<name>\w+): (?P<inner>\w+)>\[pyarrow\]")
_ARROW_FLOATS: Final = {"halffloat": pa.float16(), "float": pa.float32(), "double": pa.float64()}

_DEFAULT_STORAGE: Final = pd.StringDtype(na_value=np.nan).storage


def as_pandas(table: Table) -> pd.DataFrame:
    """The table as pandas, without a change of type: polars and Arrow columns stay Arrow columns.

    An integer column with nulls would turn to float on the usual way, and a request's column with it.
    """
    if isinstance(table, pd.DataFrame):
        return table
    if hasattr(table, "to_arrow"):
        table = table.to_arrow()
    if isinstance(table, pa.Table | pa.RecordBatch):
        found: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
        return found
    raise Refused(
        f"A {type(table).__name__} is not a table.",
        code="not-a-table",
        hint="Give a pandas or polars DataFrame or an Arrow table.",
    )


def dtype_text(column: Column) -> str:
    """The text for a column's dtype."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        inner = str(dtype.categories.dtype)
        return ("category" if inner == "str" else f"category[{inner}]") + (", ordered" if dtype.ordered else "")
    if isinstance(dtype, pd.StringDtype):
        return str(dtype) + ("" if dtype.storage == _DEFAULT_STORAGE else f"[{dtype.storage}]")
    if pd.api.types.is_object_dtype(dtype):
        return _object_text(column)
    return str(dtype)


def pandas_dtype(one: Field) -> DType:
    """The pandas dtype that a field's text names; `Refused` when there is no such dtype.

    For columns of Python objects, lists and arrays that is `object`.
    """
    text = one.dtype
    if text.startswith("category"):
        return _category(one)
    if re.fullmatch(r"object(\[\w+\])?|list|ndarray\[\w+\]", text):
        return np.dtype(object)
    string = re.fullmatch(r"(str|string)(\[(python|pyarrow)\])?", text)
    if string is not None:
        return pd.StringDtype(string[3], na_value=np.nan if string[1] == "str" else pd.NA)
    listed = _ARROW_LIST.fullmatch(text)
    if listed is not None:
        inner = pa.field(listed["name"], _ARROW_FLOATS[listed["inner"]])
        return pd.ArrowDtype((pa.large_list if listed["large"] else pa.list_)(inner))
    try:
        return pd.api.types.pandas_dtype(text)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise Refused(
            f"The field {one.name!r} has the dtype {text!r}, which pandas does not know.", code="schema-invalid"
        ) from error


def missing_marker(dtype: str) -> object:
    """What stands in an object column of that dtype where a value is missing."""
    named = re.search(r"\[(None|NaT|NA)\]$", dtype)
    return MISSING[named[1]] if named is not None else np.nan


def category_values(one: Field, texts: Iterable[str]) -> list[object]:
    """Categories or levels of a field as the values that its column holds."""
    return [int(text) for text in texts] if one.type is FieldType.INTEGER else list(texts)


def _category(one: Field) -> pd.CategoricalDtype:
    inner = re.fullmatch(r"category(?:\[([^\]]+)\])?(, ordered)?", one.dtype)
    if inner is None:
        raise Refused(f"The field {one.name!r} has the dtype {one.dtype!r}, which is not one.", code="schema-invalid")
    values = pd.Index(category_values(one, one.levels), dtype=inner[1] or pd.StringDtype(na_value=np.nan))
    return pd.CategoricalDtype(values, ordered=inner[2] is not None)


def _object_text(column: Column) -> str:
    """The text of a column of Python objects: lists, arrays, or anything, by its most usual mark for missing."""
    present = column.dropna()
    first = present.iloc[0] if len(present) else None
    if isinstance(first, list | tuple):
        return "list"
    if isinstance(first, np.ndarray):
        return f"ndarray[{first.dtype}]"
    absent = column[column.isna()]
    named = {name: sum(value is mark for value in absent) for name, mark in MISSING.items()}
    name = max(named, key=lambda key: named[key])
    return f"object[{name}]" if named[name] * 2 > len(absent) else "object"
