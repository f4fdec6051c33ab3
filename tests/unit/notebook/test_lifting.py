"""What is lifted is put where it is wanted, and nothing that lies there is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unshelve.errors import Refused
from unshelve.notebook.finishing import put_in_place
from unshelve.notebook.lifting import folder_for, lift
from unshelve.notebook.scratch import COPIED_BYTES, lay_out


def written(path: Path, *cells: str) -> Path:
    made = [{"cell_type": "code", "source": each, "outputs": [], "execution_count": 1} for each in cells]
    path.write_text(json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


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


@pytest.mark.parametrize("place", ["/proc/there/a", "{}/file/a"])
def test_where_nothing_can_be_written_nothing_is_and_the_place_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("kept")
    made, wanted = tmp_path / "made", Path(place.format(tmp_path))
    made.mkdir()
    (made / "solution.py").write_text("new")
    with pytest.raises(Refused, match=f"cannot be written to {wanted}"):
        put_in_place(made, wanted)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "made"]


def test_a_notebook_for_a_place_that_cannot_be_written_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    told: list[str] = []
    with pytest.raises(Refused, match="file is a file"):
        lift(written(tmp_path / "a.ipynb", "x = 1"), tmp_path / "file" / "a", told=told.append)
    assert told == []


def test_a_notebook_is_lifted_beside_itself_under_its_name(tmp_path: Path) -> None:
    assert folder_for(tmp_path / "Late Flights (2).ipynb") == tmp_path / "late_flights_2"


def test_a_notebook_of_networks_alone_is_refused_without_being_run(tmp_path: Path) -> None:
    path = written(tmp_path / "net.ipynb", "import torch\nm = 1\nm.fit(m)")
    told: list[str] = []
    lifted = lift(path, told=told.append)
    assert (lifted.folder, lifted.proof.outcome, told) == (None, "refused", [])
    assert lifted.proof.reason is not None and lifted.proof.reason.startswith("Its models are networks of torch")
    assert [each.name for each in tmp_path.iterdir()] == ["net.ipynb"]


MODEL = (
    "import os\nimport pandas as pd\nfrom sklearn.linear_model import LogisticRegression",
    "def load():\n    {}\n    return pd.read_csv('rows.csv')\ndf = load()",
    "model = LogisticRegression().fit(df[['x']], df['y'])\nmodel.score(df[['x']], df['y'])",
)


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("os.system('rm -rf {}')", "starts a program (rm)"),
        ("try: os.remove('{}/kept.txt')\n    except OSError: pass", "which is outside its own folder"),
    ],
)
def test_what_the_run_held_back_is_in_no_solution(tmp_path: Path, does: str, said: str) -> None:
    beside, precious = tmp_path / "work", tmp_path / "precious"
    for each in (beside, precious):
        each.mkdir()
    (precious / "kept.txt").write_text("kept")
    (beside / "rows.csv").write_text("x,y\n" + "".join(f"{number},{number % 3 % 2}\n" for number in range(60)))
    cells = [MODEL[0], MODEL[1].format(does.format(precious)), MODEL[2]]
    lifted = lift(written(beside / "a.ipynb", *cells))
    assert (lifted.folder, lifted.proof.outcome) == (None, "refused")
    assert lifted.proof.reason is not None
    assert lifted.proof.reason.count(said) == 1
    assert lifted.proof.reason.startswith("cell 2, line ")
    assert (precious / "kept.txt").read_text() == "kept"


def test_a_module_that_has_the_name_of_the_solution_is_refused(tmp_path: Path) -> None:
    (tmp_path / "solution.py").write_text("x = 1\n")
    lifted = lift(written(tmp_path / "a.ipynb", "import solution", "model.fit(solution.x)"))
    assert lifted.proof.reason is not None and "has that name" in lifted.proof.reason
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.ipynb", "solution.py"]


def test_a_large_data_file_is_linked_to_and_not_copied(tmp_path: Path) -> None:
    beside, room = tmp_path / "work", tmp_path / "room"
    beside.mkdir()
    with (beside / "large.csv").open("wb") as file:
        file.truncate(COPIED_BYTES + 1)
    (beside / "small.csv").write_text("a\n")
    copy = lay_out(beside, room, text="")
    assert (copy / "large.csv").is_symlink()
    assert not (copy / "small.csv").is_symlink()
