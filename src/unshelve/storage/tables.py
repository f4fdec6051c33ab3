"""The one register of tables. Each package declares its own tables on it, in its own `tables.py`."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Times in tables are whole milliseconds since 1970, UTC; ids are the 26 letters of `ids.new_id`."""

JOBS: Final = Table(
    "jobs",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("actor", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("worker", Text),
    Column("leased_until", BigInteger),
    Column("finished", BigInteger),
    Column("result", LargeBinary),
    Column("error", Text),
    Column("unique_key", Text),
    Column("stop_asked", BigInteger),  # when somebody asked the worker to stop
    Index("ix_jobs_state_not_before", "state", "not_before", "id"),
    Index("ix_jobs_unique_key", "unique_key"),
)

HOUSE: Final = Table(
    "house",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("key", Text, nullable=False),  # which signing key vouches for what is kept here
    Column("made_at", BigInteger, nullable=False),
)
"""One row: whose database this is, however many servers keep it."""

SCHEMA_REVISION: Final = Table(
    "schema_revision",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
)
"""One row: the number of the last migration that this database went through."""
