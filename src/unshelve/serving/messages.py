"""What an answer process says by itself: JSON and problems, with the headers that every response carries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from unshelve.errors import UnshelveError
from unshelve.serving.limits import Message, Receive
from unshelve.wire import PROBLEM_TYPE, Problem, problem

Send = Callable[[Message], Awaitable[None]]
Scope = MutableMapping[str, Any]  # ASGI's own: values of many types
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

EVERYWHERE: Final[Headers] = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
]
"""On every response, whoever made it. What pages need beyond these, the pages set."""

OWN: Final[Headers] = [
    *EVERYWHERE,
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
"""On what the answer process says itself."""

_JSON: Final[Headers] = [*OWN, (b"content-type", b"application/json")]


async def send_json(send: Send, body: bytes, status: int = 200) -> None:
    """A response with JSON."""
    headers = [*_JSON, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_problem(send: Send, said: Problem | UnshelveError, *, more: Headers | None = None) -> None:
    """A response that says what went wrong."""
    if isinstance(said, UnshelveError):
        said = problem(said)
    await send_own(send, said.status, PROBLEM_TYPE, said.body, [*_encoded(said), *(more or [])])


async def send_own(send: Send, status: int, content_type: str, body: bytes, more: Headers) -> None:
    """A response of the answer process itself."""
    headers = [
        *OWN,
        (b"content-type", content_type.encode("ascii")),
        (b"content-length", b"%d" % len(body)),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first value of a header; None without one."""
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return None


def _encoded(said: Problem) -> Headers:
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in said.headers]
