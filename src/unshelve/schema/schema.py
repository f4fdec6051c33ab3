"""The Schema: what one row looks like, field by field.

A Schema is learned from a table once and owned afterwards. It is the model's signature: the same value decodes
requests, types the training table again, draws the form and describes the API.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final, Literal, TypeAlias, cast
from zoneinfo import ZoneInfo

import msgspec

from unshelve.errors import NotFound, Refused
from unshelve.ids import digest_json
from unshelve.schema.near import near

# A JSON document is any of these, to any depth; a recursive alias would make every reader narrow at each level.
JsonValue: TypeAlias = Any

Number: TypeAlias = int | float
"""Whole numbers stay whole: a float cannot hold those beyond 2**53."""

FORMAT: Final = 1
"""The number of the JSON form of a Schema. Raise it when a reader of the old number would read a new one wrongly."""

MAX_TEXT: Final = 10_000
"""Letters that a text may have when its field says nothing else."""


class FieldType(StrEnum):
    """What kind of value a field holds."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    STRING = "string"
    CATEGORY = "category"
    DATE = "date"
    TIMESTAMP = "timestamp"
    FLOATS = "floats"


NUMBERS: Final = frozenset({FieldType.INTEGER, FieldType.FLOAT})
TEXTS: Final = frozenset({FieldType.STRING, FieldType.CATEGORY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One allowed value of a field, with the share of training rows that had it (0 when added by hand)."""

    value: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column of a row: what may stand in it, and how training had it."""

    name: str
    type: FieldType
    dtype: str
    """The training column's dtype, in the words of `docs/data.md`; the request's column is built with it."""
    missing: bool = False
    """True when null or an absent field is accepted and means missing."""
    minimum: Number | None = None
    maximum: Number | None = None
    """Numbers outside are refused."""
    seen: tuple[Number, Number] | None = None
    """The range in training; a number outside is answered with a warning."""
    categories: tuple[Category, ...] = ()
    """The values training had. Of an integer field: the numbers as text."""
    levels: tuple[str, ...] = ()
    """All values of a pandas category column in its own order, those without a row included."""
    unseen: Literal["refuse", "allow"] = "refuse"
    zone: str | None = None
    """Of a timestamp: "UTC", an IANA name or an offset such as "UTC+01:00"; None means local time."""
    length: int | None = None
    """Of a list of floats: how many; None means any number."""
    max_length: int = MAX_TEXT
    unit: str | None = None
    title: str | None = None
    description: str | None = None
    default: JsonValue = None
    """What a form shows before anything is typed; an absent field is never filled with it."""
    role: Literal["value", "identifier"] = "value"
    sensitive: str | None = None
    """What makes the field likely to be about a person ("email", "name", "health", …)."""

    def __post_init__(self) -> None:
        for problem in _contradictions(self):
            raise Refused(f"The field {self.name!r} of the Schema cannot be: {problem}.", code="schema-invalid")


@dataclass(frozen=True, slots=True)
class Schema:
    """The fields of a row, in the order of the training columns."""

    fields: tuple[Field, ...]
    names: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """The names of the fields, in order."""
    _hash: int | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(one.name for one in self.fields))
        seen: set[str] = set()
        for name in self.names:
            if name in seen:
                raise Refused(f"The Schema has two fields with the name {name!r}.", code="schema-invalid")
            seen.add(name)

    def __hash__(self) -> int:
        # Looked up on every request (compiled decoders and frames are kept by Schema), so it is worked out once.
        if self._hash is None:
            object.__setattr__(self, "_hash", hash(self.fields))
        return cast("int", self._hash)

    def field(self, name: str) -> Field:
        """The field with that name; `NotFound`, with the nearest names, when there is none."""
        for one in self.fields:
            if one.name == name:
                return one
        raise NotFound(
            f"There is no field {name!r} in the Schema.", code="field-not-found", near=near(name, self.names)
        )

    def select(self, names: tuple[str, ...]) -> Schema:
        """A Schema of only these fields, in this order."""
        return Schema(tuple(self.field(name) for name in names))

    def to_json(self) -> dict[str, JsonValue]:
        """The Schema as JSON-able values; what a field leaves at its default is left out."""
        return {"format": FORMAT, "fields": [_field_to_json(one) for one in self.fields]}

    @classmethod
    def from_json(cls, value: Mapping[str, JsonValue]) -> Schema:
        """The Schema that `to_json` wrote; `Refused` when the value is not one."""
        number = value.get("format")
        if number != FORMAT:
            raise Refused(
                f"This Schema is written in format {number!r}; this version of unshelve reads {FORMAT}.",
                code="schema-invalid",
            )
        listed = value.get("fields")
        if not isinstance(listed, list):
            raise Refused("A Schema has a list of fields.", code="schema-invalid")
        return cls(tuple(field_from_json(one) for one in listed))

    @property
    def digest(self) -> str:
        """The sha256 of the Schema's canonical JSON."""
        return digest_json(self.to_json())


def field_from_json(value: JsonValue) -> Field:
    """The field that `Schema.to_json` wrote; a key that does not exist is refused with the nearest."""
    if not isinstance(value, dict):
        raise Refused("A field of a Schema is an object.", code="schema-invalid")
    for key in value:
        if key not in _KEYS:
            raise Refused(
                f"The field {value.get('name', '')!r} has no setting {key!r}.",
                code="schema-invalid",
                near=near(str(key), _KEYS),
                hint=f"The settings of a field are {', '.join(_KEYS)}.",
            )
    try:
        return msgspec.convert(value, Field)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, Refused):
            raise error.__cause__ from None
        raise Refused(
            f"The field {value.get('name', '')!r} of the Schema cannot be read: {error}.", code="schema-invalid"
        ) from error


