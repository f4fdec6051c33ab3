"""Three versions of a solution made one: what people changed stays, what the notebook changed comes in."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unshelve.notebook.merging import Merged, merge, shortly
from unshelve.notebook.merging_lines import merge_lines
from unshelve.notebook.units import text_of_units, units_of

BASE = '''"""Churn."""

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score

from unshelve import model, source

num = ['age', 'spent']
YEAR = 12


@source
def people():
    """The rows."""
    return pd.read_csv('people.csv')


@transform
def features(people):
    """What is made of a row."""
    people['spent'] = np.log(people['spent'])
    people['years'] = people['months'] / YEAR
    people['rate'] = people['spent'] / people['years']
    return people


@model
def leaves(features_train):
    """Who leaves."""
    return LogisticRegression(C=1.0).fit(features_train[num])
'''
STEPS = ("@source", "@transform", "@model")
LINES = st.lists(st.sampled_from("abc"), max_size=7)
UNITS = st.lists(
    st.sampled_from(["x = 1", "x = 2", "y = 1", "y = 2", "def f():\n    return x", "def f():\n    return 2"]),
    max_size=6,
    unique_by=lambda each: each.split("(")[0].split(" =")[0],
).map(lambda units: "".join(f"{unit}\n" for unit in units))


def test_both_sides_are_taken_where_they_changed_different_units() -> None:
    mine = BASE.replace("C=1.0", "C=0.5") + "\n\n@endpoint\ndef offer(leaves):\n    return leaves.score\n"
    theirs = BASE.replace("YEAR = 12", "YEAR = 52").replace("import numpy as np\n", "import numpy as np\nimport os\n")
    merged = merge(BASE, mine, theirs)
    wanted = mine.replace("YEAR = 12", "YEAR = 52").replace("import numpy as np\n", "import numpy as np\nimport os\n")
    assert merged == Merged(text=wanted, edited=("leaves", "offer"))


def test_lines_of_one_function_are_merged_where_they_lie_apart() -> None:
    mine = BASE.replace("np.log(people['spent'])", "np.log1p(people['spent'])")
    theirs = BASE.replace("people['spent'] / people['years']", "people['spent'] / (people['years'] + 1)")
    merged = merge(BASE, mine, theirs)
    assert "np.log1p" in merged.text and "+ 1)" in merged.text
    assert merged.edited == ("features",)


def test_one_line_changed_by_both_is_a_conflict_that_shows_both() -> None:
    conflict = merge(BASE, BASE.replace("C=1.0", "C=0.5"), BASE.replace("C=1.0", "C=2.0")).conflicts[0]
    assert shortly(conflict) == [
        "leaves:",
        "  in solution.py:",
        "        return LogisticRegression(C=0.5).fit(features_train[num])",
        "  from the notebook:",
        "        return LogisticRegression(C=2.0).fit(features_train[num])",
    ]


@pytest.mark.parametrize(("side", "kept"), [("mine", "C=0.5"), ("notebook", "C=2.0")])
def test_whose_version_of_a_conflict_is_taken_can_be_said(side: str, kept: str) -> None:
    mine = BASE.replace("C=1.0", "C=0.5").replace("YEAR = 12", "YEAR = 13")
    merged = merge(BASE, mine, BASE.replace("C=1.0", "C=2.0"), keep="mine" if side == "mine" else "notebook")
    assert kept in merged.text and "YEAR = 13" in merged.text and not merged.conflicts


def test_a_function_that_one_side_changed_and_the_other_removed_is_a_conflict() -> None:
    gone = BASE[: BASE.index("\n\n@model")]
    changed = BASE.replace("C=1.0", "C=0.5")
    assert merge(BASE, changed, gone).conflicts[0].notebook is None
    assert merge(BASE, gone, changed).conflicts[0].mine is None
    assert merge(BASE, BASE.replace("YEAR = 12", "YEAR = 13"), gone).text == gone.replace("YEAR = 12", "YEAR = 13")


def test_names_imported_from_one_module_are_merged_by_name() -> None:
    mine = BASE.replace("import model, source", "import endpoint, model, source")
    theirs = BASE.replace("import model, source", "import chart, model, source").replace("accuracy_score", "f1_score")
    merged = merge(BASE, mine, theirs)
    assert "from unshelve import chart, endpoint, model, source\n" in merged.text
    assert "import f1_score\n" in merged.text


def test_what_edited_code_needs_stays_though_the_notebook_needs_it_no_more() -> None:
    mine = BASE.replace("'people.csv')", "'people.csv', nrows=10 * YEAR)")
    theirs = BASE.replace("import numpy as np\n", "").replace("np.log", "abs")
    theirs = theirs.replace("YEAR = 12\n", "").replace("/ YEAR", "/ 12")
    assert merge(BASE, mine, theirs).text == mine.replace("import numpy as np\n", "").replace("np.log", "abs").replace(
        "/ YEAR", "/ 12"
    )


def test_a_formatter_is_no_edit_that_stands_against_the_notebook() -> None:
    mine = BASE.replace("'", '"').replace("\n\n\n", "\n\n")
    theirs = BASE.replace("np.log(", "np.log1p(").replace("YEAR = 12", "YEAR = 52")
    merged = merge(BASE, mine, theirs)
    assert not merged.conflicts and "np.log1p(people['spent'])" in merged.text
    assert 'read_csv("people.csv")' in merged.text and "YEAR = 52" in merged.text and merged.edited == ()


def test_the_order_that_people_gave_it_stays() -> None:
    start, source, features, model = (BASE[a:b] for a, b in pairwise([0, *map(BASE.index, STEPS), len(BASE)]))
    moved = start + features + source + model
    assert merge(BASE, moved, BASE.replace("C=1.0", "C=2.0")).text == moved.replace("C=1.0", "C=2.0")


def test_line_ends_of_windows_stay() -> None:
    mine = BASE.replace("YEAR = 12", "YEAR = 13").replace("\n", "\r\n")
    text = merge(BASE, mine, BASE.replace("C=1.0", "C=2.0")).text
    assert text == BASE.replace("YEAR = 12", "YEAR = 13").replace("C=1.0", "C=2.0").replace("\n", "\r\n")


def test_a_file_that_is_no_python_is_said_to_be_none() -> None:
    with pytest.raises(SyntaxError):
        merge(BASE, BASE + "\ndef f(:\n", BASE)


@pytest.mark.parametrize("text", [BASE, "x = 1; y = 2\n", "if x:\n    y = 1\n# last\n", "", "x = 1\n\n\nx = 2\n"])
def test_a_file_is_its_units(text: str) -> None:
    assert text_of_units(units_of(text)) == (text or "\n")


@given(LINES, LINES)
def test_lines_that_one_side_changed_are_as_that_side_has_them(base: list[str], other: list[str]) -> None:
    assert merge_lines(base, other, base) == merge_lines(base, base, other) == merge_lines(base, other, other) == other


@given(LINES, LINES, LINES)
def test_merging_lines_treats_both_sides_alike(base: list[str], mine: list[str], theirs: list[str]) -> None:
    merged = merge_lines(base, mine, theirs)
    assert merged == merge_lines(base, theirs, mine)
    assert merged is None or set(merged) <= set(mine) | set(theirs)


@given(UNITS, UNITS)
def test_a_file_that_one_side_changed_is_that_sides_file(base: str, other: str) -> None:
    assert merge(base, other, base).text == merge(base, base, other).text == other


@settings(max_examples=300)
@given(UNITS, UNITS, UNITS)
def test_a_merge_holds_what_each_side_changed_and_nothing_else(base: str, mine: str, theirs: str) -> None:
    merged = merge(base, mine, theirs)
    units = [{unit.key: unit.text for unit in units_of(text)} for text in (base, mine, theirs, merged.text)]
    before, one, other, found = units
    for key in set(one) | set(other) | set(before):
        versions = {one.get(key), other.get(key)}
        assert found.get(key) in versions
        clash = len({before.get(key), one.get(key), other.get(key)}) == 3
        assert clash == any(each.name == key.removeprefix("def ") for each in merged.conflicts)
        if not clash and one.get(key) != before.get(key) and one.get(key) is not None:
            assert found[key] == one[key]
        if not clash and other.get(key) != before.get(key) and other.get(key) is not None:
            assert found[key] == other[key]
