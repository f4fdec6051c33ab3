"""Users: names, roles, and never without an owner."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from unshelve.clock import FakeClock
from unshelve.errors import Conflict, NotFound, Refused
from unshelve.security import users
from unshelve.security.actors import LOCAL, Role
from unshelve.security.audit import entries
from unshelve.security.users import User


def test_a_name_is_one_person_however_it_is_written(ada: User, connection: Connection, clock: FakeClock) -> None:
    assert users.find_user(connection, "  ADA ") == ada
    with pytest.raises(Conflict, match="a user ada already"):
        users.create_user(connection, "Ada", Role.USER, actor=LOCAL, now=clock.now())


@pytest.mark.parametrize("name", ["", " ", "a b", "x" * 65, "<script>", "a\nb", "../x", ".hidden", "a/b", "a;b"])
def test_odd_names_are_refused(connection: Connection, clock: FakeClock, name: str) -> None:
    with pytest.raises(Refused, match="cannot be a user's name"):
        users.create_user(connection, name, Role.USER, actor=LOCAL, now=clock.now())


def test_an_email_address_can_be_a_name(connection: Connection, clock: FakeClock) -> None:
    made = users.create_user(connection, "Grace.Hopper+ml@Example.org", Role.VIEWER, actor=LOCAL, now=clock.now())
    assert (made.name, made.role, made.has_password) == ("grace.hopper+ml@example.org", Role.VIEWER, False)


def test_the_last_owner_stays(ada: User, connection: Connection, clock: FakeClock) -> None:
    with pytest.raises(Conflict, match="last owner"):
        users.set_role(connection, ada, Role.USER, actor=LOCAL, now=clock.now())
    with pytest.raises(Conflict, match="last owner"):
        users.disable(connection, ada, actor=LOCAL, now=clock.now())
    bob = users.create_user(connection, "bob", Role.OWNER, actor=LOCAL, now=clock.now())
    users.disable(connection, ada, actor=LOCAL, now=clock.now())
    with pytest.raises(Conflict, match="last owner"):
        users.disable(connection, bob, actor=LOCAL, now=clock.now())


def test_each_change_is_in_the_audit_and_no_password_is(ada: User, connection: Connection, clock: FakeClock) -> None:
    users.set_password(connection, ada, "correct horse battery", actor=LOCAL, now=clock.now())
    bob = users.create_user(connection, "bob", Role.USER, actor=LOCAL, now=clock.now())
    users.set_role(connection, bob, Role.VIEWER, actor=LOCAL, now=clock.now())
    users.disable(connection, bob, actor=LOCAL, now=clock.now())
    users.enable(connection, bob, actor=LOCAL, now=clock.now())
    found = entries(connection)
    assert [(entry.action, entry.subject) for entry in reversed(found)] == [
        ("create user", "ada"),
        ("set password", "ada"),
        ("create user", "bob"),
        ("set role", "bob"),
        ("disable user", "bob"),
        ("enable user", "bob"),
    ]
    assert "horse" not in repr(found)


def test_an_unknown_user_is_not_found(connection: Connection) -> None:
    assert users.find_user(connection, "nobody") is None
    with pytest.raises(NotFound):
        users.get_user(connection, "0" * 26)
