"""Connections: an address that says what it is and never shows its password."""

from __future__ import annotations

import sqlite3
from urllib.parse import quote

import pytest

from unshelve.data.connections import Connection, ConnectionKind, connection_of, engine_errors
from unshelve.errors import NotAllowed, NotFound, Refused, Unavailable

ODD = "p@ss:w/rd?#'\"\\ %41é"
ADDRESS = f"postgresql://crm:{quote(ODD, safe='')}@db.example.com:5433/sales?sslmode=require"


def test_a_connection_tells_its_kind_and_its_place_but_not_its_password() -> None:
    made = connection_of("crm", ADDRESS)
    assert (made.kind, made.redacted, made.password, made.options) == (
        ConnectionKind.POSTGRES,
        "postgresql://db.example.com:5433/sales",
        ODD,
        {"sslmode": "require"},
    )
    assert repr(made) == "connection('crm')"


@pytest.mark.parametrize(
    "address",
    ["not an address", "postgresql://u:p@host:port/db", "postgresql://u:secretword@[::1/db", "://u:secretword@host"],
)
def test_what_is_no_address_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(Refused) as caught:
        connection_of("crm", address)
    assert "secretword" not in str(caught.value)


@pytest.mark.parametrize(
    "said",
    [
        f"could not connect to {ADDRESS}",
        f'password authentication failed for user "crm" with "{ODD}"',
        f"relation {ODD!r} does not exist",
        f"bad value {quote(ODD)}",
        f"at or near '{ODD.replace(chr(39), chr(39) * 2)}'",
    ],
)
def test_no_error_of_a_driver_shows_the_password(said: str) -> None:
    crm = connection_of("crm", ADDRESS)
    with pytest.raises((NotAllowed, NotFound, Refused, Unavailable)) as caught, engine_errors(crm, "reading"):
        raise sqlite3.OperationalError(said)
    for secret in (ODD, quote(ODD, safe=""), quote(ODD)):
        assert secret not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (sqlite3.OperationalError("no such table: customers"), NotFound),
        (sqlite3.OperationalError('near "selec": syntax error'), Refused),
        (ConnectionResetError("Connection reset by peer"), Unavailable),
        (sqlite3.OperationalError("Access denied for user"), NotAllowed),
    ],
)
def test_each_kind_of_failure_has_an_error_of_its_own(error: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind), engine_errors(Connection("crm", "sqlite:///x.db"), "reading customers"):
        raise error


def test_an_error_of_the_authors_own_passes_through() -> None:
    with pytest.raises(ZeroDivisionError), engine_errors(Connection("crm", "sqlite:///x.db"), "reading customers"):
        raise ZeroDivisionError
