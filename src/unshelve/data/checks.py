"""Checks: what must hold of a table, as pure values that a solution file names in `expect("table", …)`.

A check looks at nothing by itself; `data/checking.py` holds a table against it. Each one reads as the call that
makes it (`text`) and as a sentence (`says`). Importing this brings neither pandas nor numpy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final, TypeAlias

from unshelve.errors import Refused

Bound: TypeAlias = int | float | str | None
"""One end of a range: a number, a date or moment as ISO 8601 text, or None for an open end."""

TYPES: Final = ("integer", "float", "boolean", "string", "date", "timestamp")
"""What `type=` may be: the words of a Schema."""

WITHIN: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|m|h|d|w)\s*")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True)
class Column:
    """What must hold of one column. A missing value meets everything but `missing`."""

    name: str
    type: str | None = None
    between: tuple[Bound, Bound] | None = None
    one_of: tuple[str | int | float | bool, ...] | None = None
    matches: str | None = None
    length: tuple[int | None, int | None] | None = None
    missing: bool | float = True
    unique: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def text(self) -> str:
        parts = [_written(self.name)]
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name != "name" and value != each.default:
                parts.append(f"{each.name}={_FORMS.get(each.name, _written)(value)}")
        return f"column({', '.join(parts)})"


@dataclass(frozen=True, slots=True)
class Unique:
    """No two rows have the same values in these columns. A row with a missing value is passed over."""

    columns: tuple[str, ...]

    @property
    def text(self) -> str:
        return f"unique({', '.join(map(_written, self.columns))})"


@dataclass(frozen=True, slots=True)
class Key:
    """These columns name a row: no value is missing and no two rows have the same."""

    columns: tuple[str, ...]

    @property
    def text(self) -> str:
        return f"key({', '.join(map(_written, self.columns))})"


@dataclass(frozen=True, slots=True)
class RefersTo:
    """The values of these columns are in another table. A row with a missing value is passed over."""

    table: str
    columns: tuple[str, ...]
    there: tuple[str, ...]
    """The columns of the other table, in the same order."""

    @property
    def text(self) -> str:
        one = _written(self.columns[0] if len(self.columns) == 1 else list(self.columns))
        other = _written(self.there[0] if len(self.there) == 1 else list(self.there))
        return f"refers_to({_written(self.table)}, {one}{'' if self.there == self.columns else f', key={other}'})"


@dataclass(frozen=True, slots=True)
class Fresh:
    """The newest moment in a column is at most this many seconds old."""

    column: str
    within: float

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    @property
    def text(self) -> str:
        return f"fresh({_written(self.column)}, {_written(span(self.within))})"


@dataclass(frozen=True, slots=True)
class RowCount:
    """How many rows there are: by number, and against the median of earlier runs (0.5: half as many to twice)."""

    at_least: int | None = None
    at_most: int | None = None
    against_history: float | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return ()

    @property
    def text(self) -> str:
        said = [f"{each.name}={getattr(self, each.name)!r}" for each in fields(self)]
        return f"row_count({', '.join(one for one in said if not one.endswith('=None'))})"


Check: TypeAlias = Column | Unique | Key | RefersTo | Fresh | RowCount
KINDS: Final[Mapping[str, Callable[..., Check]]] = {
    kind.__name__: kind for kind in (Column, Unique, Key, RefersTo, Fresh, RowCount)
}


def column(
    name: str,
    *,
    type: str | None = None,  # noqa: A002  the field's word, and a Schema's
    between: tuple[object, object] | None = None,
    one_of: Sequence[str | int | float | bool] | None = None,
    matches: str | None = None,
    length: tuple[int | None, int | None] | None = None,
    missing: bool | float = True,
    unique: bool = False,
) -> Column:
    """What must hold of a column: its type, range, set of values, pattern (of the whole text), length, uniqueness.

    `missing=False` allows no missing value; `missing=0.02` allows 2 % of them.
    """
    if type is not None and type not in TYPES:
        raise Refused(f"type={type!r} of column {name} is no type.", hint=f"It is one of {', '.join(TYPES)}.")
    if isinstance(one_of, str):
        raise Refused(f"one_of={one_of!r} of column {name} is one text.", hint=f"Give a list: one_of=[{one_of!r}].")
    if matches is not None:
        try:
            re.compile(matches)
        except re.error as error:
            raise Refused(f"matches={matches!r} of column {name} is no pattern: {error}.") from error
    if not isinstance(missing, bool) and not 0 <= missing <= 1:
        raise Refused(f"missing={missing!r} of column {name} is no share.", hint="Say False, True, or a share: 0.02.")
    return Column(
        _name(name),
        type=type,
        between=None if between is None else _range(between, f"between of column {name}"),
        one_of=None if one_of is None else tuple(one_of),
        matches=matches,
        length=None if length is None else (length[0], length[1]),
        missing=missing,
        unique=unique,
    )


def unique(*columns: str) -> Unique:
    """No two rows have the same values in these columns."""
    return Unique(_names(columns, "unique"))


def key(*columns: str) -> Key:
    """These columns name a row: none is missing, no two rows have the same."""
    return Key(_names(columns, "key"))


def refers_to(table: str, columns: str | Sequence[str], *, key: str | Sequence[str] | None = None) -> RefersTo:
    """The values of these columns are in another table, in the columns `key` (of the same names unless said)."""
    own = _names((columns,) if isinstance(columns, str) else columns, "refers_to")
    there = own if key is None else _names((key,) if isinstance(key, str) else key, "refers_to")
    if len(own) != len(there):
        raise Refused(f"refers_to({table!r}): {len(own)} columns cannot refer to {len(there)}.")
    return RefersTo(_name(table), own, there)


def fresh(column: str, within: str | float) -> Fresh:
    """The newest moment in a column is at most so old: "2d", "6h", or seconds."""
    if isinstance(within, str):
        match = WITHIN.fullmatch(within)
        if match is None:
            raise Refused(f"{within!r} is not a duration.", hint='Write it like "30s", "10m", "2h", "1d" or "1w".')
        within = float(match[1]) * _SECONDS[match[2]]
    return Fresh(_name(column), float(within))


def row_count(
    *, at_least: int | None = None, at_most: int | None = None, against_history: float | None = None
) -> RowCount:
    """How many rows there are. `against_history=0.5`: not less than half, not more than twice what is usual."""
    if at_least is None and at_most is None and against_history is None:
        raise Refused("row_count() says nothing.", hint="Give at_least, at_most or against_history.")
    if against_history is not None and not 0 < against_history <= 1:
        raise Refused(f"against_history={against_history!r} is no share.", hint="0.5: half as many to twice as many.")
    return RowCount(at_least, at_most, against_history)


def to_json(check: Check) -> dict[str, Any]:
    """A check as JSON values, with the name of its class."""
    made: dict[str, Any] = {"type_of_check": type(check).__name__}
    for each in fields(check):
        value = getattr(check, each.name)
        made[each.name] = list(value) if isinstance(value, tuple) else value
    return made


def from_json(value: Mapping[str, Any]) -> Check:
    """The check that `to_json` wrote."""
    given: dict[str, Any] = {
        name: tuple(item) if isinstance(item, list) else item for name, item in value.items() if name != "type_of_check"
    }
    return KINDS[value["type_of_check"]](**given)


def span(seconds: float) -> str:
    """A duration as it is written in a solution file."""
    for word in ("w", "d", "h", "m"):
        if seconds >= _SECONDS[word] and seconds % _SECONDS[word] == 0:
            return f"{int(seconds // _SECONDS[word])}{word}"
    return f"{seconds:g}s"


def _written(value: object) -> str:
    """A value as Python with texts between double quotes, as formatters write it."""
    if isinstance(value, str):
        text = repr(value)
        return f'"{text[1:-1]}"' if text.startswith("'") and '"' not in text else text
    if isinstance(value, list | tuple):
        inner = ", ".join(map(_written, value))
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    return repr(value)


def _pattern(pattern: str) -> str:
    plain = "\\" in pattern and '"' not in pattern and not pattern.endswith("\\")
    return f'r"{pattern}"' if plain else _written(pattern)


def _name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise Refused(f"{name!r} names nothing.", hint="Give the name of a column or table as text.")
    return name


def _names(names: Sequence[str], what: str) -> tuple[str, ...]:
    if not names:
        raise Refused(f"{what}() names no column.")
    return tuple(_name(name) for name in names)


def _range(given: tuple[object, object], what: str) -> tuple[Bound, Bound]:
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise Refused(f"{what} is {given!r}, not two ends.", hint="Write between=(0, 5000); None is an open end.")
    ends: list[Bound] = []
    for end in given:
        if isinstance(end, date):  # a datetime is one too
            end = end.isoformat()
        if end is not None and (isinstance(end, bool) or not isinstance(end, int | float | str)):
            raise Refused(f"{what} ends with {end!r}.", hint="An end is a number, a date, or None.")
        ends.append(end)
    low, high = ends
    if low is not None and high is not None:
        if isinstance(low, str) is not isinstance(high, str):
            raise Refused(f"{what} goes from {low!r} to {high!r}.", hint="Give two numbers, or two dates.")
        if low > high:  # type: ignore[operator]  # both are numbers or both are texts, as was just seen
            raise Refused(f"{what} goes from {low!r} down to {high!r}, so nothing fits.")
    return low, high


_FORMS: Final[Mapping[str, Callable[..., str]]] = {
    "matches": _pattern,
    "one_of": lambda values: _written(list(values)),
}
"""How a setting is written that has a form of its own."""
