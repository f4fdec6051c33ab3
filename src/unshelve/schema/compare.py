"""What changed from one Schema to another, and whether the new one still takes what the old one took."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from unshelve.schema.bounds import bounds
from unshelve.schema.schema import NUMBERS, Field, FieldType, Schema
from unshelve.schema.words import number


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two Schemas."""

    field: str
    what: str
    """A sentence without the field's name: "may no longer be missing"."""
    breaks: bool = False
    """True when the new Schema refuses, or understands otherwise, what the old one accepted."""

    def __str__(self) -> str:
        return f"{self.field} {self.what}"


def compare(old: Schema, new: Schema) -> tuple[Change, ...]:
    """The differences, in the order of the new Schema; fields that are gone come last.

    A field that is gone breaks no caller: a decoder ignores, with a warning, fields that another recent version
    has. A change of unit breaks, although every row is still accepted: the same number means something else.
    """
    before = {one.name: one for one in old.fields}
    changes: list[Change] = []
    for one in new.fields:
        was = before.pop(one.name, None)
        if was is None:
            changes.append(Change(one.name, "is new" + ("" if one.missing else " and must be given"), not one.missing))
        else:
            changes += _changes(was, one)
    changes += [Change(name, "is gone; it is ignored where it is sent") for name in before]
    return tuple(changes)


def accepts_all(changes: tuple[Change, ...]) -> bool:
    """Whether the new Schema takes every row that the old one took."""
    return not any(change.breaks for change in changes)


def _changes(was: Field, now: Field) -> Iterator[Change]:
    name = now.name
    if was.type is not now.type:
        yield Change(name, f"was a {was.type} and is a {now.type}", (was.type, now.type) not in _WIDER)
    elif was.dtype != now.dtype:
        yield Change(name, f"had the dtype {was.dtype} and has {now.dtype}")
    if was.missing is not now.missing:
        yield Change(name, "may be missing now" if now.missing else "may no longer be missing", was.missing)
    if was.type in NUMBERS and now.type in NUMBERS:
        yield from _range_changes(was, now)
    yield from _category_changes(was, now)
    if was.type is now.type is FieldType.TIMESTAMP and was.zone != now.zone:
        said = f"was in {was.zone or 'local time'} and is in {now.zone or 'local time'}"
        yield Change(name, said, (was.zone is None) is not (now.zone is None))
    if was.type is now.type is FieldType.FLOATS and was.length != now.length:
        said = f"had {was.length or 'any number of'} numbers and has {now.length or 'any number of'}"
        yield Change(name, said, now.length is not None)
    if was.max_length != now.max_length:
        said = f"could have {was.max_length:,} letters or numbers and can have {now.max_length:,}"
        yield Change(name, said, now.max_length < was.max_length)
    if was.unit != now.unit:
        said = f"was in {was.unit or 'no unit'} and is in {now.unit or 'no unit'}"
        yield Change(name, said, was.unit is not None and now.unit is not None)
    for key, said in _NOTES:
        if getattr(was, key) != getattr(now, key):
            yield Change(name, f"has another {said}")


def _range_changes(was: Field, now: Field) -> Iterator[Change]:
    (old_low, old_high), (low, high) = bounds(was), bounds(now)
    if (was.minimum, was.maximum) != (now.minimum, now.maximum) or low > old_low or high < old_high:
        said = f"was allowed from {number(old_low)} to {number(old_high)} and is from {number(low)} to {number(high)}"
        yield Change(now.name, said, low > old_low or high < old_high)


def _category_changes(was: Field, now: Field) -> Iterator[Change]:
    if was.type is not now.type or not (was.categories or now.categories):
        return
    if was.unseen != now.unseen:
        said = "takes values that training did not have" if now.unseen == "allow" else "refuses values it has not seen"
        yield Change(now.name, said, now.unseen == "refuse")
    old, new = ([category.value for category in one.categories] for one in (was, now))
    if not was.categories or not now.categories:
        yield Change(now.name, "takes only certain values" if new else "takes any value", bool(new))
        return
    gone = [value for value in old if value not in set(new)]
    added = [value for value in new if value not in set(old)]
    if gone:
        yield Change(now.name, f"no longer takes {_listed(gone)}", now.unseen == "refuse")
    if added:
        yield Change(now.name, f"takes {_listed(added)} as well")
    shares = [{category.value: category.share for category in one.categories} for one in (was, now)]
    if not gone and not added and shares[0] != shares[1]:
        yield Change(now.name, "has its values in other shares")


def _listed(values: list[str]) -> str:
    return ", ".join(values[:5]) + (f" and {len(values) - 5} more" if len(values) > 5 else "")


_WIDER: Final = frozenset({(FieldType.INTEGER, FieldType.FLOAT), (FieldType.CATEGORY, FieldType.STRING)})
"""Changes of type after which every old value is still one of the new type."""

_NOTES: Final = (
    ("seen", "range in training"),
    ("title", "title"),
    ("description", "description"),
    ("default", "default"),
    ("role", "role"),
    ("sensitive", "mark of being about a person"),
    ("levels", "list of levels"),
)
