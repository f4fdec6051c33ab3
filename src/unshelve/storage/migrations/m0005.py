"""What came of expectations, run by run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations


def upgrade(op: Operations) -> None:
    op.create_table(
        "expectation",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("solution", sa.Text(), nullable=False),
        sa.Column("table", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger()),
        sa.Column("failing", sa.BigInteger()),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("report", sa.Text()),
        sa.Column("aside", sa.Text()),
        sa.Column("made_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_expectation_run_id")),
        sa.PrimaryKeyConstraint("run_id", "name", name=op.f("pk_expectation")),
    )
    op.create_index("expectation_by_time", "expectation", ["solution", "name", "made_at"])
