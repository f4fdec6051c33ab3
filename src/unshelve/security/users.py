"""Users: the people who may sign in. Each change is audited in its own transaction."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, func, select

from unshelve.clock import milliseconds
from unshelve.errors import Conflict, NotFound, Refused
from unshelve.ids import new_id
from unshelve.security.actors import Actor, Role
from unshelve.security.audit import append
from unshelve.security.passwords import check_password, hash_password
from unshelve.security.sessions import close_sessions_of
from unshelve.security.tables import SIGN_IN_LINKS, USERS

_NAME: Final = re.compile(r"\w[\w.@+-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person who may sign in, unless `disabled`."""

    id: str
    name: str
    role: Role
    disabled: bool
    has_password: bool
    created: datetime
    last_sign_in: datetime | None


def create_user(connection: Connection, name: str, role: Role, *, actor: Actor, now: datetime) -> User:
    """A new user, who gets in by a sign-in link. Raises Refused for the name, Conflict when it is taken."""
    clean = user_name(name)
    if not _NAME.fullmatch(clean):
        raise Refused(
            f"{name[:80]!r} cannot be a user's name.",
            code="user-name",
            hint="Use up to 64 letters, digits and . _ @ + -, such as an e-mail address.",
        )
    if connection.execute(select(USERS.c.id).where(USERS.c.name == clean)).first() is not None:
        raise Conflict(f"There is a user {clean} already.", code="user-exists")
    user_id = new_id(milliseconds(now))
    connection.execute(
        USERS.insert().values(id=user_id, name=clean, role=role.value, disabled=False, created=milliseconds(now))
    )
    append(connection, actor, "create user", clean, {"role": role.value}, now=now)
    return get_user(connection, user_id)


def get_user(connection: Connection, user_id: str) -> User:
    """The user with an id. Raises NotFound."""
    row = connection.execute(select(USERS).where(USERS.c.id == user_id)).first()
    if row is None:
        raise NotFound(f"There is no user {user_id}.", code="user-not-found")
    return _user(row._asdict())


def find_user(connection: Connection, name: str) -> User | None:
    """The user of a name, in any case of letters, or None."""
    row = connection.execute(select(USERS).where(USERS.c.name == user_name(name))).first()
    return _user(row._asdict()) if row else None


def users(connection: Connection) -> list[User]:
    """All users, by name."""
    return [_user(row._asdict()) for row in connection.execute(select(USERS).order_by(USERS.c.name))]


def set_role(connection: Connection, user: User, role: Role, *, actor: Actor, now: datetime) -> None:
    """Gives a user another role, at once. Raises Conflict for the last owner."""
    if role is not Role.OWNER:
        _keep_an_owner(connection, user)
    connection.execute(USERS.update().where(USERS.c.id == user.id).values(role=role.value))
    append(connection, actor, "set role", user.name, {"from": user.role.value, "to": role.value}, now=now)


def disable(connection: Connection, user: User, *, actor: Actor, now: datetime) -> None:
    """Lets a user in no more: sessions end, links and keys stop working at once. Raises Conflict for the last owner."""
    _keep_an_owner(connection, user)
    connection.execute(USERS.update().where(USERS.c.id == user.id).values(disabled=True))
    connection.execute(SIGN_IN_LINKS.delete().where(SIGN_IN_LINKS.c.user_id == user.id))
    close_sessions_of(connection, user.id)
    append(connection, actor, "disable user", user.name, {}, now=now)


def enable(connection: Connection, user: User, *, actor: Actor, now: datetime) -> None:
    """Lets a disabled user in again."""
    connection.execute(USERS.update().where(USERS.c.id == user.id).values(disabled=False))
    append(connection, actor, "enable user", user.name, {}, now=now)


def set_password(connection: Connection, user: User, password: str, *, actor: Actor, now: datetime) -> None:
    """Gives a user another password and ends the user's sessions but the one that the actor is using.

    Takes 40 ms of one core inside the transaction, so other writers wait that long.
    """
    check_password(password, user_name=user.name)
    connection.execute(USERS.update().where(USERS.c.id == user.id).values(password_hash=hash_password(password)))
    close_sessions_of(connection, user.id, but=actor.credential)
    append(connection, actor, "set password", user.name, {}, now=now)


def user_name(text: str) -> str:
    """The one form of a user's name: `Ada@Example.org ` and `ada@example.org` are the same person."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def _keep_an_owner(connection: Connection, user: User) -> None:
    others = select(func.count()).where(USERS.c.role == Role.OWNER.value, ~USERS.c.disabled, USERS.c.id != user.id)
    if user.role is Role.OWNER and not user.disabled and not connection.execute(others).scalar():
        raise Conflict(f"{user.name} is the last owner.", code="last-owner", hint="Make somebody else an owner first.")


def _user(row: Mapping[str, object]) -> User:
    last = row["last_sign_in"]
    return User(
        id=str(row["id"]),
        name=str(row["name"]),
        role=Role(str(row["role"])),
        disabled=bool(row["disabled"]),
        has_password=row["password_hash"] is not None,
        created=_moment(row["created"]),
        last_sign_in=None if last is None else _moment(last),
    )


def _moment(value: object) -> datetime:
    return datetime.fromtimestamp(int(str(value)) / 1000, UTC)
