"""The verbs over a home that nobody serves: the API inside this process, or words about who holds the home."""

from __future__ import annotations

import json
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from databases import settle
from unshelve.cli.connect import connect
from unshelve.cli.main import main
from unshelve.errors import HomeInUse, NotFound, UnshelveError
from unshelve.solution.control import Control


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty home."""
    place = tmp_path_factory.mktemp("house") / "home"
    Control.open(settle(place)).close()
    return place


class Verbs:
    """Calls verbs in this process, with --json."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._home = home
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.errors = ""

    def __call__(self, *words: str, code: int = 0) -> Any:
        self._monkeypatch.setattr(sys, "argv", ["unshelve", *words, "--home", str(self._home), "--json"])
        with pytest.raises(SystemExit) as ended:
            main()
        said = self._capsys.readouterr()
        self.errors = said.err
        assert int(ended.value.code or 0) == code, said
        return json.loads(said.out.splitlines()[-1])


@pytest.fixture
def verbs(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verbs:
    return Verbs(home, monkeypatch, capsys)


def test_an_empty_home_has_nothing(verbs: Verbs) -> None:
    assert verbs("models") == {"models": []}
    assert verbs("runs") == {"runs": []}
    assert verbs("key", "list") == {"keys": []}


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no unshelve home"), connect(tmp_path / "none"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_key_is_made_listed_and_taken_back(verbs: Verbs) -> None:
    made = verbs("key", "create", "n8n", "--days", "30")
    assert made["key"].startswith(f"unsh_{made['id']}_")
    listed = next(each for each in verbs("key", "list")["keys"] if each["id"] == made["id"])
    assert (listed["name"], listed["role"], listed["revoked"]) == ("n8n", "user", None)
    assert made["key"] not in json.dumps(listed)
    verbs("key", "revoke", made["id"])
    listed = next(each for each in verbs("key", "list")["keys"] if each["id"] == made["id"])
    assert listed["revoked"] is not None


def test_a_key_that_is_not_there_cannot_be_taken_back(verbs: Verbs) -> None:
    assert verbs("key", "revoke", "nosuchkey", code=1)["error"]["code"] == "key-not-found"


def test_a_person_is_invited_changed_and_removed(verbs: Verbs) -> None:
    made = verbs("user", "invite", "Ada@Example.org", "--role", "viewer")
    assert (made["name"], made["role"]) == ("ada@example.org", "viewer")
    assert "/sign-in/link/" in made["link"]
    assert verbs("user", "link", "ada@example.org")["link"] != made["link"]
    assert verbs("user", "role", "ada@example.org", "user")["role"] == "user"
    assert verbs("user", "remove", "ada@example.org")["disabled"] is True
    assert verbs("user", "restore", "ada@example.org")["disabled"] is False
    assert [each["name"] for each in verbs("user", "list")["users"]].count("ada@example.org") == 1


def test_the_same_name_twice_is_refused(verbs: Verbs) -> None:
    verbs("user", "invite", "bert")
    assert verbs("user", "invite", "BERT", code=1)["error"]["code"] == "user-exists"


def test_an_unknown_person_is_named_with_who_is_near(verbs: Verbs) -> None:
    verbs("user", "invite", "charlotte")
    error = verbs("user", "role", "charlott", "owner", code=1)["error"]
    assert (error["code"], error["near"]) == ("user-not-found", ["charlotte"])
    assert "Did you mean charlotte?" in verbs.errors


def test_a_link_of_a_home_that_nobody_serves_is_said_to_work_later(verbs: Verbs) -> None:
    verbs("user", "invite", "dora")
    assert "Nobody serves this home just now" in verbs.errors


def test_without_an_owner_nobody_can_sign_in(verbs: Verbs) -> None:
    assert verbs("login", code=1)["error"]["code"] == "no-owner"


def test_a_secret_is_kept_and_forgotten_and_never_shown(
    verbs: Verbs, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("correct horse\n"))
    assert verbs("secret", "set", "WAREHOUSE") == {"name": "WAREHOUSE"}
    assert (home / "keys" / "secrets" / "WAREHOUSE").read_text() == "correct horse"
    assert verbs("secret", "list") == {"secrets": [{"name": "WAREHOUSE"}]}
    assert "correct horse" not in json.dumps(verbs("audit"))
    verbs("secret", "remove", "WAREHOUSE")
    assert verbs("secret", "remove", "WAREHOUSE", code=1)["error"]["code"] == "secret-not-found"
    assert [each["action"] for each in verbs("audit", "--limit", "2")["entries"]] == ["remove secret", "set secret"]


def test_what_is_changed_stands_in_the_audit(verbs: Verbs) -> None:
    verbs("user", "invite", "emil")
    entries = verbs("audit", "--subject", "emil")["entries"]
    assert [(each["actor"], each["kind"], each["action"]) for each in entries] == [
        ("local", "local", "create sign-in link"),
        ("local", "local", "create user"),
    ]
    assert verbs("audit", "--verify")["whole"] is True


@pytest.mark.parametrize("verb", ["rollback", "retire"])
def test_a_model_that_is_not_there_is_not_found(verb: str, verbs: Verbs) -> None:
    error = verbs(verb, "flights.lateness", "--reason", "test", code=1)["error"]
    assert error["code"].endswith("-not-found")


def test_a_home_that_a_silent_process_holds_is_not_waited_for(home: Path) -> None:
    with (
        Control.open(settle(home)),
        pytest.raises(HomeInUse, match="which does not answer: it runs a solution, or starts, or stops"),
        connect(home) as api,
    ):
        api.get("/api/models")


def test_an_address_that_is_not_there_is_an_error_of_the_api(home: Path) -> None:
    with connect(home) as api, pytest.raises(UnshelveError) as error:
        api.get("/api/nothing")
    assert error.value.message
