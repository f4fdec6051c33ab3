"""The database: one writer at a time, many readers, and a token that tells whether anything changed."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool

from unshelve.errors import Damaged, NotFound, Refused, StorageFull, Unavailable, UnshelveError

BUSY_TIMEOUT_SECONDS: Final = 10.0
"""How long a transaction waits for another process that is writing."""

_READERS: Final = 8
_MORE_READERS: Final = 56


class Database:
    """An open SQLite database in write-ahead mode.

    `synchronous=NORMAL`: a commit survives the end of the process at any point; only a power failure can take
    back the last commits, and never leaves half of one.
    """

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._reader = _engine(path, begin="BEGIN", query_only=True, size=_READERS, overflow=_MORE_READERS)
        self._writer = (
            None if read_only else _engine(path, begin="BEGIN IMMEDIATE", query_only=False, size=1, overflow=0)
        )
        self._write_lock = threading.Lock()
        self._writing_thread: int | None = None
        self._token_lock = threading.Lock()
        self._token_connection: sqlite3.Connection | None = None

    @classmethod
    def open(cls, where: str | Path, *, read_only: bool = False) -> Database:
        """The database at a path or a `sqlite:///` URL; made if it is not there, unless it is opened `read_only`."""
        path = _path_of(where)
        if read_only and not path.exists():
            raise NotFound(f"There is no database at {path}.", code="database-not-found")
        if not read_only:
            _prepare(path)
        return cls(path, read_only=read_only)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one moment of the database and cannot change it."""
        with _translated(self.path), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a transaction: all of it is kept when the block ends, none of it when the block raises.

        Blocks take turns; a block inside another of the same thread is a mistake in the program (RuntimeError).
        """
        if self._writer is None:
            raise RuntimeError(f"the database {self.path} was opened to be read only")
        if self._writing_thread == threading.get_ident():
            raise RuntimeError("Database.write() was entered inside another write() of the same thread")
        with self._write_lock:
            self._writing_thread = threading.get_ident()
            try:
                with _translated(self.path), self._writer.begin() as connection:
                    yield connection
            finally:
                self._writing_thread = None

    def change_token(self) -> int:
        """A number that differs from the last one if any connection, of any process, has committed since then.

        Costs a few microseconds, so that it can be asked before each answer.
        """
        with self._token_lock:
            if self._token_connection is None:
                self._token_connection = _connect(self.path, query_only=True)
            try:
                token: int = self._token_connection.execute("PRAGMA data_version").fetchone()[0]
            except sqlite3.DatabaseError as error:
                raise _meaning(error, self.path) from error
            return token

    def close(self) -> None:
        """Closes every connection that is not in use."""
        with self._token_lock:
            if self._token_connection is not None:
                self._token_connection.close()
                self._token_connection = None
        self._reader.dispose()
        if self._writer is not None:
            self._writer.dispose()


def _path_of(where: str | Path) -> Path:
    if isinstance(where, Path):
        return where
    if "://" not in where:
        return Path(where)
    scheme, rest = where.split("://", 1)
    if scheme != "sqlite" or not rest.startswith("/") or len(rest) < 2:
        raise Refused(
            f"A database address must be a path or sqlite:///PATH, and {scheme}:// was given.",
            code="database-unsupported",
            hint="Leave UNSHELVE_DATABASE out to keep the database in the home.",
        )
    return Path(rest[1:])


def _connect(path: Path, *, query_only: bool) -> sqlite3.Connection:
    # Readers open the file for writing all the same: only so can they recover the write-ahead log that a killed
    # writer left behind. `query_only` is what keeps them from changing anything.
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_TIMEOUT_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA temp_store=MEMORY")
    if query_only:
        connection.execute("PRAGMA query_only=ON")
    else:
        connection.execute("PRAGMA journal_size_limit=67108864")
    return connection


def _engine(path: Path, *, begin: str, query_only: bool, size: int, overflow: int) -> Engine:
    engine = create_engine(
        "sqlite://",
        creator=lambda: _connect(path, query_only=query_only),
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=overflow,
        pool_timeout=BUSY_TIMEOUT_SECONDS,
    )

    def start(connection: Connection) -> None:
        # The driver's own habit is to begin late and only for some statements; here a transaction begins when
        # it is said to begin, so that a read sees one moment and a write never fails half-way for the lock.
        driver = connection.connection.driver_connection
        if driver is not None:
            driver.execute(begin)

    event.listen(engine, "begin", start)
    return engine


def _prepare(path: Path) -> None:
    """Makes the file, for its owner alone, and puts it in write-ahead mode, which stays with the file."""
    with _translated(path):
        if not path.exists():
            path.touch(mode=0o600)
        connection = _connect(path, query_only=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Gives the database's own failures their meaning here; mistakes in a statement stay what they are."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _meaning(error, path) from error
    except DatabaseError as error:
        if isinstance(error.orig, sqlite3.DatabaseError):
            raise _meaning(error.orig, path, error) from error
        raise


def _meaning(
    error: sqlite3.DatabaseError, path: Path, wrapped: DatabaseError | None = None
) -> UnshelveError | sqlite3.DatabaseError | DatabaseError:
    code = getattr(error, "sqlite_errorcode", 0)
    kind = _KIND_OF_CODE.get(code) or _KIND_OF_CODE.get(code & 0xFF)
    if kind is None:
        return wrapped or error
    failure, text = kind
    return failure(text.format(path=path))


_KIND_OF_CODE: Final[dict[int, tuple[type[UnshelveError], str]]] = {
    sqlite3.SQLITE_FULL: (StorageFull, "There is no room left for the database {path}; nothing was changed."),
    sqlite3.SQLITE_IOERR_WRITE: (StorageFull, "The database {path} cannot be written to; nothing was changed."),
    sqlite3.SQLITE_IOERR_SHMSIZE: (StorageFull, "There is no room left beside the database {path}."),
    sqlite3.SQLITE_BUSY: (Unavailable, "The database {path} is being written to by another process."),
    sqlite3.SQLITE_CANTOPEN: (Unavailable, "The database {path} cannot be opened."),
    sqlite3.SQLITE_CORRUPT: (Damaged, "The database {path} is damaged."),
    sqlite3.SQLITE_NOTADB: (Damaged, "{path} is not a database."),
}
