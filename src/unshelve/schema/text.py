"""The Schema as a TOML file that a person reads, edits and owns."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import date
from typing import Final

from unshelve.errors import Refused
from unshelve.schema.near import near
from unshelve.schema.schema import FORMAT, Field, FieldType, JsonValue, Schema, field_from_json
from unshelve.schema.words import allowed

_HEAD: Final = """\
# What a row looks like: one [field.NAME] for each column, in the order of the training table.
# This file is yours: edit it, and the next run takes it as it is.
#
#   type         boolean, integer, float, string, category, date, timestamp or floats (a list)
#   dtype        the training column's dtype; a request's column is built with it
#   missing      true: null or an absent field is accepted and means missing; false: it is refused
#   minimum, maximum   numbers outside are refused
#   seen         the range in training; a number outside is answered, with a warning
#   categories   the allowed values with their share in training; a value added by hand has the share 0.0
#   levels       all values of a pandas category column, in its own order
#   unseen       "refuse" or "allow" a value that is not among the categories
#   zone         "UTC", a name such as "Europe/Zurich", or nothing for local time without an offset
#   length       how many numbers a list has;  max_length: letters a text may have
#   unit, title, description   what people read beside the field
#   default      what a form shows before anything is typed; an absent field is never filled with it
#   role         "value", or "identifier" for what only numbers or names rows
#   sensitive    what makes the field likely to be about a person; its values are not repeated in errors

"""

_ORDER: Final = (
    "title", "description", "type", "dtype", "missing", "unit", "minimum", "maximum", "seen", "zone", "length",
    "max_length", "unseen", "default", "role", "sensitive", "levels",
)  # fmt: skip


def write(schema: Schema) -> str:
    """The Schema as a TOML text; `read` gives exactly the same Schema again."""
    parts = [_HEAD + f"format = {FORMAT}\n"]
    for one, written in zip(schema.fields, schema.to_json()["fields"], strict=True):
        parts.append("\n".join(_table(one, written)) + "\n")
    return "\n".join(parts)


def read(text: str) -> Schema:
    """The Schema of a TOML text; `Refused` with the line, the setting and what is near when it is not one."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"The schema file is not TOML: {error}.", code="schema-invalid") from None
    for key in document:
        if key not in {"format", "field"}:
            raise Refused(
                f"The schema file has no setting {key!r}.",
                code="schema-invalid",
                near=near(key, ["format", "field"]),
                hint="It has one [field.NAME] for each field.",
            )
    tables = document.get("field", {})
    if not isinstance(tables, dict):
        raise Refused("The fields of a schema file are tables: [field.NAME].", code="schema-invalid")
    fields = [_field(name, table) for name, table in tables.items()]
    return Schema.from_json({"format": document.get("format", FORMAT), "fields": fields})


def _table(one: Field, written: dict[str, JsonValue]) -> Iterator[str]:
    name = _key(one.name)
    yield "# " + re.sub(r"[\x00-\x1f\x7f]", " ", allowed(one))
    yield f"[field.{name}]"
    settings = {"missing": False, **written}
    if one.type is FieldType.CATEGORY:
        settings.setdefault("unseen", "refuse")
    for key in _ORDER:
        if key in settings:
            yield f"{key} = {_value(settings[key])}"
    if one.categories:
        yield f"[field.{name}.categories]"
        for category in one.categories:
            yield f"{_key(category.value)} = {_value(float(category.share))}"


def _field(name: str, table: JsonValue) -> dict[str, JsonValue]:
    """The JSON form of a field's table."""
    if not isinstance(table, dict):
        raise Refused(f"The field {name!r} is not a table: [field.{name}].", code="schema-invalid")
    if "name" in table:
        raise Refused(f"The field {name!r} is named by its heading; take its name = … out.", code="schema-invalid")
    made = {"name": name, **table}
    categories = made.get("categories")
    if isinstance(categories, dict):
        made["categories"] = [{"value": value, "share": share} for value, share in categories.items()]
    if isinstance(made.get("default"), date):
        made["default"] = made["default"].isoformat()
    field_from_json(made)
    return made


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _text(value: str) -> str:
    # A basic string of TOML 1.0 is a JSON string, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: JsonValue) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return repr(value)
