"""The slow reading of one row: every field that does not fit, with what was given and what is allowed.

Only rows that the compiled decoder refused come here, so clarity goes before speed. What is accepted here and
not there: a whole number written as 3.0, which is an integer in JSON Schema too.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import msgspec

from unshelve.schema.bounds import bounds
from unshelve.schema.near import near
from unshelve.schema.rows import Cell
from unshelve.schema.schema import Field, FieldType, JsonValue, Schema
from unshelve.schema.words import MOST_GIVEN, allowed, quoted

MOST_PROBLEMS: Final = 100
"""Problems that are told; reading stops there."""

FINER: Final = re.compile(r":\d\d\.\d{6}(\d+)")
"""A fraction of a second that a datetime cannot hold."""

_MOST_NEAR: Final = 20

MOST_DIGITS: Final = 400
"""Digits of a whole number that are read; one with more cannot even be a float."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One field of a row that does not fit."""

    field: str
    problem: str
    given: str | None = None
    near: tuple[str, ...] = ()

    def to_json(self, row: int) -> dict[str, JsonValue]:
        """The problem as it stands in an error's details."""
        said: dict[str, JsonValue] = {"row": row, "field": self.field, "problem": self.problem}
        if self.given is not None:
            said["given"] = self.given
        if self.near:
            said["near"] = list(self.near)
        return said


@dataclass(frozen=True, slots=True)
class NotANumber:
    """A token that some writers put where JSON has a number: NaN, Infinity, or one out of any range."""

    token: str


class Twice(dict[str, Any]):
    """An object of the JSON text in which some keys stand more than once."""

    keys_twice: tuple[str, ...] = ()


def read_json(text: str) -> JsonValue:
    """The JSON value of a text, with what msgspec refuses or hides kept as `NotANumber` and `Twice`."""
    return json.loads(text, object_pairs_hook=_object, parse_float=_float, parse_int=_int, parse_constant=NotANumber)


def explain_row(
    row: object, schema: Schema, *, ignored: frozenset[str] = frozenset()
) -> tuple[tuple[Cell, ...], tuple[Problem, ...]]:
    """The values of a row in the order of the Schema, or every problem that it has (then no values)."""
    if not isinstance(row, Mapping):
        return (), (Problem("", "a row is an object with the fields as its keys", quoted(row)),)
    problems = [Problem(name[:MOST_GIVEN], "is given twice") for name in getattr(row, "keys_twice", ())[:MOST_PROBLEMS]]
    problems += _unknown(row, schema, ignored)
    values: list[Cell] = []
    for one in schema.fields:
        try:
            values.append(_check(one, row.get(one.name), given=one.name in row))
        except _FieldError as wrong:
            problems.append(wrong.problem)
    return ((), tuple(problems)) if problems else (tuple(values), ())


def explain_value(value: object, one: Field) -> Problem | None:
    """What is wrong with one value of a field; None when it fits."""
    try:
        _check(one, value, given=True)
    except _FieldError as wrong:
        return wrong.problem
    return None


def _unknown(row: Mapping[Any, object], schema: Schema, ignored: frozenset[str]) -> list[Problem]:
    known = frozenset(schema.names) | ignored
    if known.issuperset(row):
        return []
    absent = [name for name in schema.names if name not in row] or schema.names
    unknown = [str(name) for name in itertools.islice((k for k in row if k not in known), MOST_PROBLEMS)]
    return [
        Problem(name[:MOST_GIVEN], "is not a field of this model", None, near(name, absent) if i < _MOST_NEAR else ())
        for i, name in enumerate(unknown)
    ]


class _FieldError(Exception):
    """A value does not fit its field."""

    def __init__(self, one: Field, said: str, value: object = None, near: tuple[str, ...] = ()) -> None:
        given = None if value is None or one.sensitive else quoted(value)
        self.problem = Problem(one.name, said, given, near)
        super().__init__(said)


def _check(one: Field, value: object, *, given: bool) -> Cell:
    if value is None:
        if one.missing:
            return None
        how = "is null, and may not be missing" if given else "is missing"
        raise _FieldError(one, f"{how}; allowed: {allowed(one)}")
    if isinstance(value, NotANumber):
        why = "is beyond every number" if value.token[-1:].isdigit() else "is not JSON"
        raise _FieldError(one, f"{value.token[:20]} {why}; allowed: {allowed(one)}")
    return _CHECKS[one.type](one, value)


def _boolean(one: Field, value: object) -> Cell:
    if not isinstance(value, bool):
        raise _FieldError(one, "must be true or false", value)
    return value


