"""Asking an API for rows: addresses with their parameters, credentials for one host alone, patience with a limit."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

import pyarrow as pa

from unshelve.clock import SystemClock
from unshelve.data.batches import Tell
from unshelve.data.connections import Connection, ConnectionKind
from unshelve.data.engines.reading import Lowest
from unshelve.data.paging import Page, rows_of_pages
from unshelve.data.streams import object_batches
from unshelve.errors import NotAllowed, NotFound, Refused, Unavailable
from unshelve.security.fetch import Fetched, FetchLimits, fetch
from unshelve.security.urls import UrlRules

Options = Mapping[str, Any]  # what a declared source says, as JSON

MOST_TRIES: Final = 6
LONGEST_WAIT_SECONDS: Final = 120.0
"""How long a server may ask to be left alone, each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """An API that is asked: its address still has its parameters open."""

    name: str
    address: str
    options: Options
    headers: Mapping[str, str]
    private: bool
    home: str
    """What every address must begin with for the credential to go there; empty where there is none."""
    tell: Tell

    def batches(self, values: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
        """The rows of all pages."""
        columns: dict[str, None] = {}
        for page in rows_of_pages(
            self._get,
            self._filled(values),
            paging=self.options.get("pages"),
            at=self.options.get("rows") or "",
            most=int(self.options.get("most_pages") or 1_000),
        ):
            for row in page:
                columns.update(dict.fromkeys(row))
            if page:
                yield from object_batches(page, list(columns), self.name, self.tell)

    def _filled(self, values: Mapping[str, Any]) -> str:
        def value_of(found: re.Match[str]) -> str:
            name = found[1]
            if name not in values:
                raise Refused(f"The address of {self.name} takes {{{name}}}, which has no value.", code="no-value")
            value = values[name]
            if isinstance(value, Lowest):
                raise Refused(
                    f"Where the first load of {self.name} begins is not known.",
                    code="mark-without-start",
                    hint='Say it as the API takes it: start="2020-01-01T00:00:00Z".',
                )
            return quote(_written(value), safe="")

        return _OPEN.sub(value_of, self.address)

    def _get(self, address: str) -> Page:
        if self.home and not (address + "/").startswith(self.home + "/"):
            scheme, host = urlsplit(address)[:2]
            raise Refused(
                f"{self.name} is led to {scheme}://{host}, which its connection does not name.",
                code="page-elsewhere",
                hint="The credential goes to its own host alone.",
            )
        last: Exception | None = None
        for attempt in range(MOST_TRIES):
            try:
                answer = fetch(
                    address, rules=UrlRules(private=self.private), limits=FetchLimits(), headers=self.headers
                )
            except Unavailable as error:
                last = error
                wait = 0.5 * 2**attempt
            else:
                if answer.status < 300:
                    return Page(answer.body, answer.headers)
                last = self._error(answer)
                if answer.status not in _AGAIN:
                    raise last
                wait = _asked_to_wait(answer, attempt)
            if attempt < MOST_TRIES - 1:
                time.sleep(wait)
        assert last is not None
        raise last

    def _error(self, answer: Fetched) -> Exception:
        scheme, host = urlsplit(answer.url)[:2]
        said = f"{self.name}: {scheme}://{host} answered {answer.status}"
        if answer.status in (401, 403):
            return NotAllowed(f"{said}.", code="connection-refused", hint="Is the token right, and still valid?")
        if answer.status == 404:
            return NotFound(f"{said}: nothing is at {urlsplit(answer.url).path}.", code="page-not-found")
        if answer.status in _AGAIN:
            return Unavailable(f"{said}, {MOST_TRIES} times.", code="connection-lost")
        return Refused(f"{said}.", code="page-refused")


def api_of(name: str, options: Options, opened: Connection | None, tell: Tell) -> Api:
    """The API of a source. Refused where its address and its connection do not fit."""
    address = str(options["address"])
    if opened is None:
        if "://" not in address:
            raise Refused(
                f"The address of {name} names no host.", hint="Write it whole, or say which connection it belongs to."
            )
        return Api(name=name, address=address, options=options, headers={}, private=False, home="", tell=tell)
    if opened.kind is not ConnectionKind.HTTP:
        raise Refused(
            f"The connection {opened.name} of {name} leads to {opened.redacted}, which is no http address.",
            code="connection-kind",
        )
    home = _origin(opened.url)
    if "://" not in address:
        base = urlsplit(opened.url).path.rstrip("/")
        address = f"{home}{base}/{address.lstrip('/')}"
    if _origin(address) != home:
        raise Refused(
            f"{name} asks {_origin(address)}, and its connection {opened.name} is for {home}.",
            code="page-elsewhere",
            hint="The credential goes to its own host alone.",
        )
    private = opened.options.get("private", "").lower() in ("yes", "true", "1")
    return Api(
        name=name, address=address, options=options, headers=_headers(opened), private=private, home=home, tell=tell
    )


def _headers(opened: Connection) -> dict[str, str]:
    """How the credential of a connection is sent: a token as bearer or in a header of its own, a password as Basic."""
    user, password = opened.user, opened.password
    token = password or user
    if not token:
        return {}
    header = opened.options.get("header")
    if header:
        return {header: token}
    if user and password:
        return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
    return {"authorization": f"Bearer {token}"}


def _origin(address: str) -> str:
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2].lower()
    return urlunsplit((parts.scheme.lower(), host, "", "", ""))


def _written(value: object) -> str:
    if isinstance(value, datetime):
        whole = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return whole.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)


def _asked_to_wait(answer: Fetched, attempt: int) -> float:
    """How long the server asks to be left alone (Retry-After: seconds or a date), else twice as long each time."""
    told = answer.headers.get("retry-after", "").strip()
    wait: float = 0.5 * 2**attempt
    if told.isdigit():
        wait = float(told)
    elif told:
        with suppress(TypeError, ValueError):
            wait = (parsedate_to_datetime(told) - SystemClock().now()).total_seconds()
    if wait > LONGEST_WAIT_SECONDS:
        raise Unavailable(
            f"The server asks to be left alone for {wait:,.0f} seconds.",
            code="connection-busy",
            hint="Run later, or ask for less at a time.",
        )
    return max(wait, 0.0)


_OPEN: Final = re.compile(r"\{([A-Za-z_]\w*)\}")
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
