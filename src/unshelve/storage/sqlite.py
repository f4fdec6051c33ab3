"""SQLite in write-ahead mode, as a backend: one file, one writer at a time, many readers."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from unshelve.errors import Damaged, NotFound, StorageFull, Unavailable, UnshelveError
from unshelve.storage.backend import BUSY_SECONDS, driver_error

_READERS: Final = 8
_MORE_READERS: Final = 56


class Sqlite:
    """A file (`storage.backend.Backend`).

    `synchronous=NORMAL`: a commit survives the end of the process at any point; only a power failure can take
    back the last commits, and never leaves half of one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._token_lock = threading.Lock()
        self._token_connection: sqlite3.Connection | None = None

    @property
    def address(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        return str(self.path)

    def prepare(self) -> None:
        """Makes the file, for its owner alone, and puts it in write-ahead mode, which stays with the file."""
        if not self.path.exists():
            self.path.touch(mode=0o600)
        connection = self._connect(query_only=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()

    def check_exists(self) -> None:
        if not self.path.exists():
            raise NotFound(f"There is no database at {self.path}.", code="database-not-found")

    def reader(self) -> Engine:
        return self._engine("BEGIN", query_only=True, size=_READERS, overflow=_MORE_READERS)

    def writer(self) -> Engine:
        return self._engine("BEGIN IMMEDIATE", query_only=False, size=1, overflow=0)

    def meaning(self, error: Exception) -> UnshelveError | None:
        code = getattr(driver_error(error), "sqlite_errorcode", 0)
        kind = _KIND_OF_CODE.get(code) or _KIND_OF_CODE.get(code & 0xFF)
        if kind is None:
            return None
        failure, text = kind
        return failure(text.format(path=self.path))

    def examine(self, connection: Connection) -> tuple[int, list[str]]:
        said = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(20)")]
        pages = int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())
        return pages, [text for text in said if text != "ok"]

    def token(self) -> int:
        with self._token_lock:
            if self._token_connection is None:
                self._token_connection = self._connect(query_only=True)
            token: int = self._token_connection.execute("PRAGMA data_version").fetchone()[0]
            return token

    def migrated(self, connection: Connection) -> None:
        """Nothing is left to do: texts are compared by their bytes anyway."""

    def close(self) -> None:
        with self._token_lock:
            if self._token_connection is not None:
                self._token_connection.close()
                self._token_connection = None

    def _connect(self, *, query_only: bool) -> sqlite3.Connection:
        # Readers open the file for writing all the same: only so can they recover the write-ahead log that a killed
        # writer left behind. `query_only` is what keeps them from changing anything.
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY_SECONDS,
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

    def _engine(self, begin: str, *, query_only: bool, size: int, overflow: int) -> Engine:
        engine = create_engine(
            "sqlite://",
            creator=lambda: self._connect(query_only=query_only),
            poolclass=QueuePool,
            pool_size=size,
            max_overflow=overflow,
            pool_timeout=BUSY_SECONDS,
        )

        def start(connection: Connection) -> None:
            # The driver's own habit is to begin late and only for some statements; here a transaction begins when
            # it is said to begin, so that a read sees one moment and a write never fails half-way for the lock.
            driver = connection.connection.driver_connection
            if driver is not None:
                driver.execute(begin)

        event.listen(engine, "begin", start)
        return engine


_KIND_OF_CODE: Final[dict[int, tuple[type[UnshelveError], str]]] = {
    sqlite3.SQLITE_FULL: (StorageFull, "There is no room left for the database {path}; nothing was changed."),
    sqlite3.SQLITE_IOERR_WRITE: (StorageFull, "The database {path} cannot be written to; nothing was changed."),
    sqlite3.SQLITE_IOERR_SHMSIZE: (StorageFull, "There is no room left beside the database {path}."),
    sqlite3.SQLITE_BUSY: (Unavailable, "The database {path} is being written to by another process."),
    sqlite3.SQLITE_CANTOPEN: (Unavailable, "The database {path} cannot be opened."),
    sqlite3.SQLITE_CORRUPT: (Damaged, "The database {path} is damaged."),
    sqlite3.SQLITE_NOTADB: (Damaged, "{path} is not a database."),
}
