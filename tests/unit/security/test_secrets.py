"""Secrets: found in two places, hidden in text, never stored."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from urllib.parse import quote

import pytest

from unshelve.errors import NotFound, Refused
from unshelve.security import secrets
from unshelve.security.secrets import HIDDEN, secret
from unshelve.storage.home import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("UNSHELVE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(secrets, "_READ", {})
    return Home.create_or_open(tmp_path / "home")


def test_a_secret_comes_from_a_file_of_the_home(home: Home) -> None:
    secrets.set_secret(home.secrets, "WAREHOUSE", "swordfish\n")
    assert secret("WAREHOUSE") == "swordfish"
    assert (home.secrets / "WAREHOUSE").stat().st_mode & 0o777 == 0o600


def test_the_environment_comes_first(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets.set_secret(home.secrets, "WAREHOUSE", "from the file")
    monkeypatch.setenv("UNSHELVE_SECRET_WAREHOUSE", "from the environment")
    assert secret("WAREHOUSE") == "from the environment"


def test_a_missing_secret_says_where_to_set_it(home: Home) -> None:
    with pytest.raises(NotFound, match=r"unshelve secret set ABSENT.*UNSHELVE_SECRET_ABSENT"):
        secret("ABSENT")


def test_an_empty_secret_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSHELVE_SECRET_EMPTY", "")
    with pytest.raises(Refused, match="is empty"):
        secret("EMPTY")


@pytest.mark.parametrize("name", ["", "lower", "../../etc/passwd", "A/B", "A.B", "1A", "A" * 65, "A\n"])
def test_a_name_that_is_no_name_reaches_no_file(home: Home, name: str) -> None:
    for ask in (secret, lambda text: secrets.remove_secret(home.secrets, text)):
        with pytest.raises(Refused, match="cannot be the name"):
            ask(name)


def test_a_secret_works_as_text_and_does_not_show_itself(home: Home) -> None:
    secrets.set_secret(home.secrets, "TOKEN", "swordfish")
    value = secret("TOKEN")
    assert f"db://{value}@host" == "db://swordfish@host"
    assert repr([value]) == "[secret('TOKEN')]"


def test_a_secret_cannot_be_pickled_and_can_be_copied(home: Home) -> None:
    secrets.set_secret(home.secrets, "TOKEN", "swordfish")
    value = secret("TOKEN")
    with pytest.raises(Refused, match="secret TOKEN would be stored"):
        pickle.dumps({"a": [value]})
    assert copy.deepcopy([value]) == copy.copy([value]) == ["swordfish"]


def test_redact_hides_every_form_of_every_secret_that_was_read(home: Home) -> None:
    value = 'p"a/s s\\wörd'
    secrets.set_secret(home.secrets, "ODD", value)
    secrets.set_secret(home.secrets, "LONGER", value + "-and-more")
    secret("ODD"), secret("LONGER")
    for form in (value, quote(value, safe=""), json.dumps(value), repr(value)):
        assert "wörd" not in secrets.redact(f"before {form} after")
    assert secrets.redact(f"{value}-and-more") == HIDDEN


def test_redact_leaves_what_was_not_read_and_what_is_too_short(home: Home) -> None:
    secrets.set_secret(home.secrets, "UNREAD", "swordfish")
    secrets.set_secret(home.secrets, "SHORT", "1")
    secret("SHORT")
    assert secrets.redact("swordfish 1 2 3") == "swordfish 1 2 3"


def test_all_secrets_can_be_remembered_without_being_used(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets.set_secret(home.secrets, "KEPT", "swordfish")
    monkeypatch.setenv("UNSHELVE_SECRET_GIVEN", "codfish-soup")
    secrets.remember_all(home.secrets)
    assert secrets.redact("swordfish and codfish-soup") == f"{HIDDEN} and {HIDDEN}"


def test_bytes_that_hold_a_secret_are_found(home: Home) -> None:
    secrets.set_secret(home.secrets, "TOKEN", "swordfish")
    secret("TOKEN")
    assert secrets.held_in(memoryview(b"...swordfish...")) == "TOKEN"
    assert secrets.held_in(b"...") is None


def test_secrets_are_listed_by_name_and_removed(home: Home) -> None:
    assert secrets.secret_names(home.secrets) == []
    secrets.set_secret(home.secrets, "B", "x")
    secrets.set_secret(home.secrets, "A", "x")
    secrets.set_secret(home.secrets, "A", "y")
    assert secrets.secret_names(home.secrets) == ["A", "B"]
    secrets.remove_secret(home.secrets, "A")
    with pytest.raises(NotFound):
        secrets.remove_secret(home.secrets, "A")
