"""From what a caller shows to who it is: the one function that every door asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, select

from unshelve.clock import milliseconds
from unshelve.errors import SignInNeeded
from unshelve.security.actors import Actor, ActorKind, Role
from unshelve.security.delegation import PREFIX, Delegation
from unshelve.security.keys import secret_fits, split_key
from unshelve.security.sessions import session_digest
from unshelve.security.tables import API_KEYS, SESSIONS, USERS
from unshelve.storage.database import Database

_MOST_KEPT: Final = 10_000
_NO_DIGEST: Final = "0" * 64
_KEY_HINT: Final = "Make another one on the page of keys or with `unshelve key create NAME`."

_KEY_QUERY: Final = (
    select(
        API_KEYS.c.id,
        API_KEYS.c.name,
        API_KEYS.c.kind,
        API_KEYS.c.role,
        API_KEYS.c.secret_digest,
        API_KEYS.c.expires,
        API_KEYS.c.revoked,
        USERS.c.role.label("user_role"),
        USERS.c.disabled,
    )
    .select_from(API_KEYS.outerjoin(USERS))
    .where(API_KEYS.c.id == bindparam("shown"))
)
_SESSION_QUERY: Final = (
    select(USERS.c.id, USERS.c.name, USERS.c.role, USERS.c.disabled, SESSIONS.c.idle_expires, SESSIONS.c.expires)
    .select_from(SESSIONS.join(USERS))
    .where(SESSIONS.c.digest == bindparam("shown"))
)


def authenticate(connection: Connection, *, bearer: str | None, session: str | None, now: datetime) -> Actor:
    """The actor who shows an API key (`bearer`) or a session's id; with both, the key counts.

    Raises SignInNeeded when neither is shown, or when what is shown is unknown, has ended or was taken back.
    """
    return _admit(connection, bearer, session, milliseconds(now)).actor


class Doorkeeper:
    """`authenticate` for a busy process: remembers whom it let in for as long as the database has not changed.

    A revoked key, an ended session or a changed role is a change of the database, so it counts from the next
    call on, in every process.
    """

    def __init__(self, database: Database, delegation: Delegation | None = None) -> None:
        self._database = database
        self._delegation = delegation
        self._token = -1
        self._kept: dict[tuple[str | None, str | None], _Admission] = {}

    def actor(self, *, bearer: str | None, session: str | None, now: datetime) -> Actor:
        """As `authenticate`; a few microseconds for a caller who was let in before.

        With a delegation also whoever control asks for.
        """
        if bearer is not None and self._delegation is not None and bearer.startswith(PREFIX):
            return self._delegation.actor(bearer, now)
        token = self._database.change_token()
        if token != self._token or len(self._kept) >= _MOST_KEPT:
            self._kept = {}
            self._token = token
        # Held on to before the database is read: what is read after a change must not outlive it in a newer dict.
        kept = self._kept
        shown = (bearer, None if bearer else session)
        moment = milliseconds(now)
        admission = kept.get(shown)
        if admission is None or (admission.until is not None and moment >= admission.until):
            with self._database.read() as connection:
                admission = _admit(connection, bearer, session, moment)
            kept[shown] = admission
        return admission.actor


@dataclass(frozen=True, slots=True)
class _Admission:
    actor: Actor
    until: int | None
    """When it ends by itself, in milliseconds since 1970."""


def _admit(connection: Connection, bearer: str | None, session: str | None, now: int) -> _Admission:
    if bearer:
        return _by_key(connection, bearer, now)
    if session:
        return _by_session(connection, session, now)
    raise SignInNeeded("Nobody is signed in.", hint="Sign in, or send an API key as `Authorization: Bearer KEY`.")


def _by_key(connection: Connection, text: str, now: int) -> _Admission:
    parts = split_key(text)
    row = connection.execute(_KEY_QUERY, {"shown": parts[0]}).first() if parts else None
    fits = secret_fits(row.secret_digest if row else _NO_DIGEST, parts[1] if parts else "")
    if row is None or not fits:
        raise SignInNeeded("The API key is not known here.", code="key-unknown", hint=_KEY_HINT)
    # From here on the caller has shown the whole secret, so it may learn why it does not work.
    if row.revoked is not None:
        raise SignInNeeded("The API key was revoked.", code="key-revoked", hint=_KEY_HINT)
    if row.expires is not None and now >= row.expires:
        raise SignInNeeded("The API key has expired.", code="key-expired", hint=_KEY_HINT)
    if row.disabled:
        raise SignInNeeded("The user whom the API key belongs to is disabled.", code="key-user-disabled")
    role = Role(row.role)
    if row.user_role is not None:
        role = role.at_most(Role(row.user_role))
    actor = Actor(id=row.id, name=row.name, role=role, kind=ActorKind(row.kind), credential=row.id)
    return _Admission(actor, row.expires)


def _by_session(connection: Connection, session_id: str, now: int) -> _Admission:
    digest = session_digest(session_id)
    row = connection.execute(_SESSION_QUERY, {"shown": digest}).first()
    if row is None or row.disabled or now >= row.idle_expires or now >= row.expires:
        raise SignInNeeded("The session has ended.", code="session-ended", hint="Sign in again.")
    actor = Actor(id=row.id, name=row.name, role=Role(row.role), kind=ActorKind.PERSON, credential=digest)
    return _Admission(actor, min(row.idle_expires, row.expires))