def _integer(one: Field, value: object) -> Cell:
    whole = value
    if isinstance(value, float) and value.is_integer():
        whole = int(value)
    if isinstance(whole, bool) or not isinstance(whole, int):
        raise _FieldError(one, f"must be {allowed(one)}", value)
    if one.categories and str(whole) not in {category.value for category in one.categories}:
        raise _FieldError(one, f"must be {allowed(one)}", value)
    return _inside(one, whole, value)


def _float(text: str) -> float | NotANumber:
    number = float(text)
    return number if math.isfinite(number) else NotANumber(text)


def _real(one: Field, value: object) -> Cell:
    return _inside(one, _number(one, value), value)


def _number(one: Field, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _FieldError(one, f"must be {allowed(one)}", value)
    try:
        return float(value)
    except OverflowError:
        raise _FieldError(one, "is beyond every number") from None


def _inside(one: Field, number: float, value: object) -> Cell:
    low, high = bounds(one)
    if not low <= number <= high:
        raise _FieldError(one, f"must be {allowed(one)}", value)
    return number


def _string(one: Field, value: object) -> Cell:
    if not isinstance(value, str):
        raise _FieldError(one, f"must be {allowed(one)}", value)
    if len(value) > one.max_length:
        raise _FieldError(one, f"has {len(value):,} letters; at most {one.max_length:,} are allowed", value)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _FieldError(one, "holds half of a surrogate pair, which is not text") from None
    return value


def _category(one: Field, value: object) -> Cell:
    if one.unseen == "allow":
        return _string(one, value)
    values = [category.value for category in one.categories]
    if not isinstance(value, str) or value not in values:
        alike = near(value, values) if isinstance(value, str) else ()
        raise _FieldError(one, f"must be {allowed(one)}", value, alike)
    return value


def _date(one: Field, value: object) -> Cell:
    if isinstance(value, date) and not isinstance(value, datetime):
        found = value
    else:
        try:
            found = msgspec.convert(value, date)
        except msgspec.ValidationError:
            raise _FieldError(one, f"must be {allowed(one)}", value) from None
    return within_dtype(one, found)


def _timestamp(one: Field, value: object) -> Cell:
    finer: str | None = None
    if isinstance(value, datetime):
        found = value
    else:
        try:
            found = msgspec.convert(value, datetime)
        except msgspec.ValidationError:
            raise _FieldError(one, f"must be {allowed(one)}", value) from None
        finer = _finer_than_microseconds(value) if isinstance(value, str) and "[ns" in one.dtype else None
    if (found.tzinfo is None) is not (one.zone is None):
        raise _FieldError(one, f"must be {allowed(one)}", value)
    within_dtype(one, found)
    return found if finer is None else finer


def _floats(one: Field, value: object) -> Cell:
    if not isinstance(value, list | tuple) or (one.length is not None and len(value) != one.length):
        raise _FieldError(one, f"must be {allowed(one)}", value)
    if len(value) > one.max_length:
        raise _FieldError(one, f"has {len(value):,} numbers; at most {one.max_length:,} are allowed")
    numbers = [_number(one, element) for element in value]
    if not all(map(math.isfinite, numbers)):
        raise _FieldError(one, f"must be {allowed(one)}", value)
    return numbers


def within_dtype(one: Field, moment: date) -> date:
    """The moment itself; a problem when a column of nanoseconds cannot hold it (outside 1678 to 2261)."""
    if "[ns" in one.dtype and not 1678 <= moment.year <= 2261:
        raise _FieldError(one, "must be between the years 1678 and 2261", moment.isoformat())
    return moment


def _finer_than_microseconds(text: str) -> str | None:
    """The text itself when its fraction of a second needs more than the six digits of a datetime."""
    fraction = FINER.search(text)
    return text if fraction is not None and fraction[1].strip("0") else None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    twice = Twice(found)
    counts = Counter(key for key, _ in pairs)
    twice.keys_twice = tuple(key for key, count in counts.items() if count > 1)
    return twice


def _int(text: str) -> float | NotANumber:
    if text == "-0":
        return -0.0
    return int(text) if len(text) <= MOST_DIGITS else NotANumber(text)


_CHECKS: Final[dict[FieldType, Callable[[Field, object], Cell]]] = {
    FieldType.BOOLEAN: _boolean,
    FieldType.INTEGER: _integer,
    FieldType.FLOAT: _real,
    FieldType.STRING: _string,
    FieldType.CATEGORY: _category,
    FieldType.DATE: _date,
    FieldType.TIMESTAMP: _timestamp,
    FieldType.FLOATS: _floats,
}
