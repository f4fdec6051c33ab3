"""A connection is a secret that is an address, read when it is needed."""

from __future__ import annotations

import pytest

from unshelve.errors import NotFound, Refused
from unshelve.pipeline.connecting import connection
from unshelve.security.secrets import redact


def test_a_connection_is_the_secret_of_its_name_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSHELVE_SECRET_CRM_EU", "postgresql://house:hidden-word@host/db")
    assert connection("crm-eu").redacted == "postgresql://host/db"


def test_the_password_of_a_connection_is_hidden_by_itself_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSHELVE_SECRET_CRM", "postgresql://house:od%40d%2Fword@host/db")
    connection("crm")
    assert redact("failed for od@d/word and od%40d%2Fword") == "failed for ••• and •••"


def test_a_connection_that_is_not_set_says_how_to_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNSHELVE_SECRET_CRM", raising=False)
    with pytest.raises(NotFound, match="unshelve secret set crm"):
        connection("crm")


def test_an_address_where_a_name_is_meant_is_refused() -> None:
    with pytest.raises(Refused, match="cannot be the name of a connection"):
        connection("postgresql://host/db")
