"""A column's values as JSON has them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from unshelve.data.dtypes import Column
from unshelve.schema.schema import TEXTS, Field, FieldType, JsonValue

_DAY: Final = r"\d{4}-\d\d-\d\d"


def json_values(column: Column, one: Field) -> list[JsonValue]:
    """The values of a column as the field's JSON values, None where one is missing.

    A value that cannot be of the field's type stays what it is, as near as JSON can say it.
    """
    kind = column.dtype.kind if isinstance(column.dtype, np.dtype) else ""
    if one.type is FieldType.FLOAT and kind == "f":
        return [None if value != value else value for value in column.to_numpy(dtype=np.float64).tolist()]
    if one.type is FieldType.INTEGER and kind in {"i", "u"}:
        return list(column.to_numpy().tolist())
    absent = column.isna().to_numpy()
    if one.type in TEXTS and isinstance(column.dtype, pd.StringDtype):
        return [None if gone else text for gone, text in zip(absent, column.to_numpy(dtype=object), strict=True)]
    values = _moments(column) if _is_moments(column) else column.astype(object).tolist()
    turn = _TURNS[one.type]
    return [None if gone else turn(value) for gone, value in zip(absent, values, strict=True)]


def _is_moments(column: Column) -> bool:
    dtype = column.dtype
    if isinstance(dtype, pd.ArrowDtype):
        return bool(pa.types.is_timestamp(dtype.pyarrow_dtype))
    return bool(pd.api.types.is_datetime64_any_dtype(dtype))


def _moments(column: Column) -> list[str]:
    """ISO texts with all digits that count; aware ones in UTC."""
    dtype = column.dtype
    aware = (dtype.pyarrow_dtype.tz if isinstance(dtype, pd.ArrowDtype) else getattr(dtype, "tz", None)) is not None
    if aware:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    moments = column.to_numpy(dtype="M8")
    if np.datetime_data(moments.dtype)[0] in {"D", "h", "m"}:
        moments = moments.astype("M8[s]")
    return [_short(text) + ("Z" if aware else "") for text in np.datetime_as_string(moments)]


def _short(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _plain(value: Any) -> JsonValue:
    """The Python value of a numpy scalar, and the text of what JSON has no word for."""
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, bool | int | float | str | list | dict) else str(value)


def _boolean(value: Any) -> JsonValue:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower(), value)
    return _plain(value)


def _integer(value: Any) -> JsonValue:
    value = _plain(value)
    # An integer column that a missing value turned to float.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _float(value: Any) -> JsonValue:
    value = _plain(value)
    return float(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 2**53 else value


def _text(value: Any) -> JsonValue:
    value = _integer(value)
    return value if isinstance(value, str) else str(value)


def _date(value: Any) -> JsonValue:
    text = str(value)
    whole = re.fullmatch(rf"({_DAY})[T ]00:00(:00(\.0+)?)?", text)
    return whole[1] if whole is not None else _plain(value) if isinstance(value, int | float) else text


def _timestamp(value: Any) -> JsonValue:
    if not isinstance(value, str):
        return value.isoformat() if hasattr(value, "isoformat") else _plain(value)
    if re.fullmatch(_DAY, value):
        return f"{value}T00:00:00"
    if re.fullmatch(rf"{_DAY}[T ]\d\d:\d\d", value):
        return f"{value}:00"
    return value


def _floats(value: Any) -> JsonValue:
    if isinstance(value, np.ndarray):
        return [float(number) for number in value]
    return [_float(number) for number in value] if isinstance(value, list | tuple) else _plain(value)


_TURNS: Final[dict[FieldType, Callable[[Any], JsonValue]]] = {
    FieldType.BOOLEAN: _boolean,
    FieldType.INTEGER: _integer,
    FieldType.FLOAT: _float,
    FieldType.STRING: _text,
    FieldType.CATEGORY: _text,
    FieldType.DATE: _date,
    FieldType.TIMESTAMP: _timestamp,
    FieldType.FLOATS: _floats,
}
