"""Sealed files: the log's answers by day, as values, and what can be done with the files that hold them."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import msgspec

from unshelve.predictions.looked_up import LookupCount
from unshelve.predictions.record import Record


class ModelCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many answers one version gave, within one sealed file."""

    model: str
    version: int
    answers: int
    seconds: float
    """The sum over the answers."""
    first_id: str
    last_id: str


class SealedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One segment's answers of one day, in a Parquet file of their own."""

    day: str
    """YYYY-MM-DD, UTC."""
    path: str
    """Below the folder of the prediction log."""
    digest: str
    size_bytes: int
    records: int
    first_id: str
    last_id: str
    counts: tuple[ModelCount, ...]
    lookups: tuple[LookupCount, ...] = ()


class SealedSegment(msgspec.Struct, frozen=True, kw_only=True):
    """What one segment was sealed into."""

    files: tuple[SealedFile, ...]
    records: int
    lost_bytes: int
    """What lay behind the last whole frame."""
    ending: str
    """A `segment.Ending`."""


class SealedFiles(Protocol):
    """Writes and reads sealed files below one folder, in this process or in another one."""

    def seal(self, segment: Path) -> SealedSegment:
        """Writes the files of a segment; the same segment gives the same files, however often."""

    def recent(self, path: str, *, model: str | None, before: str | None, limit: int) -> list[Record]:
        """The newest answers of a file, newest first: of one model or of all, with ids below `before`."""

    def find(self, path: str, record_id: str) -> Record | None:
        """One answer of a file."""
