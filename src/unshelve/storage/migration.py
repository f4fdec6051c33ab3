"""Brings a database to the tables that this version of unshelve knows."""

from __future__ import annotations

from unshelve.storage.database import Database
from unshelve.storage.tables import METADATA


def migrate(database: Database) -> None:
    """Makes every table that is missing."""
    with database.write() as connection:
        METADATA.create_all(connection)
