"""What was done to look after the store, and when: for the pages and for whoever asks why something is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from unshelve.clock import milliseconds
from unshelve.ids import canonical_json, new_id
from unshelve.upkeep.tables import UPKEEP


class UpkeepKind(StrEnum):
    """What was done."""

    SWEEP = "sweep"
    RETENTION = "retention"
    BACKUP = "backup"
    COSTS = "costs"
    DAY = "day"  # what a served home does by itself once a day


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepRecord:
    """One thing that was done. `details` are JSON values."""

    kind: UpkeepKind
    at: datetime
    actor: str
    details: Mapping[str, Any]


def record(
    connection: Connection, kind: UpkeepKind, details: Mapping[str, object], *, actor: str, now: datetime
) -> None:
    """Writes down what was done."""
    connection.execute(
        UPKEEP.insert().values(
            id=new_id(milliseconds(now)),
            kind=kind.value,
            at=milliseconds(now),
            actor=actor,
            details=canonical_json(details).decode(),
        )
    )


def last(connection: Connection, kind: UpkeepKind) -> UpkeepRecord | None:
    """The newest record of a kind; None where there is none."""
    row = connection.execute(
        select(UPKEEP).where(UPKEEP.c.kind == kind.value).order_by(UPKEEP.c.at.desc()).limit(1)
    ).first()
    if row is None:
        return None
    return UpkeepRecord(
        kind=UpkeepKind(row.kind),
        at=datetime.fromtimestamp(row.at / 1000, UTC),
        actor=row.actor,
        details=msgspec.json.decode(row.details),
    )
