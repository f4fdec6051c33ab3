"""What changed between two Schemas."""

from __future__ import annotations

from dataclasses import replace

import pytest

from unshelve.schema.compare import Change, accepts_all, compare
from unshelve.schema.schema import Category, Field, FieldType, Schema

WIND = Field(
    name="wind", type=FieldType.FLOAT, dtype="float64", minimum=0.0, maximum=90.0, seen=(0.0, 60.0), unit="mph"
)
HOUR = Field(name="hour", type=FieldType.INTEGER, dtype="int64")
CARRIER = Field(
    name="carrier",
    type=FieldType.CATEGORY,
    dtype="str",
    categories=(Category(value="UA", share=0.75), Category(value="AA", share=0.25)),
)
LEFT = Field(name="left", type=FieldType.TIMESTAMP, dtype="datetime64[us, UTC]", zone="UTC")
VECTOR = Field(name="vector", type=FieldType.FLOATS, dtype="list", length=3)


def test_equal_schemas_have_no_changes() -> None:
    schema = Schema((WIND, HOUR, CARRIER, LEFT, VECTOR))
    assert compare(schema, schema) == ()
    assert accepts_all(())


@pytest.mark.parametrize(
    ("was", "now", "said", "breaks"),
    [
        (WIND, replace(WIND, maximum=80.0), "was allowed from 0 to 90 and is from 0 to 80", True),
        (WIND, replace(WIND, minimum=-5.0), "was allowed from 0 to 90 and is from -5 to 90", False),
        (WIND, replace(WIND, seen=(0.0, 50.0)), "has another range in training", False),
        (WIND, replace(WIND, unit="km/h"), "was in mph and is in km/h", True),
        (WIND, replace(WIND, unit=None), "was in mph and is in no unit", False),
        (WIND, replace(WIND, missing=True), "may be missing now", False),
        (replace(WIND, missing=True), WIND, "may no longer be missing", True),
        (HOUR, replace(HOUR, dtype="Int64"), "had the dtype int64 and has Int64", False),
        (CARRIER, replace(CARRIER, unseen="allow"), "takes values that training did not have", False),
        (CARRIER, replace(CARRIER, categories=CARRIER.categories[:1]), "no longer takes AA", True),
        (LEFT, replace(LEFT, zone="Asia/Tokyo"), "was in UTC and is in Asia/Tokyo", False),
        (LEFT, replace(LEFT, zone=None), "was in UTC and is in local time", True),
        (VECTOR, replace(VECTOR, length=None), "had 3 numbers and has any number of", False),
        (replace(VECTOR, length=None), VECTOR, "had any number of numbers and has 3", True),
    ],
)  # fmt: skip
def test_a_change_says_whether_it_breaks_callers(was: Field, now: Field, said: str, breaks: bool) -> None:
    assert compare(Schema((was,)), Schema((now,))) == (Change(now.name, said, breaks),)


def test_a_new_field_breaks_unless_it_may_be_missing_and_a_gone_one_does_not() -> None:
    assert compare(Schema((WIND,)), Schema((WIND, HOUR))) == (Change("hour", "is new and must be given", True),)
    optional = replace(HOUR, dtype="float64", missing=True)
    assert accepts_all(compare(Schema((WIND,)), Schema((WIND, optional))))
    assert compare(Schema((WIND, HOUR)), Schema((WIND,))) == (
        Change("hour", "is gone; it is ignored where it is sent"),
    )


def test_an_integer_may_become_a_float_and_a_category_a_text_but_not_back() -> None:
    as_float = Field(name="hour", type=FieldType.FLOAT, dtype="float64")
    assert accepts_all(compare(Schema((HOUR,)), Schema((as_float,))))
    assert not accepts_all(compare(Schema((as_float,)), Schema((HOUR,))))
    as_text = Field(name="carrier", type=FieldType.STRING, dtype="str")
    assert accepts_all(compare(Schema((CARRIER,)), Schema((as_text,))))
    assert not accepts_all(compare(Schema((as_text,)), Schema((CARRIER,))))


def test_a_narrower_dtype_breaks_although_no_bound_is_written() -> None:
    narrow = replace(HOUR, dtype="int8")
    assert not accepts_all(compare(Schema((HOUR,)), Schema((narrow,))))
