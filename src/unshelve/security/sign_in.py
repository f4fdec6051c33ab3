"""Signing in and out: by a one-time link or by name and password."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from unshelve.clock import Clock, milliseconds
from unshelve.errors import SignInNeeded
from unshelve.security.actors import Actor, ActorKind
from unshelve.security.attempts import Attempts
from unshelve.security.audit import append
from unshelve.security.links import use_link
from unshelve.security.passwords import hash_outdated, hash_password, password_fits
from unshelve.security.sessions import SessionRules, close_session, open_session, session_digest
from unshelve.security.tables import USERS
from unshelve.security.users import User, find_user, get_user, set_password, user_name
from unshelve.storage.database import Database

_LOGGER: Final = logging.getLogger(__name__)
_HASHES_AT_ONCE: Final = 2
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A user who has just come in, and the id for the cookie."""

    user: User
    session_id: str


class SignIn:
    """The way in of the control process; it alone counts attempts, so there is one of it in a server."""

    def __init__(self, database: Database, clock: Clock, rules: SessionRules | None = None) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules or SessionRules()
        self._attempts = Attempts(clock)
        # A hash takes 19 MiB and 40 ms of a core: without a limit, signing in would be a way to stop the server.
        self._hashing = threading.BoundedSemaphore(_HASHES_AT_ONCE)

    def with_password(self, name: str, password: str, *, address: str) -> SignedIn:
        """Lets a user in. Raises SignInNeeded with one message and after one amount of work, whatever was wrong,
        and TooMany after too many failures."""
        clean = user_name(name[:_LONGEST_NAME])
        with self._attempts.one(clean, address):
            stored, user = self._stored(clean)
            if not self._fits(stored, password) or user is None or stored is None:
                _LOGGER.warning("a sign-in failed: name %r, address %r", clean, address)
                raise SignInNeeded("The name or the password is wrong.", code="sign-in-wrong")
        with self._database.write() as connection:
            if hash_outdated(stored):
                fresh = hash_password(password)
                connection.execute(USERS.update().where(USERS.c.id == user.id).values(password_hash=fresh))
            return self._open(connection, user, "password", address)

    def with_link(self, secret: str, *, address: str) -> SignedIn:
        """Lets in the user of a one-time link. Raises SignInNeeded when it does not work, TooMany after many tries."""
        with self._attempts.one("", address), self._database.write() as connection:
            user = use_link(connection, secret, now=self._clock.now())
            return self._open(connection, user, "link", address)

    def change_password(self, actor: Actor, old: str, new: str, *, address: str) -> None:
        """Gives the actor another password; who has one already must know it. Other sessions end."""
        with self._database.read() as connection:
            user = get_user(connection, actor.id)
        if user.has_password:
            with self._attempts.one(user.name, address):
                stored, _ = self._stored(user.name)
                if not self._fits(stored, old):
                    raise SignInNeeded("The present password is wrong.", code="sign-in-wrong")
        with self._hashing, self._database.write() as connection:
            set_password(connection, user, new, actor=actor, now=self._clock.now())

    def out(self, actor: Actor) -> None:
        """Ends the session by which the actor came."""
        with self._database.write() as connection:
            close_session(connection, actor.credential)
            append(connection, actor, "sign out", actor.name, {}, now=self._clock.now())

    def _stored(self, name: str) -> tuple[str | None, User | None]:
        """The password's hash and the user, if there is such a user who may come in."""
        with self._database.read() as connection:
            user = find_user(connection, name)
            stored = connection.execute(select(USERS.c.password_hash).where(USERS.c.name == name)).scalar()
        return (None, None) if user is None or user.disabled else (stored, user)

    def _fits(self, stored: str | None, password: str) -> bool:
        with self._hashing:
            return password_fits(stored, password)

    def _open(self, connection: Connection, user: User, way: str, address: str) -> SignedIn:
        now = self._clock.now()
        session_id = open_session(connection, user.id, now=now, rules=self._rules)
        connection.execute(USERS.update().where(USERS.c.id == user.id).values(last_sign_in=milliseconds(now)))
        actor = Actor(
            id=user.id,
            name=user.name,
            role=user.role,
            kind=ActorKind.PERSON,
            credential=session_digest(session_id),
        )
        append(connection, actor, "sign in", user.name, {"by": way, "address": address}, now=now)
        return SignedIn(user=user, session_id=session_id)
