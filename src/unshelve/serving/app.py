"""The answer process's application: predictions are answered here, everything else is passed on to control.

A plain ASGI application without a framework: a prediction is what is asked thousands of times a day. In order: who
asks, may they, which version, the body, do the rows fit, the answer, the log, and only then the response.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from unshelve.clock import Clock, SystemClock, milliseconds
from unshelve.errors import BadRequest, MethodNotAllowed, UnshelveError, UnsupportedType
from unshelve.predictions.log import LogWriter
from unshelve.schema.rows import Rows
from unshelve.security.actors import ActorKind
from unshelve.security.delegation import PREFIX
from unshelve.security.permissions import Action, require
from unshelve.serving.doors import Doors
from unshelve.serving.lane import Answers, answer_from
from unshelve.serving.lanes import Lanes
from unshelve.serving.limits import ClientGone, Limits, Receive, read_body, swallow
from unshelve.serving.messages import App, Headers, Scope, Send, header, send_json, send_problem
from unshelve.serving.predictor import LooksUp, Predictor
from unshelve.serving.release_watch import ReleaseWatch
from unshelve.serving.reply import COPIES_HEADER, ROUTE_HEADER, ROUTES, Asking, Reply, reply
from unshelve.wire import unexpected

_LOGGER: Final = logging.getLogger("unshelve.serving")
_PREFIX: Final = "/api/models/"
_BULK_BYTES: Final = 64 * 1024
"""Longer bodies are read and written by another thread: short ones do not wait for them."""
_SWALLOWED_BODIES: Final = 4
_SWALLOW_SECONDS: Final = 5.0
_TICK_SECONDS: Final = 0.1
_RETRY_TICKS: Final = 100
_ENCODER: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class _Route:
    """What a prediction's address names."""

    model: str
    version: int | None

    @property
    def action(self) -> Action:
        return Action.ASK if self.version is None else Action.TRY_VERSION

    @property
    def kind(self) -> str:
        return "model" if self.version is None else "version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the application is put together from."""

    doors: Doors
    releases: ReleaseWatch
    log: LogWriter
    control: App
    """Answers every other path."""
    limits: Limits = Limits()  # noqa: RUF009  frozen
    clock: Clock = SystemClock()  # noqa: RUF009  without state


