"""Rows that a notebook fills from other rows are refused where they are few, so that the others are proven."""

from __future__ import annotations

import pandas as pd
import pytest

from unshelve.data.profile import learn
from unshelve.notebook.asking import TestRow
from unshelve.notebook.narrowing import Gaps, gaps_in, to_require

SAID = (
    "Transform features (solution.py, line 20) gives another age for row 1 when it comes alone than in the whole table."
)
GAPS = Gaps(100, {"age": frozenset({1, 2, 3}), "city": frozenset({3}), "note": frozenset(range(50))})


def test_gaps_are_told_of_fields_that_may_be_missing_and_of_those_that_are_required_already() -> None:
    schema = learn(pd.DataFrame({"age": [30.0, 41.0], "city": ["Bern", None], "spent": [1.5, 2.5]}))
    values: list[dict[str, object]] = [
        {"age": None, "city": "Bern", "spent": None},
        {"age": 3.0, "city": None, "spent": 2.0},
    ]
    rows = [TestRow(position=place, number=place, row=row, answer={}) for place, row in enumerate(values)]
    assert gaps_in(rows, schema, ("age",)) == Gaps(2, {"age": frozenset({0}), "city": frozenset({1})})
    assert gaps_in([], schema, ()) is None


@pytest.mark.parametrize(
    ("failure", "required", "wanted"),
    [
        (SAID, (), ("age",)),
        (SAID.replace("age", "city"), ("age",), ("age", "city")),
        (SAID, ("age",), ()),
        (SAID.replace("age", "age_squared"), (), ()),
        (SAID.replace("age", "note"), (), ()),
        ("Step features raised KeyError: 'age'", (), ()),
        (None, (), ()),
    ],
)
def test_what_is_to_be_required_is_the_column_that_leans_on_other_rows_if_few_lack_it(
    failure: str | None, required: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    assert to_require(failure, GAPS, required) == wanted


def test_several_fields_may_be_required_as_long_as_few_rows_lack_one_of_them() -> None:
    gaps = Gaps(100, {"age": frozenset(range(3)), "city": frozenset(range(10, 12))})
    assert to_require(SAID, gaps, ()) == ("age",)
    assert to_require(SAID.replace("age", "city"), gaps, ("age",)) == ()
