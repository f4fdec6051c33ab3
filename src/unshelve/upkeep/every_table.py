"""Every table there is, in an order in which rows can be added: declaring happens where the packages are imported."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Table

import unshelve.predictions.tables
import unshelve.registry.tables
import unshelve.security.tables
import unshelve.upkeep.tables
from unshelve.storage.tables import METADATA, SCHEMA_REVISION

PACKAGES: Final = (
    unshelve.predictions.tables,
    unshelve.registry.tables,
    unshelve.security.tables,
    unshelve.upkeep.tables,
)
"""The modules that declare tables beside storage's own."""


def tables() -> tuple[Table, ...]:
    """All tables but the one that says how far the migrations are, those that others refer to first."""
    return tuple(table for table in METADATA.sorted_tables if table is not SCHEMA_REVISION)
