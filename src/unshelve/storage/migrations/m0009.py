"""What lookups gave to answered rows, as sums beside the sealed files of the prediction log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations


def upgrade(op: Operations) -> None:
    op.create_table(
        "segment_lookup",
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("lookup", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("stale", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("aged", sa.Integer(), nullable=False),
        sa.Column("age_seconds", sa.Float(), nullable=False),
        sa.Column("oldest_seconds", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["segment"], ["segment.id"], name=op.f("fk_segment_lookup_segment")),
        sa.PrimaryKeyConstraint("segment", "day", "model", "lookup", name=op.f("pk_segment_lookup")),
    )
    op.create_index("ix_segment_lookup_day_model", "segment_lookup", ["day", "model"], unique=False)
