"""The table of upkeep: what was done to what is stored, and what came of it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Table, Text

from unshelve.storage.tables import METADATA

UPKEEP: Final = Table(
    "upkeep",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # sweep, retention, backup, costs, day
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("details", Text, nullable=False),  # JSON
    Index("ix_upkeep_kind_at", "kind", "at"),
)
"""Times are whole milliseconds since 1970, UTC."""
