"""The dependence graph: versions of names, slices, and what a run adds and takes out."""

from __future__ import annotations

from pathlib import Path

from notebook_house import notebook_of

from unshelve.notebook.flow import Flow, flow_of

HERE = Path("somewhere")


def flow(*cells: str) -> Flow:
    return flow_of(notebook_of(*cells, folder=HERE))


def test_a_read_needs_the_last_statement_that_bound_the_name() -> None:
    assert flow("a = 1\na = 2\nb = a").needs[2] == {"a": frozenset({1})}


def test_a_change_in_place_needs_what_was_there_and_makes_the_next_version() -> None:
    found = flow("import pandas as pd\ndf = pd.DataFrame({'a': [1]})\ndf['b'] = 2\nc = df['b']")
    assert found.needs[3] == {"df": frozenset({2})}
    assert found.slice({3}) == {0, 1, 2, 3}


def test_a_branch_that_may_not_run_keeps_the_makers_before_it() -> None:
    found = flow("flag = 1\na = 1\nif flag:\n    a = 2\nb = a")
    assert found.needs[3] == {"a": frozenset({1, 2})}
