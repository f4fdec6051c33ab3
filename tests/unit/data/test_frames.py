"""Rows into tables and back, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from unshelve.data.frames import frame, records
from unshelve.data.profile import learn
from unshelve.errors import SchemaMismatch
from unshelve.schema.decoder import decoder
from unshelve.schema.schema import Field, FieldType, Schema

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
MOMENTS = st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1))
DAYS = st.dates(date(1700, 1, 1), date(2200, 1, 1))


def _floats(width: int) -> st.SearchStrategy[float]:
    return st.floats(width=width, allow_nan=False, allow_infinity=False)  # type: ignore[arg-type]


def _nan(values: list[Any]) -> list[Any]:
    return [np.nan if value is None else value for value in values]


def _arrays(values: list[Any]) -> list[Any]:
    return [np.nan if value is None else np.array(value, dtype=np.float32) for value in values]


def _objects(values: list[Any]) -> pd.Series[Any]:
    made = np.empty(len(values), dtype=object)
    made[:] = [*values, None][:-1]
    return pd.Series(made, dtype=object)


def _categories(values: list[Any]) -> pd.Series[Any]:
    known = sorted({value for value in values if value is not None}, reverse=True)
    return pd.Series(pd.Categorical(values, categories=[*known, "never seen"], ordered=True))


def _whole_categories(values: list[Any]) -> pd.Series[Any]:
    return pd.Series(pd.Categorical(values, categories=pd.Index(sorted({v for v in values if v is not None}))))


def _aware(zone: str, unit: Literal["ms", "us"]) -> Callable[[list[Any]], pd.Series[Any]]:
    return lambda values: pd.Series(pd.to_datetime(values, utc=True).tz_convert(zone).as_unit(unit))


def _nanoseconds(values: list[Any]) -> pd.Series[Any]:
    return pd.Series(np.array([pd.NaT.value if v is None else v for v in values], dtype=np.int64).view("M8[ns]"))


def _of(dtype: Any) -> Callable[[list[Any]], pd.Series[Any]]:
    return lambda values: pd.Series(values, dtype=dtype)


def _arrow(dtype: pa.DataType) -> Callable[[list[Any]], pd.Series[Any]]:
    return lambda values: pd.Series(pa.array(values, type=dtype), dtype=pd.ArrowDtype(dtype))


# How a column of each dtype is made from drawn values, and whether it can miss one.
COLUMNS: dict[str, tuple[st.SearchStrategy[Any], bool, Callable[[list[Any]], pd.Series[Any]]]] = {
    "float64": (FLOATS, True, _of("float64")),
    "float32": (_floats(32), True, _of("float32")),
    "float16": (_floats(16), True, _of("float16")),
    "Float64": (FLOATS, True, _of("Float64")),
    "int64": (st.integers(-(2**63), 2**63 - 1), False, _of("int64")),
    "uint64": (st.integers(0, 2**64 - 1), False, _of("uint64")),
    "int8": (st.integers(-128, 127), False, _of("int8")),
    "integers that became float": (st.integers(-(2**53), 2**53), True, _of("float64")),
    "Int64": (st.integers(-(2**63), 2**63 - 1), True, _of("Int64")),
    "bool": (st.booleans(), False, _of("bool")),
    "boolean": (st.booleans(), True, _of("boolean")),
    "bool with NaN": (st.booleans(), True, lambda values: _objects(_nan(values))),
    "bool with None": (st.booleans(), True, _objects),
    "str": (TEXTS, True, _of("str")),
    "string": (TEXTS, True, _of("string")),
    "str in Python": (TEXTS, True, _of(pd.StringDtype("python", na_value=np.nan))),
    "object text with NaN": (TEXTS, True, lambda values: _objects(_nan(values))),
    "object text with None": (TEXTS, True, _objects),
    "few texts": (st.sampled_from(["a", "b", "Zürich ☃", ""]), True, _of("str")),
    "category": (st.sampled_from(["a", "b", "Zürich ☃", ""]), True, _categories),
    "category of whole numbers": (st.sampled_from([3, 1, -7]), True, _whole_categories),
    "datetime64[us]": (MOMENTS, True, _of("datetime64[us]")),
    "datetime64[s]": (MOMENTS.map(lambda moment: moment.replace(microsecond=0)), True, _of("datetime64[s]")),
    "datetime64[ns]": (st.integers(-(2**62), 2**62), True, _nanoseconds),
    "days": (DAYS, True, _of("datetime64[us]")),
    "date objects": (DAYS, True, _objects),
    "UTC": (MOMENTS, True, _aware("UTC", "us")),
    "zoned": (MOMENTS, True, _aware("America/New_York", "ms")),
    "offset": (MOMENTS, True, _aware("UTC+05:30", "us")),
    "zoned nanoseconds": (
        st.integers(-(2**62), 2**62),
        True,
        lambda values: _nanoseconds(values).dt.tz_localize("UTC").dt.tz_convert("Europe/Zurich"),
    ),
    "lists": (st.lists(FLOATS, max_size=3), False, _objects),
    "arrays": (st.lists(_floats(32), min_size=2, max_size=2), True, lambda values: _objects(_arrays(values))),
    "Arrow int32": (st.integers(-(2**31), 2**31 - 1), True, _arrow(pa.int32())),
    "Arrow double": (FLOATS, True, _arrow(pa.float64())),
    "Arrow text": (TEXTS, True, _arrow(pa.large_string())),
    "Arrow bool": (st.booleans(), True, _arrow(pa.bool_())),
    "Arrow date": (DAYS, True, _arrow(pa.date32())),
    "Arrow timestamp": (MOMENTS, True, _arrow(pa.timestamp("us"))),
    "Arrow zoned": (MOMENTS.map(lambda m: m.replace(tzinfo=UTC)), True, _arrow(pa.timestamp("us", "Asia/Tokyo"))),
    "Arrow list": (st.lists(FLOATS, max_size=3), True, _arrow(pa.list_(pa.float64()))),
}


def _bits(column: pd.Series[Any]) -> Any:
    """What tells minus zero from zero."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "f":
        return np.signbit(column.to_numpy())[column.notna()].tolist()
    return None


