"""Passes requests on to control over its Unix socket, and the responses back, as they come.

Bodies are streamed both ways: nothing is kept but the part under way. Headers that belong to one connection end
here (RFC 9110, 7.6.1), and who asked is said by this process alone: whatever a client says of itself in
`Forwarded` or `X-Forwarded-…` is dropped.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpcore

from unshelve.errors import Unavailable
from unshelve.serving.limits import ClientGone, Receive
from unshelve.serving.messages import EVERYWHERE, Headers, Scope, Send, header, send_own, send_problem

_LOGGER: Final = logging.getLogger("unshelve.serving")
_LONGEST_SOCKET_PATH: Final = 100  # the system's limit is 108 bytes

_OF_ONE_CONNECTION: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"expect",  # answered here
    }
)
_ABOUT_THE_CLIENT: Final = frozenset({b"forwarded", b"x-real-ip", b"x-client-ip", b"true-client-ip"})
_WITHOUT_EFFECT: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_BROKEN: Final = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError)
_TIMEOUTS: Final = {"connect": 2.0, "pool": 10.0, "write": 60.0, "read": 600.0}

_DOWN_PAGE: Final = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="5"><title>One moment</title>
<h1>One moment</h1>
<p>The part of unshelve that draws the pages is not running just now. This page tries again every five seconds.
<p>Predictions are answered all the same.
"""


def control_socket(home: Path) -> Path:
    """Where control listens: in the home, or in a short place that only this account may enter."""
    path = home.absolute() / "run" / "control.sock"
    if len(bytes(path)) <= _LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(bytes(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"unshelve-{name}" / "control.sock"


class Relay:
    """An ASGI application that lets control answer."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._pool = httpcore.AsyncConnectionPool(
            # Never used: no certificate is read, no megabyte of authorities kept.
            ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            max_connections=200,
            max_keepalive_connections=20,
            keepalive_expiry=2.0,  # less than what control keeps its side open
            uds=str(socket),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(receive, announced=_has_body(scope))
        answering = asyncio.ensure_future(self._answer(scope, body, send))
        watching = asyncio.ensure_future(body.client_gone())
        try:
            await asyncio.wait((answering, watching), return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                await answering
        finally:
            for task in (answering, watching):
                task.cancel()
            await asyncio.gather(answering, watching, return_exceptions=True)

    async def close(self) -> None:
        """Closes the connections to control."""
        await self._pool.aclose()

    async def _answer(self, scope: Scope, body: _Body, send: Send) -> None:
        try:
            response = await self._ask(scope, body)
        except ClientGone:
            return
        except httpcore.ReadTimeout:
            await _send_down(scope, send, "has not answered within ten minutes")
            return
        except _BROKEN as error:
            _LOGGER.warning("control does not answer on %s: %r", self.socket, error)
            await _send_down(scope, send, "is not running just now")
            return
        try:
            headers = _clean(response.headers)
            present = {name for name, _ in headers}
            headers += [(name, value) for name, value in EVERYWHERE if name not in present]
            await send({"type": "http.response.start", "status": response.status, "headers": headers})
            async for part in response.aiter_stream():
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await response.aclose()

    async def _ask(self, scope: Scope, body: _Body) -> httpcore.Response:
        method = scope["method"]
        repeatable = method in _WITHOUT_EFFECT and not body.announced
        for attempt in (1, 2):
            try:
                return await self._pool.handle_async_request(_request(scope, body))
            except (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError):
                # A connection kept open that control has closed in this very moment.
                if attempt == 2 or not repeatable:
                    raise
        raise AssertionError("the second attempt returns or raises")


class _Body:
    """The body of a request as it comes in, and whether its client is still there."""

    def __init__(self, receive: Receive, *, announced: bool) -> None:
        self.announced = announced
        self._receive = receive
        self._read = asyncio.Event()
        if not announced:
            self._read.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while not self._read.is_set():
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            if not message.get("more_body", False):
                self._read.set()
            if message.get("body"):
                yield message["body"]

    async def client_gone(self) -> None:
        """Returns when the client has gone after its body was read whole, or has its response."""
        await self._read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


def _request(scope: Scope, body: _Body) -> httpcore.Request:
    target: bytes = scope["raw_path"]
    if scope["query_string"]:
        target += b"?" + scope["query_string"]
    headers = [
        (name, value)
        for name, value in _clean(scope["headers"])
        if name not in _ABOUT_THE_CLIENT and not name.startswith(b"x-forwarded-")
    ]
    if body.announced and not any(name == b"content-length" for name, _ in headers):
        headers.append((b"transfer-encoding", b"chunked"))
    client = scope.get("client")
    headers += [
        (b"x-forwarded-for", client[0].encode("ascii") if client else b"unknown"),
        (b"x-forwarded-proto", scope["scheme"].encode("ascii")),
    ]
    return httpcore.Request(
        method=scope["method"],
        url=httpcore.URL(scheme=b"http", host=b"control", port=None, target=target),
        headers=headers,
        content=body if body.announced else None,
        extensions={"timeout": _TIMEOUTS},
    )


def _clean(headers: Headers) -> Headers:
    """Without the headers of one connection, and without those that `Connection` names as such."""
    named = {
        token.strip().lower() for name, value in headers if name.lower() == b"connection" for token in value.split(b",")
    }
    drop = _OF_ONE_CONNECTION | named
    return [(key, value) for name, value in headers if (key := name.lower()) not in drop]


def _has_body(scope: Scope) -> bool:
    length = header(scope, b"content-length")
    return header(scope, b"transfer-encoding") is not None or length not in (None, b"0")


async def _send_down(scope: Scope, send: Send, what: str) -> None:
    if b"text/html" in (header(scope, b"accept") or b""):
        await send_own(send, 503, "text/html; charset=utf-8", _DOWN_PAGE, [(b"retry-after", b"5")])
        return
    error = Unavailable(
        f"The part of unshelve that answers {scope['path'][:200]} {what}; predictions go on.",
        code="control-unavailable",
        hint="Ask again in a few seconds.",
        details={"retry_after_seconds": 5},
    )
    await send_problem(send, error)
