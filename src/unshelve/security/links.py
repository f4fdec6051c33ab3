"""One-time sign-in links: how the first owner gets in, and everybody who has no password yet."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, func, select

from unshelve.clock import milliseconds
from unshelve.errors import NotAllowed, SignInNeeded
from unshelve.security.actors import LOCAL, Actor, Role
from unshelve.security.audit import append
from unshelve.security.tables import SIGN_IN_LINKS, USERS
from unshelve.security.users import User, create_user, get_user

FIRST_LIFETIME: Final = timedelta(hours=24)
"""Of the link of the first start: nobody else can get in meanwhile, and a person may come back to it tomorrow."""
LATER_LIFETIME: Final = timedelta(minutes=15)
INVITATION_LIFETIME: Final = timedelta(days=3)
"""Of a link that an owner sends to a new user."""

FIRST_OWNER: Final = "owner"


def start_link(connection: Connection, *, now: datetime) -> str:
    """The secret of the link that a starting server prints.

    At the first start it makes the first owner. Until somebody has signed in the link lives for 24 hours,
    afterwards for 15 minutes. Earlier unused links of the same user stop working.
    """
    user_id = connection.execute(_FIRST_OWNER_QUERY).scalar()
    user = (
        get_user(connection, user_id)
        if user_id
        else create_user(connection, FIRST_OWNER, Role.OWNER, actor=LOCAL, now=now)
    )
    anybody = connection.execute(select(func.count()).where(USERS.c.last_sign_in.is_not(None))).scalar()
    lifetime = LATER_LIFETIME if anybody else FIRST_LIFETIME
    return create_link(connection, user, actor=LOCAL, now=now, lifetime=lifetime)


def create_link(
    connection: Connection, user: User, *, actor: Actor, now: datetime, lifetime: timedelta = LATER_LIFETIME
) -> str:
    """The secret of a new link for a user; only its sha256 is kept. Earlier unused links stop working."""
    if user.disabled:
        raise NotAllowed(f"{user.name} is disabled.", code="user-disabled")
    connection.execute(SIGN_IN_LINKS.delete().where(SIGN_IN_LINKS.c.user_id == user.id, SIGN_IN_LINKS.c.used.is_(None)))
    secret = secrets.token_urlsafe(32)
    connection.execute(
        SIGN_IN_LINKS.insert().values(
            digest=_digest(secret),
            user_id=user.id,
            created=milliseconds(now),
            expires=milliseconds(now + lifetime),
        )
    )
    append(connection, actor, "create sign-in link", user.name, {"minutes": lifetime // timedelta(minutes=1)}, now=now)
    return secret


def use_link(connection: Connection, secret: str, *, now: datetime) -> User:
    """The user whom a link lets in, this once. Raises SignInNeeded when it is unknown, used or too old."""
    moment = milliseconds(now)
    digest = _digest(secret)
    taken = connection.execute(
        SIGN_IN_LINKS.update()
        .where(SIGN_IN_LINKS.c.digest == digest, SIGN_IN_LINKS.c.used.is_(None), SIGN_IN_LINKS.c.expires > moment)
        .values(used=moment)
    )
    if taken.rowcount != 1:
        raise SignInNeeded(
            "This sign-in link does not work: it was used, is too old, or was replaced by a newer one.",
            code="link-ended",
            hint="Ask an owner for another one, or run `unshelve login` on the server.",
        )
    user_id = connection.execute(select(SIGN_IN_LINKS.c.user_id).where(SIGN_IN_LINKS.c.digest == digest)).scalar_one()
    return get_user(connection, user_id)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


_FIRST_OWNER_QUERY: Final = (
    select(USERS.c.id).where(USERS.c.role == Role.OWNER.value, ~USERS.c.disabled).order_by(USERS.c.created).limit(1)
)
