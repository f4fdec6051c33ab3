"""Sessions: what a browser's cookie stands for. They live on the server, so that they can be ended.

The cookie holds 256 random bits; the table holds only their sha256. A session ends when it was not used for a
while, at the latest after some days, at sign-out, and when its user is disabled or gets a new password.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, or_, select

from unshelve.clock import milliseconds
from unshelve.errors import NotAllowed
from unshelve.security.tables import SESSIONS

COOKIE: Final = "unshelve_session"
"""The cookie's name. It is to be HttpOnly, SameSite=Lax, Path=/, and Secure whenever the address is https."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """How long a session lasts."""

    idle: timedelta = timedelta(hours=12)
    absolute: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One signed-in browser, as its user may see it."""

    digest: str
    created: datetime
    last_used: datetime
    expires: datetime


def open_session(connection: Connection, user_id: str, *, now: datetime, rules: SessionRules | None = None) -> str:
    """A new session's id, for the cookie; it cannot be read out of the database again."""
    rules = rules or SessionRules()
    session_id = secrets.token_urlsafe(32)
    expires = now + rules.absolute
    connection.execute(
        SESSIONS.insert().values(
            digest=session_digest(session_id),
            user_id=user_id,
            created=milliseconds(now),
            last_used=milliseconds(now),
            idle_expires=milliseconds(min(now + rules.idle, expires)),
            expires=milliseconds(expires),
        )
    )
    return session_id


def session_digest(session_id: str) -> str:
    """What the database keeps of a session's id; also the `credential` of an actor who came by it."""
    return hashlib.sha256(session_id.encode("utf-8", "replace")).hexdigest()


def renew(connection: Connection, digest: str, *, used: datetime, rules: SessionRules | None = None) -> None:
    """Notes that a session was used, which puts off its idle end."""
    idle = milliseconds(used + (rules or SessionRules()).idle)
    row = connection.execute(
        select(SESSIONS.c.expires, SESSIONS.c.last_used).where(SESSIONS.c.digest == digest)
    ).first()
    if row is not None and row.last_used < milliseconds(used):
        connection.execute(
            SESSIONS.update()
            .where(SESSIONS.c.digest == digest)
            .values(last_used=milliseconds(used), idle_expires=min(idle, row.expires))
        )


def close_session(connection: Connection, digest: str) -> None:
    """Ends one session at once."""
    connection.execute(SESSIONS.delete().where(SESSIONS.c.digest == digest))


def close_sessions_of(connection: Connection, user_id: str, *, but: str = "") -> None:
    """Ends a user's sessions at once, except the one of a digest."""
    connection.execute(SESSIONS.delete().where(SESSIONS.c.user_id == user_id, SESSIONS.c.digest != but))


def sessions_of(connection: Connection, user_id: str, *, now: datetime) -> list[Session]:
    """A user's living sessions, the one used last first."""
    rows = connection.execute(
        select(SESSIONS)
        .where(SESSIONS.c.user_id == user_id, SESSIONS.c.idle_expires > milliseconds(now))
        .order_by(SESSIONS.c.last_used.desc())
    )
    return [
        Session(
            digest=row.digest,
            created=datetime.fromtimestamp(row.created / 1000, UTC),
            last_used=datetime.fromtimestamp(row.last_used / 1000, UTC),
            expires=datetime.fromtimestamp(row.expires / 1000, UTC),
        )
        for row in rows
    ]


def sweep(connection: Connection, *, now: datetime) -> int:
    """Removes sessions that have ended and tells how many."""
    moment = milliseconds(now)
    ended = or_(SESSIONS.c.idle_expires <= moment, SESSIONS.c.expires <= moment)
    return connection.execute(SESSIONS.delete().where(ended)).rowcount


def csrf_token(session_id: str) -> str:
    """The token that a form of this session carries, which no other site can know."""
    mac = hmac.new(session_id.encode("utf-8", "replace"), b"unshelve csrf 1", hashlib.sha256).digest()
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def check_csrf(session_id: str, token: str | None) -> None:
    """Returns when a form's token belongs to the session; raises NotAllowed otherwise."""
    if not hmac.compare_digest(csrf_token(session_id).encode(), (token or "").encode("utf-8", "replace")):
        raise NotAllowed(
            "The form does not belong to this session.", code="csrf", hint="Load the page again and send it once more."
        )
