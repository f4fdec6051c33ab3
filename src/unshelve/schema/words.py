"""What a field allows, in the words of a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from unshelve.schema.schema import Field, FieldType

MOST_GIVEN: Final = 60
"""Letters of a wrong value that an error repeats."""

_MOST_VALUES: Final = 12


def allowed(one: Field) -> str:
    """What may stand in the field, as the rest of a sentence that begins with "must be"."""
    return _NOUNS[one.type](one) + (", or null" if one.missing else "")


def quoted(value: object) -> str:
    """A value as an error repeats it: the start of its text, never more than 60 letters."""
    if isinstance(value, str):
        # Cut first: a text of ten megabytes is not copied to be shown in part.
        text = '"' + value[:MOST_GIVEN] + '"'
    elif isinstance(value, list | tuple):
        text = f"a list of {len(value)}"
    elif isinstance(value, Mapping):
        text = "an object"
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, int) and value.bit_length() > 256:
        text = "a number of more than 70 digits"
    else:
        text = str(value)
    # A lone surrogate cannot be sent back as UTF-8.
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= MOST_GIVEN else text[: MOST_GIVEN - 1] + "…"


def number(value: float) -> str:
    """A number without an empty fraction: 90, 0.5, 1e+20."""
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _range(one: Field, noun: str) -> str:
    low, high = one.minimum, one.maximum
    unit = f" {one.unit}" if one.unit else ""
    if low is not None and high is not None:
        return f"{noun} from {number(low)} to {number(high)}{unit}"
    if low is not None:
        return f"{noun} of at least {number(low)}{unit}"
    if high is not None:
        return f"{noun} of at most {number(high)}{unit}"
    return f"{noun} in {one.unit}" if one.unit else noun


def _integer(one: Field) -> str:
    return _values(one) if one.categories else _range(one, "a whole number")


def _values(one: Field) -> str:
    values = [category.value for category in one.categories]
    listed = ", ".join(
        value if len(value) <= MOST_GIVEN else value[:MOST_GIVEN] + "…" for value in values[:_MOST_VALUES]
    )
    return f"one of {listed}" + (f" and {len(values) - _MOST_VALUES} more" if len(values) > _MOST_VALUES else "")


def _category(one: Field) -> str:
    return "a text" if one.unseen == "allow" else _values(one)


def _timestamp(one: Field) -> str:
    if one.zone is None:
        return "a local time without an offset, like 2013-06-30T17:05:00"
    return "a time with its offset from UTC, like 2013-06-30T17:05:00Z or 2013-06-30T17:05:00-04:00"


def _floats(one: Field) -> str:
    return "a list of numbers" if one.length is None else f"a list of {one.length} numbers"


_NOUNS: Final = {
    FieldType.BOOLEAN: lambda one: "true or false",  # noqa: ARG005
    FieldType.INTEGER: _integer,
    FieldType.FLOAT: lambda one: _range(one, "a number"),
    FieldType.STRING: lambda one: f"a text of at most {one.max_length:,} letters",
    FieldType.CATEGORY: _category,
    FieldType.DATE: lambda one: "a date like 2013-06-30",  # noqa: ARG005
    FieldType.TIMESTAMP: _timestamp,
    FieldType.FLOATS: _floats,
}
