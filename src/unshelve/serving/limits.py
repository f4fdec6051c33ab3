"""How much an answer process takes from outside, and for how long it waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from unshelve.errors import BadRequest, TooLarge

# ASGI messages are dicts of many shapes; each is read where it is used.
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is refused, and with what: each field says so."""

    body_bytes: int = 8 * 2**20
    """Of a prediction request (413). Files go through the upload page, which has its own limit."""
    connections: int = 1000
    """Open at once; one more is turned away (503)."""
    head_seconds: float = 10.0
    """For a request line and headers to arrive, from the connection or the first byte on (408)."""
    stall_seconds: float = 20.0
    """For the next part of a body (408)."""
    slowest_bytes_per_second: int = 500
    """Of a body, on average, once it has taken longer than `stall_seconds` (408)."""
    keep_alive_seconds: int = 10
    """Between two requests of a connection; then it is closed."""
    queue: int = 64
    """Requests that wait for one slow version (503)."""
    answer_seconds: float = 30.0
    """For a slow version to answer (503)."""
    stuck_seconds: float = 60.0
    """A version that has worked on one call for longer hangs: the process ends and is started again."""
    drain_seconds: int = 10
    """For requests under way when the process ends."""


class ClientGone(Exception):  # noqa: N818  it is no error of ours
    """The client closed the connection before its request was whole."""


async def read_body(headers: Iterable[tuple[bytes, bytes]], receive: Receive, limits: Limits) -> bytes:
    """The whole body of a request, refused as soon as it is known to be too long.

    Raises ClientGone when the connection ends first.
    """
    declared = _declared_length(headers)
    if declared is not None and declared > limits.body_bytes:
        raise _too_large(limits, f"announces {declared:,} bytes")
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False) and len(body) <= limits.body_bytes:
        return body
    parts, size = [body], len(body)
    while message.get("more_body", False):
        if size > limits.body_bytes:
            raise _too_large(limits, f"goes on after {size:,} bytes")
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    if size > limits.body_bytes:
        raise _too_large(limits, f"has {size:,} bytes")
    return b"".join(parts)


async def swallow(receive: Receive, *, most_bytes: int, seconds: float) -> bool:
    """Reads away what is left of a body, so that a client that is still sending can read the refusal.

    False when there is more of it than `most_bytes` or it takes longer than `seconds`: then only closing helps.
    """
    size = 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return True
                size += len(message.get("body", b""))
                if size > most_bytes:
                    return False
    except TimeoutError:
        return False


def _declared_length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    for name, value in headers:
        if name == b"content-length":
            if not value.isdigit():
                raise BadRequest("The Content-Length of the request is no number.")
            return int(value)
    return None


def _too_large(limits: Limits, found: str) -> TooLarge:
    return TooLarge(
        f"The body of the request {found}; a prediction request may have {limits.body_bytes:,}.",
        hint="Send fewer rows at a time, or upload a file to have it scored.",
        details={"limit_bytes": limits.body_bytes},
    )