@pytest.mark.parametrize("kind", COLUMNS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_rows_sent_as_json_give_the_training_columns_again(kind: str, data: st.DataObject) -> None:
    strategy, may_miss, make = COLUMNS[kind]
    first = data.draw(st.lists(strategy, min_size=1, max_size=6))
    values = first + (data.draw(st.lists(st.none(), max_size=2)) if may_miss else [])
    table = pd.DataFrame({"x": make(values), "number": np.arange(len(values))})
    schema = learn(table)
    read = decoder(schema)
    sent = records(table, schema)
    whole = frame(read.decode(json.dumps({"rows": sent}).encode()).columns(), schema)
    assert_frame_equal(whole, table, check_exact=True, check_column_type=True)
    assert _bits(whole["x"]) == _bits(table["x"])
    for i, row in enumerate(sent):
        alone = frame(read.decode(json.dumps({"rows": [row]}).encode()).columns(), schema)
        assert_frame_equal(alone, table.iloc[[i]].reset_index(drop=True), check_exact=True)
    assert read.decode_rows(sent).columns() == read.decode(json.dumps({"rows": sent}).encode()).columns()


def test_a_missing_value_is_what_training_had_there() -> None:
    table = pd.DataFrame({"a": _objects(["x", None]), "b": _objects(["x", np.nan]), "c": _objects(["x", pd.NA])})
    schema = learn(table)
    assert [one.dtype for one in schema.fields] == ["object[None]", "object", "object[NA]"]
    row = frame({"a": [None], "b": [None], "c": [None]}, schema).iloc[0]
    assert row["a"] is None
    assert isinstance(row["b"], float)
    assert row["c"] is pd.NA


def test_an_integer_column_with_a_missing_value_stays_float_in_a_row_without_one() -> None:
    schema = learn(pd.DataFrame({"n": [1, None, 3]}))
    assert schema.field("n").type is FieldType.INTEGER
    assert frame({"n": [3]}, schema)["n"].dtype == np.float64


def test_a_category_that_is_allowed_and_unknown_is_missing_as_pandas_has_it() -> None:
    learned = learn(pd.DataFrame({"c": pd.Categorical(["a", "b"] * 5)}))
    (one,) = learned.to_json()["fields"]
    schema = Schema.from_json({"format": 1, "fields": [{**one, "unseen": "allow"}]})
    made = frame(decoder(schema).decode(b'{"rows":[{"c":"z"},{"c":"b"}]}').columns(), schema)
    assert made["c"].cat.codes.tolist() == [-1, 1]


def test_each_table_is_independent_of_the_others() -> None:
    schema = learn(pd.DataFrame({"x": [1.5, 2.5], "t": ["a", "b"]}))
    first = frame({"x": [1.5], "t": ["a"]}, schema)
    first.loc[0, "x"] = 9.0
    first.loc[0, "t"] = "z"
    first.columns.name = "spoiled"
    first["new"] = 1
    second = frame({"x": [1.5], "t": ["a"]}, schema)
    assert_frame_equal(second, pd.DataFrame({"x": [1.5], "t": ["a"]}))


def test_a_table_behaves_as_one_that_the_usual_constructor_made() -> None:
    usual = pd.DataFrame(
        {"x": [1.5, 2.5], "n": [1, 2], "t": ["a", None], "w": pd.date_range("2013", periods=2, tz="UTC")}
    )
    made = frame(
        {"x": [1.5, 2.5], "n": [1, 2], "t": ["a", None], "w": usual["w"].dt.to_pydatetime().tolist()}, learn(usual)
    )
    assert_frame_equal(made, usual)
    assert_frame_equal(
        made.groupby("t", dropna=False).sum(numeric_only=True), usual.groupby("t", dropna=False).sum(numeric_only=True)
    )
    assert_frame_equal(pd.concat([made, usual]).drop_duplicates(), usual)
    assert isinstance(made.index, pd.RangeIndex)


def test_an_aware_moment_is_converted_to_the_zone_of_training() -> None:
    table = pd.DataFrame({"t": pd.to_datetime(["2013-01-01T05:15:00Z"]).tz_convert("America/New_York")})
    schema = learn(table)
    rows = decoder(schema).decode(b'{"rows":[{"t":"2013-01-01T06:15:00+01:00"}]}')
    assert_frame_equal(frame(rows.columns(), schema), table)


def test_a_polars_table_comes_back_with_its_types() -> None:
    table = pl.DataFrame({"n": [1, None], "t": ["x", None], "d": [date(2013, 1, 1), None], "e": [[1.0, 2.0]] * 2})
    schema = learn(table)
    made = frame(decoder(schema).decode_rows(records(table, schema)).columns(), schema)
    assert pl.from_pandas(made).equals(table)


def test_no_rows_give_an_empty_table_with_the_dtypes() -> None:
    table = pd.DataFrame(
        {"x": [1.5], "t": ["a"], "c": pd.Categorical(["a"]), "w": pd.to_datetime(["2013-01-01T01:00"])}
    )
    schema = learn(table)
    assert_frame_equal(frame({name: [] for name in schema.names}, schema), table.iloc[:0])


def test_values_for_a_field_that_are_not_there_are_named() -> None:
    schema = learn(pd.DataFrame({"x": [1.5], "y": [1.5]}))
    with pytest.raises(SchemaMismatch, match="no values for y"):
        frame({"x": [1.5]}, schema)


def test_a_file_read_without_types_gives_rows_of_the_right_types() -> None:
    schema = Schema(
        (
            Field(name="code", type=FieldType.STRING, dtype="str"),
            Field(name="day", type=FieldType.DATE, dtype="datetime64[us]"),
            Field(name="left", type=FieldType.TIMESTAMP, dtype="datetime64[us]"),
            Field(name="ok", type=FieldType.BOOLEAN, dtype="bool"),
            Field(name="x", type=FieldType.FLOAT, dtype="float64"),
            Field(name="gone", type=FieldType.FLOAT, dtype="float64", missing=True),
        )
    )
    table = pd.DataFrame(
        {
            "code": [7.0],
            "day": pd.to_datetime(["2013-01-01"]),
            "left": ["2013-01-01 05:00"],
            "ok": ["TRUE"],
            "x": [3],
            "other": [1],
        }
    )
    assert records(table, schema) == [
        {"code": "7", "day": "2013-01-01", "left": "2013-01-01 05:00:00", "ok": True, "x": 3.0}
    ]
    assert decoder(schema).decode_rows(records(table, schema)).columns()["left"] == [datetime(2013, 1, 1, 5)]


def test_what_json_cannot_say_is_left_for_the_decoder_to_refuse() -> None:
    table = pd.DataFrame({"x": [1.5, np.inf], "n": [1, 2]})
    schema = learn(table)
    odd = pd.DataFrame({"x": [np.inf, 1.5], "n": ["many", timedelta(1)]})
    for row in records(odd, schema):
        with pytest.raises(SchemaMismatch):
            decoder(schema).decode_rows([row])


def test_a_column_that_is_gone_is_named_with_the_nearest() -> None:
    schema = learn(pd.DataFrame({"wind_speed": [1.5]}))
    with pytest.raises(SchemaMismatch) as caught:
        records(pd.DataFrame({"windspeed": [1.5]}), schema)
    assert caught.value.near == ("windspeed",)
