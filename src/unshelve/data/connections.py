"""Connection: where a source's or a sink's system is, and how one is let in. Its address never shows itself.

The address is the value of a secret, a URL: `postgresql://user:password@host/database`, `mysql://…`,
`sqlite:////full/path.db`, `duckdb:///path.duckdb`, `https://:TOKEN@host`, `s3://KEY:SECRET@?endpoint=…&region=…`, or
anything that SQLAlchemy knows. Pure; `pipeline.connecting` reads the secret. Drivers' errors are turned into ours here
and nowhere else, because what a driver says may hold the address.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qsl, quote, quote_plus, unquote, unquote_plus, urlsplit

from unshelve.errors import NotAllowed, NotFound, Refused, Unavailable, UnshelveError

HIDDEN: Final = "•••"


class ConnectionKind(StrEnum):
    """What stands behind a connection."""

    POSTGRES = "postgresql"
    MYSQL = "mysql"
    SQLITE = "sqlite"
    DUCKDB = "duckdb"
    OTHER_SQL = "sql"  # through SQLAlchemy
    HTTP = "http"
    OBJECTS = "objects"


SQL_KINDS: Final = frozenset(
    {
        ConnectionKind.POSTGRES,
        ConnectionKind.MYSQL,
        ConnectionKind.SQLITE,
        ConnectionKind.DUCKDB,
        ConnectionKind.OTHER_SQL,
    }
)


@dataclass(frozen=True, slots=True, repr=False)
class Connection:
    """A named connection. `url` is the whole address with its password: hand it to a driver and to nobody else."""

    name: str
    url: str = field(repr=False)

    def __repr__(self) -> str:
        return f"connection({self.name!r})"

    @property
    def scheme(self) -> str:
        return self.url.partition(":")[0].lower()

    @property
    def kind(self) -> ConnectionKind:
        return _KINDS.get(self.scheme.partition("+")[0], ConnectionKind.OTHER_SQL)

    @property
    def redacted(self) -> str:
        """The address without user and password, for messages: `postgresql://db.example.com/crm`."""
        try:
            parts = urlsplit(self.url)
        except ValueError:
            return f"{self.scheme}://{HIDDEN}"
        host = parts.netloc.rpartition("@")[2]
        return f"{parts.scheme}://{host}{parts.path}"

    @property
    def options(self) -> dict[str, str]:
        """What stands behind the question mark of the address."""
        return dict(parse_qsl(urlsplit(self.url).query))

    @property
    def user(self) -> str:
        return unquote(urlsplit(self.url).username or "")

    @property
    def password(self) -> str:
        return unquote(urlsplit(self.url).password or "")

    @property
    def path(self) -> str:
        """The file of a SQLite or DuckDB address: `sqlite:///data/shop.db` is data/shop.db."""
        return unquote(urlsplit(self.url).path).removeprefix("/")

    def hide(self, text: str) -> str:
        """A text without the address and without its password, however a driver quoted them."""
        for secret in _secrets_of(self.url):
            for form in _forms(secret):
                text = text.replace(form, HIDDEN)
        return _IN_ADDRESS.sub(rf"\1{HIDDEN}@", text)


def connection_of(name: str, url: str) -> Connection:
    """The connection of an address. Refused when it is not one; the message does not hold it."""
    head, colon, _ = url.partition("://")
    if not colon or not _SCHEME.fullmatch(head):
        raise Refused(
            f"The connection {name} is not an address.",
            code="connection-odd",
            hint="Set it to a URL such as postgresql://user:password@host/database.",
        )
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise Refused(
            f"The address of the connection {name} cannot be read: its host or port is odd.",
            code="connection-odd",
            hint="Write letters such as @ : / # ? of a password in their percent form: p@ss is p%40ss.",
        ) from None
    return Connection(name, url)


@contextmanager
def engine_errors(connection: Connection, doing: str) -> Iterator[None]:
    """Turns what a driver raises into an error of ours, without the address: `doing` is "reading customers".

    Unavailable where the system cannot be reached or went away, NotAllowed where it does not let us in, Refused where
    it does not take what was asked of it.
    """
    try:
        yield
    except UnshelveError:
        raise
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in _DRIVERS and not isinstance(error, OSError | EOFError):
            raise
        raise error_of(connection, error, doing) from None


def error_of(connection: Connection, error: BaseException, doing: str) -> UnshelveError:
    """Our error for a driver's."""
    said = connection.hide(_said(error))
    state = _state(error)
    where = f"{connection.name} ({connection.redacted})"
    if _is(state, said, _NOT_LET_IN):
        return NotAllowed(
            f"{where} did not let us in while {doing}: {said}",
            code="connection-refused",
            hint=f"Is the password right, and still valid? `unshelve secret set {connection.name}` sets the address.",
        )
    # While rows come, Arrow's reader raises an OSError for whatever the server says.
    silent = isinstance(error, OSError | EOFError) and not _SERVER_SAYS.search(str(error))
    if _is(state, said, _AWAY) or silent:
        return Unavailable(
            f"{where} could not be reached, or went away, while {doing}: {said}",
            code="connection-lost",
            hint="What was loaded before is untouched. Run again when it answers; retries= tries by itself.",
        )
    if _is(state, said, _NO_SUCH):
        return NotFound(f"{where} does not have what was asked for while {doing}: {said}", code="query-names-nothing")
    return Refused(f"{where} refused what was asked of it while {doing}: {said}", code="query-failed")


