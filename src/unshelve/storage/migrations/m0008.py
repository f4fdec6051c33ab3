"""Copies of lookups: what each refresh brought, or why it brought nothing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations


def upgrade(op: Operations) -> None:
    op.create_table(
        "lookup_copy",
        sa.Column("solution", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("made_at", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text()),
        sa.Column("size_bytes", sa.BigInteger()),
        sa.Column("rows", sa.BigInteger()),
        sa.Column("keys", sa.BigInteger()),
        sa.Column("newest", sa.BigInteger()),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("solution", "name", "made_at", name=op.f("pk_lookup_copy")),
    )
