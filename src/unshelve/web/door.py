"""The door of every route: who asks, may they, does the form come from here, and is what was sent within limits."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive

from unshelve.errors import BadRequest, NotAllowed, SignInNeeded, TooLarge, UnsupportedType
from unshelve.security.actors import Actor
from unshelve.security.permissions import Action, require
from unshelve.security.sessions import COOKIE, check_csrf
from unshelve.web.asked import Asked, SentFile
from unshelve.web.route import Route, Takes
from unshelve.web.site import Site
from unshelve.web.wording import size

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_MOST_FIELDS: Final = 5_000
_ENDINGS: Final = frozenset({".csv", ".tsv", ".txt", ".parquet", ".xlsx", ".jsonl", ".ndjson", ".json"})
_FORM_TYPES: Final = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a caller shows to be let in."""

    bearer: str | None
    session: str | None


@dataclass(frozen=True, slots=True)
class _Sent:
    form: Mapping[str, str]
    file: SentFile | None = None
    body: Mapping[str, object] | None = None


def endpoint(route: Route, site: Site) -> Callable[[Request], Awaitable[Response]]:
    """The route as Starlette calls it."""

    async def answer(request: Request) -> Response:
        request.state.now = now = site.clock.now()
        shown = shown_by(request)
        actor = await run_in_threadpool(admitted, site, shown, public=route.action is Action.ENTER, request=request)
        request.state.actor = actor
        require(actor, route.action)
        by_cookie = shown.bearer is None
        if request.method not in _SAFE and by_cookie:
            check_origin(request)
        async with _read(request, route, site) as sent:
            session = shown.session if actor is not None and by_cookie else None
            if request.method not in _SAFE and session is not None:
                check_csrf(session, sent.form.get("csrf") or request.headers.get("x-csrf-token"))
            asked = Asked(
                request=request, site=site, actor=actor, session=session, now=now,
                form=sent.form, file=sent.file, body=sent.body,
            )  # fmt: skip
            return await run_in_threadpool(route.handler, asked)

    return answer


def shown_by(request: Request) -> Shown:
    """The API key and the session's id in a request."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    bearer = value.strip() if scheme.lower() == "bearer" and value.strip() else None
    return Shown(bearer, request.cookies.get(COOKIE) or None)


def admitted(site: Site, shown: Shown, *, public: bool, request: Request) -> Actor | None:
    """The actor; None when nothing was shown, or when what was shown does not count and the route is public."""
    if shown.bearer is None and shown.session is None:
        return None
    try:
        actor = site.doorkeeper.actor(bearer=shown.bearer, session=shown.session, now=request.state.now)
    except SignInNeeded:
        if public:
            return None
        raise
    site.last_use.saw(actor, request.state.now)
    return actor


def check_origin(request: Request) -> None:
    """Returns when a change is asked for by a page of this server; raises NotAllowed when another site asks."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    ours = request.headers.get("host", "")
    foreign = origin is not None and urlsplit(origin).netloc.lower() != ours.lower()
    if foreign or (site is not None and site not in {"same-origin", "none"}):
        raise NotAllowed(
            "This was asked for by another site.",
            code="cross-site",
            hint=f"Open the page at {ours} itself and send the form from there.",
        )


@asynccontextmanager
async def _read(request: Request, route: Route, site: Site) -> AsyncIterator[_Sent]:
    most = site.settings.most_file_bytes if route.takes is Takes.FILE else site.settings.most_form_bytes
    _check_length(request, most)
    limited = Request(request.scope, _counted(request.receive, most))
    if route.takes is Takes.NOTHING:
        yield _Sent({})
    elif route.takes is Takes.JSON and request.headers.get("content-type", "").split(";")[0] not in _FORM_TYPES:
        yield _Sent({}, body=_object(await limited.body()))
    else:
        async with limited.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=most) as form:
            with tempfile.TemporaryDirectory(prefix="unshelve-upload-") as folder:
                yield await run_in_threadpool(_received, form, Path(folder))


def _received(form: FormData, folder: Path) -> _Sent:
    fields: dict[str, str] = {}
    file: SentFile | None = None
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if value.filename:
                ending = Path(value.filename).suffix.lower()
                target = folder / f"sent{ending if ending in _ENDINGS else ''}"
                with target.open("wb") as out:
                    shutil.copyfileobj(value.file, out)
                file = SentFile(value.filename, target)
        else:
            fields.setdefault(name, value)
    return _Sent(fields, file=file)


def _check_length(request: Request, most: int) -> None:
    said = request.headers.get("content-length", "")
    if said.isdigit() and int(said) > most:
        raise _too_large(most)


def _counted(receive: Receive, most: int) -> Receive:
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise _too_large(most)
        return message

    return counted


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"More was sent than the {size(most)} that are allowed here.", code="too-large")


def _object(body: bytes) -> dict[str, object]:
    if not body:
        return {}
    try:
        decoded: Any = msgspec.json.decode(body)  # any JSON until it is checked on the next line
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"The body is not JSON: {error}", code="not-json") from error
    if not isinstance(decoded, dict):
        raise UnsupportedType("The body must be a JSON object.", code="not-an-object")
    return decoded
