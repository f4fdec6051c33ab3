"""The database: one writer at a time, many readers, and a token that tells whether anything changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from importlib import import_module
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from unshelve.errors import Refused, UnshelveError
from unshelve.storage.backend import Backend
from unshelve.storage.sqlite import Sqlite

_SERVERS: Final = {
    "postgresql": "unshelve.storage.postgresql:Postgresql",
    "postgres": "unshelve.storage.postgresql:Postgresql",
}
"""What is imported when an address asks for it."""

Guard = Callable[[Connection], None]

_POSTGRESQL: Final = "unshelve.storage.postgresql"
"""Imported when an address asks for it."""


class Database:
    """An open database: a file, or one of a PostgreSQL server. Transactions mean the same on both."""

    def __init__(self, backend: Backend, *, read_only: bool) -> None:
        self.read_only = read_only
        self._backend = backend
        self._reader = backend.reader()
        self._writer = None if read_only else backend.writer()
        self._turn = _Turn()
        self._guard: Guard | None = None

    @classmethod
    def open(cls, where: str | Path, *, read_only: bool = False) -> Database:
        """The database at a path or an address (`sqlite:///PATH`, `postgresql://USER:PASSWORD@HOST/NAME`).

        A file is made if it is not there, unless it is opened `read_only`. Raises Refused for other addresses, and
        NotFound or Unavailable where there is no database.
        """
        backend = _backend_of(where)
        with _translated(backend):
            if read_only:
                backend.check_exists()
            else:
                backend.prepare()
        return cls(backend, read_only=read_only)

    @property
    def address(self) -> str:
        """Where it is, for opening it again in another process; it may hold a password, so it is not for people."""
        return self._backend.address

    @property
    def name(self) -> str:
        """Where it is, for people."""
        return self._backend.name

    @property
    def is_file(self) -> bool:
        """Whether it is a file of this machine, which one process writes; others are written by several."""
        return isinstance(self._backend, Sqlite)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one moment of the database and cannot change it."""
        with _translated(self._backend), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a transaction: all of it is kept when the block ends, none of it when the block raises.

        Blocks take turns; a block inside another of the same thread is a mistake in the program (RuntimeError).
        """
        if self._writer is None:
            raise RuntimeError(f"the database {self.name} was opened to be read only")
        with self._turn.taken(), _translated(self._backend), self._writer.begin() as connection:
            if self._guard is not None:
                self._guard(connection)
            yield connection

    def guarded(self, guard: Guard) -> Database:
        """The same database, of which each transaction that writes begins by asking `guard`: what it raises ends it.

        So that who has lost a lease without knowing it can write nothing more.
        """
        other = copy(self)
        other._guard = guard
        return other

    def examine(self, connection: Connection) -> tuple[int, list[str]]:
        """How many pages there are, and what is wrong with them. Reads everything once."""
        return self._backend.examine(connection)

    def migrated(self, connection: Connection) -> None:
        """Is told by the migrations, inside their transaction, that they are through."""
        self._backend.migrated(connection)

    def change_token(self) -> int:
        """A number that differs from the last one if any connection, of any process, has committed since then.

        Costs a few microseconds, so that it can be asked before each answer. Of a file it is exact; a server's
        word takes some milliseconds to arrive.
        """
        with _translated(self._backend):
            return self._backend.token()

    def close(self) -> None:
        """Closes every connection that is not in use."""
        self._backend.close()
        self._reader.dispose()
        if self._writer is not None:
            self._writer.dispose()


class _Turn:
    """Whose turn it is to write, among the threads of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: int | None = None

    @contextmanager
    def taken(self) -> Iterator[None]:
        if self._thread == threading.get_ident():
            raise RuntimeError("Database.write() was entered inside another write() of the same thread")
        with self._lock:
            self._thread = threading.get_ident()
            try:
                yield
            finally:
                self._thread = None


def _backend_of(where: str | Path) -> Backend:
    if isinstance(where, Path) or "://" not in where:
        return Sqlite(Path(where))
    scheme, rest = where.split("://", 1)
    if scheme in ("postgresql", "postgres"):
        made: Backend = import_module(_POSTGRESQL).Postgresql(where)
        return made
    if scheme != "sqlite" or not rest.startswith("/") or len(rest) < 2:
        raise Refused(
            "A database address must be a path, sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME, "
            f"and {scheme[:40]}:// was given.",
            code="database-unsupported",
            hint="Leave UNSHELVE_DATABASE out to keep the database in the home.",
        )
    return Sqlite(Path(rest[1:]))


@contextmanager
def _translated(backend: Backend) -> Iterator[None]:
    """Gives the database's own failures their meaning here; mistakes in a statement stay what they are."""
    try:
        yield
    except UnshelveError:
        raise
    except Exception as error:
        meaning = backend.meaning(error)
        if meaning is None:
            raise
        raise meaning from error
