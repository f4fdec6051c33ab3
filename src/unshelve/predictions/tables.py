"""The tables of the prediction log: which segments were sealed, into which files, with how many answers of what.

Sealed files hold the answers; these tables say where to look, so that a question costs what it asks for.
Times are whole milliseconds since 1970, UTC.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, Table, Text

from unshelve.storage.tables import METADATA

SEGMENT: Final = Table(
    "segment",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("records", Integer, nullable=False),
    Column("lost_bytes", BigInteger, nullable=False),  # after the last whole frame
    Column("ending", Text, nullable=False),  # whole, torn, damaged
    Column("digest", Text, nullable=False),  # of the paths and digests of its files: what the audit entry names
    Column("sealed_at", BigInteger, nullable=False),
)

SEGMENT_FILE: Final = Table(
    "segment_file",
    METADATA,
    Column("segment", Text, ForeignKey("segment.id"), primary_key=True),
    Column("day", Text, primary_key=True),  # YYYY-MM-DD, UTC
    Column("path", Text, nullable=False),  # below the folder of the prediction log
    Column("digest", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("records", Integer, nullable=False),
    Column("first_id", Text, nullable=False),
    Column("last_id", Text, nullable=False),
    Index("ix_segment_file_last_id", "last_id"),
)

SEGMENT_LOOKUP: Final = Table(
    "segment_lookup",
    METADATA,
    Column("segment", Text, ForeignKey("segment.id"), primary_key=True),
    Column("day", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("lookup", Text, primary_key=True),
    Column("rows", Integer, nullable=False),
    Column("stale", Integer, nullable=False),
    Column("missing", Integer, nullable=False),
    Column("aged", Integer, nullable=False),  # rows for which the age of the copy is known
    Column("age_seconds", Float, nullable=False),  # the sum of these ages
    Column("oldest_seconds", Float, nullable=False),
    Index("ix_segment_lookup_day_model", "day", "model"),
)

SEGMENT_COUNT: Final = Table(
    "segment_count",
    METADATA,
    Column("segment", Text, ForeignKey("segment.id"), primary_key=True),
    Column("day", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("answers", Integer, nullable=False),
    Column("seconds", Float, nullable=False),  # the sum of the answers' seconds
    Column("first_id", Text, nullable=False),
    Column("last_id", Text, nullable=False),
    Index("ix_segment_count_model_last_id", "model", "last_id"),
    Index("ix_segment_count_day_model", "day", "model"),
)
