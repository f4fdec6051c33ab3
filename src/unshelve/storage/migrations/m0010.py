"""Batches of sinks that were broken off: how often they failed by themselves, and since when they stand where."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations


def upgrade(op: Operations) -> None:
    for name, kind in (("failures", sa.Integer()), ("breaks", sa.Integer()), ("stands_at", sa.BigInteger())):
        op.add_column("sink_batch", sa.Column(name, kind, nullable=False, server_default="0"))
    op.add_column("sink_batch", sa.Column("stands_since", sa.Text()))
