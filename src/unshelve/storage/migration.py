"""Brings a database to the tables that this version of unshelve knows.

Migrations are numbered and only go forward. What is to be done goes through Alembic's operations, so that one
file serves every database; Alembic is imported only when there is something to do, for it is slow to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from sqlalchemy import Connection, inspect, select

from unshelve.errors import Refused
from unshelve.storage.database import Database
from unshelve.storage.tables import SCHEMA_REVISION

MIGRATIONS: Final = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
"""The numbers of the files in `migrations/`, in the order in which they run."""

NEWEST: Final = MIGRATIONS[-1]
"""What a database has been through that is up to date."""


def migrate(database: Database, *, upto: int = 0) -> None:
    """Runs the migrations that the database has not been through, all of them in one transaction or none.

    `upto` is the last of them that is run; 0 for the newest.

    Raises Refused, and changes nothing, when the database belongs to a newer unshelve or is somebody else's.
    """
    with database.read() as connection:
        revision = stored_revision(connection)
    if revision > NEWEST:
        raise Refused(
            f"The database {database.name} was last used by a newer unshelve"
            f" (revision {revision}; this one knows {NEWEST}).",
            code="database-too-new",
            hint="Install that version or a newer one. Nothing was changed.",
        )
    if revision < (upto or NEWEST):
        _upgrade(database, upto or NEWEST)


def stored_revision(connection: Connection) -> int:
    """The number of the last migration that a database went through; 0 for an empty one, Refused for a foreign one."""
    names = inspect(connection).get_table_names()
    if SCHEMA_REVISION.name in names:
        number: int = connection.execute(select(SCHEMA_REVISION.c.number)).scalar_one()
        return number
    if names:
        raise Refused(
            f"The database holds tables that unshelve did not make ({', '.join(names[:3])}).", code="database-foreign"
        )
    return 0


def _upgrade(database: Database, upto: int) -> None:
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    with database.write() as connection:
        # Asked again: another process may have been through it while this one waited for its turn.
        revision = stored_revision(connection)
        op = Operations(MigrationContext.configure(connection))
        for number in (each for each in MIGRATIONS if revision < each <= upto):
            import_module(f"unshelve.storage.migrations.m{number:04}").upgrade(op)
        database.migrated(connection)
        if revision == 0:
            connection.execute(SCHEMA_REVISION.insert().values(number=upto))
        else:
            connection.execute(SCHEMA_REVISION.update().values(number=upto))
