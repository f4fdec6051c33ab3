from __future__ import annotations

import datetime as dt
import subprocess
import sys
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal, assert_series_equal

from unshelve.errors import Damaged, Refused
from unshelve.pipeline.parquet import (
    arrow_from_parquet,
    arrow_to_parquet,
    frame_from_arrow,
    frame_from_parquet,
    frame_to_parquet,
    series_from_parquet,
    series_to_parquet,
)


def objects(*values: object) -> Any:
    return pd.Series(list(values), dtype=object)


DAYS: Any = pd.to_datetime(pd.Index(["2020-01-01", "2020-06-01", None]))
ARROW: Any = pd.ArrowDtype(pa.int32())
COLUMNS: dict[str, Any] = {
    **{kind: np.array([1, 2, 3], dtype=kind) for kind in ("int8", "int64", "uint64", "float16", "float32", "bool")},
    "float": [1.5, np.nan, -0.0],
    "str": ["a", None, "ä"],
    "text": pd.array(["a", None, "c"], dtype="string"),
    "category": pd.Categorical(["b", "a", None], categories=["z", "b", "a"], ordered=True),
    "category of numbers": pd.Categorical([3, 1, None], categories=[9, 3, 1]),
    "category of days": pd.Categorical(DAYS.astype("datetime64[s]")),
    "category of flags": pd.Categorical([True, False, None]),
    "category of nothing": pd.Categorical([None, None, None], categories=["a"]),
    "seconds": DAYS.astype("datetime64[s]"),
    "milliseconds": DAYS.astype("datetime64[ms]"),
    "microseconds": DAYS.astype("datetime64[us]"),
    "nanoseconds": DAYS.astype("datetime64[ns]"),
    "zoned": DAYS.tz_localize("Europe/Berlin"),
    "zoned seconds": DAYS.astype("datetime64[s]").tz_localize("America/New_York"),
    "offset": pd.to_datetime(["2020-01-01T00:00+02:00"] * 3),
    "utc": DAYS.tz_localize("UTC"),
    "spans": pd.to_timedelta([1, 2, None], unit="s"),
    "spans in seconds": pd.to_timedelta([1, 2, None], unit="s").astype("timedelta64[s]"),
    "Int64": pd.array([1, None, 3], dtype="Int64"),
    "boolean": pd.array([True, None, False], dtype="boolean"),
    "Float32": pd.array([1.5, None, 3], dtype="Float32"),
    "months": pd.period_range("2020", periods=3, freq="M"),
    "intervals": pd.interval_range(0, 3),
    "arrow": pd.array([1, None, 3], dtype=ARROW),
    "texts as objects": objects("a", None, "c"),
    "texts with nan": objects("a", np.nan, "c"),
    "texts with NA": objects("a", pd.NA, "c"),
    "flags as objects": objects(True, None, False),
    "bytes": objects(b"a", None, b"\xff"),
    "dates": objects(dt.date(2020, 1, 1), None, dt.date(1900, 1, 1)),
    "nothing": objects(None, None, None),
}


def same(frame: pd.DataFrame) -> pd.DataFrame:
    back = frame_from_parquet(frame_to_parquet(frame))
    assert_frame_equal(back, frame, check_exact=True, check_column_type=True, check_index_type=True, check_freq=True)
    assert type(back.index) is type(frame.index)
    assert back.attrs == frame.attrs
    assert frame_to_parquet(back) == frame_to_parquet(frame)
    return back


@pytest.mark.parametrize("name", COLUMNS)
def test_every_kind_of_column_comes_back(name: str) -> None:
    frame = pd.DataFrame({name: COLUMNS[name]})
    back = same(frame)
    same(frame.iloc[:0])
    if frame[name].dtype == object:
        assert [type(value) for value in back[name]] == [type(value) for value in frame[name]]


