"""The Schema in the words of JSON Schema."""

from __future__ import annotations

import json

from unshelve.schema.decoder import decoder
from unshelve.schema.json_schema import example_row, request_schema, to_json_schema
from unshelve.schema.schema import Category, Field, FieldType, Schema

SCHEMA = Schema(
    (
        Field(
            name="wind", type=FieldType.FLOAT, dtype="float64", minimum=0.0, maximum=90.5, seen=(1.0, 60.0), unit="mph"
        ),
        Field(name="level", type=FieldType.INTEGER, dtype="int8", missing=False, title="Level"),
        Field(
            name="carrier",
            type=FieldType.CATEGORY,
            dtype="str",
            categories=(Category(value="UA", share=1.0),),
            missing=True,
        ),
        Field(name="left", type=FieldType.TIMESTAMP, dtype="datetime64[us, UTC]", zone="UTC"),
        Field(name="local", type=FieldType.TIMESTAMP, dtype="datetime64[us]"),
        Field(name="day", type=FieldType.DATE, dtype="datetime64[us]"),
        Field(name="vector", type=FieldType.FLOATS, dtype="list", length=2),
        Field(name="note", type=FieldType.STRING, dtype="str", max_length=3, default="abc"),
        Field(name="rain", type=FieldType.BOOLEAN, dtype="bool"),
    )
)


def test_each_field_says_what_it_allows() -> None:
    assert to_json_schema(SCHEMA) == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "wind": {
                "type": "number",
                "minimum": 0.0,
                "maximum": 90.5,
                "description": "In mph. Training had 1.0 to 60.0.",
            },
            "level": {"type": "integer", "minimum": -128, "maximum": 127, "title": "Level"},
            "carrier": {"type": ["string", "null"], "enum": ["UA", None]},
            "left": {"type": "string", "format": "date-time"},
            "local": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?$"},
            "day": {"type": "string", "format": "date"},
            "vector": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
            "note": {"type": "string", "maxLength": 3, "examples": ["abc"]},
            "rain": {"type": "boolean"},
        },
        "required": ["wind", "level", "left", "local", "day", "vector", "note", "rain"],
        "additionalProperties": False,
    }


def test_the_example_is_a_request_that_is_accepted() -> None:
    (example,) = request_schema(SCHEMA, most_rows=10)["examples"]
    rows = decoder(SCHEMA).decode(json.dumps(example).encode())
    assert rows.raw(0)["wind"] == 1.0
    assert rows.warnings(0) == ()
    assert example_row(SCHEMA)["note"] == "abc"
