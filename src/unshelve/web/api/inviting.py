"""People, for programs: inviting them, their roles, letting them in no more."""

from __future__ import annotations

import http
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Connection
from starlette.responses import Response

from unshelve.errors import NotAllowed, NotFound
from unshelve.schema.near import near
from unshelve.security import users
from unshelve.security.links import INVITATION_LIFETIME, create_link
from unshelve.security.users import User
from unshelve.web.api.changing import order_of
from unshelve.web.api.reading import answered, user_shape
from unshelve.web.api.shapes import InvitationShape, LinkOrder, RoleOrder, UserOrder
from unshelve.web.asked import Asked
from unshelve.web.pages.people import role_of, sign_in_link


def invite(asked: Asked) -> Response:
    """A new person, with a link that is shown once."""
    order = order_of(asked, UserOrder)
    with asked.site.database.write() as connection:
        user = users.create_user(connection, order.name, role_of(order.role), actor=asked.who, now=asked.now)
        return _invitation(asked, connection, user, INVITATION_LIFETIME)


def link(asked: Asked) -> Response:
    """Another link for a person; earlier ones stop working."""
    lifetime = timedelta(minutes=order_of(asked, LinkOrder).minutes)
    with asked.site.database.write() as connection:
        return _invitation(asked, connection, _named(asked, connection), lifetime)


def set_role(asked: Asked) -> Response:
    """Another role, at once."""
    role = role_of(order_of(asked, RoleOrder).role)
    return _changed(
        asked,
        lambda connection, user: users.set_role(connection, user, role, actor=asked.who, now=asked.now),
    )


def disable(asked: Asked) -> Response:
    """Lets a person in no more."""

    def change(connection: Connection, user: User) -> None:
        if user.id == asked.who.id:
            raise NotAllowed("You cannot lock yourself out.", code="own-account")
        users.disable(connection, user, actor=asked.who, now=asked.now)

    return _changed(asked, change)


def enable(asked: Asked) -> Response:
    """Lets a person in again."""
    return _changed(asked, lambda connection, user: users.enable(connection, user, actor=asked.who, now=asked.now))


def _named(asked: Asked, connection: Connection) -> User:
    """The person in the address, by id or by name."""
    text = asked.part("user")
    found = users.find_user(connection, text)
    if found is not None:
        return found
    try:
        return users.get_user(connection, text)
    except NotFound:
        names = [one.name for one in users.users(connection)]
        said = f"There is no user {text[:80]!r}."
        raise NotFound(said, code="user-not-found", near=near(text, names)) from None


def _changed(asked: Asked, change: Callable[[Connection, User], None]) -> Response:
    with asked.site.database.write() as connection:
        user = _named(asked, connection)
        change(connection, user)
        return answered(user_shape(users.get_user(connection, user.id)))


def _invitation(asked: Asked, connection: Connection, user: User, lifetime: timedelta) -> Response:
    secret = create_link(connection, user, actor=asked.who, now=asked.now, lifetime=lifetime)
    shape = InvitationShape(
        id=user.id,
        name=user.name,
        role=user.role.value,
        link=sign_in_link(asked, secret),
        expires=asked.now + lifetime,
    )
    return answered(shape, http.HTTPStatus.CREATED)
