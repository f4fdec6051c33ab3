"""What an administrator trusts by hash."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from unshelve.clock import FakeClock
from unshelve.errors import NotFound, Refused
from unshelve.security import trust
from unshelve.security.actors import LOCAL
from unshelve.security.audit import entries

DIGEST = "ab" * 32


def test_trust_is_given_with_a_reason_and_taken_back(connection: Connection, clock: FakeClock) -> None:
    assert not trust.is_trusted(connection, DIGEST)
    trust.trust(connection, DIGEST, reason="read it line by line", actor=LOCAL, now=clock.now())
    trust.trust(connection, DIGEST, reason="again", actor=LOCAL, now=clock.now())
    assert trust.trusted(connection) == [
        trust.Trust(digest=DIGEST, reason="read it line by line", actor="local", created=clock.now())
    ]
    trust.distrust(connection, DIGEST, reason="it lied", actor=LOCAL, now=clock.now())
    assert not trust.is_trusted(connection, DIGEST)
    assert [entry.action for entry in entries(connection)] == ["distrust", "trust"]


def test_trust_needs_a_reason_and_a_digest(connection: Connection, clock: FakeClock) -> None:
    with pytest.raises(Refused, match="needs a reason"):
        trust.trust(connection, DIGEST, reason=" ", actor=LOCAL, now=clock.now())
    with pytest.raises(Refused, match="not a sha256"):
        trust.trust(connection, "latest", reason="x", actor=LOCAL, now=clock.now())
    with pytest.raises(NotFound):
        trust.distrust(connection, DIGEST, reason="x", actor=LOCAL, now=clock.now())
