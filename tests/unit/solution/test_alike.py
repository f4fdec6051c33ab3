"""Rows give the same in every way they can come, or the transform is refused by name."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from unshelve.errors import UserCodeFailed
from unshelve.serving.row_path import PathStep, RowPath
from unshelve.solution.alike import Trial, check_transforms, other_zone

Transform = Callable[..., Any]

ROWS = pd.DataFrame({"a": np.linspace(-2, 5, 50), "kind": list("xyzxy") * 10})
NUMBERS = np.arange(1000, 1050)
PATH = RowPath(
    entry="rows",
    steps=(PathStep(name="features", rows={"rows": "rows"}, frozen={"state": "state"}),),
    output="features",
)


def trial(function: Transform, state: object = None, fresh: Transform | None = None) -> Trial:
    return Trial(
        path=PATH,
        frozen={"state": state},
        functions={"features": function},
        fresh=lambda: {"features": fresh or function},
        fresh_and_looked_at=lambda: {"features": fresh or function},
        table=ROWS,
        numbers=NUMBERS,
    )


def test_a_transform_of_each_row_by_itself_passes_and_gives_the_rows_alone() -> None:
    tried = check_transforms(trial(lambda rows, state: rows[["a"]] * 2))
    assert [float(one["a"].iloc[0]) for one in tried.alone[:2]] == [-4.0, float(ROWS["a"][1] * 2)]
    assert tried.bulk["features"]["a"].tolist() == (ROWS["a"] * 2).tolist()


def counter() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


COUNT = counter()


def changed(rows: pd.DataFrame, state: dict[str, int]) -> pd.DataFrame:
    state["n"] = state.get("n", 0) + 1
    return rows[["a"]]


REFUSED: list[tuple[Transform, object, str]] = [
    (lambda rows, state: rows[["a"]] - rows[["a"]].mean(), None, "gives another a for row 1000 when it comes alone"),
    (lambda rows, state: rows[["a"]].shift(1), None, "when it comes in another order"),
    (lambda rows, state: rows[["a"]] + random.random(), None, "when it is made again"),
    (lambda rows, state: rows[["a"]].assign(n=next(COUNT)), None, "gives another n for row 1000 when it is made again"),
    (lambda rows, state: rows[["a"]].drop_duplicates(), None, "fail when the same row comes twice"),
    (lambda rows, state: rows[["a"]].assign(h=datetime.fromtimestamp(1e9).minute), None, "in another time zone"),
    (lambda rows, state: rows[["a"]] if len(rows) > 1 else 1 / 0, None, "but fails on row 1000 alone: ZeroDivision"),
    (changed, {}, "changes its frozen input state"),
]


@pytest.mark.parametrize(("function", "state", "says"), REFUSED, ids=[case[2][:30] for case in REFUSED])
def test_a_transform_that_looks_further_is_refused(function: Transform, state: object, says: str) -> None:
    with pytest.raises(UserCodeFailed, match="features") as caught:
        check_transforms(trial(function, state))
    assert says in caught.value.message
    assert "features" in caught.value.message


def test_code_that_remembers_is_found_by_loading_it_anew() -> None:
    seen: dict[str, int] = {}

    def remembering(rows: pd.DataFrame, state: object) -> pd.DataFrame:
        return rows[["a"]].assign(code=[seen.setdefault(kind, len(seen)) for kind in rows["kind"]])

    def anew(rows: pd.DataFrame, state: object) -> pd.DataFrame:
        mine: dict[str, int] = {}
        return rows[["a"]].assign(code=[mine.setdefault(kind, len(mine)) for kind in rows["kind"]])

    with pytest.raises(UserCodeFailed, match="it remembers earlier rows"):
        check_transforms(trial(remembering, fresh=anew))


def test_state_that_completes_itself_at_its_first_use_is_no_change() -> None:
    def lazily(rows: pd.DataFrame, state: dict[str, int]) -> pd.DataFrame:
        state.setdefault("ready", 1)
        return rows[["a"]]

    check_transforms(trial(lazily, {}))


def test_state_that_takes_its_value_from_the_first_rows_is_found() -> None:
    def first_wins(rows: pd.DataFrame, state: dict[str, float]) -> pd.DataFrame:
        return rows[["a"]] - state.setdefault("mean", float(rows["a"].mean()))

    with pytest.raises(UserCodeFailed, match="when the code is loaded anew"):
        check_transforms(trial(first_wins, {}))


def test_rounding_of_sums_that_cancel_out_is_no_difference() -> None:
    def rounded(rows: pd.DataFrame, state: object) -> pd.DataFrame:
        noise = 1e-17 * len(rows)
        return pd.DataFrame({"sum": rows["a"] - rows["a"] + noise, "a": rows["a"]})

    with pytest.raises(UserCodeFailed):
        check_transforms(trial(rounded))  # the column is nothing but noise: there is no usual size to go by
    check_transforms(trial(lambda rows, state: pd.DataFrame({"a": rows["a"] + 1e-17 * len(rows)})))


def test_the_zone_is_another_one_for_as_long_as_the_block_lasts() -> None:
    before = time.strftime("%z")
    with other_zone():
        assert time.strftime("%z") != before
    assert time.strftime("%z") == before
