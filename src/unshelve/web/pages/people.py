"""People, keys and the audit chain: what owners look after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection
from starlette.responses import Response

from unshelve.errors import Damaged, NotAllowed, Refused, UnshelveError, Untrusted
from unshelve.security import audit, keys, users
from unshelve.security.actors import ActorKind, Role
from unshelve.security.keys import NewKey
from unshelve.security.links import INVITATION_LIFETIME, create_link
from unshelve.security.permissions import Action
from unshelve.security.users import User
from unshelve.web import states
from unshelve.web.asked import Asked
from unshelve.web.frame import Link
from unshelve.web.framing import frame_for
from unshelve.web.going import to
from unshelve.web.render import page
from unshelve.web.states import State
from unshelve.web.views.parts import Pages
from unshelve.web.views.people import AuditRow, AuditView, KeyRow, KeysView, UserRow, UsersView
from unshelve.web.wording import exact, plural

_ENTRIES: Final = 50
_MOST_CHECKED: Final = 20_000
"""Entries that are checked whenever the page is opened: about half a second."""
_ROLES: Final = (
    (Role.VIEWER.value, "sees everything but rows"),
    (Role.USER.value, "asks and sees what was answered"),
    (Role.OWNER.value, "runs, releases and looks after people"),
)


def people(asked: Asked) -> Response:
    """Who may sign in."""
    return _people(asked)


def invite(asked: Asked) -> Response:
    """A new person, with a link that is shown once."""
    name = asked.form.get("name", "")
    try:
        role = role_of(asked.form.get("role", ""))
        with asked.site.database.write() as connection:
            user = users.create_user(connection, name, role, actor=asked.who, now=asked.now)
            secret = create_link(connection, user, actor=asked.who, now=asked.now, lifetime=INVITATION_LIFETIME)
    except UnshelveError as error:
        return _people(asked, problem=str(error), typed=name, status=error.status)
    return _people(asked, link=sign_in_link(asked, secret), link_for=user.name)


def new_link(asked: Asked) -> Response:
    """Another sign-in link for a person; earlier ones stop working."""
    try:
        with asked.site.database.write() as connection:
            user = users.get_user(connection, asked.part("user"))
            secret = create_link(connection, user, actor=asked.who, now=asked.now, lifetime=INVITATION_LIFETIME)
    except UnshelveError as error:
        return _people(asked, problem=str(error), status=error.status)
    return _people(asked, link=sign_in_link(asked, secret), link_for=user.name)


def set_role(asked: Asked) -> Response:
    """Another role for a person, at once."""

    def change(connection: Connection, user: User) -> None:
        users.set_role(connection, user, role_of(asked.form.get("role", "")), actor=asked.who, now=asked.now)

    return _changed(asked, change, "changed")


def lock(asked: Asked) -> Response:
    """Lets a person in no more."""

    def change(connection: Connection, user: User) -> None:
        if user.id == asked.who.id:
            raise NotAllowed("You cannot lock yourself out.", code="own-account")
        users.disable(connection, user, actor=asked.who, now=asked.now)

    return _changed(asked, change, "locked")


def unlock(asked: Asked) -> Response:
    """Lets a locked person in again."""

    def change(connection: Connection, user: User) -> None:
        users.enable(connection, user, actor=asked.who, now=asked.now)

    return _changed(asked, change, "unlocked")


def key_list(asked: Asked) -> Response:
    """API keys: one's own, or everybody's for an owner."""
    return _keys(asked)


def make_key(asked: Asked) -> Response:
    """A new key, shown once."""
    name = asked.form.get("name", "")
    try:
        made = create(asked, name, asked.form.get("role", ""), asked.form.get("days", ""))
    except UnshelveError as error:
        return _keys(asked, problem=str(error), typed=name, status=error.status)
    return _keys(asked, made=made, name=name)


def revoke_key(asked: Asked) -> Response:
    """Takes a key back."""
    revoke(asked, asked.part("key"))
    return to("/keys?done=revoked")


def audit_chain(asked: Asked) -> Response:
    """Every change, newest first, and whether the chain holds."""
    before = asked.query_number("before")
    with asked.site.database.read() as connection:
        found = audit.entries(connection, before=before, limit=_ENTRIES + 1)
        state, sentence = _whole(asked, connection)
    shown = found[:_ENTRIES]
    view = AuditView(
        entries=tuple(_audit_row(one) for one in shown),
        state=state,
        sentence=sentence,
        check="/audit?check=yes" if state is states.WAITING and found else "",
        pages=Pages(
            newer="/audit" if before is not None else "",
            older=f"/audit?before={shown[-1].number}" if len(found) > _ENTRIES else "",
        ),
    )
    frame = frame_for(asked, "Audit", crumbs=(Link("Audit", "/audit"),), here="/audit", wide=True)
    return page(asked.site.templates, asked.request, "pages/audit.html", view, frame)


def create(asked: Asked, name: str, role: str, days: str) -> NewKey:
    """Makes a key for the actor. `days` is empty for one that does not end by itself."""
    if days.strip() and not (days.strip().isdigit() and 0 < int(days) < 36_500):
        raise Refused(f"{days[:20]!r} is not a number of days.", code="key-expiry", hint="Leave it empty for no end.")
    expires = asked.now + timedelta(days=int(days)) if days.strip() else None
    with asked.site.database.write() as connection:
        return keys.create_key(connection, name, role_of(role), actor=asked.who, now=asked.now, expires=expires)


def revoke(asked: Asked, key_id: str) -> None:
    """Takes a key back: one's own, or anybody's for an owner."""
    with asked.site.database.write() as connection:
        found = keys.get_key(connection, key_id)
        if found.user != asked.who.name and not asked.may(Action.MANAGE_KEYS):
            raise NotAllowed("This key belongs to somebody else.", code="key-of-another")
        keys.revoke_key(connection, key_id, actor=asked.who, now=asked.now)


def visible_keys(asked: Asked) -> list[keys.Key]:
    """The keys that the actor may see."""
    with asked.site.database.read() as connection:
        everybody = asked.may(Action.MANAGE_KEYS)
        return keys.keys(connection, user_id=None if everybody else asked.who.id)


def _people(
    asked: Asked, *, problem: str = "", typed: str = "", link: str = "", link_for: str = "", status: int = 200
) -> Response:
    with asked.site.database.read() as connection:
        found = users.users(connection)
    view = UsersView(
        users=tuple(_user_row(one, asked.who.id) for one in found),
        roles=_ROLES,
        problem=problem,
        typed=typed,
        link=link,
        link_for=link_for,
    )
    frame = frame_for(asked, "People", crumbs=(Link("People", "/users"),), here="/users")
    return page(asked.site.templates, asked.request, "pages/users.html", view, frame, status=status)


def _changed(asked: Asked, change: Callable[[Connection, User], None], done: str) -> Response:
    try:
        with asked.site.database.write() as connection:
            change(connection, users.get_user(connection, asked.part("user")))
    except UnshelveError as error:
        return _people(asked, problem=str(error), status=error.status)
    return to(f"/users?done={done}")


def _keys(
    asked: Asked, *, problem: str = "", typed: str = "", made: NewKey | None = None, name: str = "", status: int = 200
) -> Response:
    view = KeysView(
        keys=tuple(_key_row(one, asked.now) for one in visible_keys(asked)),
        roles=tuple(role.value for role in Role if asked.who.role.includes(role)),
        problem=problem,
        typed=typed,
        key=made.text if made else "",
        key_name=name,
        may_make=asked.may(Action.OWN_KEYS),
    )
    frame = frame_for(asked, "Keys", crumbs=(Link("Keys", "/keys"),), here="/keys")
    return page(asked.site.templates, asked.request, "pages/keys.html", view, frame, status=status)


def role_of(text: str) -> Role:
    """The role that a text names. Raises Refused for another text."""
    if text not in {role.value for role in Role}:
        raise Refused(f"{text[:20]!r} is not a role.", code="role", hint="It is viewer, user or owner.")
    return Role(text)


def sign_in_link(asked: Asked, secret: str) -> str:
    """The address that lets somebody in, once."""
    return f"{asked.address}/sign-in/link/{secret}"


def _user_row(user: User, me: str) -> UserRow:
    state: State = states.FAILED.named("locked") if user.disabled else states.OK.named("may sign in")
    return UserRow(
        id=user.id,
        name=user.name,
        role=user.role.value,
        state=state,
        created=user.created,
        last_sign_in=user.last_sign_in,
        has_password=user.has_password,
        is_me=user.id == me,
    )


def _key_row(key: keys.Key, now: datetime) -> KeyRow:
    works = states.OK.named("works") if key.works(now) else states.CACHED.named("revoked" if key.revoked else "ended")
    return KeyRow(
        id=key.id,
        name=key.name,
        role=key.role.value,
        owner=key.user or key.created_by,
        state=works,
        created=key.created,
        expires=key.expires,
        last_used=key.last_used,
    )


def _whole(asked: Asked, connection: Connection) -> tuple[State, str]:
    newest = audit.newest(connection)
    if newest is None:
        return states.WAITING, "Nothing has been changed yet"
    if newest.number > _MOST_CHECKED and not asked.query("check"):
        return states.WAITING, f"{plural(newest.number, 'entry', 'entries')}; checking all of them takes a while"
    try:
        head = audit.read_head(asked.site.keys, asked.site.verifier)
        audit.verify(connection, head=head)
    except (Damaged, Untrusted) as error:
        return states.FAILED, str(error)
    return states.OK, f"The chain is whole: {plural(newest.number, 'entry', 'entries')}, each checked just now"


def _audit_row(entry: audit.Entry) -> AuditRow:
    return AuditRow(
        number=entry.number,
        at=entry.at,
        actor=entry.actor_name,
        kind=_KINDS.get(entry.actor_kind, entry.actor_kind),
        action=entry.action,
        subject=entry.subject,
        details=tuple((name, _detail(value)) for name, value in entry.details.items()),
        digest=entry.digest,
    )


def _detail(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_detail(one)}" for name, one in value.items())
    return exact(value)


_KINDS: Final = {
    ActorKind.PERSON.value: "signed in",
    ActorKind.KEY.value: "by API key",
    ActorKind.LOCAL.value: "at the command line",
    ActorKind.PROVER.value: "the Proof",
}
