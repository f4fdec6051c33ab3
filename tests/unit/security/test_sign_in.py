"""Signing in: one-time links, passwords, and how often one may try."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from unshelve.clock import FakeClock
from unshelve.errors import NotAllowed, SignInNeeded, TooMany
from unshelve.security import attempts, links, passwords, users
from unshelve.security.actors import LOCAL, Actor, Role
from unshelve.security.attempts import Attempts
from unshelve.security.audit import entries
from unshelve.security.authenticate import authenticate
from unshelve.security.last_use import LastUse
from unshelve.security.sign_in import SignedIn, SignIn
from unshelve.security.tables import SESSIONS, SIGN_IN_LINKS, USERS
from unshelve.security.users import User
from unshelve.storage.database import Database

PASSWORD = "correct horse battery"
HERE = "192.0.2.1"


@pytest.fixture
def sign_in(database: Database, clock: FakeClock) -> SignIn:
    return SignIn(database, clock)


@pytest.fixture
def with_password(database: Database, ada: User, clock: FakeClock) -> User:
    with database.write() as connection:
        users.set_password(connection, ada, PASSWORD, actor=LOCAL, now=clock.now())
    return ada


def actor_of(database: Database, came: SignedIn, clock: FakeClock) -> Actor:
    with database.read() as connection:
        return authenticate(connection, bearer=None, session=came.session_id, now=clock.now())


def start(database: Database, clock: FakeClock) -> str:
    with database.write() as connection:
        return links.start_link(connection, now=clock.now())


def test_the_first_start_makes_an_owner_who_gets_in_once(database: Database, sign_in: SignIn, clock: FakeClock) -> None:
    secret = start(database, clock)
    came = sign_in.with_link(secret, address=HERE)
    assert (came.user.name, actor_of(database, came, clock).role) == ("owner", Role.OWNER)
    with pytest.raises(SignInNeeded, match="was used"):
        sign_in.with_link(secret, address=HERE)


def test_the_first_link_lives_a_day_and_later_ones_a_quarter_of_an_hour(
    database: Database, sign_in: SignIn, clock: FakeClock
) -> None:
    secret = start(database, clock)
    clock.move(timedelta(hours=23, minutes=59))
    sign_in.with_link(secret, address=HERE)
    later = start(database, clock)
    clock.move(timedelta(minutes=15))
    with pytest.raises(SignInNeeded, match="too old"):
        sign_in.with_link(later, address=HERE)


def test_a_new_link_replaces_the_unused_one(database: Database, sign_in: SignIn, clock: FakeClock) -> None:
    old = start(database, clock)
    new = start(database, clock)
    with pytest.raises(SignInNeeded):
        sign_in.with_link(old, address=HERE)
    assert sign_in.with_link(new, address=HERE).user.name == "owner"


def test_a_link_lets_in_one_of_many_at_once(database: Database, sign_in: SignIn, clock: FakeClock) -> None:
    secret = start(database, clock)
    came: list[str] = []

    def enter() -> None:
        with suppress(SignInNeeded):
            came.append(sign_in.with_link(secret, address=HERE).session_id)

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(came) == 1


def test_the_database_does_not_hold_the_link(database: Database, clock: FakeClock) -> None:
    secret = start(database, clock)
    with database.read() as connection:
        assert secret not in repr(connection.execute(select(SIGN_IN_LINKS)).all()) + repr(entries(connection))


def test_a_disabled_user_gets_no_link(database: Database, ada: User, clock: FakeClock) -> None:
    with database.write() as connection:
        bob = users.create_user(connection, "bob", Role.USER, actor=LOCAL, now=clock.now())
        users.disable(connection, bob, actor=LOCAL, now=clock.now())
        with pytest.raises(NotAllowed, match="disabled"):
            links.create_link(connection, users.get_user(connection, bob.id), actor=LOCAL, now=clock.now())


def test_name_and_password_let_a_user_in(
    database: Database, sign_in: SignIn, with_password: User, clock: FakeClock
) -> None:
    came = sign_in.with_password(" ADA", PASSWORD, address=HERE)
    assert actor_of(database, came, clock).name == "ada"
    with database.read() as connection:
        newest = entries(connection)[0]
        assert users.get_user(connection, with_password.id).last_sign_in == clock.now()
    assert (newest.action, newest.actor_name, newest.details) == ("sign in", "ada", {"by": "password", "address": HERE})


def test_an_unknown_name_and_a_wrong_password_are_the_same_error_after_the_same_work(
    database: Database, sign_in: SignIn, with_password: User, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.write() as connection:
        users.create_user(connection, "without-password", Role.USER, actor=LOCAL, now=clock.now())
        gone = users.create_user(connection, "gone", Role.USER, actor=LOCAL, now=clock.now())
        users.set_password(connection, gone, PASSWORD, actor=LOCAL, now=clock.now())
        users.disable(connection, gone, actor=LOCAL, now=clock.now())
    verified: list[str] = []
    real = passwords._HASHER

    class Counting:
        def verify(self, stored: str, password: str) -> bool:
            verified.append(stored.split("$")[3])
            return real.verify(stored, password)

    monkeypatch.setattr(passwords, "_HASHER", Counting())
    said = set()
    for name, password in [("ada", "wrong"), ("nobody", PASSWORD), ("without-password", ""), ("gone", PASSWORD)]:
        with pytest.raises(SignInNeeded) as caught:
            sign_in.with_password(name, password, address=f"address of {name}")
        said.add((str(caught.value), caught.value.subject_code))
    assert said == {("The name or the password is wrong.", "sign-in-wrong")}
    assert verified == ["m=19456,t=2,p=1"] * 4


def test_guessing_is_stopped_and_the_right_password_too_until_the_time_is_over(
    sign_in: SignIn, with_password: User, clock: FakeClock
) -> None:
    for _ in range(attempts.MOST_PER_PAIR):
        with pytest.raises(SignInNeeded):
            sign_in.with_password("ada", "wrong", address=HERE)
    with pytest.raises(TooMany) as caught:
        sign_in.with_password("ada", PASSWORD, address=HERE)
    assert caught.value.details == {"retry_after_seconds": 901}
    clock.move(timedelta(seconds=900))
    assert sign_in.with_password("ada", PASSWORD, address=HERE).user.name == "ada"


def test_guesses_from_one_address_do_not_lock_a_user_out_elsewhere(sign_in: SignIn, with_password: User) -> None:
    for _ in range(attempts.MOST_PER_PAIR):
        with pytest.raises(SignInNeeded):
            sign_in.with_password("ada", "wrong", address="198.51.100.7")
    assert sign_in.with_password("ada", PASSWORD, address=HERE).user.name == "ada"


def test_one_address_cannot_try_many_names(clock: FakeClock) -> None:
    counted = Attempts(clock)
    for number in range(attempts.MOST_PER_ADDRESS):
        with pytest.raises(SignInNeeded), counted.one(f"name {number}", HERE):
            raise SignInNeeded
    with pytest.raises(TooMany), counted.one("another name", HERE):
        pass


def test_many_addresses_cannot_try_one_name_for_ever(clock: FakeClock) -> None:
    counted = Attempts(clock)
    for number in range(attempts.MOST_PER_NAME):
        with pytest.raises(SignInNeeded), counted.one("ada", f"address {number}"):
            raise SignInNeeded
    with pytest.raises(TooMany), counted.one("ada", "fresh address"):
        pass


def test_attempts_under_way_count_already(clock: FakeClock) -> None:
    counted = Attempts(clock)
    open_attempts = [counted.one("ada", HERE) for _ in range(attempts.MOST_PER_PAIR)]
    for attempt in open_attempts:
        attempt.__enter__()
    with pytest.raises(TooMany), counted.one("ada", HERE):
        pass
    for attempt in open_attempts:
        attempt.__exit__(None, None, None)
    with counted.one("ada", HERE):
        pass


def test_a_password_is_hashed_anew_when_the_settings_have_grown(
    database: Database, sign_in: SignIn, with_password: User
) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with database.write() as connection:
        connection.execute(USERS.update().values(password_hash=weak))
    sign_in.with_password("ada", PASSWORD, address=HERE)
    with database.read() as connection:
        stored = connection.execute(select(USERS.c.password_hash)).scalar_one()
    assert not passwords.hash_outdated(stored)
    assert passwords.password_fits(stored, PASSWORD)


def test_a_first_password_needs_none_and_a_second_needs_the_first(
    database: Database, sign_in: SignIn, clock: FakeClock
) -> None:
    actor = actor_of(database, sign_in.with_link(start(database, clock), address=HERE), clock)
    sign_in.change_password(actor, "", PASSWORD, address=HERE)
    with pytest.raises(SignInNeeded, match="present password is wrong"):
        sign_in.change_password(actor, "guess", "another good password", address=HERE)
    sign_in.change_password(actor, PASSWORD, "another good password", address=HERE)
    assert sign_in.with_password("owner", "another good password", address=HERE).user.id == actor.id


def test_signing_out_ends_the_session(database: Database, sign_in: SignIn, clock: FakeClock) -> None:
    came = sign_in.with_link(start(database, clock), address=HERE)
    sign_in.out(actor_of(database, came, clock))
    with pytest.raises(SignInNeeded, match="has ended"):
        actor_of(database, came, clock)


def test_use_is_written_once_for_many_calls(database: Database, sign_in: SignIn, clock: FakeClock) -> None:
    actor = actor_of(database, sign_in.with_link(start(database, clock), address=HERE), clock)
    seen = LastUse()
    clock.move(timedelta(minutes=5))
    for _ in range(100):
        seen.saw(actor, clock.now())
    seen.saw(LOCAL, clock.now())
    assert [seen.write(database), seen.write(database)] == [1, 0]
    with database.read() as connection:
        last = connection.execute(select(SESSIONS.c.last_used)).scalar_one()
    assert last == int(clock.now().timestamp() * 1000)
