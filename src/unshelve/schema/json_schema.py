"""The Schema in the words of JSON Schema 2020-12, as OpenAPI 3.1 takes them.

What a validator of JSON Schema accepts and the decoder accepts are the same, but for what JSON Schema has no word
for: a key given twice, and years that a column of nanoseconds cannot hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from unshelve.schema.bounds import FLOAT64_MAX, INT64, bounds
from unshelve.schema.schema import Field, FieldType, JsonValue, Number, Schema

# A JSON Schema document: objects of objects to any depth.
Document: TypeAlias = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def to_json_schema(schema: Schema) -> Document:
    """The JSON Schema of one row."""
    return {
        "$schema": DIALECT,
        "type": "object",
        "properties": {one.name: field_schema(one) for one in schema.fields},
        "required": [one.name for one in schema.fields if not one.missing],
        "additionalProperties": False,
    }


def request_schema(schema: Schema, *, most_rows: int) -> Document:
    """The JSON Schema of a request's body, with an example: for OpenAPI."""
    row = to_json_schema(schema)
    del row["$schema"]
    return {
        "type": "object",
        "properties": {"rows": {"type": "array", "items": row, "minItems": 1, "maxItems": most_rows}},
        "required": ["rows"],
        "additionalProperties": False,
        "examples": [{"rows": [example_row(schema)]}],
    }


def example_row(schema: Schema) -> dict[str, JsonValue]:
    """A row that the Schema accepts: each field's default, or else something allowed."""
    return {one.name: _example(one) for one in schema.fields}


def field_schema(one: Field) -> Document:
    """The JSON Schema of one field's value."""
    found = _TYPES[one.type](one)
    if one.missing:
        found["type"] = [found["type"], "null"]
        if "enum" in found:
            found["enum"] = [*found["enum"], None]
    if one.title is not None:
        found["title"] = one.title
    described = [one.description] if one.description else []
    described += [f"In {one.unit}."] if one.unit else []
    described += [f"Training had {one.seen[0]} to {one.seen[1]}."] if one.seen else []
    if described:
        found["description"] = " ".join(described)
    if one.default is not None:
        # Not `default`: an absent field is refused, and not filled.
        found["examples"] = [one.default]
    return found


def _integer(one: Field) -> Document:
    if one.categories:
        return {"type": "integer", "enum": [int(category.value) for category in one.categories]}
    low, high = bounds(one)
    return {"type": "integer"} | _limits(low, high, INT64)


def _float(one: Field) -> Document:
    low, high = bounds(one)
    return {"type": "number"} | _limits(low, high, (-FLOAT64_MAX, FLOAT64_MAX))


def _limits(low: Number, high: Number, widest: tuple[Number, Number]) -> Document:
    limits: Document = {}
    if low > widest[0]:
        limits["minimum"] = low
    if high < widest[1]:
        limits["maximum"] = high
    return limits


def _string(one: Field) -> Document:
    return {"type": "string", "maxLength": one.max_length}


def _category(one: Field) -> Document:
    if one.unseen == "allow":
        return _string(one)
    return {"type": "string", "enum": [category.value for category in one.categories]}


def _timestamp(one: Field) -> Document:
    if one.zone is not None:
        return {"type": "string", "format": "date-time"}
    # RFC 3339's date-time demands an offset, so a local time is said by its shape.
    return {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?$"}


def _floats(one: Field) -> Document:
    fewest, most = (0, one.max_length) if one.length is None else (one.length, one.length)
    return {"type": "array", "items": {"type": "number"}, "minItems": fewest, "maxItems": most}


def _example(one: Field) -> JsonValue:
    if one.default is not None:
        return one.default
    if one.categories:
        first = one.categories[0].value
        return int(first) if one.type is FieldType.INTEGER else first
    if one.missing:
        return None
    return _EXAMPLES[one.type](one)


def _example_number(one: Field) -> Number:
    low, high = one.seen if one.seen is not None else bounds(one)
    return low if low > 0 else min(high, type(low)(0))


_TYPES: Final[dict[FieldType, Callable[[Field], Document]]] = {
    FieldType.BOOLEAN: lambda _: {"type": "boolean"},
    FieldType.INTEGER: _integer,
    FieldType.FLOAT: _float,
    FieldType.STRING: _string,
    FieldType.CATEGORY: _category,
    FieldType.DATE: lambda _: {"type": "string", "format": "date"},
    FieldType.TIMESTAMP: _timestamp,
    FieldType.FLOATS: _floats,
}

_EXAMPLES: Final[dict[FieldType, Callable[[Field], JsonValue]]] = {
    FieldType.BOOLEAN: lambda _: False,
    FieldType.INTEGER: _example_number,
    FieldType.FLOAT: _example_number,
    FieldType.STRING: lambda one: "text"[: one.max_length],
    FieldType.CATEGORY: lambda _: None,
    FieldType.DATE: lambda _: "2025-01-31",
    FieldType.TIMESTAMP: lambda one: "2025-01-31T12:00:00" + ("" if one.zone is None else "Z"),
    FieldType.FLOATS: lambda one: [0.0] * (one.length or 0),
}
