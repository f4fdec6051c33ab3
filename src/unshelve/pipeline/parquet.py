"""pandas tables as Parquet and back, exactly: columns, index, types, categories, missing values and `attrs`.

Parquet and Arrow's own notes for pandas lose some of it (seconds become milliseconds, categories of numbers
become numbers, texts in a column of objects become strings), so what they lose is written beside them, under
the key `unshelve` in the file's metadata. Anybody else reads an ordinary Parquet file. Equal tables give equal
bytes. Worker side: imports pandas and pyarrow.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from mmap import mmap
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from unshelve.errors import Damaged, Refused
from unshelve.pipeline.plain_values import is_plain

Column = Any
"""A pandas Series of any type; pandas' stubs ask for one that is known."""

Index = Any
"""A pandas Index of any type, likewise."""

UNFIT: Final = "not-parquet"
"""The code of the error that says that Parquet cannot hold a table exactly, and what stands in the way."""

_NOTES: Final = b"unshelve"
_FORMAT: Final = 1
"""Raised when the notes change their meaning."""

_INDEX_PREFIX: Final = "__index_"
_ONLY: Final = "values"
"""The column of a Series."""

_KEPT_OBJECTS: Final = frozenset({"string", "boolean", "bytes", "date", "empty"})
"""What a column of objects may hold, in the words of `pandas.api.types.infer_dtype`."""

_PLAIN_KINDS: Final = "biufmM"
_EXACT_TYPES: Final = (pd.DatetimeTZDtype, pd.StringDtype, pd.PeriodDtype, pd.IntervalDtype, pd.ArrowDtype)
_MASKED_TYPES: Final = frozenset(
    {"boolean", "Float32", "Float64", *(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64))}
)
_ARROW_FAILURES: Final = (pa.ArrowException, TypeError, ValueError, OverflowError)


def frame_to_parquet(frame: pd.DataFrame) -> bytes:
    """The table as Parquet. Raises Refused (UNFIT) when it would not come back as it is."""
    labels = _labels(frame.columns)
    index, levels = _index(frame.index)
    body = frame.copy(deep=False)
    body.attrs = {}
    body.columns = pd.Index([str(name) for name in frame.columns])
    body.index = pd.RangeIndex(len(frame))
    for name, level in levels.items():
        body[name] = level
    notes = {
        "format": _FORMAT,
        "labels": labels,
        "index": index,
        "columns": {name: _described(name, body[name]) for name in body.columns},
        "attrs": _attrs(frame.attrs),
    }
    try:
        table = pa.Table.from_pandas(body, preserve_index=False)
        metadata = {**(table.schema.metadata or {}), _NOTES: msgspec.json.encode(notes)}
        return arrow_to_parquet(table.replace_schema_metadata(metadata))
    except _ARROW_FAILURES as error:
        raise _unfit(_first_line(error)) from error


def frame_from_parquet(data: bytes | memoryview) -> pd.DataFrame:
    """The table that `frame_to_parquet` wrote. Raises Damaged for bytes that are something else."""
    return frame_from_arrow(arrow_from_parquet(data))


def frame_from_arrow(table: pa.Table, *, used_up: bool = False) -> pd.DataFrame:
    """The table that `frame_to_parquet` wrote, once read. Writing into it never reaches the Arrow table.

    An Arrow table that is used up gives each column away as it is converted, and cannot be used again.
    """
    metadata = table.schema.metadata or {}
    if _NOTES not in metadata:
        raise Damaged("These Parquet bytes were not written as a table artifact.")
    notes: dict[str, Any] = msgspec.json.decode(metadata[_NOTES])  # JSON
    if notes["format"] > _FORMAT:
        raise Damaged(f"The table was written by a newer unshelve (form {notes['format']}).")
    frame: pd.DataFrame = table.to_pandas(split_blocks=used_up, self_destruct=used_up)
    for name, described in notes["columns"].items():
        column = frame[name]
        fixed = _restored(column, described)
        if fixed is not column:
            frame[name] = fixed
    levels = [frame[name] for name in frame.columns if name.startswith(_INDEX_PREFIX)]
    rows = _index_from(notes["index"], levels)
    frame = frame.drop(columns=[level.name for level in levels]) if levels else frame
    frame.index = rows
    frame.columns = _labels_from(notes["labels"], frame.columns)
    frame.attrs = notes["attrs"]
    return frame


