"""What is learned from a table."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from unshelve.data.profile import learn
from unshelve.errors import SchemaMismatch
from unshelve.schema.schema import Category, Field, FieldType

N = 200


def one(values: object, name: str = "x", **options: Any) -> Field:
    return learn(pd.DataFrame({name: values}), **options).field(name)


@pytest.mark.parametrize(
    ("values", "seen", "minimum", "maximum"),
    [
        ([1, 12], (1, 12), 0, 18),
        ([100, 200], (100, 200), 50, 250),
        ([10, 13], (10, 13), 8, 15),
        ([-5, 5], (-5, 5), -10, 10),
        ([-12, -1], (-12, -1), -18, 0),
        ([0.0, 10.0], (0.0, 10.0), 0.0, 15.0),
        ([4.3, 7.9], (4.3, 7.9), 2.5, 9.7),
        ([-1e308, 1e308], (-1e308, 1e308), None, None),
        ([5e-324, 1e-323], (5e-324, 1e-323), 0.0, 1e-323 * 2),
        ([7, 7], (7, 7), None, None),
        ([0.5, np.inf, -np.inf, 1.5], (0.5, 1.5), 0.0, 2.0),
    ],
    ids=str,
)
def test_the_range_is_widened_by_half_and_never_across_zero(
    values: list[float], seen: tuple[float, float], minimum: float | None, maximum: float | None
) -> None:
    found = one(values)
    assert (found.seen, found.minimum) == (seen, minimum)
    assert found.maximum == pytest.approx(maximum)


def test_every_training_value_is_inside_its_own_range() -> None:
    random = np.random.default_rng(0)
    for scale in (1e-300, 1e-9, 1.0, 1e9, 1e300):
        values = random.normal(size=50) * scale
        found = one(values)
        assert found.minimum is not None and found.minimum <= values.min()
        assert found.maximum is not None and found.maximum >= values.max()


def test_whole_numbers_beyond_a_float_stay_exact() -> None:
    found = one([2**62, 2**62 + 2])
    assert (found.seen, found.minimum, found.maximum) == ((2**62, 2**62 + 2), 2**62 - 1, 2**62 + 3)


def test_integers_that_a_missing_value_turned_to_float_are_integers_all_the_same() -> None:
    found = one([1.0, None, 3.0])
    assert (found.type, found.dtype, found.missing, found.seen) == (FieldType.INTEGER, "float64", True, (1, 3))
    assert one([1.0, 2.0]).type is FieldType.FLOAT
    assert one([1.5, None]).type is FieldType.FLOAT
    assert one([-0.0, None]).type is FieldType.FLOAT


def test_a_field_that_may_be_missing_by_decision_gets_a_dtype_with_room_for_it() -> None:
    table = pd.DataFrame({"n": [1, 2], "b": [True, False], "x": [1.5, 2.5]})
    schema = learn(table, known_missing=["n", "b"])
    assert [(f.missing, f.dtype) for f in schema.fields] == [(True, "float64"), (True, "object"), (False, "float64")]


def test_few_texts_are_a_category_most_usual_first() -> None:
    found = one(["b", "a", "a", "c", "a", "b", None, "c"])
    assert found.type is FieldType.CATEGORY
    assert [category.value for category in found.categories] == ["a", "b", "c"]
    assert found.categories[0] == Category(value="a", share=3 / 7)
    assert (found.missing, found.default, found.unseen) == (True, "a", "refuse")


def test_the_order_of_the_rows_does_not_change_what_is_learned() -> None:
    table = pd.DataFrame({"c": ["b", "a", "d", "c"] * 10, "n": range(40), "x": np.linspace(0, 1, 40)})
    assert learn(table.sample(frac=1, random_state=3)) == learn(table)


def test_many_texts_are_free_text() -> None:
    assert one([f"text {i}" for i in range(N)]).type is FieldType.STRING
    assert one([f"{i % 150}" for i in range(N)]).type is FieldType.STRING
    assert one([f"{i % 201}" for i in range(2000)]).type is FieldType.STRING
    assert one([f"{i % 199}" for i in range(2000)]).type is FieldType.CATEGORY


def test_texts_that_often_stand_alone_are_not_a_category() -> None:
    often_new = ["usual"] * 880 + [f"rare {i}" for i in range(120)]
    assert one(often_new).type is FieldType.STRING
    assert one([*often_new[:960]]).type is FieldType.CATEGORY


def test_a_pandas_category_keeps_its_levels_in_their_order() -> None:
    found = one(pd.Categorical(["lo", "hi", "lo"], categories=["lo", "mid", "hi"], ordered=True))
    assert (found.dtype, found.levels) == ("category, ordered", ("lo", "mid", "hi"))
    assert [category.value for category in found.categories] == ["lo", "hi"]
    whole = one(pd.Categorical([3, 1, 3]))
    assert (whole.type, whole.dtype, whole.default) == (FieldType.INTEGER, "category[int64]", 3)
    assert [category.value for category in whole.categories] == ["1", "3"]


@pytest.mark.parametrize(
    ("values", "kind", "dtype", "zone"),
    [
        (pd.to_datetime(["2013-01-01", "2013-01-02"]), FieldType.DATE, "datetime64[us]", None),
        (pd.to_datetime(["2013-01-01T05:00"]), FieldType.TIMESTAMP, "datetime64[us]", None),
        (pd.to_datetime(["2013-01-01"], utc=True), FieldType.TIMESTAMP, "datetime64[us, UTC]", "UTC"),
        (
            pd.to_datetime(["2013-01-01"]).tz_localize("America/New_York"),
            FieldType.TIMESTAMP,
            "datetime64[us, America/New_York]",
            "America/New_York",
        ),
        (pd.to_datetime(["2013-01-01T00:00:00+05:30"]), FieldType.TIMESTAMP, "datetime64[us, UTC+05:30]", "UTC+05:30"),
        ([True, False], FieldType.BOOLEAN, "bool", None),
        (pd.array([1, None], dtype="Int8"), FieldType.INTEGER, "Int8", None),
        (pd.array([1.0, None], dtype="Float64"), FieldType.FLOAT, "Float64", None),
        ([[1.0, 2.0], [3.0, 4.0]], FieldType.FLOATS, "list", None),
        (
            pd.Series([1], dtype=pd.ArrowDtype(pa.timestamp("us", "+01:00"))),
            FieldType.TIMESTAMP,
            "timestamp[us, tz=+01:00][pyarrow]",
            "UTC+01:00",
        ),
    ],
    ids=str,
)
def test_the_type_follows_the_column(values: object, kind: FieldType, dtype: str, zone: str | None) -> None:
    found = one(values)
    assert (found.type, found.dtype, found.zone) == (kind, dtype, zone)


def test_an_all_missing_column_is_refused_by_name_with_all_others_that_cannot_be() -> None:
    table = pd.DataFrame(
        {
            "empty": [None, None],
            "fine": [1, 2],
            "price": [Decimal("1.5"), Decimal("2")],
            "span": pd.to_timedelta([1, 2], unit="s"),
            "mix": ["a", 1],
            "band": pd.cut([1, 2], 2),
            "vector": [[1, 2], ["a"]],
        }
    )
    with pytest.raises(SchemaMismatch) as caught:
        learn(table)
    problems = caught.value.details["problems"]
    assert isinstance(problems, list)
    said = {problem["field"]: problem["problem"] for problem in problems}
    assert list(said) == ["empty", "price", "span", "mix", "band", "vector"]
    assert said["empty"] == "holds no value at all; drop it, or fill it in the source"
    assert "astype(float)" in said["price"]
    assert ".dt.total_seconds()" in said["span"]
    assert said["mix"] == "holds values of int, str, more than one type; make it one type in the source"
    assert "the column 'empty' holds no value at all" in str(caught.value)


@pytest.mark.parametrize("table", [pd.DataFrame({"x": []}), pd.DataFrame()])
def test_a_table_without_rows_teaches_nothing(table: pd.DataFrame) -> None:
    with pytest.raises(SchemaMismatch, match="without rows"):
        learn(table)


def test_column_names_that_are_no_text_or_twice_are_refused() -> None:
    with pytest.raises(SchemaMismatch, match="'0' is named 0, which is not a text"):
        learn(pd.DataFrame([[1]]))
    with pytest.raises(SchemaMismatch, match="'x' is there twice"):
        learn(pd.DataFrame([[1, 2]], columns=["x", "x"]))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("PassengerId", [3 * i for i in range(N)]),
        ("order_no", [f"A{i}x{i}" for i in range(N)]),
        ("Unnamed: 0", range(N)),
        ("row", range(1, N + 1)),
        ("anything", [f"{i:08x}-0000-4000-8000-000000000000" for i in range(N)]),
        ("code", [f"K{i:05d}" for i in range(N)]),
    ],
)
def test_what_numbers_or_names_rows_is_an_identifier_without_a_range(name: str, values: Any) -> None:
    found = one(values, name)
    assert found.role == "identifier"
    assert (found.minimum, found.maximum, found.seen, found.default) == (None, None, None, None)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("amount", [3 * i + i % 7 for i in range(N)]),
        ("price", np.linspace(0, 1, N)),
        ("review", [f"I liked it {i} times" for i in range(N)]),
        ("id", [1, 2, 1, 2] * 50),
    ],
)
def test_what_describes_rows_is_no_identifier(name: str, values: Any) -> None:
    assert one(values, name).role == "value"


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("distance_km", "km"),
        ("Price (EUR)", "EUR"),
        ("Temp [°C]", "°C"),
        ("air time (minutes)", "min"),
        ("ageYears", "years"),
        ("duration_min", "min"),
        ("min", None),
        ("wind_speed", None),
        ("kilometre", None),
    ],
)
def test_a_unit_is_read_from_the_name(name: str, unit: str | None) -> None:
    assert one([1.5, 2.5], name).unit == unit


@pytest.mark.parametrize(
    ("name", "values", "about"),
    [
        ("contact", [f"user{i}@example.org" for i in range(N)], "email"),
        ("E-Mail", ["?"] * 3, "email"),
        ("LastName", ["Hopper", "Lovelace"], "name"),
        ("customer_phone", ["1", "2"], "phone"),
        ("c", [f"+41 44 123 45 {i:02d}" for i in range(50)], "phone"),
        ("date_of_birth", ["x", "y"], "birth date"),
        ("c", ["4111 1111 1111 1111", "5500 0000 0000 0004"] * 3, "credit card"),
        ("c", ["DE89 3704 0044 0532 0130 00"] * 3, "bank account"),
        ("c", ["192.168.0.1", "8.8.8.8"] * 3, "ip address"),
        ("Sex", ["m", "f"] * 3, "gender"),
        ("filename", ["a", "b"], None),
        ("race_distance", ["a", "b"], None),
        ("carrier", ["UA", "AA"], None),
    ],
)
def test_what_is_likely_to_be_about_a_person_is_marked(name: str, values: list[str], about: str | None) -> None:
    found = one(values, name)
    assert found.sensitive == about
    assert about is None or found.default is None


def test_a_long_text_may_come_again() -> None:
    assert one(["x" * 50_000, "y"]).max_length == 100_000
