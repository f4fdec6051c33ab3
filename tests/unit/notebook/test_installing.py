"""Environments of their own: made from an index that is a folder of wheels, and used for a lift."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from unshelve.cli.packages import in_their_environment
from unshelve.errors import Refused, Unavailable
from unshelve.notebook.environment import Wanted, requirements_of
from unshelve.notebook.installing import Environment, environment_with
from unshelve.notebook.lifting_elsewhere import lift_anywhere

RUNS = """import squarify
class Model:
    def fit(self, side): self.side = side
Model().fit(squarify.SIDE)"""


def notebook_file(source: str, path: Path) -> Path:
    cell = {"cell_type": "code", "metadata": {}, "execution_count": 1, "outputs": [], "source": source}
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}))
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index that offers one package, and a cache that is empty."""
    folder = tmp_path / "index"
    folder.mkdir()
    about = "squarify-0.9.dist-info"
    with zipfile.ZipFile(folder / "squarify-0.9-py3-none-any.whl", "w") as wheel:
        wheel.writestr("squarify.py", "SIDE = 4\n")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: squarify\nVersion: 0.9\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", f"squarify.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n")
    for tool in ("PIP", "UV"):
        monkeypatch.setenv(f"{tool}_NO_INDEX", "1")
        monkeypatch.setenv(f"{tool}_FIND_LINKS", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def test_an_environment_holds_what_was_wanted_and_sees_the_rest(index: Path) -> None:
    said: list[str] = []
    made = environment_with(["squarify"], older=False, told=said.append)
    code = "import squarify, unshelve, msgspec; print(squarify.SIDE)"
    assert subprocess.check_output([made.python, "-P", "-c", code], text=True) == "4\n"
    assert environment_with(["squarify==0.9"], older=False, told=said.append).packages == {"squarify": "0.9"}
    assert [each.split()[0] for each in said] == ["Installing", "Taking"]


def test_a_package_that_no_index_has_is_named_and_leaves_nothing(index: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"offers no shap for this Python\.|Installing shap failed"):
        environment_with(["shap"], older=False, told=lambda _said: None)
    assert list((tmp_path / "cache" / "unshelve" / "environments").iterdir()) == []


def test_an_index_that_is_not_there_is_said_without_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = tmp_path / "uv"
    failing.write_text("#!/bin/sh\necho 'ConnectionError: https://user:word@host/simple' >&2\nexit 1\n")
    failing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(Unavailable) as raised:
        environment_with(["shap"], older=False, told=lambda _said: None)
    assert str(raised.value).startswith("The package index cannot be reached, to install shap.")
    assert "host" not in str(raised.value)


def test_a_notebook_that_lacks_a_package_is_run_again_where_it_is_there(index: Path, tmp_path: Path) -> None:
    said: list[str] = []
    path = notebook_file(RUNS, tmp_path / "boxes.ipynb")
    lifted = lift_anywhere(path, told=said.append)
    assert said[1] == "The module squarify is not installed here."
    assert lifted.proof.findings[0].number == "N218"
    assert "squarify" not in (lifted.proof.reason or "")  # it holds no model, and it ran


def test_where_nothing_may_be_installed_the_reason_says_so(tmp_path: Path) -> None:
    lifted = lift_anywhere(notebook_file(RUNS, tmp_path / "boxes.ipynb"), installing=None)
    assert lifted.folder is None
    assert (lifted.proof.reason or "").endswith(
        "The module squarify is not installed here. Installing is switched off."
    )


def test_a_run_that_was_ended_is_not_begun_again(tmp_path: Path) -> None:
    said: list[str] = []
    path = notebook_file("import os\nos._exit(0)", tmp_path / "boxes.ipynb")
    lifted = lift_anywhere(path, partly=True, told=said.append, installing=None)
    assert said == ["Running the notebook"]
    assert [each.number for each in lifted.proof.findings if each.severity == "error"] == ["N111", "N216"]


def test_an_environment_that_does_not_help_is_not_made_again(tmp_path: Path) -> None:
    wanted: list[Wanted] = []

    def install(asked: Wanted, _told: object) -> Environment:
        wanted.append(asked)
        return Environment(python=Path(sys.executable), packages={})

    lifted = lift_anywhere(notebook_file(RUNS, tmp_path / "boxes.ipynb"), installing=install)
    assert len(wanted) == 1
    assert "No module named 'squarify'" in (lifted.proof.reason or "")


def test_a_solution_of_other_packages_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "lift.json").write_text("{}")
    (tmp_path / "requirements.txt").write_text(
        "# What this solution was lifted and proven with, besides what unshelve brings.\nnumpy==1.26.4\n"
    )
    assert requirements_of(tmp_path) == {"numpy": "1.26.4"}
    with pytest.raises(Refused, match=r"numpy 1\.26\.4 \(here .*pip install -r "):
        in_their_environment([tmp_path])