@pytest.mark.parametrize("name", COLUMNS)
def test_a_table_can_be_written_into_without_reaching_what_it_was_read_from(name: str) -> None:
    frame: Any = pd.DataFrame({name: COLUMNS[name]})
    table = arrow_from_parquet(frame_to_parquet(frame))
    back: Any = frame_from_arrow(table)
    back.loc[0, name] = back.loc[1, name]
    back[name].array[2] = back.loc[1, name]
    assert_frame_equal(frame_from_arrow(table), frame)


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(5, 11, 2, name="n"),
        pd.Index([7, 3, 3], name="id"),
        pd.Index(["x", "y", "z"]),
        pd.Index(["x", "y", "z"], dtype=object),
        pd.date_range("2020", periods=3, freq="D", name="day"),
        pd.date_range("2020", periods=3, freq="h", tz="Europe/Berlin"),
        pd.CategoricalIndex(["b", "a", "b"], categories=["b", "a", "c"]),
        pd.MultiIndex.from_arrays([["a", "a", "b"], [1, 2, 1]], names=["k", None]),
    ],
)
def test_every_kind_of_index_comes_back(index: pd.Index[Any]) -> None:
    same(pd.DataFrame({"a": [1, 2, 3]}, index=index))


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": [1]}).rename_axis("what", axis=1),
        pd.DataFrame(np.eye(2)),
        pd.DataFrame(index=pd.RangeIndex(4)),
        pd.DataFrame(),
        pd.DataFrame({"ä b": [1], "": [2], "a.b": [3]}),
        pd.DataFrame([[1]], columns=pd.Index(["a"], dtype=object)),
    ],
)
def test_columns_of_any_plain_name_come_back(frame: pd.DataFrame) -> None:
    same(frame)


def test_attrs_come_back() -> None:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs = {"unit": "minutes", "limits": [1, 2.5, None]}
    same(frame)


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (pd.DataFrame({"tags": [["a"], ["b"]]}), "column 'tags' holds values of several kinds, such as a list"),
        (
            pd.DataFrame({"mixed": ["a", 1]}, dtype=object),
            "column 'mixed' holds values of several kinds, such as a str",
        ),
        (pd.DataFrame({"money": [Decimal("1.0")]}), "column 'money' holds values of several kinds, such as a Decimal"),
        (pd.DataFrame({"gaps": objects("a", None, np.nan)}), "marks missing values in several ways"),
        (pd.DataFrame({"z": [1j]}), "column 'z' has the type complex128"),
        (pd.DataFrame({"s": pd.arrays.SparseArray([0, 1])}), "column 's' has the type Sparse"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns are named 'a'"),
        (pd.DataFrame({1: [1], "a": [2]}), "a column is named 1"),
        (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), "its columns are a MultiIndex"),
        (pd.DataFrame({"t": ["\ud800"]}, dtype=object), "surrogates not allowed"),
    ],
)
def test_a_table_that_would_not_come_back_is_refused(frame: pd.DataFrame, why: str) -> None:
    with pytest.raises(Refused, match="cannot be kept as Parquet") as caught:
        frame_to_parquet(frame)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    "series", [pd.Series([1, 2], name="n"), pd.Series(["a"], index=["x"]), pd.Series([1.5], name=3)]
)
def test_a_series_comes_back_with_its_name(series: Any) -> None:
    assert_series_equal(series_from_parquet(series_to_parquet(series)), series, check_exact=True)


def test_arrow_bytes_do_not_depend_on_chunks() -> None:
    whole = pa.table({"a": [1, 2, 3, 4], "b": ["x", "y", "x", None]})
    cut = pa.concat_tables([whole.slice(0, 1), whole.slice(1)])
    assert arrow_to_parquet(cut) == arrow_to_parquet(whole)
    assert arrow_from_parquet(arrow_to_parquet(cut)).equals(whole)


def test_equal_tables_give_equal_bytes_in_another_process() -> None:
    program = (
        "import pandas as pd, hashlib; from unshelve.pipeline.parquet import frame_to_parquet; "
        "f = pd.DataFrame({'a': ['x', None], 'c': pd.Categorical(['u', 'v'])}); "
        "print(hashlib.sha256(frame_to_parquet(f)).hexdigest())"
    )
    digests = {subprocess.check_output([sys.executable, "-c", program]) for _ in range(2)}
    assert len(digests) == 1


@pytest.mark.parametrize("data", [b"", b"PAR1", arrow_to_parquet(pa.table({"a": [1]}))])
def test_other_bytes_are_damaged(data: bytes) -> None:
    with pytest.raises(Damaged):
        frame_from_parquet(data)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
columns = st.one_of(
    st.lists(st.floats(width=64), min_size=3, max_size=3),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=3, max_size=3),
    st.lists(st.one_of(st.none(), texts), min_size=3, max_size=3),
    st.lists(st.booleans(), min_size=3, max_size=3),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(texts, columns, max_size=4))
def test_any_table_of_plain_columns_comes_back(data: dict[str, list[object]]) -> None:
    same(pd.DataFrame(data, index=pd.RangeIndex(3)))
