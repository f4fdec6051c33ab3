"""The audit chain: in the transaction of the change, free of secrets, and whatever is done to it is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection

from unshelve.clock import FakeClock
from unshelve.errors import Damaged, Untrusted
from unshelve.security import audit
from unshelve.security.actors import LOCAL
from unshelve.security.secrets import HIDDEN, secret
from unshelve.security.signing import Signer
from unshelve.storage.database import Database


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    (tmp_path / "keys").mkdir(mode=0o700)
    return Signer.load_or_create(tmp_path / "keys")


@pytest.fixture
def chain(connection: Connection, clock: FakeClock) -> Connection:
    for number in range(1, 8):
        given = audit.append(connection, LOCAL, "promote", "flights.lateness", {"to": number}, now=clock.now())
        assert given == number
    return connection


def test_a_whole_chain_verifies_and_so_does_an_empty_one(chain: Connection) -> None:
    audit.verify(chain)
    chain.exec_driver_sql("delete from audit")
    audit.verify(chain)


def test_an_entry_says_who_did_what_to_what(chain: Connection, clock: FakeClock) -> None:
    entry = audit.entries(chain, limit=1)[0]
    assert (entry.number, entry.at, entry.actor_name, entry.action, entry.subject, entry.details) == (
        7,
        clock.now(),
        "local",
        "promote",
        "flights.lateness",
        {"to": 7},
    )
    assert [entry.number for entry in audit.entries(chain, before=4)] == [3, 2, 1]
    assert audit.entries(chain, subject="other") == []


CHANGES = {
    "edited details": ("update audit set details = '{\"to\":9}' where number = 4", 4),
    "edited time": ("update audit set at = at + 1 where number = 4", 4),
    "edited actor": ("update audit set actor_name = 'bob' where number = 4", 4),
    "edited kind": ("update audit set actor_kind = 'person' where number = 4", 4),
    "edited action": ("update audit set action = 'rollback' where number = 4", 4),
    "edited subject": ("update audit set subject = 'x' where number = 4", 4),
    "edited digest": ("update audit set digest = previous where number = 4", 4),
    "deleted": ("delete from audit where number = 4", 4),
    "deleted first": ("delete from audit where number = 1", 1),
    "deleted and renumbered": (
        "delete from audit where number = 4; update audit set number = number - 1 where number > 4",
        4,
    ),
    "swapped": (
        "update audit set number = 99 where number = 3; update audit set number = 3 where number = 4;"
        "update audit set number = 4 where number = 99",
        3,
    ),
    "added": (
        "insert into audit select 8, at, actor_id, actor_name, actor_kind, action, subject, details, digest, digest"
        " from audit where number = 7",
        8,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_chain_that_was_tampered_with_is_damaged_and_the_entry_is_named(chain: Connection, change: str) -> None:
    statements, number = CHANGES[change]
    for statement in statements.split(";"):
        chain.exec_driver_sql(statement)
    with pytest.raises(Damaged, match=f"Entry {number} of the audit") as caught:
        audit.verify(chain)
    assert caught.value.details == {"number": number}


def test_only_the_signed_head_notices_that_the_end_was_cut_off(
    chain: Connection, signer: Signer, tmp_path: Path
) -> None:
    audit.renew_head(chain, tmp_path / "keys", signer)
    chain.exec_driver_sql("delete from audit where number > 5")
    audit.verify(chain)
    head = audit.read_head(tmp_path / "keys", signer.verifier())
    with pytest.raises(Damaged, match="Entry 7 of the audit was signed and is missing"):
        audit.verify(chain, head=head)
    with pytest.raises(Damaged, match="Entry 7"):
        audit.renew_head(chain, tmp_path / "keys", signer)


def test_an_end_that_was_cut_off_and_written_anew_is_noticed(
    chain: Connection, signer: Signer, tmp_path: Path, clock: FakeClock
) -> None:
    audit.renew_head(chain, tmp_path / "keys", signer)
    head = audit.read_head(tmp_path / "keys", signer.verifier())
    chain.exec_driver_sql("delete from audit where number > 6")
    audit.append(chain, LOCAL, "promote", "flights.lateness", {"to": 1}, now=clock.now())
    audit.verify(chain)
    with pytest.raises(Damaged, match="Entry 7 of the audit is not the one that was signed"):
        audit.verify(chain, head=head)
    with pytest.raises(Damaged):
        audit.renew_head(chain, tmp_path / "keys", signer)


def test_a_chain_that_has_grown_since_the_head_verifies(
    chain: Connection, signer: Signer, tmp_path: Path, clock: FakeClock
) -> None:
    audit.renew_head(chain, tmp_path / "keys", signer)
    head = audit.read_head(tmp_path / "keys", signer.verifier())
    audit.append(chain, LOCAL, "promote", "x", {}, now=clock.now())
    audit.verify(chain, head=head)
    assert audit.renew_head(chain, tmp_path / "keys", signer) == audit.newest(chain)


def test_a_head_that_nobody_signed_is_refused(chain: Connection, signer: Signer, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    assert audit.read_head(keys, signer.verifier()) is None
    audit.renew_head(chain, keys, signer)
    path = keys / "audit-head"
    text = path.read_text()
    path.write_text(text.replace("\n7\n", "\n5\n"))
    with pytest.raises(Untrusted):
        audit.read_head(keys, signer.verifier())
    path.write_text("nonsense")
    with pytest.raises(Damaged):
        audit.read_head(keys, signer.verifier())


def test_a_change_that_is_rolled_back_has_no_entry(database: Database, clock: FakeClock) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        audit.append(connection, LOCAL, "promote", "x", {}, now=clock.now())
        _ = 1 / 0
    with database.read() as connection:
        assert audit.newest(connection) is None


def test_no_secret_gets_into_an_entry(
    connection: Connection, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSHELVE_SECRET_AUDITED", "swordfish-42")
    secret("AUDITED")
    details = {"url": "db://ada:swordfish-42@host", "password": "p", "nested": [{"api_token": "t", "rows": 3}]}
    audit.append(connection, LOCAL, "read", "swordfish-42", details, now=clock.now())
    entry = audit.entries(connection)[0]
    assert (entry.subject, entry.details) == (
        HIDDEN,
        {
            "url": f"db://ada:{HIDDEN}@host",
            "password": HIDDEN,
            "nested": [{"api_token": HIDDEN, "rows": 3}],
        },
    )
    audit.verify(connection)
