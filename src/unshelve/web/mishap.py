"""What a caller sees when something goes wrong: problem details for programs, a page for people."""

from __future__ import annotations

import http
import logging
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from unshelve import __version__, wire
from unshelve.errors import (
    BadRequest,
    NotAllowed,
    NotFound,
    SignInNeeded,
    TooLarge,
    Unavailable,
    UnshelveError,
    UnsupportedType,
)
from unshelve.security.actors import Actor
from unshelve.security.permissions import Action, allowed
from unshelve.web.door import admitted, shown_by
from unshelve.web.frame import Frame, Link, Who, marked, server_rail
from unshelve.web.framing import back_of, theme_of
from unshelve.web.render import form_of, page
from unshelve.web.site import Site
from unshelve.web.views.people import ErrorView

_LOGGER: Final = logging.getLogger("unshelve.web")


def answer_error(site: Site, request: Request, error: UnshelveError) -> Response:
    """The response to an error of ours."""
    if for_program(request):
        said = wire.problem(error)
        return Response(said.body, said.status, headers=dict(said.headers), media_type=wire.PROBLEM_TYPE)
    if isinstance(error, SignInNeeded):
        return _to_the_door(request)
    return _page(site, request, error)


def answer_http(site: Site, request: Request, error: HTTPException) -> Response:
    """The response to what the router refuses: an unknown address, a method that an address does not have."""
    path = request.url.path[:200]
    method_refused = error.status_code == http.HTTPStatus.METHOD_NOT_ALLOWED
    if error.status_code == http.HTTPStatus.NOT_FOUND:
        meant: UnshelveError = NotFound(f"There is nothing at {path}.", code="address-not-found")
    elif method_refused:
        meant = BadRequest(f"{path} cannot be asked with {request.method}.", code="method-not-allowed")
    else:
        meant = BadRequest(error.detail)
    response = answer_error(site, request, meant)
    if method_refused:
        response.status_code = error.status_code
        response.headers.update(error.headers or {})
    return response


def answer_unexpected(site: Site, request: Request, error: Exception) -> Response:
    """The response to a mistake of ours; what happened goes to the log alone."""
    _LOGGER.error("%s %s failed", request.method, request.url.path, exc_info=error)
    if for_program(request):
        said = wire.unexpected()
        return Response(said.body, said.status, media_type=wire.PROBLEM_TYPE)
    return _page(site, request, UnshelveError("Something went wrong in unshelve; the server's log says what."))


def for_program(request: Request) -> bool:
    """Whether the caller reads JSON rather than pages."""
    return request.url.path.startswith("/api/") or form_of(request) == "json"


def _to_the_door(request: Request) -> Response:
    asked_for = back_of(request)
    door = "/sign-in" if asked_for in {"/", ""} else f"/sign-in?next={quote(asked_for)}"
    if request.headers.get("hx-request") == "true":
        return Response(status_code=http.HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": door})
    return RedirectResponse(door, http.HTTPStatus.SEE_OTHER)


def _page(site: Site, request: Request, error: UnshelveError) -> Response:
    if not hasattr(request.state, "now"):
        request.state.now = site.clock.now()
    actor = _actor(site, request)
    view = error_view(error, href=_way_back(request, actor), status=error.status)
    rail = server_rail(people=allowed(actor, Action.MANAGE_USERS), store=False, audit=allowed(actor, Action.SEE_AUDIT))
    frame = Frame(
        title=view.title,
        crumbs=(Link("Solutions", "/solutions"), Link(view.title, "")) if actor else (),
        groups=marked([rail], "") if actor else (),
        who=Who(actor.name, actor.role.value) if actor else None,
        theme=theme_of(request),
        back="/",
        version=__version__,
    )
    return page(site.templates, request, "pages/error.html", view, frame, status=error.status)


def error_view(error: UnshelveError, *, href: str, status: int) -> ErrorView:
    """The friendly form of an error: what was asked, what was found, what is near, what to do."""
    listed = error.details.get("problems", ())
    problems = [_problem(one) for one in listed] if isinstance(listed, list | tuple) else []
    return ErrorView(
        status=status,
        title=_title(error),
        message=error.message,
        near=error.near,
        hint=error.hint or "",
        problems=tuple(problems),
        href=href,
        action="Go back" if href not in {"/", "/sign-in"} else "To the start" if href == "/" else "Sign in",
    )


def _title(error: UnshelveError) -> str:
    return next((said for kind, said in _TITLES if isinstance(error, kind)), "That did not work")


def _problem(one: object) -> str:
    if isinstance(one, dict):
        field, said = one.get("field", ""), one.get("problem", "")
        return f"{field} {said}".strip()
    return str(one)


def _actor(site: Site, request: Request) -> Actor | None:
    known: Actor | None = getattr(request.state, "actor", None)
    return known or admitted(site, shown_by(request), public=True, request=request)


def _way_back(request: Request, actor: Actor | None) -> str:
    if actor is None:
        return "/sign-in"
    came_from = urlsplit(request.headers.get("referer", ""))
    if came_from.netloc == request.headers.get("host") and came_from.path not in {"", request.url.path}:
        return f"{came_from.path}?{came_from.query}" if came_from.query else came_from.path
    return "/"


_TITLES: Final[tuple[tuple[type[UnshelveError], str], ...]] = (
    (NotFound, "That is not here"),
    (NotAllowed, "That is not for you to do"),
    (SignInNeeded, "Please sign in"),
    (TooLarge, "That is too large"),
    (UnsupportedType, "That cannot be read"),
    (Unavailable, "Not just now"),
)
