"""The dependence graph: versions of names, slices, and what a run adds and takes out."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from notebook_generator import drawn_notebook, value_of
from notebook_house import notebook_of
from unshelve.notebook.dead import dead
from unshelve.notebook.flow import Flow, flow_of
from unshelve.notebook.watched import StatementRun, ValueInfo, Watched

HERE = Path("somewhere")
SEEDS = 100


def flow(*cells: str) -> Flow:
    return flow_of(notebook_of(*cells, folder=HERE))


def info(identity: int, kind: str = "frame", fingerprint: str = "x") -> ValueInfo:
    return ValueInfo(kind=kind, type=kind, identity=identity, fingerprint=fingerprint)  # type: ignore[arg-type]


def run(number: int, **seen: object) -> StatementRun:
    return StatementRun(number=number, seconds=0.0, **seen)  # type: ignore[arg-type]


def watched(*runs: StatementRun) -> Watched:
    return Watched(statements=runs, calls=(), python="3.11", libraries={}, seconds=0.0)


# --- versions ----------------------------------------------------------------------------------------------------


def test_a_read_needs_the_last_statement_that_bound_the_name() -> None:
    assert flow("a = 1\na = 2\nb = a").needs[2] == {"a": frozenset({1})}


def test_a_change_in_place_needs_what_was_there_and_makes_the_next_version() -> None:
    found = flow("import pandas as pd\ndf = pd.DataFrame({'a': [1]})\ndf['b'] = 2\nc = df['b']")
    assert found.needs[3] == {"df": frozenset({2})}
    assert found.slice({3}) == {0, 1, 2, 3}


def test_a_branch_that_may_not_run_keeps_the_makers_before_it() -> None:
    found = flow("flag = 1\na = 1\nif flag:\n    a = 2\nb = a")
    assert found.needs[3] == {"a": frozenset({1, 2})}


def test_a_change_by_another_name_is_needed_by_those_who_read_this_one() -> None:
    found = flow("a = [1]\nb = a\nb.append(2)\nc = a")
    assert found.slice({3}) == {0, 1, 2, 3}


def test_builtins_and_names_that_nobody_made_are_needed_of_nobody() -> None:
    assert flow("a = len(unknown)").needs[0] == {}


def test_a_builtin_that_the_notebook_bound_is_needed_of_it() -> None:
    assert flow("sum = 0\na = sum").needs[1] == {"sum": frozenset({0})}


def test_names_that_nobody_made_come_of_the_star_import() -> None:
    found = flow("from numpy import *\na = array([1])")
    assert found.needs[1]["array"] == frozenset({0})


def test_two_imports_below_one_package_are_both_needed() -> None:
    assert flow("import a.b\nimport a.c\nx = a.b.f(a.c)").slice({2}) == {0, 1, 2}


def test_a_deleted_name_needs_its_makers_and_ends_them() -> None:
    assert flow("a = 1\ndel a\na = 2\nb = a").slice({3}) == {2, 3}


def test_executed_text_needs_all_and_makes_all() -> None:
    found = flow("a = 1\nb = 2\nexec('a = b')\nc = a")
    assert found.slice({3}) == {0, 1, 2, 3}


def test_makers_at_a_place_and_at_the_end_are_told() -> None:
    found = flow("a = 1\nb = a\na = 2")
    assert (found.at(0, "a"), found.at(1, "a"), found.at(2, "a")) == (frozenset(), frozenset({0}), frozenset({0}))
    assert (found.makers("a"), found.makers("none")) == (frozenset({2}), frozenset())


def test_readers_of_a_statement_are_those_that_need_it() -> None:
    assert flow("a = 1\nb = a\nc = b\nd = a").readers(0) == {1, 3}


# --- special names -----------------------------------------------------------------------------------------------


def test_a_draw_after_a_seed_needs_the_draws_between() -> None:
    found = flow("import numpy as np\nnp.random.seed(0)\na = np.random.rand()\nb = np.random.rand()")
    assert found.slice({3}) == {0, 1, 2, 3}


def test_a_draw_that_nothing_seeded_needs_no_other() -> None:
    assert flow("import numpy as np\na = np.random.rand()\nb = np.random.rand()").slice({2}) == {0, 2}


def test_seeds_of_two_libraries_stand_beside_each_other() -> None:
    found = flow("import random\nimport numpy as np\nrandom.seed(0)\nnp.random.seed(0)\na = random.random()")
    assert found.slice({4}) == {0, 1, 2, 3, 4}


def test_a_file_that_is_read_needs_who_wrote_it() -> None:
    cells = "import pandas as pd\ndf = pd.DataFrame()\ndf.to_csv('a.csv')\ndf.to_csv('b.csv')\nx = pd.read_csv('a.csv')"
    assert flow(cells).slice({4}) == {0, 1, 2, 4}


def test_a_file_that_lies_in_a_folder_needs_who_made_the_folder() -> None:
    cells = "import os\nimport pandas as pd\nos.makedirs('out')\ndf = pd.DataFrame()\ndf.to_csv('out/a.csv')"
    assert 2 in flow(cells).slice({4})


def test_a_file_whose_name_is_not_told_may_be_any() -> None:
    cells = "import pandas as pd\ndf = pd.DataFrame()\ndf.to_csv('a.csv')\nx = pd.read_csv(input())"
    assert 2 in flow(cells).slice({3})


def test_a_figure_is_made_in_its_cell_only() -> None:
    cells = ("import matplotlib.pyplot as plt", "plt.figure()\nplt.plot([1])\nplt.title('x')", "plt.plot([2])")
    found = flow(*cells)
    assert found.slice({3}) == {0, 1, 2, 3}
    assert found.slice({4}) == {0, 4}


def test_settings_of_looks_are_needed_by_no_value_and_those_that_compute_are() -> None:
    cells = "import pandas as pd\npd.set_option('display.max_rows', 5)\npd.set_option('mode.copy_on_write', True)\n"
    assert flow(cells + "a = pd.f()").slice({3}) == {0, 2, 3}


def test_an_import_that_opens_another_is_needed() -> None:
    cells = "from sklearn.experimental import enable_iterative_imputer\nfrom sklearn.impute import IterativeImputer"
    assert flow(cells).slice({1}) == {0, 1}


# --- what a run showed -------------------------------------------------------------------------------------------


def test_a_change_that_the_run_saw_and_the_text_does_not_tell_is_added_and_listed() -> None:
    notebook = notebook_of("import lib\na = lib.A()\nlib.work(a)\nb = a", folder=HERE)
    runs = watched(run(0), run(1, bound={"a": info(1, "other")}), run(2, changed={"a": info(1, "other", "y")}), run(3))
    found = flow_of(notebook, runs)
    assert found.missed == ((2, "a"),)
    assert found.slice({3}) == {0, 1, 2, 3}


def test_a_supposed_change_that_the_run_did_not_see_is_taken_out() -> None:
    notebook = notebook_of("import lib\na = lib.make()\na.frobnicate()\nb = a", folder=HERE)
    runs = watched(run(0), run(1, bound={"a": info(1, "other")}), run(2), run(3))
    found = flow_of(notebook, runs)
    assert found.spared == ((2, "a"),)
    assert found.slice({3}) == {0, 1, 3}


def test_a_supposed_change_of_a_value_that_cannot_be_told_apart_stays() -> None:
    notebook = notebook_of("import lib\na = lib.make()\na.frobnicate()\nb = a", folder=HERE)
    runs = watched(run(0), run(1, bound={"a": info(1, "other", "")}), run(2), run(3))
    assert flow_of(notebook, runs).slice({3}) == {0, 1, 2, 3}


def test_a_fit_that_changed_nothing_is_still_one() -> None:
    notebook = notebook_of("import lib\na = lib.make()\na.fit(1)", folder=HERE)
    runs = watched(run(0), run(1, bound={"a": info(1, "estimator")}), run(2))
    assert flow_of(notebook, runs).touches[2].changes == {"a"}


def test_names_that_the_run_saw_to_be_one_object_change_together() -> None:
    notebook = notebook_of("import lib\na = lib.make()\nb = lib.same(a)\nb['x'] = 1\nc = a", folder=HERE)
    runs = watched(
        run(0),
        run(1, bound={"a": info(1)}),
        run(2, bound={"b": info(1)}),
        run(3, changed={"a": info(1), "b": info(1)}),
        run(4),
    )
    found = flow_of(notebook, runs)
    assert found.missed == ()
    assert 3 in found.slice({4})


def test_the_run_tells_who_drew() -> None:
    notebook = notebook_of("import numpy as np\nimport lib\nnp.random.seed(0)\nlib.f()\na = lib.g()", folder=HERE)
    runs = watched(run(0), run(1), run(2, drew=True), run(3, drew=True), run(4, drew=True))
    found = flow_of(notebook, runs)
    assert found.missed == ((3, "state:random"), (4, "state:random"))
    assert found.slice({4}) == {0, 1, 2, 3, 4}


def test_what_did_not_draw_in_the_run_leaves_the_generator_alone() -> None:
    notebook = notebook_of("import numpy as np\nnp.random.seed(0)\na.sample(3)\nb = np.random.rand()", folder=HERE)
    runs = watched(run(0), run(1, drew=True), run(2), run(3, drew=True))
    assert flow_of(notebook, runs).slice({3}) == {0, 1, 3}


def test_names_that_a_star_import_brought_are_known_from_the_run() -> None:
    notebook = notebook_of("a = 1\nfrom lib import *\nb = a + c", folder=HERE)
    runs = watched(run(0, bound={"a": info(1, "number")}), run(1, bound={"c": info(2, "number")}), run(2))
    assert flow_of(notebook, runs).needs[2] == {"a": frozenset({0}), "c": frozenset({1})}


def test_names_that_python_keeps_for_itself_are_no_effects() -> None:
    notebook = notebook_of("a = 1", folder=HERE)
    runs = watched(run(0, bound={"a": info(1, "number"), "__warningregistry__": info(2, "dict")}))
    assert flow_of(notebook, runs).missed == ()


# --- what can go -------------------------------------------------------------------------------------------------


def test_what_nothing_needs_is_told_with_the_reason() -> None:
    notebook = notebook_of(
        "import pandas as pd\nimport lib\npd.set_option('display.max_rows', 5)\ndf = pd.read_csv('a.csv')",
        "df.head()\nx = df['a'].mean()\ndf.plot()",
        "one = lib.One()\none.fit(df)\nprint(one.score(df))",
        "two = lib.Two()\ntwo.fit(df)",
        folder=HERE,
    )
    found = dead(notebook, flow_of(notebook), {11})
    assert {notebook.statements[number].source: why for number, why in found.items()} == {
        "pd.set_option('display.max_rows', 5)": "settings of looks",
        "df.head()": "looks only",
        "x = df['a'].mean()": "never used",
        "df.plot()": "looks only",
        "one = lib.One()": "other model",
        "one.fit(df)": "other model",
        "print(one.score(df))": "other model",
    }


# --- drawn notebooks ---------------------------------------------------------------------------------------------


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _emptied(room: Path) -> Path:
    for each in room.iterdir():
        each.unlink()
    return room


@pytest.mark.parametrize("part", range(4))
def test_the_slice_of_the_last_value_gives_what_the_whole_gives(
    part: int, room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = kept = of = 0
    for seed in range(part, SEEDS, 4):
        notebook = drawn_notebook(seed, _emptied(room), length=22)
        last = len(notebook.statements) - 1
        needed = flow_of(notebook).slice({last})
        _emptied(room)
        whole = value_of(notebook, range(last + 1), "score")
        if whole.startswith("raised"):
            continue
        _emptied(room)
        assert value_of(notebook, needed, "score") == whole, f"seed {seed}"
        tried, kept, of = tried + 1, kept + len(needed), of + last + 1
    capsys.readouterr()
    assert tried > SEEDS / 4 * 0.8
    assert kept < 0.7 * of


def test_the_graph_of_a_long_notebook_is_made_quickly(room: Path) -> None:
    cells = [cell.source for seed in (1, 2) for cell in drawn_notebook(seed, room, length=60).cells]
    notebook = notebook_of(*(cells * 10)[:1000], folder=HERE)
    started = time.perf_counter()
    flow_of(notebook)
    assert time.perf_counter() - started < 3
