"""What is lifted is put where it is wanted, and nothing that lies there is lost."""

from __future__ import annotations

import json
from pathlib import Path

from unshelve.notebook.finishing import put_in_place
from unshelve.notebook.lifting import folder_for, lift
from unshelve.notebook.scratch import COPIED_BYTES, lay_out


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


def test_a_notebook_of_networks_alone_is_refused_without_being_run(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "source": "import torch\nm = 1\nm.fit(m)", "outputs": [], "execution_count": 1}
    path = tmp_path / "net.ipynb"
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    told: list[str] = []
    lifted = lift(path, told=told.append)
    assert (lifted.folder, lifted.proof.outcome, told) == (None, "refused", [])
    assert lifted.proof.reason is not None and lifted.proof.reason.startswith("Its models are networks of torch")
    assert [each.name for each in tmp_path.iterdir()] == ["net.ipynb"]


def test_a_large_data_file_is_linked_to_and_not_copied(tmp_path: Path) -> None:
    beside, room = tmp_path / "work", tmp_path / "room"
    beside.mkdir()
    with (beside / "large.csv").open("wb") as file:
        file.truncate(COPIED_BYTES + 1)
    (beside / "small.csv").write_text("a\n")
    copy = lay_out(beside, room, text="")
    assert (copy / "large.csv").is_symlink()
    assert not (copy / "small.csv").is_symlink()
