"""API keys: shown once, hashed, limited, ended at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from databases import await_change
from unshelve.clock import FakeClock
from unshelve.errors import NotAllowed, NotFound, Refused, SignInNeeded
from unshelve.security import keys, users
from unshelve.security.actors import LOCAL, Actor, ActorKind, Role
from unshelve.security.audit import entries
from unshelve.security.authenticate import Doorkeeper, authenticate
from unshelve.security.tables import API_KEYS
from unshelve.security.users import User
from unshelve.storage.database import Database


def enter(connection: Connection, text: str, clock: FakeClock) -> Actor:
    return authenticate(connection, bearer=text, session=None, now=clock.now())


def refusal(connection: Connection, text: str, clock: FakeClock) -> str:
    with pytest.raises(SignInNeeded) as caught:
        enter(connection, text, clock)
    return caught.value.subject_code


def person(user: User) -> Actor:
    return Actor(id=user.id, name=user.name, role=user.role, kind=ActorKind.PERSON)


def test_a_key_lets_its_bearer_in(connection: Connection, clock: FakeClock) -> None:
    made = keys.create_key(connection, "nightly", Role.USER, actor=LOCAL, now=clock.now())
    assert re.fullmatch(r"unsh_[0-9a-z]{12}_[0-9a-z]{52}", made.text)
    assert enter(connection, made.text, clock) == Actor(
        id=made.id, name="nightly", role=Role.USER, kind=ActorKind.KEY, credential=made.id
    )


def test_neither_the_database_nor_the_audit_holds_the_key(connection: Connection, clock: FakeClock) -> None:
    made = keys.create_key(connection, "nightly", Role.USER, actor=LOCAL, now=clock.now())
    secret = made.text.rsplit("_", 1)[1]
    assert secret not in repr(connection.execute(select(API_KEYS)).one())
    assert secret not in repr(entries(connection))
    assert secret not in repr(keys.get_key(connection, made.id))


def every_wrong_text(text: str) -> Iterator[str]:
    begin, key_id, secret = text.split("_")
    yield from (
        "unsh_",
        "x",
        "Bearer",
        "unsh__",
        f"{begin}_{key_id}_",
        f"_{key_id}_{secret}",
        f"unsh_{secret}_{key_id}",
    )
    yield f"{begin}_{key_id}_{'0' * len(secret)}"
    yield f"{begin}_{'0' * len(key_id)}_{secret}"
    yield text[:-1] + ("0" if text[-1] != "0" else "1")
    yield text.upper()
    yield f"{text} "
    yield f"{text}_"
    yield text.replace("unsh", "ünsh")


def test_a_key_that_is_not_exactly_right_is_unknown(connection: Connection, clock: FakeClock) -> None:
    made = keys.create_key(connection, "nightly", Role.USER, actor=LOCAL, now=clock.now())
    codes = {refusal(connection, text, clock) for text in every_wrong_text(made.text)}
    assert codes == {"key-unknown"}


def test_an_expired_key_says_so_to_its_holder_alone(connection: Connection, clock: FakeClock) -> None:
    made = keys.create_key(
        connection, "short", Role.USER, actor=LOCAL, now=clock.now(), expires=clock.now() + timedelta(hours=1)
    )
    clock.move(timedelta(hours=1))
    assert refusal(connection, made.text, clock) == "key-expired"
    assert refusal(connection, made.text[:-4] + "0000", clock) == "key-unknown"


def test_a_revoked_key_stops_at_once(connection: Connection, clock: FakeClock) -> None:
    made = keys.create_key(connection, "stolen", Role.USER, actor=LOCAL, now=clock.now())
    keys.revoke_key(connection, made.id, actor=LOCAL, now=clock.now())
    keys.revoke_key(connection, made.id, actor=LOCAL, now=clock.now())
    assert refusal(connection, made.text, clock) == "key-revoked"
    assert [entry.action for entry in entries(connection)] == ["revoke key", "create key"]
    with pytest.raises(NotFound):
        keys.revoke_key(connection, "nothing", actor=LOCAL, now=clock.now())


def test_a_key_never_has_more_rights_than_its_user(ada: User, connection: Connection, clock: FakeClock) -> None:
    bob = users.create_user(connection, "bob", Role.USER, actor=LOCAL, now=clock.now())
    with pytest.raises(NotAllowed, match="cannot make a key that is owner"):
        keys.create_key(connection, "more", Role.OWNER, actor=person(bob), now=clock.now())
    made = keys.create_key(connection, "mine", Role.USER, actor=person(bob), now=clock.now())
    users.set_role(connection, bob, Role.VIEWER, actor=LOCAL, now=clock.now())
    assert enter(connection, made.text, clock).role is Role.VIEWER
    users.disable(connection, bob, actor=LOCAL, now=clock.now())
    assert refusal(connection, made.text, clock) == "key-user-disabled"


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "a\x00b"])
def test_odd_names_are_refused(connection: Connection, clock: FakeClock, name: str) -> None:
    with pytest.raises(Refused):
        keys.create_key(connection, name, Role.USER, actor=LOCAL, now=clock.now())


def test_keys_are_listed_with_their_use_and_without_those_of_the_proof(
    ada: User, connection: Connection, clock: FakeClock
) -> None:
    made = keys.create_key(connection, "mine", Role.USER, actor=person(ada), now=clock.now())
    keys.create_prover_key(connection, actor=LOCAL, now=clock.now(), expires=clock.now() + timedelta(hours=1))
    keys.note_use(connection, made.id, used=clock.now())
    listed = keys.keys(connection)
    assert [(key.id, key.user, key.last_used, key.works(clock.now())) for key in listed] == [
        (made.id, "ada", clock.now(), True)
    ]
    assert keys.keys(connection, user_id=ada.id) == listed
    assert keys.keys(connection, user_id="other") == []


def test_the_proofs_key_is_a_prover_and_is_forgotten_when_it_has_expired(
    connection: Connection, clock: FakeClock
) -> None:
    made = keys.create_prover_key(connection, actor=LOCAL, now=clock.now(), expires=clock.now() + timedelta(hours=1))
    assert enter(connection, made.text, clock).kind is ActorKind.PROVER
    clock.move(timedelta(hours=2))
    keys.remove_prover_keys(connection, now=clock.now())
    assert refusal(connection, made.text, clock) == "key-unknown"


def test_with_a_key_and_a_session_the_key_counts(connection: Connection, clock: FakeClock) -> None:
    made = keys.create_key(connection, "k", Role.USER, actor=LOCAL, now=clock.now())
    assert authenticate(connection, bearer=made.text, session="nonsense", now=clock.now()).id == made.id
    with pytest.raises(SignInNeeded, match="Nobody is signed in"):
        authenticate(connection, bearer="", session="", now=clock.now())


def test_a_doorkeeper_of_another_process_forgets_at_once(database: Database, clock: FakeClock) -> None:
    with database.write() as connection:
        made = keys.create_key(connection, "k", Role.USER, actor=LOCAL, now=clock.now())
    reader = Database.open(database.address, read_only=True)
    doorkeeper = Doorkeeper(reader)
    for _ in range(3):
        assert doorkeeper.actor(bearer=made.text, session=None, now=clock.now()).id == made.id
    before = reader.change_token()
    with database.write() as connection:
        keys.revoke_key(connection, made.id, actor=LOCAL, now=clock.now())
    await_change(reader, before)
    with pytest.raises(SignInNeeded, match="revoked"):
        doorkeeper.actor(bearer=made.text, session=None, now=clock.now())
    reader.close()


def test_a_doorkeeper_lets_nobody_in_after_the_expiry(database: Database, clock: FakeClock) -> None:
    with database.write() as connection:
        made = keys.create_key(
            connection, "k", Role.USER, actor=LOCAL, now=clock.now(), expires=clock.now() + timedelta(hours=1)
        )
    doorkeeper = Doorkeeper(database)
    doorkeeper.actor(bearer=made.text, session=None, now=clock.now())
    clock.move(timedelta(hours=1))
    with pytest.raises(SignInNeeded, match="expired"):
        doorkeeper.actor(bearer=made.text, session=None, now=clock.now())