def _secrets_of(url: str) -> list[str]:
    found = [url]
    # Not urlsplit: an address that is odd in its host still holds a password.
    before, at, _ = url.partition("://")[2].rpartition("@")
    if at:
        user, colon, password = before.partition(":")
        secret = password if colon else user
        found += [before, secret, unquote(secret), unquote_plus(secret)]
    for name, value in parse_qsl(url.partition("?")[2]):
        if _SECRET_OPTION.search(name):
            found.append(value)
    return sorted({each for each in found if len(each) >= _SHORTEST}, key=len, reverse=True)


def _forms(secret: str) -> list[str]:
    forms = {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
        secret.replace("'", "''"),
        secret.replace("\\", "\\\\").replace("'", "\\'"),
    }
    return sorted(forms, key=len, reverse=True)


def _said(error: BaseException) -> str:
    """What a driver says, in one line."""
    original = getattr(error, "orig", None)
    source = original if isinstance(original, BaseException) else error
    arguments = source.args
    text = str(arguments[1]) if len(arguments) == 2 and isinstance(arguments[0], int) else str(source)
    found = _SERVER_SAYS.search(text)
    if found is not None:
        text = _QUERY.split(found[1])[0]
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("^")]
    told = " ".join(lines)[:400] or type(source).__name__
    return told if told.endswith((".", "!", "?")) else f"{told}."


def _state(error: BaseException) -> str:
    """The SQLSTATE of an error, or the number that MySQL gives it."""
    original = getattr(error, "orig", None)
    source = original if isinstance(original, BaseException) else error
    state = getattr(source, "sqlstate", None)
    if isinstance(state, str) and state.strip("\0"):
        return state
    if source.args and isinstance(source.args[0], int) and type(source).__module__.startswith("pymysql"):
        return str(source.args[0])
    return ""


def _is(state: str, said: str, rule: tuple[tuple[str, ...], re.Pattern[str]]) -> bool:
    states, words = rule
    return (bool(state) and state.startswith(states)) or bool(words.search(said))


_SHORTEST: Final = 3
_SERVER_SAYS: Final = re.compile(r"(?:ERROR|FATAL):\s+(.*)", re.DOTALL)
_QUERY: Final = re.compile(r"\s*(?:Query was:|LINE \d+:|SQLSTATE:|\. SQLSTATE)")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_IN_ADDRESS: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/@]*:[^\s/]*@")
_SECRET_OPTION: Final = re.compile(r"password|passwd|secret|token|key|signature", re.IGNORECASE)
_DRIVERS: Final = frozenset(
    {
        "adbc_driver_manager",
        "_duckdb",
        "duckdb",
        "obstore",
        "psycopg",
        "pyarrow",
        "pymysql",
        "sqlalchemy",
        "sqlite3",
    }
)
_NOT_LET_IN: Final = (
    ("28", "1045", "1044", "1698"),
    re.compile(r"password authentication failed|access denied|no password supplied|not authorized|403 Forbidden|"
               r"InvalidAccessKeyId|SignatureDoesNotMatch|401 Unauthorized|ExpiredToken", re.IGNORECASE),
)  # fmt: skip
_AWAY: Final = (
    ("08", "57P", "2002", "2003", "2005", "2006", "2013", "2055", "1927"),
    re.compile(r"could not connect|connection refused|server closed the connection|terminating connection|timed? ?out|"
               r"could not translate host|no route to host|connection reset|lost connection|no connection to the|"
               r"unable to open database file|database is locked|connection.* lost|broken pipe|error sending request|"
               r"SSL SYSCALL|connection to server", re.IGNORECASE),
)  # fmt: skip
_NO_SUCH: Final = (
    ("42P01", "42703", "3D000", "1146", "1049", "1054"),
    re.compile(r"no such table|no such column|does not exist|doesn't exist|NoSuchBucket|NoSuchKey", re.IGNORECASE),
)
_KINDS: Final = {
    "postgresql": ConnectionKind.POSTGRES,
    "postgres": ConnectionKind.POSTGRES,
    "mysql": ConnectionKind.MYSQL,
    "mariadb": ConnectionKind.MYSQL,
    "sqlite": ConnectionKind.SQLITE,
    "duckdb": ConnectionKind.DUCKDB,
    "http": ConnectionKind.HTTP,
    "https": ConnectionKind.HTTP,
    "s3": ConnectionKind.OBJECTS,
    "az": ConnectionKind.OBJECTS,
    "gs": ConnectionKind.OBJECTS,
    "file": ConnectionKind.OBJECTS,
    "memory": ConnectionKind.OBJECTS,
}
