"""What several acceptance tests of the command line start from: a home in which the tiny solution was trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cli_solution import Trained, unshelve, write_solution


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The tiny solution after two runs, with a copy of its home as it was then: v1, and v2 which answers."""
    folder = write_solution(tmp_path_factory.mktemp("trained") / "parcels")
    first = unshelve("run", folder, "--set", "lateness.depth=1", "--json")
    assert first.code == 0, first
    said = unshelve("run", folder, "--json")
    assert said.code == 0, said
    copy = folder.parent / "copy"
    shutil.copytree(folder / ".unshelve", copy)
    return Trained(folder, copy, said)


@pytest.fixture
def trained_home(trained: Trained, tmp_path: Path) -> Path:
    """A home of its own, in which v2 answers and v1 did."""
    return Path(shutil.copytree(trained.copy, tmp_path / "home"))
