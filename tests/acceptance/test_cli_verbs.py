"""The verbs that look after a home with a trained model, over a home that is served and over one that is not."""

from __future__ import annotations

import json
import shutil
import threading
import time
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli_solution import MODEL, ROW, Said, Trained, Up, unshelve, unshelve_here

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def served(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Up]]:
    """A home that is served for all tests of this file."""
    folder = tmp_path_factory.mktemp("served")
    home = Path(shutil.copytree(trained.copy, folder / "home"))
    with (folder / "errors").open("w") as errors, Up("serve", "--home", home, errors=errors) as up:
        yield home, up
    assert "Traceback" not in (folder / "errors").read_text()


@pytest.fixture(params=["served", "alone"])
def call(request: pytest.FixtureRequest) -> Call:
    """A verb with --json over a home in which v2 answers and v1 did; gives the JSON.

    A served home is asked by processes, as a person does; one that nobody serves by this process, which is quicker.
    """
    served = request.param == "served"
    home = request.getfixturevalue("served")[0] if served else request.getfixturevalue("trained_home")

    def called(*words: object, code: int = 0) -> Any:
        said = (unshelve if served else unshelve_here)(*words, "--home", home, "--json")
        assert said.code == code, said
        return said.json

    return called


def champion(call: Call) -> int | None:
    found: int | None = call("models")["models"][0]["champion"]
    return found


def test_a_model_is_rolled_back_promoted_retired_and_promoted_again(call: Call) -> None:
    assert champion(call) == 2
    back = call("rollback", MODEL, "--reason", "it was better")
    assert (back["from_version"], back["to_version"], back["reason"]) == (2, 1, "it was better")
    assert champion(call) == 1
    assert call("promote", MODEL, 2, "--reason", "it was not")["to_version"] == 2
    assert call("retire", MODEL, "--reason", "season over")["to_version"] is None
    assert champion(call) is None
    assert call("promote", MODEL, 2, "--reason", "a new season")["from_version"] is None
    history = call("models", MODEL)["history"]
    assert [each["verb"] for each in history[:4]] == ["promote", "retire", "promote", "rollback"]
    assert {each["actor"] for each in history} == {"local"}


def test_a_decision_that_cannot_be_is_refused_with_what_there_is(call: Call) -> None:
    assert call("promote", MODEL, 9, "--reason", "x", code=1)["error"]["code"] == "model-version-not-found"
    assert call("promote", MODEL, 2, "--reason", "x", code=1)["error"]["code"] == "already-champion"
    assert call("promote", MODEL, 1, "--reason", " ", code=1)["error"]["code"] == "reason-needed"
    assert call("rollback", "parcels.latenes", "--reason", "x", code=1)["error"]["near"] == [MODEL]


def test_runs_are_listed_and_told_step_by_step(call: Call) -> None:
    runs = call("runs")["runs"]
    assert [(run["solution"], run["number"], run["state"]) for run in runs] == [
        ("parcels", 2, "done"),
        ("parcels", 1, "done"),
    ]
    tasks = {task["name"]: task for task in call("runs", "parcels", 1)["tasks"]}
    assert tasks["lateness"]["state"] == "ran"
    assert call("runs", "parcels", 7, code=1)["error"]["code"] == "run-not-found"
    assert call("runs", "parcel", code=1)["error"]["near"] == ["parcels"]


def test_all_that_is_stored_is_sound(call: Call) -> None:
    told = call("fsck")
    assert (told["sound"], told["damages"], told["checked"]["versions"]) == (True, [], 2)
    assert call("audit", "--verify")["whole"] is True


