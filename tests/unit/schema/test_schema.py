"""The Schema as a value."""

from __future__ import annotations

import json

import pytest

from unshelve.errors import NotFound, Refused
from unshelve.schema.schema import Category, Field, FieldType, Schema

WIND = Field(
    name="wind", type=FieldType.FLOAT, dtype="float64", minimum=0.0, maximum=90.5, seen=(0.0, 60.5), unit="mph"
)
CARRIER = Field(
    name="carrier",
    type=FieldType.CATEGORY,
    dtype="category",
    categories=(Category(value="UA", share=0.75), Category(value="AA", share=0.25)),
    levels=("AA", "UA", "ZZ"),
    missing=True,
    default="UA",
)
LEFT = Field(name="left", type=FieldType.TIMESTAMP, dtype="datetime64[us, America/New_York]", zone="America/New_York")


def test_a_schema_survives_its_json_form() -> None:
    schema = Schema((WIND, CARRIER, LEFT))
    again = Schema.from_json(json.loads(json.dumps(schema.to_json())))
    assert again == schema
    assert again.digest == schema.digest
    assert hash(again) == hash(schema)


def test_a_bound_of_zero_is_written_even_where_it_equals_a_default() -> None:
    schema = Schema((Field(name="n", type=FieldType.INTEGER, dtype="int64", minimum=0, maximum=2**62, seen=(0, 7)),))
    assert Schema.from_json(schema.to_json()) == schema
    assert isinstance(Schema.from_json(schema.to_json()).fields[0].maximum, int)


def test_the_digest_changes_with_any_setting() -> None:
    other = Field(name="wind", type=FieldType.FLOAT, dtype="float32")
    assert Schema((WIND,)).digest != Schema((other,)).digest


def test_an_unknown_field_is_refused_with_the_nearest() -> None:
    with pytest.raises(NotFound) as caught:
        Schema((WIND, CARRIER)).field("Wnd")
    assert caught.value.near == ("wind",)


def test_two_fields_of_one_name_are_refused() -> None:
    with pytest.raises(Refused, match="two fields with the name 'wind'"):
        Schema((WIND, WIND))


def test_a_setting_that_does_not_exist_is_refused_with_the_nearest() -> None:
    written = Schema((WIND,)).to_json()
    written["fields"][0]["minimun"] = 3
    with pytest.raises(Refused) as caught:
        Schema.from_json(written)
    assert caught.value.near[0] == "minimum"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"type": "float", "dtype": "float64", "minimum": 2.0, "maximum": 1.0}, "above the maximum"),
        ({"type": "integer", "dtype": "int64", "missing": True}, "no room for a missing value; set dtype to float64"),
        ({"type": "boolean", "dtype": "bool", "missing": True}, "set dtype to object"),
        ({"type": "category", "dtype": "str"}, "at least one allowed value"),
        ({"type": "string", "dtype": "str", "zone": "UTC"}, "has no zone"),
        ({"type": "timestamp", "dtype": "datetime64[us]", "zone": "Mars/Olympus"}, "no time zone 'Mars/Olympus'"),
        ({"type": "float", "dtype": "float64", "minimum": float("inf")}, "finite"),
        ({"type": "speed", "dtype": "float64"}, "Invalid enum value 'speed'"),
        ({"type": "string", "dtype": "category", "levels": "a"}, "Expected `array`"),
    ],
)
def test_a_field_that_contradicts_itself_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(Refused, match=said) as caught:
        Schema.from_json({"format": 1, "fields": [{"name": "x", **settings}]})
    assert caught.value.subject_code == "schema-invalid"


def test_a_schema_of_another_format_is_refused() -> None:
    with pytest.raises(Refused, match="format 2"):
        Schema.from_json({"format": 2, "fields": []})
