"""uvicorn's HTTP protocol with limits on how slowly and how long a request may arrive.

uvicorn waits without end for a request that has begun. Here one timer a connection, set again only when it rings,
closes those that send nothing, or a byte now and then. It uses these names of uvicorn's protocol (the same since
0.30): the `on_…` callbacks, `connection_made`, `connection_lost`, `data_received`, `send_400_response`, `shutdown`,
`loop`, `transport`, `flow.read_paused`, `flow.pause_reading`, and of `cycle`: `response_started`,
`response_complete`, `keep_alive`, `disconnected`, `message_event`.
"""

from __future__ import annotations

import asyncio
import math
from enum import Enum
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from unshelve.errors import BadRequest, HeadTooLarge, TooSlow, UnshelveError
from unshelve.serving.limits import Limits
from unshelve.wire import PROBLEM_TYPE, problem

_HEAD_BYTES: Final = 64 * 1024
_LAST_REQUEST_SECONDS: Final = 0.3


class _Phase(Enum):
    """What the connection waits for."""

    FIRST = "the first request"
    HEAD = "the rest of a head"
    BODY = "the rest of a body"
    NOTHING = "nothing that has a limit here"


def limited(limits: Limits) -> type[HttpToolsProtocol]:
    """A protocol class for `uvicorn.Config(http=…)` that keeps to some limits."""

    class LimitedProtocol(_LimitedProtocol):
        _limits = limits

    return LimitedProtocol


class _LimitedProtocol(HttpToolsProtocol):
    _limits = Limits()

    # uvicorn's own parameters, handed on as they are
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._phase = _Phase.FIRST
        self._deadline = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._body_bytes = 0
        self._body_began = 0.0
        self._draining = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(_Phase.FIRST, self._limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._phase = _Phase.NOTHING
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._phase is _Phase.HEAD:
            self._head_bytes += len(data)
            if self._head_bytes > _HEAD_BYTES:
                self._refuse(HeadTooLarge(f"The head of the request has more than {_HEAD_BYTES:,} bytes."))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        self._wait(_Phase.HEAD, self._limits.head_seconds)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._body_bytes = 0
        self._body_began = self.loop.time()
        if self._draining and self.cycle is not None:
            self.cycle.keep_alive = False
        self._wait(_Phase.BODY, self._limits.stall_seconds)

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._body_bytes += len(body)
        self._deadline = self.loop.time() + self._limits.stall_seconds

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._phase = _Phase.NOTHING

    def shutdown(self) -> None:
        """Called by uvicorn when the server ends. A request that is on its way over a quiet connection is still
        answered, where uvicorn would close the connection under it."""
        self._draining = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        else:
            self.loop.call_later(_LAST_REQUEST_SECONDS, self._close_quiet)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn names it
        """Called by uvicorn for what is no HTTP. uvicorn would put the refusal before an answer still to come."""
        cycle = self.cycle
        if self._phase is not _Phase.BODY and cycle is not None and not cycle.response_complete:
            cycle.keep_alive = False
            self.flow.pause_reading()
        else:
            self._refuse(BadRequest("What was sent is no HTTP request that can be read.", code="not-http"))

    def _close_quiet(self) -> None:
        asked = self.cycle is not None and not self.cycle.response_complete
        if not asked and self._phase in (_Phase.FIRST, _Phase.NOTHING):
            self.transport.close()

    def _wait(self, phase: _Phase, seconds: float) -> None:
        self._phase = phase
        self._deadline = self.loop.time() + seconds
        if self._timer is None:
            self._timer = self.loop.call_later(seconds, self._rang)

    def _rang(self) -> None:
        self._timer = None
        if self._phase is _Phase.NOTHING or self.transport.is_closing():
            return
        now = self.loop.time()
        if now < self._deadline and not self._trickles(now):
            self._timer = self.loop.call_later(self._deadline - now, self._rang)
        elif self._ours():
            self._wait(self._phase, self._limits.stall_seconds)
        elif self._phase is _Phase.FIRST:
            self.transport.close()
        else:
            self._refuse(TooSlow(f"The server waited too long for {self._phase.value} of the request."))

    def _trickles(self, now: float) -> bool:
        if self._phase is not _Phase.BODY:
            return False
        elapsed = now - self._body_began
        enough = elapsed * self._limits.slowest_bytes_per_second
        return elapsed > self._limits.stall_seconds and self._body_bytes < enough

    def _ours(self) -> bool:
        """Whether the connection waits for this server: reading was paused, or an earlier answer is not out yet."""
        if self.flow.read_paused:
            return True
        return self._phase is _Phase.HEAD and self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, error: UnshelveError) -> None:
        """Ends the connection, with an answer where none has begun."""
        cycle = self.cycle
        mine = self._phase is _Phase.BODY and cycle is not None
        if mine and cycle.response_started:
            self.transport.close()
            return
        if mine:
            cycle.disconnected = True
            cycle.message_event.set()
        said = problem(error)
        head = (
            f"HTTP/1.1 {said.status} {HTTPStatus(said.status).phrase}\r\ncontent-type: {PROBLEM_TYPE}\r\n"
            f"content-length: {len(said.body)}\r\ncache-control: no-store\r\n"
            "x-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
        )
        self._phase = _Phase.NOTHING
        self.transport.write(head.encode("ascii") + said.body)
        self.transport.close()
