"""Runs of one step: which one was wanted, so that they are told from runs of the whole."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations


def upgrade(op: Operations) -> None:
    op.add_column("run", sa.Column("only", sa.Text()))
