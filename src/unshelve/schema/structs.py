"""The msgspec struct of a Schema: one type per field, so that decoding is validation.

A field name that msgspec cannot match (a quote, a backslash or a control character in it, as spreadsheets with
line breaks in their headings have) leaves the Schema without a struct; the slow reading does all then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from unshelve.schema.bounds import FLOAT64_MAX, INT64, bounds
from unshelve.schema.schema import TEXTS, Field, FieldType, Schema

# A type made at run time: annotations, unions and generated classes have no common static type.
Type = Any

QUOTED: Final = TEXTS | {FieldType.DATE, FieldType.TIMESTAMP}
"""The types whose values stand between quotes in JSON."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The generated types of a Schema, and where in a row things are that a second look is taken at."""

    names: tuple[str, ...]
    row: Type
    body: Type
    quotes: int
    """Quote characters of a row that has every field that must be there."""
    optional: tuple[tuple[int, bool], ...]
    """Places of the fields that may be missing, with whether their values stand between quotes."""
    nanoseconds: tuple[int, ...]
    """Places of the moments that a column of nanoseconds has to hold."""
    ignored: tuple[str, ...]
    """Names of the fields that are dropped; they stand behind the others."""


def layout(schema: Schema, ignored: frozenset[str]) -> Layout | None:
    """The generated types; None when the Schema cannot be said in them."""
    dropped = tuple(sorted(ignored - set(schema.names)))
    names = (*schema.names, *dropped)
    if any(_odd(name) for name in names) or any(_beyond_int64(one) for one in schema.fields):
        return None
    keys = [f"f{place}" for place in range(len(names))]
    members: list[Type] = [_member(key, one) for key, one in zip(keys, schema.fields, strict=False)]
    members += [(key, msgspec.Raw, UNSET) for key in keys[len(schema.fields) :]]
    row = msgspec.defstruct(
        "Row",
        members,
        rename=dict(zip(keys, names, strict=True)),
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
    )
    body = msgspec.defstruct("Body", [("rows", list[row])], forbid_unknown_fields=True)  # type: ignore[valid-type]
    required = [one for one in schema.fields if not one.missing]
    return Layout(
        names=schema.names,
        row=row,
        body=body,
        quotes=2 * len(required) + 2 * sum(one.type in QUOTED for one in required),
        optional=tuple((i, one.type in QUOTED) for i, one in enumerate(schema.fields) if one.missing),
        nanoseconds=tuple(
            i
            for i, one in enumerate(schema.fields)
            if one.type in {FieldType.DATE, FieldType.TIMESTAMP} and "[ns" in one.dtype
        ),
        ignored=dropped,
    )


def _odd(name: str) -> bool:
    return any(letter in '"\\' or letter < " " for letter in name)


def _beyond_int64(one: Field) -> bool:
    """Whether the field takes whole numbers that msgspec cannot compare: those of a wide uint64 column."""
    return one.type is FieldType.INTEGER and bounds(one)[1] > INT64[1]


def _member(key: str, one: Field) -> tuple[str, Type] | tuple[str, Type, Type]:
    made = _type(one)
    return (key, made | None | UnsetType, UNSET) if one.missing else (key, made)


def _type(one: Field) -> Type:
    if one.type is FieldType.BOOLEAN:
        return bool
    if one.type is FieldType.INTEGER:
        return _integer(one)
    if one.type is FieldType.FLOAT:
        low, high = bounds(one)
        return Annotated[float, Meta(ge=float(low), le=float(high))]
    if one.type is FieldType.CATEGORY and one.unseen == "refuse":
        return Literal[tuple(category.value for category in one.categories)]
    if one.type in TEXTS:
        return Annotated[str, Meta(max_length=one.max_length)]
    if one.type is FieldType.DATE:
        return date
    if one.type is FieldType.TIMESTAMP:
        return Annotated[datetime, Meta(tz=one.zone is not None)]
    finite = Annotated[float, Meta(ge=-FLOAT64_MAX, le=FLOAT64_MAX)]
    fewest, most = (0, one.max_length) if one.length is None else (one.length, one.length)
    return Annotated[list[finite], Meta(min_length=fewest, max_length=most)]


def _integer(one: Field) -> Type:
    if one.categories:
        return Literal[tuple(int(category.value) for category in one.categories)]
    low, high = bounds(one)
    return Annotated[int, Meta(ge=max(int(low), INT64[0]), le=min(int(high), INT64[1]))]