def test_a_rolled_back_model_answers_by_the_other_version_without_a_failed_call(served: tuple[Path, Up]) -> None:
    home, up = served
    key = unshelve("key", "create", "caller", "--home", home).out.strip()
    asked = urllib.request.Request(
        f"{up.ready['url']}/api/models/{MODEL}/predict",
        data=json.dumps({"rows": [ROW]}).encode(),
        headers={"content-type": "application/json", "authorization": f"Bearer {key}"},
    )
    versions: list[int] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            with urllib.request.urlopen(asked, timeout=20) as response:
                versions.append(json.load(response)["answers"][0]["version"])

    caller = threading.Thread(target=ask)
    caller.start()
    try:
        assert unshelve("rollback", MODEL, "--reason", "test", "--home", home).code == 0
        count = len(versions)
        ends = time.monotonic() + 1
        while versions[-1] != 1 and time.monotonic() < ends:
            time.sleep(0.01)
        assert versions[-1] == 1, versions[count:]
    finally:
        stop.set()
        caller.join(30)
        unshelve("promote", MODEL, 2, "--reason", "as before", "--home", home)
    assert versions == sorted(versions, reverse=True)


def test_a_link_of_a_served_home_signs_in(served: tuple[Path, Up]) -> None:
    home, up = served
    link = unshelve("login", "--home", home).out.strip()
    assert link.startswith(up.ready["url"])
    with urllib.request.urlopen(link, timeout=20) as response:
        assert response.status == 200


def test_a_revoked_key_asks_no_more(served: tuple[Path, Up]) -> None:
    home, up = served
    made = unshelve("key", "create", "gone", "--home", home, "--json").json
    asked = urllib.request.Request(f"{up.ready['url']}/api/models", headers={"authorization": f"Bearer {made['key']}"})
    with urllib.request.urlopen(asked, timeout=20) as response:
        assert response.status == 200
    assert unshelve("key", "revoke", made["id"], "--home", home).code == 0
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(asked, timeout=20)


class Owned:
    """A trained solution that may be changed, and its home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "schema" / "lateness.toml"

    def schema(self, *words: object) -> Said:
        return unshelve_here("schema", MODEL, *words, "--home", self.folder / ".unshelve", "--json")


@pytest.fixture
def owned(trained: Trained) -> Iterator[Owned]:
    made = Owned(trained.folder)
    yield made
    shutil.rmtree(made.file.parent, ignore_errors=True)


def test_the_schema_is_shown_as_the_file_that_could_be_owned(owned: Owned) -> None:
    shown = unshelve("schema", MODEL, "--home", owned.folder / ".unshelve").out
    assert list(tomllib.loads(shown)["field"]) == ["weight", "service", "postcode"]


def test_a_schema_that_is_owned_is_not_written_over(owned: Owned) -> None:
    assert owned.schema("--own").json["file"] == str(owned.file)
    owned.file.write_text(owned.file.read_text().replace("maximum = ", "maximum = 1"))
    before = owned.file.read_text()
    again = owned.schema("--own")
    assert (again.code, again.json["error"]["code"]) == (1, "schema-owned")
    assert owned.file.read_text() == before


def test_edits_of_an_owned_schema_are_told_with_what_they_break(owned: Owned) -> None:
    owned.schema("--own")
    assert owned.schema("--diff").json["changes"] == []
    text = owned.file.read_text()
    owned.file.write_text(text.replace("road = ", "rail = "))
    told = owned.schema("--diff").json
    assert (told["from"], told["to"], told["accepts_all"]) == ("v2", "schema/lateness.toml", False)
    assert [(each["field"], each["breaks"]) for each in told["changes"]] == [("service", True), ("service", False)]


def test_without_an_owned_schema_two_versions_are_compared(owned: Owned) -> None:
    told = owned.schema("--diff").json
    assert (told["from"], told["to"], told["changes"]) == ("v1", "v2", [])


def test_a_schema_goes_into_a_file_that_is_named(owned: Owned, tmp_path: Path) -> None:
    told = owned.schema("-o", tmp_path / "wanted.toml", "--version", 1).json
    assert (told["version"], told["file"]) == (1, str(tmp_path / "wanted.toml"))
    assert owned.schema("-o", tmp_path / "none" / "wanted.toml").json["error"]["code"] == "folder-not-found"
    assert owned.schema("--own", "--diff").code == 2
