"""How a verb reaches a home: by the JSON API of the web package, whether the home is served or not.

Where a server holds the home, the API is asked over control's own socket, `run/control.sock`. Where nobody does,
the same application runs in this process for as long as the verb takes. So a verb is written once, and what it
changes passes the same permissions, the same checks and the same audit entry as a click on the pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec

from unshelve.cli.served import address_of
from unshelve.clock import SystemClock
from unshelve.errors import HomeInUse, UnshelveError
from unshelve.security.actors import LOCAL
from unshelve.security.delegation import Delegation
from unshelve.serving.relay import control_socket
from unshelve.storage.home import Home

USUAL_ADDRESS: Final = "http://127.0.0.1:8000"
TIMEOUT_SECONDS: Final = 60.0

# What the API answers: JSON has no smaller type.
Json = Any


class Api:
    """The JSON API of one home, asked as the person at this machine's command line. A context manager."""

    def __init__(self, home: Home, transport: httpx.AsyncBaseTransport, address: str) -> None:
        self._delegation = Delegation.load_or_create(home.keys)
        self._runner = asyncio.Runner()
        # The address is what links are made with.
        self._client = httpx.AsyncClient(
            transport=transport, base_url=address, timeout=TIMEOUT_SECONDS, trust_env=False
        )

    def get(self, path: str, **query: object) -> Json:
        """What a GET answers."""
        asked = {name: str(value) for name, value in query.items() if value is not None}
        return self._ask("GET", path, params=asked)

    def post(
        self, path: str, body: Mapping[str, object] | None = None, *, patience: float | None = TIMEOUT_SECONDS
    ) -> Json:
        """What a POST answers, within so many seconds; None waits for as long as it takes."""
        headers = {"content-type": "application/json"}
        return self._ask("POST", path, content=msgspec.json.encode(body or {}), headers=headers, timeout=patience)

    def delete(self, path: str) -> None:
        """Asks for something to be taken away."""
        self._ask("DELETE", path)

    def __enter__(self) -> Api:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()

    def _ask(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **sent: Any) -> Json:
        bearer = self._delegation.issue(LOCAL, SystemClock().now())
        said = {"authorization": f"Bearer {bearer}", "accept": "application/json", **(headers or {})}
        response = self._runner.run(self._client.request(method, path, headers=said, **sent))
        if response.is_success:
            return msgspec.json.decode(response.content) if response.content else None
        raise _problem(response)


@contextmanager
def connect(path: Path) -> Iterator[Api]:
    """The API of a home, served or not. Raises NotFound where there is no home, HomeInUse where nobody answers."""
    home = Home.open(path)
    address = address_of(home) or USUAL_ADDRESS
    try:
        home.lock().release()
    except HomeInUse as held:
        with _over_socket(home, address, held) as api:
            yield api
        return
    # Imported here because it brings the whole server, which a verb that asks a served home does not need.
    within = import_module("unshelve.cli.within")
    with (
        within.application(home) as app,
        # What goes wrong is answered like any other request, not raised through the client.
        Api(home, httpx.ASGITransport(app, raise_app_exceptions=False), address) as api,
    ):
        yield api


def part(text: str) -> str:
    """A name as a part of an address."""
    return quote(text, safe="")


@contextmanager
def _over_socket(home: Home, address: str, held: HomeInUse) -> Iterator[Api]:
    socket = control_socket(home.root)
    try:
        with Api(home, httpx.AsyncHTTPTransport(uds=str(socket)), address) as api:
            yield api
    except httpx.TransportError as error:
        raise HomeInUse(
            f"{held.message.removesuffix('.')}, which does not answer: it runs a solution, or starts, or stops.",
            hint="Try again when it is done.",
            details=held.details,
        ) from error


def _problem(response: httpx.Response) -> UnshelveError:
    """A problem document (RFC 9457) as the error that it tells of."""
    try:
        said = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        said = None
    if not isinstance(said, dict):
        return UnshelveError(f"The server said {response.status_code}: {response.text[:200]}")
    return UnshelveError(
        str(said.get("detail") or said.get("title") or f"The server said {response.status_code}."),
        code=said.get("code"),
        near=said.get("near") or (),
        hint=said.get("hint"),
        details={"problems": said["problems"]} if "problems" in said else {},
    )
