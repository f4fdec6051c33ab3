"""The home: made whole, held by one process, never touched when it is another's or a newer one's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from unshelve.errors import HomeInUse, NotFound, Refused
from unshelve.storage.home import HOME_VERSION, Home


def snapshot(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_a_new_home_has_its_folders_and_its_number(tmp_path: Path) -> None:
    home = Home.create_or_open(tmp_path / "deep" / "home")
    assert snapshot(home.root) == {
        "blobs": None,
        "predictions": None,
        "keys": None,
        ".gitignore": b"*\n",
        "version": f"{HOME_VERSION}\n".encode(),
    }


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_nobody_else_may_look_inside_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        home = Home.create_or_open(tmp_path / "home")
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in (home.root, home.keys, home.blobs)} == {0o700}


def test_a_home_is_opened_again_as_it_is(tmp_path: Path) -> None:
    home = Home.create_or_open(tmp_path)
    (home.keys / "kept").write_text("x")
    assert Home.create_or_open(tmp_path) == Home.open(tmp_path) == home
    assert (home.keys / "kept").read_text() == "x"


def test_a_home_cut_short_while_it_was_made_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "version.new").write_text("")
    home = Home.create_or_open(tmp_path)
    assert home.version_file.read_text() == f"{HOME_VERSION}\n"


def test_a_home_of_a_newer_version_is_refused_and_nothing_is_touched(tmp_path: Path) -> None:
    home = Home.create_or_open(tmp_path)
    home.version_file.write_text(f"{HOME_VERSION + 1}\n")
    before = snapshot(tmp_path)
    for enter in (Home.create_or_open, Home.open):
        with pytest.raises(Refused, match="newer unshelve") as caught:
            enter(tmp_path)
        assert caught.value.subject_code == "home-too-new"
    assert snapshot(tmp_path) == before


def test_a_folder_with_other_things_in_it_does_not_become_a_home(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("x")
    with pytest.raises(Refused, match=r"it holds thesis\.docx"):
        Home.create_or_open(tmp_path)
    assert snapshot(tmp_path) == {"thesis.docx": b"x"}


def test_a_file_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Refused, match="a home is a folder"):
        Home.create_or_open(tmp_path / "file")


def test_a_missing_home_is_not_made_by_opening_it(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="unshelve up"):
        Home.open(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_second_process_is_told_who_holds_the_home(tmp_path: Path) -> None:
    home = Home.create_or_open(tmp_path)
    with home.lock():
        script = (
            "import sys; from pathlib import Path; from unshelve.storage.home import Home\n"
            "try: Home.open(Path(sys.argv[1])).lock()\n"
            "except Exception as error: print(type(error).__name__, error, error.details['pid'])"
        )
        said = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
        ).stdout
    assert said.startswith("HomeInUse")
    assert f"process {os.getpid()}" in said
    assert f"kill {os.getpid()}" in said


def test_a_home_can_be_taken_after_its_holder_was_killed(tmp_path: Path) -> None:
    home = Home.create_or_open(tmp_path)
    script = (
        "import sys, time; from pathlib import Path; from unshelve.storage.home import Home\n"
        "lock = Home.open(Path(sys.argv[1])).lock(); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(HomeInUse, match=str(holder.pid)):
            home.lock()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with home.lock():
        assert home.lock_file.read_text() == f"{os.getpid()}\n"


def test_a_released_home_can_be_locked_again(tmp_path: Path) -> None:
    home = Home.create_or_open(tmp_path)
    first = home.lock()
    first.release()
    first.release()
    home.lock().release()
