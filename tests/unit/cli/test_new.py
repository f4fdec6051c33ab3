"""The solution that `unshelve new` writes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from unshelve.cli.main import main


def new(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["unshelve", "new", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_a_solution_is_written_under_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert new(monkeypatch, "barrels", "--json") == 0
    written = json.loads(capsys.readouterr().out)
    assert {Path(each).name for each in written["files"]} == {"README.md", "solution.py", "wine.csv"}
    assert (tmp_path / "barrels" / "solution.py").read_text().startswith('"""barrels: ')


def test_a_folder_that_is_there_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "barrels").mkdir()
    assert new(monkeypatch, str(tmp_path / "barrels")) == 1
    assert "is there already" in capsys.readouterr().err
    assert list((tmp_path / "barrels").iterdir()) == []


@pytest.mark.parametrize("name", ["two words", "2nd", "Upper", "a-b", "class.x"])
def test_a_name_that_cannot_be_part_of_an_address_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert new(monkeypatch, name) == 1
    assert "cannot name a solution" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