def holds_missing(dtype: str) -> bool:
    """Whether a column of that dtype has room for a missing value; plain integers and booleans have none."""
    return re.fullmatch(r"u?int\d+|bool", dtype) is None


def category_dtype(dtype: str) -> bool:
    """Whether it is the dtype of a pandas category column."""
    return dtype.startswith("category")


def _field_to_json(one: Field) -> dict[str, JsonValue]:
    written: dict[str, JsonValue] = {"name": one.name, "type": one.type.value, "dtype": one.dtype}
    for key, default in _OPTIONAL.items():
        value = getattr(one, key)
        if value != default or type(value) is not type(default):
            built = msgspec.to_builtins(value)
            written[key] = list(built) if isinstance(built, tuple) else built
    return written


def _contradictions(one: Field) -> list[str]:
    """What in a field cannot hold together, worst first."""
    checks = (
        (not one.dtype, "it has no dtype"),
        (
            one.missing and not holds_missing(one.dtype),
            f"a column of dtype {one.dtype} has no room for a missing value; "
            f"set dtype to {'object' if one.dtype == 'bool' else 'float64'} as well",
        ),
        (
            one.type not in NUMBERS and (one.minimum, one.maximum, one.seen) != (None, None, None),
            f"a {one.type} has no minimum, maximum or seen range",
        ),
        (not _finite(one), "minimum, maximum and seen are finite numbers"),
        (_above(one.minimum, one.maximum), f"the minimum {one.minimum} is above the maximum {one.maximum}"),
        (one.seen is not None and one.seen[0] > one.seen[1], "the seen range ends before it begins"),
        (
            bool(one.categories) and one.type not in {FieldType.CATEGORY, FieldType.INTEGER},
            f"a {one.type} has no categories",
        ),
        (one.type is FieldType.CATEGORY and not one.categories, "a category has at least one allowed value"),
        (len({c.value for c in one.categories}) != len(one.categories), "one of its categories is there twice"),
        (bool(one.levels) and not category_dtype(one.dtype), "only a column of dtype category has levels"),
        (
            category_dtype(one.dtype) and not {c.value for c in one.categories} <= set(one.levels),
            "one of its categories is not a level of the training column, so a model cannot be given it",
        ),
        (one.zone is not None and one.type is not FieldType.TIMESTAMP, f"a {one.type} has no zone"),
        (one.zone is not None and not _zone_exists(one.zone), f"there is no time zone {one.zone!r}"),
        (one.length is not None and one.type is not FieldType.FLOATS, f"a {one.type} has no length"),
        (one.length is not None and one.length < 0, "a length is not negative"),
        (one.max_length < 1, "max_length is at least 1"),
    )
    return [said for wrong, said in checks if wrong]


def _finite(one: Field) -> bool:
    return all(math.isfinite(x) for x in (one.minimum, one.maximum, *(one.seen or ())) if x is not None)


def _above(low: Number | None, high: Number | None) -> bool:
    return low is not None and high is not None and low > high


def _zone_exists(zone: str) -> bool:
    if zone == "UTC" or re.fullmatch(r"UTC[+-]\d\d:\d\d", zone):
        return True
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, LookupError):
        return False
    return True


_OPTIONAL: Final = {one.name: one.default for one in fields(Field) if one.name not in {"name", "type", "dtype"}}
_KEYS: Final = tuple(one.name for one in fields(Field))
