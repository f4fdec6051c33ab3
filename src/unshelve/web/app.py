"""The application: the table of routes behind the door, security headers around everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unshelve.errors import UnshelveError
from unshelve.security.permissions import MINIMUM, Action
from unshelve.web import mishap
from unshelve.web.door import endpoint
from unshelve.web.route import Route
from unshelve.web.routes.table import PUBLIC, ROUTES
from unshelve.web.site import Site

HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # With no-referrer a browser sends `Origin: null` with our own forms, and the door could not tell them from others.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}
"""On every response that does not say otherwise."""


def build(site: Site, routes: Sequence[Route] = ROUTES) -> Starlette:
    """The pages and the API as an ASGI application. Raises RuntimeError for a table that would open a door."""
    check(routes)
    return Starlette(
        routes=[one for route in routes for one in _mounted(route, site)],
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers={
            UnshelveError: _handled(site, mishap.answer_error),
            HTTPException: _handled(site, mishap.answer_http),
        },
    )


def check(routes: Sequence[Route]) -> None:
    """Refuses a table in which a route has no action, is open without being on the list, or hides another one."""
    seen: set[tuple[str, str]] = set()
    names: set[str] = set()
    for route in routes:
        if route.action not in MINIMUM:
            raise RuntimeError(f"the route {route.name} has no action of the permission table")
        if (route.action is Action.ENTER) != (route.name in PUBLIC):
            raise RuntimeError(f"the route {route.name} is public in one place and not in the other")
        if (route.method, route.path) in seen or route.name in names:
            raise RuntimeError(f"the route {route.name} is there twice")
        seen.add((route.method, route.path))
        names.add(route.name)


class SecurityHeaders:
    """Adds the headers that every response carries, unless it has them already."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers)


def _mounted(route: Route, site: Site) -> list[StarletteRoute]:
    answer = endpoint(route, site)

    async def guarded(request: Request) -> Response:
        try:
            return await answer(request)
        except (UnshelveError, HTTPException):
            raise
        except Exception as error:  # noqa: BLE001  the edge of the server: logged and said, never passed over
            return await run_in_threadpool(mishap.answer_unexpected, site, request, error)

    mounted = [StarletteRoute(route.path, guarded, methods=[route.method], name=route.name)]
    if route.twin and route.path != "/":
        # First, so that `/models/a.b.json` is the twin of `/models/a.b` and not the page of a model `b.json`.
        mounted.insert(0, StarletteRoute(f"{route.path}.json", guarded, methods=["GET"], name=f"{route.name}.json"))
    return mounted


def _handled(site: Site, answer: Callable[..., Response]) -> Callable[[Request, Exception], Response]:
    def handle(request: Request, error: Exception) -> Response:
        return answer(site, request, error)

    return handle
