"""What one kind of database does in its own way: connecting, saying what failed, telling that something changed."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from unshelve.errors import UnshelveError

BUSY_SECONDS = 10.0
"""How long a transaction waits for another process that is writing, and a block for a free connection."""


class Backend(Protocol):
    """A kind of database at one address; `database.Database` puts the same transactions on top of each.

    Of an engine that reads, a transaction sees one moment and cannot change anything. Of one that writes,
    transactions of all processes come one after the other, from their first statement to their end.
    """

    @property
    def address(self) -> str:
        """Where it is, for opening it again, password and all."""

    @property
    def name(self) -> str:
        """Where it is, for people: never a password."""

    def prepare(self) -> None:
        """Makes what must be there before the first connection that writes."""

    def check_exists(self) -> None:
        """Raises NotFound or Unavailable when there is nothing to read."""

    def reader(self) -> Engine:
        """Connections that read."""

    def writer(self) -> Engine:
        """Connections that write."""

    def meaning(self, error: Exception) -> UnshelveError | None:
        """What a failure of the driver means here; None for a mistake in a statement."""

    def examine(self, connection: Connection) -> tuple[int, list[str]]:
        """How many pages there are, and what is wrong with them; reads everything once."""

    def token(self) -> int:
        """A number that differs once any process has committed since it was last asked."""

    def migrated(self, connection: Connection) -> None:
        """Is told, inside the transaction of the migrations, that they are through."""

    def close(self) -> None:
        """Ends what `token` keeps open."""


def driver_error(error: Exception) -> Exception:
    """What the driver itself raised, where SQLAlchemy wrapped it."""
    return error.orig if isinstance(error, DBAPIError) and isinstance(error.orig, Exception) else error
