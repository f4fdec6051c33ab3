"""What a load begins from and what it comes to, shared by all ways of loading. Worker side."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from unshelve.clock import SystemClock
from unshelve.data.loaded import ColumnInfo, LoadRecord, Part, record_from
from unshelve.storage.blobs import BlobStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is known of earlier loads, and what time it is."""

    now: datetime
    load: LoadRecord | None = None

    @property
    def schema(self) -> pa.Schema | None:
        """The schema of the parts of that load."""
        return None if self.load is None else schema_from(self.load.schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The parts of the table, and the record of the load."""

    schema: pa.Schema
    parts: tuple[Part, ...]
    record: LoadRecord


@dataclass(slots=True)
class Told:
    """Remarks on a load, each once."""

    notes: dict[str, None] = field(default_factory=dict)

    def __call__(self, note: str) -> None:
        if len(self.notes) < _MOST_NOTES:
            self.notes.setdefault(note)


def past_of(told: Mapping[str, Any], blobs: BlobStore) -> Past:
    """What control says of earlier loads: the time, and the digest of the record of the last one."""
    now = datetime.fromisoformat(told["now"]) if told.get("now") else SystemClock().now()
    digest = told.get("load")
    if not digest or not blobs.has(digest):
        return Past(now=now)
    return Past(now=now, load=record_from(blobs.get(digest)))


def schema_text(schema: pa.Schema) -> str:
    """A schema as text: an Arrow stream in base 64."""
    return base64.b64encode(schema.serialize().to_pybytes()).decode()


def schema_from(text: str) -> pa.Schema:
    """The schema that `schema_text` wrote."""
    return pa.ipc.read_schema(pa.BufferReader(base64.b64decode(text)))


def columns_of(schema: pa.Schema) -> tuple[ColumnInfo, ...]:
    """The columns of a schema by name and type."""
    return tuple(ColumnInfo(each.name, str(each.type)) for each in schema)


_MOST_NOTES: Final = 30
