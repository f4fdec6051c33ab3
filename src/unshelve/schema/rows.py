"""Rows that passed the Schema: their values by column, and what is worth a remark about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from unshelve.schema.schema import NUMBERS, Field, FieldType, JsonValue, Schema

# What a cell holds: bool, int, float, str, date, datetime, list[float] or None, as the field's type says.
Cell = Any


@dataclass(frozen=True, slots=True)
class RowWarning:
    """A remark about one field of a row that was accepted all the same."""

    field: str
    problem: str


@dataclass(slots=True)
class Rows:
    """Accepted rows: every value has its field's type, None where it is missing."""

    schema: Schema
    values: Sequence[tuple[Cell, ...]]
    """One tuple per row, in the order of the Schema's fields."""
    ignored: Sequence[tuple[str, ...]] = ()
    """Names of the fields that were dropped, row by row; empty when no row had any."""
    _warnings: dict[int, tuple[RowWarning, ...]] | None = field(default=None, init=False, repr=False)

    @property
    def n(self) -> int:
        """How many rows there are."""
        return len(self.values)

    def columns(self) -> dict[str, list[Cell]]:
        """The values of each field, in the order of the Schema."""
        return dict(zip(self.schema.names, map(list, zip(*self.values, strict=True)), strict=False))

    def raw(self, i: int) -> dict[str, JsonValue]:
        """Row `i` as JSON-able values, as it was given: absent fields are null, dropped ones are left out."""
        return {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in zip(self.schema.names, self.values[i], strict=True)
        }

    def warnings(self, i: int) -> tuple[RowWarning, ...]:
        """The remarks about row `i`: values outside the range seen in training, dropped fields."""
        if self._warnings is None:
            self._warnings = self._find_warnings()
        return self._warnings.get(i, ())

    def _find_warnings(self) -> dict[int, tuple[RowWarning, ...]]:
        found: dict[int, list[RowWarning]] = {}
        for position, one in enumerate(self.schema.fields):
            for i, problem in self._strange(position, one):
                found.setdefault(i, []).append(RowWarning(one.name, problem))
        for i, names in enumerate(self.ignored):
            for name in names:
                said = "another version of this model has this field; it was ignored"
                found.setdefault(i, []).append(RowWarning(name, said))
        return {i: tuple(remarks) for i, remarks in found.items()}

    def _strange(self, position: int, one: Field) -> Iterator[tuple[int, str]]:
        if one.type in NUMBERS and one.seen is not None:
            low, high = one.seen
            for i, row in enumerate(self.values):
                value = row[position]
                if value is not None and not low <= value <= high:
                    yield i, f"{value!r} is outside what training had: {low!r} to {high!r}"
        elif one.type is FieldType.CATEGORY and one.unseen == "allow":
            known = {category.value for category in one.categories}
            for i, row in enumerate(self.values):
                if row[position] is not None and row[position] not in known:
                    yield i, "training had no row with this value"
