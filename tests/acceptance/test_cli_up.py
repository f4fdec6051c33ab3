"""`unshelve up`: what it says when it is ready, what it leaves when it ends, and what stands against it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli_solution import (
    MODEL,
    ROW,
    SOLUTION,
    Said,
    Trained,
    Up,
    command,
    environment,
    eventually,
    unshelve,
    unshelve_here,
    write_solution,
)


@pytest.fixture(scope="module")
def up(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """The tiny solution, brought up once for the tests of this file."""
    errors = tmp_path_factory.mktemp("said") / "errors"
    with errors.open("w") as file, Up("up", trained.folder, errors=file) as up:
        yield up


def ask(url: str, key: str) -> dict[str, object]:
    asked = urllib.request.Request(
        f"{url}/api/models/{MODEL}/predict",
        data=json.dumps({"rows": [ROW]}).encode(),
        headers={"content-type": "application/json", "authorization": f"Bearer {key}"},
    )
    with urllib.request.urlopen(asked, timeout=20) as response:
        answer: dict[str, object] = json.load(response)["answers"][0]
    return answer


def test_the_ready_line_says_where_how_to_get_in_and_who_it_is(up: Up) -> None:
    assert set(up.ready) == {"ready", "url", "sign_in", "pid"}
    assert (up.ready["ready"], up.ready["pid"]) == (True, up.process.pid)
    assert up.ready["sign_in"].startswith(f"{up.ready['url']}/sign-in/link/")


def test_a_model_that_came_up_answers_a_key(up: Up, trained: Trained) -> None:
    key = unshelve_here("key", "create", "test", "--home", trained.folder / ".unshelve").out.strip()
    answer = ask(up.ready["url"], key)
    assert (answer["label"], answer["version"]) == (True, 2)


def test_a_run_tells_its_steps_on_standard_error_and_its_end_on_standard_output(trained: Trained) -> None:
    assert "  ran      lateness" in trained.said.err
    assert len(trained.said.out.splitlines()) == 1
    version = trained.said.json["versions"][0]
    assert (version["model"], version["released"], version["proof"]) == (MODEL, True, "proven")


def test_a_second_up_on_the_same_home_is_refused_and_told_where_it_is_served(up: Up, trained: Trained) -> None:
    second = unshelve("up", trained.folder, "--port", 0, "--json")
    error = second.json["error"]
    assert (second.code, error["code"], error["details"]["pid"]) == (1, "home-in-use", up.process.pid)
    assert up.ready["url"] in error["hint"]


def test_a_port_that_is_taken_is_refused_with_one_that_is_free(tmp_path: Path) -> None:
    folder = write_solution(tmp_path / "parcels")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = unshelve("up", folder, "--port", port, "--json")
    error = refused.json["error"]
    assert (refused.code, error["code"]) == (1, "port-in-use")
    assert f"Port {port} of 127.0.0.1 is in use by another program." in refused.err
    assert error["details"]["free"] != port
    assert unshelve_here("models", "--home", folder / ".unshelve", "--json").json == {"models": []}


def test_a_home_of_a_newer_version_is_left_as_it_is(tmp_path: Path) -> None:
    folder = write_solution(tmp_path / "parcels")
    (folder / ".unshelve").mkdir()
    (folder / ".unshelve" / "version").write_text("99\n")
    refused = unshelve("up", folder, "--port", 0, "--json")
    assert (refused.code, refused.json["error"]["code"]) == (1, "home-too-new")
    assert [path.name for path in (folder / ".unshelve").iterdir()] == ["version"]


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (None, "solution-file-not-found", "There is no solution.py in"),
        ("import nosuchthing\n", "solution-import-failed", "pip install nosuchthing"),
        ("def broken(:\n", "solution-syntax", "solution.py, line 1"),
        ("import os\nos._exit(3)\n", "solution-import-exited", "ended the process with 3"),
        ("import sys\nsys.exit('not today')\n", "solution-import-exited", "not today"),
        ("x = 1\n", "no-steps", "declares no step"),
        (SOLUTION.replace("features_train, late", "feature_train, late"), "finding-U001", "feature_train"),
    ],
)
def test_a_solution_that_cannot_be_read_leaves_nothing_behind(
    text: str | None, code: str, said: str, tmp_path: Path
) -> None:
    folder = tmp_path / "parcels"
    folder.mkdir()
    if text is not None:
        write_solution(folder, text)
    refused = unshelve("up", folder, "--port", 0, "--json")
    assert (refused.code, refused.json["error"]["code"]) == (1, code)
    assert said in refused.err and "Traceback" not in refused.err
    assert not (folder / ".unshelve").exists()


def test_a_solution_that_broke_since_is_refused_and_its_home_stays_sound(trained_home: Path, tmp_path: Path) -> None:
    folder = write_solution(tmp_path / "parcels", "import nosuchthing\n")
    refused = unshelve("up", folder, "--port", 0, "--home", trained_home, "--json")
    assert (refused.code, refused.json["error"]["code"]) == (1, "solution-import-failed")
    assert "Traceback" not in refused.err
    assert len(unshelve_here("runs", "--home", trained_home, "--json").json["runs"]) == 2


def test_ctrl_c_while_a_solution_hangs_in_being_read_ends_it(trained_home: Path, tmp_path: Path) -> None:
    folder = write_solution(tmp_path / "parcels", "import time\ntime.sleep(100)\n")
    errors = tmp_path / "errors"
    with errors.open("w") as file:
        process = subprocess.Popen(
            command("up", folder, "--port", 0, "--home", trained_home),
            stdout=subprocess.DEVNULL,
            stderr=file,
            env=environment(),
        )
    eventually(lambda: (trained_home / "run" / "served.json").exists())
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert errors.read_text() == f"Reading {folder / 'solution.py'}\n"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    refused = unshelve("up", tmp_path / "nowhere")
    assert refused.code == 1
    assert refused.err == f"unshelve: There is no folder {tmp_path / 'nowhere'}. `unshelve new NAME` makes one.\n"


def test_a_solution_whose_step_fails_is_served_and_not_ready(tmp_path: Path) -> None:
    text = SOLUTION.replace('    """Weight and way."""', '    raise ValueError("no scales")')
    folder = write_solution(tmp_path / "parcels", text)
    errors = tmp_path / "errors"
    with errors.open("w") as file, Up("up", folder, errors=file) as up:
        assert up.ready["ready"] is False
        with urllib.request.urlopen(f"{up.ready['url']}/health/live", timeout=20) as response:
            assert response.status == 200
        assert up.end() == 1
    said = errors.read_text()
    assert "ValueError: no scales" in said and "Nothing of parcels answers yet." in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_ends_in_order(number: int, trained_home: Path, tmp_path: Path) -> None:
    errors = tmp_path / "errors"
    with errors.open("w") as file, Up("serve", "--home", trained_home, errors=file) as served:
        assert served.ready["ready"] is True
        assert served.end(number) == 0
        assert served.rest == ""
    assert errors.read_text() == ""
    assert unshelve_here("fsck", "--home", trained_home).code == 0


def test_a_killed_server_leaves_a_home_that_is_sound_and_serves_again(trained_home: Path, tmp_path: Path) -> None:
    key = unshelve_here("key", "create", "test", "--home", trained_home).out.strip()
    with (tmp_path / "errors").open("w") as file:
        with Up("serve", "--home", trained_home, errors=file) as killed:
            ask(killed.ready["url"], key)
            killed.end(signal.SIGKILL)
        assert unshelve_here("fsck", "--home", trained_home).code == 0
        with Up("serve", "--home", trained_home, errors=file) as again:
            assert ask(again.ready["url"], key)["version"] == 2


@pytest.mark.parametrize("words", [("up", "--port", 0), ("run", "--json")])
def test_ctrl_c_during_a_run_ends_it(words: tuple[object, ...], tmp_path: Path) -> None:
    text = SOLUTION.replace('    """Weight and way."""', "    import time\n    time.sleep(60)")
    folder = write_solution(tmp_path / "parcels", text)
    errors = tmp_path / "errors"
    verb, *options = words
    with errors.open("w") as file:
        process = subprocess.Popen(
            command(verb, folder, *options), stdout=subprocess.DEVNULL, stderr=file, env=environment()
        )
    try:
        eventually(lambda: "ran      late" in errors.read_text(), seconds=60)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 1
    finally:
        process.kill()
    assert "Traceback" not in errors.read_text()
    runs = unshelve_here("runs", "--home", folder / ".unshelve", "--json").json["runs"]
    assert [run["state"] for run in runs] == ["stopped"]


def test_serving_without_a_home_is_refused(tmp_path: Path) -> None:
    refused: Said = unshelve("serve", "--home", tmp_path / "none", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (1, "home-not-found")
    assert list(tmp_path.iterdir()) == []
