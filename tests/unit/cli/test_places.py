"""Where a command finds its home."""

from __future__ import annotations

from pathlib import Path

import pytest

from unshelve.cli.places import existing_home, home_for
from unshelve.errors import NotFound


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without a solution, and a data folder of its own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_home_that_is_named_counts(tmp_path: Path) -> None:
    assert home_for(tmp_path / "named", [tmp_path]) == tmp_path / "named"


def test_one_solution_has_its_home_beside_it(tmp_path: Path) -> None:
    assert home_for(None, [tmp_path]) == tmp_path / ".unshelve"


def test_several_solutions_share_the_users_home(tmp_path: Path) -> None:
    assert home_for(None, [tmp_path, tmp_path.parent]) == tmp_path / "data" / "unshelve"


def test_within_a_solution_folder_its_home_is_meant(tmp_path: Path) -> None:
    assert home_for(None) == tmp_path / "data" / "unshelve"
    (tmp_path / "solution.py").touch()
    assert home_for(None) == tmp_path / ".unshelve"


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no unshelve home"):
        existing_home(tmp_path / "none")
    assert not (tmp_path / "none").exists()
