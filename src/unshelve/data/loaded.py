"""What is kept of a load as JSON: its record, the parts of the table, how far it read, a sketch of each column.

Light enough for processes that never load a table.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

LOAD: Final = "load"
"""The output of a declared source's task that holds the record, beside the table itself."""


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One blob of a table. `lowest` and `highest` are those of the key, `latest` of the watermark, as they sort."""

    digest: str
    rows: int
    size_bytes: int
    lowest: Any = None
    highest: Any = None
    latest: Any = None


class SavedMark(msgspec.Struct, frozen=True, kw_only=True):
    """A mark as JSON. `type` is moment (with a zone), local (without one), day, integer, float or text."""

    type: str
    value: str | int | float

    @property
    def words(self) -> str:
        return f"{self.value} UTC" if self.type == "moment" else str(self.value)


class Sketch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a column looks like, by a sample: for a small picture and a few words."""

    name: str
    type: str
    missing: float = 0.0
    """The share of rows without a value."""
    lowest: str = ""
    highest: str = ""
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    """How many values fall between neighbouring edges, of numbers; times are seconds since 1970."""
    most: tuple[tuple[str, float], ...] = ()
    """The commonest texts with their shares."""
    distinct: int = 0
    hidden: str = ""
    """Why no values are shown."""


class ColumnInfo(msgspec.Struct, frozen=True):
    """A column of a load: its name and its type in the words of Arrow."""

    name: str
    type: str


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Files that were read together: their names with the digests of their content, and the parts they became."""

    files: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]


class LoadRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one load did, and all that the next one needs of it. No credential is in it."""

    way: str
    at: str
    full: bool
    why: str
    asked: str
    """The query, the address or the patterns, as they stand in the solution."""
    asked_digest: str
    place: str = ""
    values: dict[str, Any] = {}
    connection: str | None = None
    mark_before: SavedMark | None = None
    mark: SavedMark | None = None
    read: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    rows: int = 0
    size_bytes: int = 0
    columns: tuple[ColumnInfo, ...] = ()
    result: str = ""
    """The digest of all rows: of the table's parts in their order."""
    parts: tuple[Part, ...] = ()
    schema: str = ""
    """The schema of the parts: an Arrow stream in base 64."""
    groups: tuple[Group, ...] = ()
    last_full: str = ""
    sketch: tuple[Sketch, ...] = ()
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


def record_from(data: bytes) -> LoadRecord:
    """The record of a load from its JSON."""
    return msgspec.json.decode(data, type=LoadRecord)