class AnswerApp:
    """The ASGI application. `start` and `close` belong to the same event loop as its calls."""

    def __init__(self, parts: Parts, *, on_hang: Callable[[list[str]], None] | None = None) -> None:
        self._parts = parts
        self._on_hang = on_hang
        self._lanes = Lanes(parts.limits)
        self._bulk = ThreadPoolExecutor(1, thread_name_prefix="bulk")
        self._ticking: asyncio.Task[None] | None = None
        self._hanging: list[str] = []

    async def start(self) -> None:
        """Loads the releases and begins to watch them; what cannot be loaded is said by /health/ready."""
        self._parts.releases.notice()
        await self._parts.releases.settled()
        self._ticking = asyncio.create_task(self._tick())

    async def close(self) -> None:
        """Ends what `start` began, and the log last."""
        if self._ticking is not None:
            self._ticking.cancel()
        self._parts.releases.close()
        self._lanes.close()
        self._bulk.shutdown(wait=False)
        await self._parts.log.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path.startswith(_PREFIX) and path.endswith("/predict"):
            route = _route(path)
            if route is not None:
                await self._predict(route, scope, receive, send)
                return
        if path.startswith(_PREFIX) and path.endswith("/lookups"):
            route = _route(path)
            if route is not None:
                await self._look_up(route, scope, receive, send)
                return
        health = _HEALTH.get(path)
        if health is not None:
            await self._say_health(health, scope, send)
            return
        await self._parts.control(scope, receive, send)

    async def _predict(self, route: _Route, scope: Scope, receive: Receive, send: Send) -> None:
        unread = True
        try:
            predictor, asking = await self._admit(route, scope)
            body = await read_body(scope["headers"], receive, self._parts.limits)
            unread = False
            made = await self._answer(predictor, body, asking)
            if asking.logged:
                await self._parts.log.append(made.records)
        except ClientGone:
            return
        except UnshelveError as error:
            if error.status == 500:
                _LOGGER.error("%s failed: %s", scope["path"], error.message)
            await self._refuse(error, scope, receive, send, unread=unread)
        except Exception:  # the edge: a caller gets a response, the log gets the reason
            _LOGGER.exception("%s failed", scope["path"])
            await send_problem(send, unexpected(), more=[(b"connection", b"close")])
        else:
            await send_json(send, made.body)

    async def _look_up(self, route: _Route, scope: Scope, receive: Receive, send: Send) -> None:
        """What a version's lookups give for some rows. Nothing is answered, and nothing logged."""
        unread = True
        try:
            predictor, asking = await self._admit(route, scope)
            require(self._parts.doors.actor(scope), Action.SEE_LOG)
            body = await read_body(scope["headers"], receive, self._parts.limits)
            unread = False
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._bulk, _looked_up, predictor, body, asking.copies)
        except ClientGone:
            return
        except UnshelveError as error:
            await self._refuse(error, scope, receive, send, unread=unread)
        except Exception:  # the edge: a caller gets a response, the log gets the reason
            _LOGGER.exception("%s failed", scope["path"])
            await send_problem(send, unexpected(), more=[(b"connection", b"close")])
        else:
            await send_json(send, _ENCODER.encode({"model": predictor.model, "lookups": found}))

    async def _admit(self, route: _Route, scope: Scope) -> tuple[Predictor, Asking]:
        """The version that is to answer, and who asks it; raises what keeps them out."""
        parts = self._parts
        actor = parts.doors.actor(scope)
        if scope["method"] != "POST":
            raise MethodNotAllowed(
                f"{scope['path']} is asked by POST, and {scope['method']} was sent.",
                hint='Send {"rows": [{…}]} by POST.',
            )
        require(actor, route.action)
        _check_type(header(scope, b"content-type"))
        if route.version is None:
            predictor = await parts.releases.release_for(route.model)
        else:
            predictor = await parts.releases.version(route.model, route.version)
        moment = milliseconds(parts.clock.now())
        kind = _brought_by(scope) or route.kind
        proves = actor.kind is ActorKind.PROVER
        copies = _copies(scope)
        if proves and isinstance(predictor, LooksUp):
            copies = predictor.pinned  # what was trained with the world of then is proved with the world of then
        return predictor, Asking(actor.id, kind, moment, logged=not proves, copies=copies)

    async def _answer(self, predictor: Predictor, body: bytes, asking: Asking) -> Reply:
        started = time.perf_counter()
        if len(body) > _BULK_BYTES:
            return await self._answer_bulk(predictor, body, asking, started)
        rows = predictor.decoder.decode(body)
        if predictor.slow:
            answers = await self._lanes.answer(predictor, rows, asking.copies)
        elif asking.copies:
            loop = asyncio.get_running_loop()
            answers = await loop.run_in_executor(self._bulk, answer_from, predictor, rows, asking.copies)
        else:
            answers = predictor.answer(rows)
        return reply(predictor, rows, answers, asking, time.perf_counter() - started)

    async def _answer_bulk(self, predictor: Predictor, body: bytes, asking: Asking, started: float) -> Reply:
        loop = asyncio.get_running_loop()
        rows: Rows = await loop.run_in_executor(self._bulk, predictor.decoder.decode, body)
        answers: Answers
        if predictor.slow:
            answers = await self._lanes.answer(predictor, rows, asking.copies)
        else:
            answers = await loop.run_in_executor(self._bulk, answer_from, predictor, rows, asking.copies)
        seconds = time.perf_counter() - started
        return await loop.run_in_executor(self._bulk, reply, predictor, rows, answers, asking, seconds)

    async def _refuse(self, error: UnshelveError, scope: Scope, receive: Receive, send: Send, *, unread: bool) -> None:
        """Says what went wrong, so that a client that is still sending its body can read it."""
        more: Headers = [(b"allow", b"POST")] if isinstance(error, MethodNotAllowed) else []
        if unread:
            most = _SWALLOWED_BODIES * self._parts.limits.body_bytes
            # A client that waits to be invited must not be, and then sends no body.
            waits = header(scope, b"expect") is not None
            if waits or not await swallow(receive, most_bytes=most, seconds=_SWALLOW_SECONDS):
                more.append((b"connection", b"close"))
        await send_problem(send, error, more=more)

    async def _say_health(self, health: str, scope: Scope, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            error = MethodNotAllowed(f"{scope['path']} is asked by GET, and {scope['method']} was sent.")
            await send_problem(send, error, more=[(b"allow", b"GET, HEAD"), (b"connection", b"close")])
            return
        missing = self._missing() if health == "ready" else []
        body: dict[str, object] = {health: not missing}
        if missing:
            body["missing"] = missing
        await send_json(send, _ENCODER.encode(body), status=503 if missing else 200)

    def _missing(self) -> list[str]:
        """Why predictions are not answered, in words that may be public."""
        missing = []
        if self._ticking is None:
            missing.append("releases are being loaded")
        if self._parts.releases.failure is not None:
            missing.append("a release could not be loaded")
        if self._parts.log.failure is not None:
            missing.append("the prediction log cannot be written")
        if self._hanging:
            missing.append("a version hangs")
        return missing

    async def _tick(self) -> None:
        """Notices changes that no request brings to light, and versions that hang."""
        ticks = 0
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            ticks += 1
            try:
                self._parts.releases.notice()
            except UnshelveError as error:
                _LOGGER.warning("the database cannot be asked for changes: %s", error.message)
            if ticks % _RETRY_TICKS == 0:
                self._parts.releases.retry()
            self._hanging = self._lanes.tend()
            if self._hanging and self._on_hang is not None:
                self._on_hang(self._hanging)


_HEALTH: Final = {"/health/live": "live", "/health/ready": "ready"}


def _route(path: str) -> _Route | None:
    """What a path below the prefix names; None when it is none of ours."""
    parts = path[len(_PREFIX) :].split("/")
    if len(parts) == 2 and parts[0]:
        return _Route(parts[0], None)
    if len(parts) == 4 and parts[0] and parts[1] == "versions":
        if not (parts[2].isascii() and parts[2].isdigit() and len(parts[2]) < 10):
            return None
        return _Route(parts[0], int(parts[2]))
    return None


def _check_type(value: bytes | None) -> None:
    kind = (value or b"").split(b";", 1)[0].strip().lower()
    if kind != b"application/json":
        raise UnsupportedType(
            f"Rows are read as application/json, and the request says {kind.decode('latin-1')[:100] or 'nothing'}.",
            hint="Send them with the header `Content-Type: application/json`.",
        )


def _looked_up(predictor: Predictor, body: bytes, copies: Mapping[str, str] | None) -> list[dict[str, object]]:
    try:
        rows = msgspec.json.decode(body, type=_LookedUp).rows
    except msgspec.DecodeError as error:
        raise BadRequest(f"The body is not read: {error}.", hint='Send {"rows": [{…}, …]}.') from None
    return predictor.looked_up(rows, copies) if isinstance(predictor, LooksUp) else [{} for _ in rows]


class _LookedUp(msgspec.Struct):
    """Rows that lookups are asked about: only what entries are found by is read of them."""

    rows: Annotated[list[dict[str, Any]], msgspec.Meta(max_length=1000)]


def _brought_by(scope: Scope) -> str | None:
    """What control says brought the rows, when it asks for somebody; nobody else is heard on this."""
    said = _said_by_control(scope, ROUTE_HEADER)
    kind = "" if said is None else said.decode("latin-1")
    return kind if kind in ROUTES else None


def _copies(scope: Scope) -> Mapping[str, str] | None:
    """Which copies of lookups control wants to be asked, when it asks for somebody."""
    said = _said_by_control(scope, COPIES_HEADER)
    try:
        return None if said is None else msgspec.json.decode(said, type=dict[str, str])
    except msgspec.DecodeError:
        raise BadRequest(f"The header {COPIES_HEADER} is not JSON of digests by name.") from None


def _said_by_control(scope: Scope, name: str) -> bytes | None:
    said = header(scope, name.encode("ascii"))
    if said is None or not (header(scope, b"authorization") or b"").startswith(b"Bearer " + PREFIX.encode("ascii")):
        return None
    return said
