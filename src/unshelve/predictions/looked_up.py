"""What lookups gave to answered rows, counted by day, model and lookup while the log is read or sealed.

Sums are kept beside the sealed files, so that a question about some days costs as much as there are segments of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from unshelve.predictions.record import Record

STALE: Final = "stale"
NONE: Final = "none"


class LookupCount(msgspec.Struct, frozen=True, kw_only=True):
    """What one lookup gave to the rows of one model or endpoint: sums that can be added."""

    model: str
    lookup: str
    """Of an endpoint, `model/lookup`."""
    rows: int = 0
    stale: int = 0
    missing: int = 0
    aged: int = 0
    """Rows for which the age of the copy is known."""
    age_seconds: float = 0.0
    """The sum of these ages, when the rows were answered."""
    oldest_seconds: float = 0.0

    def plus(self, other: LookupCount) -> LookupCount:
        """Both together; model and lookup are those of this one."""
        return LookupCount(
            model=self.model,
            lookup=self.lookup,
            rows=self.rows + other.rows,
            stale=self.stale + other.stale,
            missing=self.missing + other.missing,
            aged=self.aged + other.aged,
            age_seconds=self.age_seconds + other.age_seconds,
            oldest_seconds=max(self.oldest_seconds, other.oldest_seconds),
        )


def counted(records: Iterable[Record]) -> tuple[LookupCount, ...]:
    """The sums over some answers, by model and lookup. Answers from before this was noted count nowhere."""
    sums: dict[tuple[str, str], LookupCount] = {}
    for record in records:
        for one in counts_of(record):
            known = sums.get((one.model, one.lookup))
            sums[one.model, one.lookup] = one if known is None else known.plus(one)
    return tuple(sums[key] for key in sorted(sums))


def counts_of(record: Record) -> Iterable[LookupCount]:
    """What each lookup gave to one answer."""
    asked: dict[str, dict[str, Any]] = msgspec.json.decode(record.lookups) if record.lookups else {}
    for name, one in asked.items():
        found, age = one.get("found"), one.get("age_seconds")
        if found is not None:
            yield LookupCount(
                model=record.model,
                lookup=name,
                rows=1,
                stale=int(found == STALE),
                missing=int(found == NONE),
                aged=int(age is not None),
                age_seconds=age or 0.0,
                oldest_seconds=age or 0.0,
            )
