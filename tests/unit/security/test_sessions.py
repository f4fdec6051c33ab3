"""Sessions: nothing in the database can be used as one, and each ends when it should."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from unshelve.clock import FakeClock
from unshelve.errors import NotAllowed, SignInNeeded
from unshelve.security import sessions, users
from unshelve.security.actors import LOCAL, Actor, ActorKind, Role
from unshelve.security.authenticate import authenticate
from unshelve.security.sessions import SessionRules
from unshelve.security.tables import SESSIONS
from unshelve.security.users import User

RULES = SessionRules(idle=timedelta(hours=1), absolute=timedelta(hours=3))


def enter(connection: Connection, session: str, clock: FakeClock) -> Actor:
    return authenticate(connection, bearer=None, session=session, now=clock.now())


def ended(connection: Connection, session: str, clock: FakeClock) -> bool:
    try:
        enter(connection, session, clock)
    except SignInNeeded:
        return True
    return False


def test_a_session_stands_for_its_user(ada: User, connection: Connection, clock: FakeClock) -> None:
    session = sessions.open_session(connection, ada.id, now=clock.now())
    assert enter(connection, session, clock) == Actor(
        id=ada.id,
        name="ada",
        role=Role.OWNER,
        kind=ActorKind.PERSON,
        credential=sessions.session_digest(session),
    )


def test_what_the_database_holds_opens_no_door(ada: User, connection: Connection, clock: FakeClock) -> None:
    session = sessions.open_session(connection, ada.id, now=clock.now())
    row = connection.execute(select(SESSIONS)).one()
    assert session not in str(row)
    assert all(ended(connection, str(value), clock) for value in row)
    assert len(session) >= 43


def test_an_unused_session_ends_and_a_used_one_goes_on(ada: User, connection: Connection, clock: FakeClock) -> None:
    session = sessions.open_session(connection, ada.id, now=clock.now(), rules=RULES)
    clock.move(timedelta(minutes=59))
    digest = enter(connection, session, clock).credential
    sessions.renew(connection, digest, used=clock.now(), rules=RULES)
    clock.move(timedelta(minutes=59))
    assert not ended(connection, session, clock)
    clock.move(timedelta(minutes=1))
    assert ended(connection, session, clock)


def test_no_use_keeps_a_session_for_ever(ada: User, connection: Connection, clock: FakeClock) -> None:
    session = sessions.open_session(connection, ada.id, now=clock.now(), rules=RULES)
    for _ in range(5):
        sessions.renew(connection, sessions.session_digest(session), used=clock.now(), rules=RULES)
        clock.move(timedelta(minutes=36))
    assert ended(connection, session, clock)


def test_a_late_note_of_an_early_use_changes_nothing(ada: User, connection: Connection, clock: FakeClock) -> None:
    session = sessions.open_session(connection, ada.id, now=clock.now(), rules=RULES)
    before = connection.execute(select(SESSIONS)).one()
    sessions.renew(connection, sessions.session_digest(session), used=clock.now() - timedelta(hours=1), rules=RULES)
    assert connection.execute(select(SESSIONS)).one() == before


def test_a_session_that_is_closed_is_over(ada: User, connection: Connection, clock: FakeClock) -> None:
    session = sessions.open_session(connection, ada.id, now=clock.now())
    sessions.close_session(connection, sessions.session_digest(session))
    assert ended(connection, session, clock)


def test_disabling_a_user_ends_every_session(ada: User, connection: Connection, clock: FakeClock) -> None:
    users.create_user(connection, "bob", Role.OWNER, actor=LOCAL, now=clock.now())
    session = sessions.open_session(connection, ada.id, now=clock.now())
    users.disable(connection, ada, actor=LOCAL, now=clock.now())
    assert ended(connection, session, clock)
    users.enable(connection, ada, actor=LOCAL, now=clock.now())
    assert ended(connection, session, clock)


def test_a_new_password_ends_the_other_sessions(ada: User, connection: Connection, clock: FakeClock) -> None:
    here, there = (sessions.open_session(connection, ada.id, now=clock.now()) for _ in range(2))
    users.set_password(connection, ada, "correct horse battery", actor=enter(connection, here, clock), now=clock.now())
    assert (ended(connection, here, clock), ended(connection, there, clock)) == (False, True)


def test_a_new_role_counts_at_once(ada: User, connection: Connection, clock: FakeClock) -> None:
    bob = users.create_user(connection, "bob", Role.USER, actor=LOCAL, now=clock.now())
    session = sessions.open_session(connection, bob.id, now=clock.now())
    users.set_role(connection, bob, Role.VIEWER, actor=LOCAL, now=clock.now())
    assert enter(connection, session, clock).role is Role.VIEWER


def test_ended_sessions_are_swept_and_living_ones_listed(ada: User, connection: Connection, clock: FakeClock) -> None:
    sessions.open_session(connection, ada.id, now=clock.now(), rules=RULES)
    clock.move(timedelta(hours=2))
    living = sessions.open_session(connection, ada.id, now=clock.now(), rules=RULES)
    assert [each.digest for each in sessions.sessions_of(connection, ada.id, now=clock.now())] == [
        sessions.session_digest(living)
    ]
    assert sessions.sweep(connection, now=clock.now()) == 1


def test_a_form_of_another_session_is_refused() -> None:
    sessions.check_csrf("mine", sessions.csrf_token("mine"))
    for token in (sessions.csrf_token("yours"), "", None, "\udcff", "mine"):
        with pytest.raises(NotAllowed, match="does not belong to this session"):
            sessions.check_csrf("mine", token)
