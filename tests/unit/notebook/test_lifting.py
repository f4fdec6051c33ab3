"""What is lifted is put where it is wanted, and nothing that lies there is lost."""

from __future__ import annotations

from pathlib import Path

from unshelve.notebook.lifting import folder_for, put_in_place


def test_the_home_of_a_server_outlives_another_lift(tmp_path: Path) -> None:
    wanted, made = tmp_path / "churn", tmp_path / "made"
    (wanted / ".unshelve").mkdir(parents=True)
    (wanted / ".unshelve" / "unshelve.db").write_text("kept")
    (wanted / "solution.py").write_text("old")
    (made / "data").mkdir(parents=True)
    (made / "solution.py").write_text("new")
    (made / "data" / "a.csv").write_text("a")
    put_in_place(made, wanted)
    found = {str(each.relative_to(wanted)): each.read_text() for each in wanted.rglob("*") if each.is_file()}
    assert found == {".unshelve/unshelve.db": "kept", "solution.py": "new", "data/a.csv": "a"}


def test_a_notebook_is_lifted_beside_itself_under_its_name(tmp_path: Path) -> None:
    assert folder_for(tmp_path / "Late Flights (2).ipynb") == tmp_path / "late_flights_2"