def series_to_parquet(series: Column) -> bytes:
    """The series as Parquet with one column. Raises Refused (UNFIT) when it would not come back as it is."""
    if not is_plain(series.name):
        raise _unfit(f"its name is a {type(series.name).__name__}")
    frame = series.to_frame(_ONLY)
    frame.attrs = {"name": series.name, "attrs": _attrs(series.attrs)}
    return frame_to_parquet(frame)


def series_from_parquet(data: bytes | memoryview) -> Column:
    """The series that `series_to_parquet` wrote. Raises Damaged for bytes that are something else."""
    return series_from_arrow(arrow_from_parquet(data))


def series_from_arrow(table: pa.Table, *, used_up: bool = False) -> Column:
    """The series that `series_to_parquet` wrote, once read."""
    frame = frame_from_arrow(table, used_up=used_up)
    series = frame[_ONLY]
    series.name, series.attrs = frame.attrs["name"], frame.attrs["attrs"]
    return series


def arrow_to_parquet(table: pa.Table) -> bytes:
    """An Arrow table as Parquet, the same bytes however it is cut into chunks."""
    sink = pa.BufferOutputStream()
    pq.write_table(table.combine_chunks(), sink, compression="zstd", write_statistics=False)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def arrow_from_parquet(data: bytes | memoryview | mmap) -> pa.Table:
    """The Arrow table in Parquet bytes. Raises Damaged."""
    try:
        with pq.ParquetFile(pa.BufferReader(data)) as file:  # read_table loads all of pyarrow.dataset besides
            return file.read()
    except pa.ArrowException as error:
        raise Damaged(f"A stored table cannot be read: {_first_line(error)}") from error


def _labels(columns: Index) -> dict[str, Any]:
    """How the columns are named. Names must be different texts, or a range of numbers."""
    if type(columns) not in (pd.Index, pd.RangeIndex) or not is_plain(columns.name):
        raise _unfit(f"its columns are a {type(columns).__name__}")
    if not columns.is_unique:
        twice = columns[columns.duplicated()][0]
        raise _unfit(f"two columns are named {twice!r}")
    if isinstance(columns, pd.RangeIndex):
        return {"range": [columns.start, columns.stop, columns.step], "name": columns.name}
    kinds = {type(label) for label in columns}
    if not kinds <= {str} or any(str(label).startswith(_INDEX_PREFIX) for label in columns):
        odd = next((label for label in columns if type(label) is not str), columns[0] if len(columns) else None)
        raise _unfit(f"a column is named {odd!r}")
    return {"dtype": str(columns.dtype), "name": columns.name}


def _labels_from(noted: Mapping[str, Any], columns: Index) -> Index:
    if "range" in noted:
        return pd.RangeIndex(*noted["range"]).rename(noted["name"])
    return columns.astype(noted["dtype"]).rename(noted["name"])


def _index(index: Index) -> tuple[dict[str, Any], dict[str, Column]]:
    """How the rows are named, and the columns in which these names are kept."""
    names = list(index.names)
    if not is_plain(names):
        raise _unfit("the index has a name that is no text")
    if isinstance(index, pd.RangeIndex):
        return {"range": [index.start, index.stop, index.step], "names": names}, {}
    levels = [index.get_level_values(place) for place in range(index.nlevels)]
    columns = {
        f"{_INDEX_PREFIX}{place}": pd.Series(level.array, dtype=level.dtype, copy=False)
        for place, level in enumerate(levels)
    }
    frequency = getattr(index, "freqstr", None) if isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex) else None
    return {"names": names, "freq": frequency, "levels": index.nlevels}, columns


