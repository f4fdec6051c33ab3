"""Coming in and going out: by password, by a one-time link, and choosing a password."""

from __future__ import annotations

from starlette.responses import Response

from unshelve.errors import Refused, SignInNeeded, TooMany, UnshelveError
from unshelve.registry.solutions import solutions
from unshelve.security.actors import ActorKind
from unshelve.security.passwords import SHORTEST
from unshelve.security.permissions import MINIMUM, Action, allowed
from unshelve.security.sessions import COOKIE
from unshelve.security.sign_in import SignedIn
from unshelve.security.users import get_user
from unshelve.web.asked import Asked
from unshelve.web.frame import Link
from unshelve.web.framing import bare_frame, frame_for
from unshelve.web.going import local, to
from unshelve.web.render import page
from unshelve.web.views.people import AccountView, LinkView, SignInView, WelcomeView
from unshelve.web.wording import sentence


def sign_in(asked: Asked) -> Response:
    """The door; who is signed in already goes on."""
    after = local(asked.query("next"), "/")
    if asked.actor is not None:
        return to(after)
    return _door(asked, after=after)


def sign_in_by_password(asked: Asked) -> Response:
    """Lets in by name and password."""
    after = local(asked.form.get("next", "/"))
    name = asked.form.get("name", "")
    try:
        came = asked.site.sign_in.with_password(name, asked.form.get("password", ""), address=_address(asked))
    except (SignInNeeded, TooMany) as error:
        return _door(asked, after=after, name=name, problem=str(error), status=error.status)
    return _let_in(asked, came, after)


def link(asked: Asked) -> Response:
    """A one-time link, opened. It is used by the button only: programs that look at links must not use them up."""
    frame = bare_frame(asked.request, "Sign in")
    return page(asked.site.templates, asked.request, "pages/link.html", LinkView(secret=asked.part("secret")), frame)


def sign_in_by_link(asked: Asked) -> Response:
    """Lets in by a one-time link, this once."""
    try:
        came = asked.site.sign_in.with_link(asked.part("secret"), address=_address(asked))
    except (SignInNeeded, TooMany) as error:
        return _door(asked, after="/", problem=str(error), status=error.status)
    return _let_in(asked, came, "/" if came.user.has_password else "/welcome")


def sign_out(asked: Asked) -> Response:
    """Ends the session."""
    asked.site.sign_in.out(asked.who)
    response = to("/sign-in")
    response.delete_cookie(COOKIE, path="/")
    return response


def welcome(asked: Asked) -> Response:
    """After the first link: a password, so that one can come back."""
    return _welcome(asked, "")


def choose_password(asked: Asked) -> Response:
    """Keeps the first password."""
    try:
        _change(asked, old="")
    except UnshelveError as error:
        return _welcome(asked, str(error))
    return to("/?done=password")


def account(asked: Asked) -> Response:
    """One's own account."""
    return _account(asked, "")


def change_password(asked: Asked) -> Response:
    """Another password, for who knows the present one."""
    try:
        _change(asked, old=asked.form.get("old", ""))
    except UnshelveError as error:
        return _account(asked, str(error))
    return to("/me?done=password")


def _change(asked: Asked, *, old: str) -> None:
    new = asked.form.get("password", "")
    if new != asked.form.get("repeat", ""):
        raise Refused("The two new passwords are not the same.", code="password-repeat")
    asked.site.sign_in.change_password(asked.who, old, new, address=_address(asked))


def _let_in(asked: Asked, came: SignedIn, after: str) -> Response:
    response = to(after)
    response.set_cookie(COOKIE, came.session_id, path="/", httponly=True, samesite="lax", secure=asked.secure)
    return response


def _door(asked: Asked, *, after: str, name: str = "", problem: str = "", status: int = 200) -> Response:
    with asked.site.database.read() as connection:
        names = [one.title or one.name for one in solutions(connection)]
    known = sentence(names[:3]) if 0 < len(names) <= 3 else "this server"
    view = SignInView(lead=f"Sign in to ask {known}, or to look after it.", name=name, problem=problem, next=after)
    frame = bare_frame(asked.request, "Sign in")
    return page(asked.site.templates, asked.request, "pages/sign-in.html", view, frame, status=status)


def _welcome(asked: Asked, problem: str) -> Response:
    actor = asked.who
    view = WelcomeView(name=actor.name, role=actor.role.value, problem=problem, least_letters=SHORTEST)
    frame = frame_for(asked, "Welcome")
    return page(asked.site.templates, asked.request, "pages/welcome.html", view, frame, status=422 if problem else 200)


def _account(asked: Asked, problem: str) -> Response:
    actor = asked.who
    is_person = actor.kind is ActorKind.PERSON
    has_password = False
    if is_person:
        with asked.site.database.read() as connection:
            has_password = get_user(connection, actor.id).has_password
    view = AccountView(
        name=actor.name,
        role=actor.role.value,
        may=tuple(_MAY[action] for action in MINIMUM if action in _MAY and allowed(actor, action)),
        has_password=has_password,
        problem=problem,
        least_letters=SHORTEST,
        is_person=is_person,
    )
    frame = frame_for(asked, actor.name, crumbs=(Link("You", "/me"),), here="/me")
    return page(asked.site.templates, asked.request, "pages/account.html", view, frame, status=422 if problem else 200)


def _address(asked: Asked) -> str:
    """Where the caller is, for counting attempts: the answer process in front says it, and nobody else can."""
    forwarded = asked.request.headers.get("x-forwarded-for", "")
    client = asked.request.client
    return forwarded.split(",")[-1].strip() or (client.host if client else "unknown")


_MAY = {
    Action.SEE: "See solutions, runs, models and their Proofs",
    Action.ASK: "Ask models and endpoints",
    Action.UPLOAD: "Have files scored",
    Action.SEE_LOG: "See what was asked and answered",
    Action.OWN_KEYS: "Make API keys for your programs",
    Action.RUN: "Start and stop runs",
    Action.RELEASE: "Promote and roll back versions",
    Action.MANAGE_USERS: "Invite people and set their roles",
    Action.MANAGE_KEYS: "Revoke everybody's keys",
    Action.SEE_AUDIT: "Read the audit chain",
}
