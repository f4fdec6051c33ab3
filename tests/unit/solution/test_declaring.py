"""A solution folder is read in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from unshelve.solution.declaring import declaration_of

SOLUTION = """
from pathlib import Path
from unshelve import source
FACTORS = Path("factors.csv").read_text()

@source
def rows(): ...
"""


def test_a_solution_is_read_in_its_folder_wherever_that_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, elsewhere = tmp_path / "shop", tmp_path / "elsewhere"
    for each in (folder, elsewhere):
        each.mkdir()
    (folder / "solution.py").write_text(SOLUTION)
    (folder / "factors.csv").write_text("a")
    (elsewhere / "msgspec.py").write_text("raise SystemExit('a stranger was imported')")
    monkeypatch.chdir(elsewhere)
    assert [each.name for each in declaration_of(folder).steps] == ["rows"]
