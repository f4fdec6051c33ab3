"""The fast pass: rows by the generated struct, or nothing at all.

Every method gives None where anything is out of order; `decoder.py` then reads the rows slowly to say what.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import UNSET
from msgspec.structs import astuple

from unshelve.schema.explain import FINER
from unshelve.schema.rows import Cell
from unshelve.schema.schema import JsonValue
from unshelve.schema.structs import Layout

Found: TypeAlias = tuple[list[tuple[Cell, ...]], Sequence[tuple[str, ...]]]
"""The values of each row, and the names of each row's dropped fields (empty when no row has any)."""

_FINER_BYTES: Final = re.compile(FINER.pattern.encode())


class Compiled:
    """Reads rows that fit their Schema."""

    def __init__(self, types: Layout, width: int) -> None:
        self._types = types
        self._width = width
        self._body = msgspec.json.Decoder(types.body)
        self._row = msgspec.json.Decoder(types.row)
        self._plain = not types.optional and not types.ignored

    def body(self, body: bytes) -> Found | None:
        """The rows of a body, in whatever number."""
        if self._types.nanoseconds and _FINER_BYTES.search(body):
            return None
        try:
            structs = self._body.decode(body).rows
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return self._finish([astuple(struct) for struct in structs], quotes(body) - 2)

    def row(self, text: bytes) -> Found | None:
        """One row from its JSON object."""
        if self._types.nanoseconds and _FINER_BYTES.search(text):
            return None
        try:
            struct = self._row.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return self._finish([astuple(struct)], quotes(text))

    def convert(self, rows: Sequence[Mapping[str, JsonValue]]) -> list[tuple[Cell, ...]] | None:
        """Rows that are mappings already."""
        try:
            structs: list[Any] = msgspec.convert(rows, list[self._types.row])  # type: ignore[name-defined]
        except (msgspec.ValidationError, RecursionError):
            return None
        for place in self._types.nanoseconds:
            name = self._types.names[place]
            if any(isinstance(row.get(name), str) and FINER.search(row[name]) for row in rows):
                return None
        table = [_filled(astuple(struct)[: self._width]) for struct in structs]
        return table if self._holds(table) else None

    def _finish(self, table: list[tuple[Any, ...]], given: int) -> Found | None:
        """What was found, if its quote characters say that no key was given twice."""
        types = self._types
        given -= len(table) * types.quotes
        if self._plain:
            if given or not self._holds(table):
                return None
            return table, ()
        for place, quoted in types.optional:
            for row in table:
                value = row[place]
                if value is not UNSET:
                    given -= 4 if quoted and value is not None else 2
        names: Sequence[tuple[str, ...]] = ()
        if types.ignored:
            tails = [row[self._width :] for row in table]
            given -= sum(2 + quotes(bytes(raw)) for tail in tails for raw in tail if raw is not UNSET)
            names = [tuple(n for n, raw in zip(types.ignored, t, strict=True) if raw is not UNSET) for t in tails]
            table = [row[: self._width] for row in table]
        if given or not self._holds(table):
            return None
        return [_filled(row) for row in table], names if any(names) else ()

    def _holds(self, table: list[tuple[Any, ...]]) -> bool:
        """Whether columns of nanoseconds can hold the moments of these rows."""
        for place in self._types.nanoseconds:
            for row in table:
                if isinstance(row[place], date) and not 1678 <= row[place].year <= 2261:
                    return False
        return True


def quotes(text: bytes) -> int:
    """How many quote characters of a JSON text are not escaped.

    A text without duplicate keys has two for each key and two for each text value: one more key is two more.
    A run of backslashes begins at an unescaped place, so taking pairs away from the left leaves the escapes.
    """
    if b"\\" not in text:
        return text.count(b'"')
    return text.count(b'"') - text.replace(b"\\\\", b"").count(b'\\"')


def _filled(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The row with None for its absent fields."""
    return tuple([None if value is UNSET else value for value in row])
