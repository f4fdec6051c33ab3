"""The row path runs transforms in order, each with rows of its own and state as it was frozen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from unshelve.errors import UserCodeFailed
from unshelve.serving.row_path import PathStep, RowPath, check_rows, run_path, run_steps

ROWS = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4, 5, 6]})
PATH = RowPath(
    entry="rows",
    steps=(
        PathStep(name="doubled", rows={"rows": "rows"}, parameters={"by": 2}),
        PathStep(name="both", rows={"left": "doubled", "right": "rows"}, frozen={"usual": "usual"}),
    ),
    output="both",
)
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "doubled": lambda rows, by: rows[["a"]] * by,
    "both": lambda left, right, usual: left.join(right[["b"]]) - usual,
}


def test_steps_take_each_others_rows_the_entrys_state_and_parameters() -> None:
    made = run_path(PATH, ROWS, FUNCTIONS, {"usual": 1})
    assert made.to_dict("list") == {"a": [1.0, 3.0, 5.0], "b": [3, 4, 5]}


def test_every_steps_result_can_be_had_and_a_path_without_steps_gives_the_rows() -> None:
    assert set(run_steps(PATH, ROWS, FUNCTIONS, {"usual": 1})) == {"rows", "doubled", "both"}
    assert run_path(RowPath(entry="rows", steps=(), output="rows"), ROWS, {}, {}) is ROWS


def test_a_transform_that_changes_what_it_is_given_spoils_nothing() -> None:
    def spoiling(rows: pd.DataFrame) -> pd.DataFrame:
        rows["a"] = 0.0
        rows.loc[:, "b"] = 0
        return rows

    path = RowPath(
        entry="rows",
        steps=(
            PathStep(name="spoiling", rows={"rows": "rows"}),
            PathStep(name="after", rows={"rows": "rows", "spoilt": "spoiling"}),
        ),
        output="after",
    )
    made = run_path(path, ROWS, {"spoiling": spoiling, "after": lambda rows, spoilt: rows}, {})
    assert made.equals(pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4, 5, 6]}))


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (None, "transform-returned-none"),
        (ROWS.head(2), "transform-changed-rows"),
        (pd.concat([ROWS, ROWS]), "transform-changed-rows"),
        (np.zeros((2, 4)), "transform-changed-rows"),
        ([1, 2], "transform-changed-rows"),
        (ROWS.sort_values("a", ascending=False), "transform-changed-order"),
        (ROWS["a"].sort_values(ascending=False), "transform-changed-order"),
    ],
)
def test_other_rows_or_another_order_are_refused_by_name(result: object, code: str) -> None:
    with pytest.raises(UserCodeFailed, match="Transform features") as caught:
        check_rows("features", result, 3)
    assert caught.value.subject_code == code


@pytest.mark.parametrize(
    "result",
    [
        ROWS,
        ROWS.set_index("b"),
        ROWS.set_axis(list("xyz")),
        ROWS["a"],
        ROWS.to_numpy(),
        csr_matrix(ROWS.to_numpy()),
        [1, 2, 3],
    ],
)
def test_the_same_rows_in_any_form_are_taken(result: object) -> None:
    check_rows("features", result, 3)
