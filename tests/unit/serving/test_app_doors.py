"""Doors over real HTTP: nothing is answered without an actor who may ask."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from serving_tiny import MODEL, Served, make_key
from unshelve.clock import FakeClock
from unshelve.security.actors import LOCAL, Role
from unshelve.security.keys import revoke_key, split_key
from unshelve.security.sessions import COOKIE, close_session, csrf_token, open_session, session_digest
from unshelve.security.users import create_user


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime.now(UTC))


@pytest.fixture
def served(tmp_path: Path, clock: FakeClock) -> Iterator[Served]:
    with Served(tmp_path, clock=clock) as running:
        yield running


UNKNOWN = "unsh_" + "a" * 12 + "_" + "b" * 52


def signed_in(served: Served, role: Role = Role.USER) -> str:
    now = datetime.now(UTC)
    with served.database.write() as connection:
        user = create_user(connection, f"ann-{role}", role, actor=LOCAL, now=now)
        return open_session(connection, user.id, now=now)


@pytest.mark.parametrize("path", [f"/api/models/{MODEL}/predict", f"/api/models/{MODEL}/versions/2/predict"])
def test_without_credentials_nothing_is_answered(served: Served, path: str) -> None:
    response = served.send(path, body=b'{"rows":[{"x":1}]}', key=None)

    assert (response.status, response.json["code"]) == (401, "sign-in-needed")
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert served.logged() == []


@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer ", "Bearer nonsense", "Basic dXNlcjpwYXNz", f"Bearer {UNKNOWN}", "Bearer \xff"]
)
def test_what_is_no_key_lets_nobody_in(served: Served, value: str) -> None:
    response = served.ask({"x": 1}, key=None, headers={"authorization": value})

    assert response.status == 401


def test_a_refusal_never_repeats_the_key(served: Served) -> None:
    assert UNKNOWN[-40:].encode() not in served.ask({"x": 1}, key=UNKNOWN).body


def test_a_revoked_key_is_refused_at_once(served: Served) -> None:
    assert served.ask({"x": 1}).status == 200
    found = split_key(served.key)
    assert found is not None
    with served.database.write() as connection:
        revoke_key(connection, found[0], actor=LOCAL, now=datetime.now(UTC))

    response = served.ask({"x": 1})

    assert (response.status, response.json["code"]) == (401, "key-revoked")


def test_a_key_stops_at_its_end_though_nothing_changes(served: Served, clock: FakeClock) -> None:
    key = make_key(served.database, expires=clock.now() + timedelta(hours=1))
    assert served.ask({"x": 1}, key=key).status == 200
    clock.move(timedelta(hours=2))

    response = served.ask({"x": 1}, key=key)

    assert (response.status, response.json["code"]) == (401, "key-expired")


def test_a_viewer_may_not_ask(served: Served) -> None:
    key = make_key(served.database, Role.VIEWER)

    response = served.ask({"x": 1}, key=key)

    assert (response.status, response.json["code"]) == (403, "not-allowed")


def test_a_browser_with_its_token_is_answered(served: Served) -> None:
    session = signed_in(served)
    headers = {"cookie": f"theme=dark; {COOKIE}={session}", "x-csrf-token": csrf_token(session)}

    assert served.ask({"x": 1}, key=None, headers=headers).status == 200


@pytest.mark.parametrize("token", [None, "", "guess"])
def test_a_browser_without_its_token_is_not(served: Served, token: str | None) -> None:
    session = signed_in(served)
    headers = {"cookie": f"{COOKIE}={session}"} | ({} if token is None else {"x-csrf-token": token})

    response = served.ask({"x": 1}, key=None, headers=headers)

    assert (response.status, response.json["code"]) == (403, "csrf")


def test_a_session_that_was_ended_is_refused_at_once(served: Served) -> None:
    session = signed_in(served)
    headers = {"cookie": f"{COOKIE}={session}", "x-csrf-token": csrf_token(session)}
    assert served.ask({"x": 1}, key=None, headers=headers).status == 200
    with served.database.write() as connection:
        close_session(connection, session_digest(session))

    assert served.ask({"x": 1}, key=None, headers=headers).status == 401


def test_the_log_names_the_key_that_asked(served: Served) -> None:
    served.ask({"x": 1})

    found = split_key(served.key)
    assert found is not None
    assert [record.actor for record in served.logged()] == [found[0]]