def _index_from(noted: Mapping[str, Any], levels: list[Column]) -> Index:
    names = noted["names"]
    if "range" in noted:
        return pd.RangeIndex(*noted["range"]).rename(names[0])
    if noted["levels"] > 1:
        return pd.MultiIndex.from_arrays([level.array for level in levels], names=names)
    index: Index = pd.Index(levels[0].array, dtype=levels[0].dtype, name=names[0])
    if noted["freq"] is not None:
        index.freq = noted["freq"]
    return index


def _described(name: str, column: Column) -> dict[str, Any]:
    """What a column's type is, beyond what Arrow keeps. Raises Refused (UNFIT) for types that would not come back."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return {"dtype": "category", "ordered": bool(dtype.ordered), "categories": _packed(name, dtype.categories)}
    if isinstance(dtype, np.dtype) and dtype.hasobject:
        return {"dtype": "object", "missing": _missing(name, column)}
    plain = isinstance(dtype, np.dtype) and dtype.kind in _PLAIN_KINDS
    if not (plain or isinstance(dtype, _EXACT_TYPES) or str(dtype) in _MASKED_TYPES):
        raise _unfit(f"column {name!r} has the type {dtype}")
    return {"dtype": str(dtype)}


def _restored(column: Column, noted: Mapping[str, Any]) -> Column:
    if noted["dtype"] == "category":
        categories, ordered = _unpacked(noted["categories"]), noted["ordered"]
        if isinstance(column.dtype, pd.CategoricalDtype):
            return column.cat.set_categories(categories, ordered=ordered)
        return column.astype(pd.CategoricalDtype(categories, ordered=ordered))
    if noted["dtype"] == "object":
        column = column.astype(object)
        gaps = column.isna()
        if gaps.any():
            column[gaps] = _MISSING[noted["missing"]]
        return column
    return column if str(column.dtype) == noted["dtype"] else column.astype(noted["dtype"])


def _missing(name: str, column: Column) -> str:
    """How a column of objects writes a missing value. Raises Refused (UNFIT) for objects that are not kept."""
    held = pd.api.types.infer_dtype(column, skipna=True)
    if held not in _KEPT_OBJECTS:
        example = next((value for value in column if not pd.api.types.is_scalar(value) or not pd.isna(value)), None)
        raise _unfit(f"column {name!r} holds values of several kinds, such as a {type(example).__name__}")
    kinds = {_NAME_OF_MISSING.get(type(value), "?") for value in column[column.isna()]}
    if len(kinds) > 1 or "?" in kinds:
        raise _unfit(f"column {name!r} marks missing values in several ways")
    return kinds.pop() if kinds else "none"


def _packed(name: str, categories: Index) -> dict[str, Any]:
    """Categories as an Arrow stream in base 64, with their type in pandas."""
    try:
        array = pa.array(categories)
    except _ARROW_FAILURES as error:
        raise _unfit(f"the categories of column {name!r} cannot be kept: {_first_line(error)}") from error
    if str(categories.dtype) == "object" and not pa.types.is_string(array.type):
        raise _unfit(f"the categories of column {name!r} are objects")
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("c", array.type)])) as stream:
        stream.write_batch(pa.record_batch([array], names=["c"]))
    return {"dtype": str(categories.dtype), "arrow": base64.b64encode(sink.getvalue().to_pybytes()).decode()}


def _unpacked(packed: Mapping[str, Any]) -> Index:
    with pa.ipc.open_stream(base64.b64decode(packed["arrow"])) as stream:
        values = stream.read_all().column(0).to_pandas()
    return pd.Index(values.array, dtype=packed["dtype"])


def _attrs(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    plain = dict(attrs)
    if not is_plain(plain):
        raise _unfit("its attrs hold more than plain values")
    return plain


def _unfit(why: str) -> Refused:
    return Refused(f"The table cannot be kept as Parquet: {why}.", code=UNFIT, details={"why": why})


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


_MISSING: Final[Mapping[str, object]] = {"none": None, "nan": float("nan"), "na": pd.NA}
_NAME_OF_MISSING: Final[Mapping[type, str]] = {type(None): "none", float: "nan", type(pd.NA): "na"}
