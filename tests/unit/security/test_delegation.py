"""Delegation: only this home's control can ask for somebody, and only for a minute."""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec
import pytest

from unshelve.clock import FakeClock
from unshelve.errors import SignInNeeded
from unshelve.security.actors import Actor, ActorKind, Role
from unshelve.security.authenticate import Doorkeeper
from unshelve.security.delegation import LASTS, PREFIX, Delegation
from unshelve.storage.database import Database

ADA = Actor(id="1", name="ada", role=Role.USER, kind=ActorKind.PERSON, credential="session")


def test_the_actor_comes_through_as_it_was(tmp_path: Path, clock: FakeClock, database: Database) -> None:
    text = Delegation.load_or_create(tmp_path).issue(ADA, clock.now())
    doorkeeper = Doorkeeper(database, Delegation.load_or_create(tmp_path))
    assert doorkeeper.actor(bearer=text, session=None, now=clock.now()) == ADA


def test_it_is_over_after_its_time(tmp_path: Path, clock: FakeClock) -> None:
    delegation = Delegation.load_or_create(tmp_path)
    text = delegation.issue(ADA, clock.now())
    clock.move(LASTS)
    with pytest.raises(SignInNeeded, match="is over"):
        delegation.actor(text, clock.now())


def test_nobody_else_can_issue_or_change_one(tmp_path: Path, clock: FakeClock) -> None:
    delegation = Delegation.load_or_create(tmp_path)
    text = delegation.issue(ADA, clock.now())
    claim, _, code = text.removeprefix(PREFIX).partition(".")
    more = base64.urlsafe_b64encode(base64.urlsafe_b64decode(claim).replace(b'"user"', b'"owner"')).decode()
    for wrong in [
        Delegation(b"x" * 32).issue(ADA, clock.now()),
        f"{PREFIX}{more}.{code}",
        f"{PREFIX}{claim}.",
        f"{PREFIX}{claim}.{code[:-1]}é",
        f"{PREFIX}%%%.{code}",
        PREFIX,
    ]:
        with pytest.raises(SignInNeeded, match="was not issued here"):
            delegation.actor(wrong, clock.now())


def test_without_a_delegation_its_texts_are_no_keys(database: Database, clock: FakeClock, tmp_path: Path) -> None:
    text = Delegation.load_or_create(tmp_path).issue(ADA, clock.now())
    with pytest.raises(SignInNeeded, match="API key is not known"):
        Doorkeeper(database).actor(bearer=text, session=None, now=clock.now())


def test_the_secret_is_for_its_owner_alone_and_a_short_one_is_made_anew(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "delegation").write_bytes(b"cut")
    text = Delegation.load_or_create(tmp_path).issue(ADA, clock.now())
    assert (tmp_path / "delegation").stat().st_mode & 0o777 == 0o600
    assert Delegation.load_or_create(tmp_path).actor(text, clock.now()) == ADA
    assert msgspec.json.decode(base64.urlsafe_b64decode(text.split(".")[1]))["actor"]["name"] == "ada"
