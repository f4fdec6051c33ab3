"""PostgreSQL as a backend, through psycopg 3: for several servers, and for those who keep their databases there.

Transactions that write take turns over all processes, by one advisory lock that each holds until it ends: so
"read the last number, add the next one" means the same as on SQLite, and there is one set of statements. What
is written here is little (runs, versions, releases, jobs, audit); answers never wait for it.

Each of them also sends a notification with its transaction's number, which PostgreSQL delivers when it is
committed. A thread listens, so that `token` costs nothing and is right some milliseconds later.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Final, NamedTuple

from sqlalchemy import Connection, Engine, create_engine, event, func, select, text
from sqlalchemy import table as named
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from unshelve.clock import SystemClock
from unshelve.errors import Damaged, Refused, StorageFull, Unavailable, UnshelveError
from unshelve.storage.backend import BUSY_SECONDS, driver_error

try:
    import psycopg
except ImportError as missing:
    raise Unavailable(
        "PostgreSQL needs psycopg, which is not installed.",
        code="psycopg-missing",
        hint="Install it: pip install 'unshelve[postgresql]'.",
    ) from missing

OLDEST: Final = 15
"""The oldest PostgreSQL that knows everything that is asked of it here, and still gets security updates for long."""

_FORM: Final = "Write it as postgresql://USER:PASSWORD@HOST:PORT/NAME."
_CHANNEL: Final = "unshelve"
_SETTINGS: Final = {
    "application_name": "unshelve",
    "timezone": "UTC",
    "client_encoding": "utf8",
    "lock_timeout": f"{int(BUSY_SECONDS * 1000)}",
    # A process that hangs in the middle of a transaction must not keep all others waiting for good.
    "idle_in_transaction_session_timeout": "60000",
}
_CONNECT_SECONDS: Final = 10
_BEGIN_WRITE: Final = (
    "select pg_advisory_xact_lock(hashtextextended('unshelve ' || current_schema(), 0)); "
    f"select pg_notify('{_CHANNEL}', pg_current_xact_id()::text)"
)
_SORTS_BY_BYTES: Final = (
    "select datcollate in ('C', 'POSIX', 'C.UTF-8', 'C.utf8') and datlocprovider <> 'i' "
    "from pg_database where datname = current_database()"
)
_TEXTS_OF_A_LANGUAGE: Final = (
    "select table_name, column_name from information_schema.columns "
    "where table_schema = current_schema() and data_type = 'text' and collation_name is null"
)
_SIZES: Final = (
    "select c.relname, pg_relation_size(c.oid) / current_setting('block_size')::int from pg_class c "
    "join pg_namespace n on n.oid = c.relnamespace where n.nspname = current_schema() and c.relkind = 'r' "
    "order by c.relname"
)
_READERS: Final = 8
_MORE_READERS: Final = 24
_LISTENING_SECONDS: Final = 1.0


class Postgresql:
    """A database of a PostgreSQL server (`storage.backend.Backend`)."""

    def __init__(self, address: str) -> None:
        self._url = _url_of(address)
        self.address = address
        self._listener = _Listener(self)

    @property
    def name(self) -> str:
        return _without_password(self._url)

    def prepare(self) -> None:
        """Asks the server whether it can be used at all."""
        with self.connect() as connection:
            if connection.info.server_version // 10_000 < OLDEST:
                raise Refused(
                    f"{self.name} is PostgreSQL {connection.info.server_version // 10_000}; {OLDEST} is the oldest "
                    "that unshelve works with.",
                    code="database-too-old",
                )
            encoding = connection.info.parameter_status("server_encoding")
            if encoding != "UTF8":
                raise Refused(
                    f"The database {self.name} keeps texts in {encoding}, and unshelve needs UTF8.",
                    code="database-encoding",
                    hint="Make one with: create database unshelve encoding 'UTF8' template template0.",
                )

    def check_exists(self) -> None:
        self.connect().close()

    def reader(self) -> Engine:
        engine = self._engine(size=_READERS, overflow=_MORE_READERS)
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def writer(self) -> Engine:
        engine = self._engine(size=1, overflow=0)

        def take_turn(connection: Connection) -> None:
            driver = connection.connection.driver_connection
            if driver is not None:
                driver.execute(_BEGIN_WRITE)

        event.listen(engine, "begin", take_turn)
        return engine

    def meaning(self, error: Exception) -> UnshelveError | None:
        found = driver_error(error)
        if isinstance(found, PoolTimeout):
            return Unavailable(f"The database {self.name} has no free connection.", code="database-busy")
        if not isinstance(found, psycopg.Error):
            return None
        kind = _KIND_OF_STATE.get(found.sqlstate or "")
        if kind is None and isinstance(found, psycopg.OperationalError | psycopg.InterfaceError):
            kind = _GONE
        if kind is None:
            return Refused(_NUL, code="text-with-nul") if "NUL" in str(found) else None
        words = {"name": self.name, "database": self._url.database, "user": self._url.username}
        return kind.failure(kind.text.format(**words), code=kind.code, hint=kind.hint.format(**words) or None)

    def examine(self, connection: Connection) -> tuple[int, list[str]]:
        """Reads every table; a page that does not hold its checksum, where there are any, ends that with an error."""
        sizes = connection.execute(text(_SIZES)).all()
        problems = []
        for table, _ in sizes:
            try:
                with connection.begin_nested():
                    connection.execute(select(func.count()).select_from(named(table))).scalar_one()
            except DBAPIError as error:
                problems.append(str(error.orig).partition("\n")[0])
        return sum(int(pages) for _, pages in sizes), problems

    def token(self) -> int:
        return self._listener.token()

    def migrated(self, connection: Connection) -> None:
        """Lets texts be compared by their bytes, whatever language the database sorts by.

        Times and ids are texts that sort as times do: an order that passes over colons and dots would mix them up.
        """
        if connection.execute(text(_SORTS_BY_BYTES)).scalar_one():
            return
        for table, column in connection.execute(text(_TEXTS_OF_A_LANGUAGE)).all():
            connection.execute(text(f'alter table "{table}" alter column "{column}" type text collate "C"'))

    def close(self) -> None:
        self._listener.close()

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection:
        """A connection of its own, with the settings of all. Raises Unavailable where there is none to be had."""
        given = {**self._url.translate_connect_args(username="user", database="dbname"), **_flat(self._url)}
        given.setdefault("connect_timeout", _CONNECT_SECONDS)
        options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        given["options"] = f"{options} {given.get('options', '')}".strip()  # the address has the last word
        try:
            return psycopg.connect("", autocommit=autocommit, keepalives_idle=30, tcp_user_timeout=30_000, **given)
        except psycopg.Error as error:
            raise self.meaning(_with_state(error)) or error from error

    def _engine(self, *, size: int, overflow: int) -> Engine:
        return create_engine(
            "postgresql+psycopg://",
            creator=self.connect,
            pool_size=size,
            max_overflow=overflow,
            pool_timeout=BUSY_SECONDS,
            pool_pre_ping=True,
        )


class _Listener:
    """Hears of the transactions that were committed: a connection and a thread, from the first question on."""

    def __init__(self, backend: Postgresql) -> None:
        self._backend = backend
        self._clock = SystemClock()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        self._listening = threading.Event()
        self._times = 0
        """How often listening began: what was committed in between was not heard."""
        self._newest = 0

    def token(self) -> int:
        if self._thread is None:
            self._begin()
        if self._listening.is_set():
            return self._times << 64 | self._newest
        # Nothing is heard now, so that anything may have changed: a new number each second.
        return -int(self._clock.monotonic() / _LISTENING_SECONDS) - 1

    def close(self) -> None:
        self._ending.set()
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(timeout=5)

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                self._ending.clear()
                self._thread = threading.Thread(target=self._listen, name="database-changes", daemon=True)
                self._thread.start()
        self._listening.wait(timeout=_CONNECT_SECONDS)

    def _listen(self) -> None:
        while not self._ending.is_set():
            with suppress(UnshelveError, psycopg.Error), self._backend.connect(autocommit=True) as connection:
                connection.execute(f"listen {_CHANNEL}")
                self._times += 1
                self._listening.set()
                self._hear(connection)
            self._listening.clear()
            self._ending.wait(_LISTENING_SECONDS)

    def _hear(self, connection: psycopg.Connection) -> None:
        while not self._ending.is_set():
            for said in connection.notifies(timeout=_LISTENING_SECONDS, stop_after=1):
                if said.payload.isdigit():
                    self._newest = max(self._newest, int(said.payload))


def _url_of(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise Refused(
            "The address of the database cannot be read.",
            code="database-address",
            hint=f"{_FORM} Letters such as @ and / in the password are written %40 and %2F.",
        ) from None
    if not url.database:
        raise Refused(
            f"{_without_password(url)} names no database.",
            code="database-address",
            hint=_FORM,
        )
    return url


def _without_password(url: URL) -> str:
    return URL.create("postgresql", url.username, None, url.host, url.port, url.database).render_as_string()


def _flat(url: URL) -> dict[str, str]:
    """The options behind the question mark: sslmode, sslrootcert, …"""
    return {name: value if isinstance(value, str) else value[-1] for name, value in url.query.items()}


def _with_state(error: psycopg.Error) -> psycopg.Error:
    """A refusal while connecting with its state, which libpq gives as words only."""
    said = str(error)
    for words, kind in _SAID_WHILE_CONNECTING.items():
        if words in said:
            return kind()
    return error


_NUL: Final = "A text holds the character NUL, which PostgreSQL cannot keep."


class _Kind(NamedTuple):
    """What a state of PostgreSQL (appendix A of its manual) means here."""

    failure: type[UnshelveError]
    text: str
    code: str
    hint: str = ""


_FULL: Final = _Kind(StorageFull, "There is no room left for the database {name}; nothing was changed.", "storage-full")
_BUSY: Final = _Kind(Unavailable, "The database {name} is being written to by another process.", "database-busy")
_IDLE: Final = _Kind(
    Unavailable,
    "The database {name} ended a transaction that did nothing for too long; nothing was changed.",
    "database-too-slow",
)
_NOBODY: Final = _Kind(
    Unavailable,
    "The database {name} does not let this user in.",
    "database-sign-in",
    "Look at the name and the password in UNSHELVE_DATABASE, or in ~/.pgpass.",
)
_DAMAGED: Final = _Kind(Damaged, "The database {name} is damaged.", "database-damaged")
_GONE: Final = _Kind(
    Unavailable,
    "The database {name} does not answer.",
    "database-gone",
    "Is the server running, and can it be reached from here?",
)

_KIND_OF_STATE: Final[dict[str, _Kind]] = {
    **dict.fromkeys(("53100", "53200"), _FULL),
    **dict.fromkeys(("55P03", "40P01", "40001"), _BUSY),
    **dict.fromkeys(("25P03", "25P04"), _IDLE),
    **dict.fromkeys(("28P01", "28000"), _NOBODY),
    **dict.fromkeys(("XX001", "XX002"), _DAMAGED),
    "3D000": _Kind(
        Unavailable, "There is no database {database} at {name}.", "database-not-found", "Make it: createdb {database}"
    ),
    "42501": _Kind(
        Unavailable,
        "The user {user} may not do that in {name}.",
        "database-not-allowed",
        "It must own the database, or have been granted `create` on its schema.",
    ),
}
_SAID_WHILE_CONNECTING: Final[dict[str, type[psycopg.Error]]] = {
    "password authentication failed": psycopg.errors.InvalidPassword,
    "no pg_hba.conf entry": psycopg.errors.InvalidAuthorizationSpecification,
    "no password supplied": psycopg.errors.InvalidPassword,
    "does not exist": psycopg.errors.InvalidCatalogName,
}
