"""Unsealed segments as they can be asked: each byte is read once for counting, and a block again when it is wanted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Final

from unshelve.predictions.looked_up import LookupCount, counts_of
from unshelve.predictions.record import Record
from unshelve.predictions.segment import MAGIC, records_of, scan_frames

_BLOCK_BYTES: Final = 2**16


@dataclass(slots=True)
class _Block:
    """Some frames in a row: the smallest part of a segment that is read again."""

    begin: int
    end: int
    first_id: str
    last_id: str


@dataclass(slots=True)
class Tail:
    """One unsealed segment, as far as it has been read."""

    path: Path
    counts: dict[tuple[str, str, int], int] = field(default_factory=dict)
    """Answers by (day, model, version)."""
    lookups: dict[tuple[str, str, str], LookupCount] = field(default_factory=dict)
    """What lookups gave, by (day, model, lookup)."""
    _blocks: list[_Block] = field(default_factory=list)
    _end: int = len(MAGIC)

    def refresh(self) -> None:
        """Reads what was written since the last time. Raises FileNotFoundError once the segment has been sealed."""
        with self.path.open("rb") as file:
            file.seek(self._end)
            data = file.read()
        view, start, begin = memoryview(data), self._end, 0
        for payload, end in scan_frames(view).payloads:
            self._take(records_of(view[payload:end]), start + begin, start + end)
            begin = end
        self._end = start + begin

    def recent(self, *, model: str | None, before: str | None, limit: int) -> list[Record]:
        """The newest answers, newest first: of one model or of all, with ids below `before`."""
        found: list[Record] = []
        for block in reversed(self._blocks):
            # Ids rise with time; within a millisecond they do not, so blocks may overlap by one.
            if len(found) >= limit and block.last_id < found[limit - 1].id:
                break
            if before is not None and block.first_id >= before:
                continue
            found.extend(
                record
                for record in self._read(block)
                if (model is None or record.model == model) and (before is None or record.id < before)
            )
            found.sort(key=attrgetter("id"), reverse=True)
        return found[:limit]

    def find(self, record_id: str) -> Record | None:
        """One answer."""
        for block in self._blocks:
            if block.first_id <= record_id <= block.last_id:
                for record in self._read(block):
                    if record.id == record_id:
                        return record
        return None

    def _take(self, records: list[Record], begin: int, end: int) -> None:
        for record in records:
            day = datetime.fromtimestamp(record.time / 1000, UTC).strftime("%Y-%m-%d")
            key = (day, record.model, record.version)
            self.counts[key] = self.counts.get(key, 0) + 1
            for one in counts_of(record):
                known = self.lookups.get((day, one.model, one.lookup))
                self.lookups[day, one.model, one.lookup] = one if known is None else known.plus(one)
        first, last = min(record.id for record in records), max(record.id for record in records)
        block = self._blocks[-1] if self._blocks else None
        if block is None or block.end - block.begin >= _BLOCK_BYTES:
            self._blocks.append(_Block(begin, end, first, last))
            return
        block.end = end
        block.first_id, block.last_id = min(block.first_id, first), max(block.last_id, last)

    def _read(self, block: _Block) -> list[Record]:
        with self.path.open("rb") as file:
            file.seek(block.begin)
            data = file.read(block.end - block.begin)
        view = memoryview(data)
        return [record for begin, end in scan_frames(view).payloads for record in records_of(view[begin:end])]
