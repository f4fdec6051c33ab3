"""A table before and after cleaning, side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd

from unshelve.data.cleaning import MOST_ROWS, compare, dropped_only


def table() -> pd.DataFrame:
    return pd.DataFrame({"n": [1.0, np.nan, 3.0, 4.0], "t": pd.Series(["a", " b", None, "d"]), "id": [10, 20, 30, 40]})


def test_changed_filled_and_emptied_cells_are_counted_by_column() -> None:
    after = table().assign(n=[1.0, 0.0, 3.0, np.nan], t=pd.Series(["a", "b", None, "d"]))
    found = compare(table(), after)
    assert found is not None
    assert found["rows"] == {"before": 4, "after": 4, "dropped": 0, "added": 0, "changed": 2}
    assert found["columns"] == [
        {"name": "n", "changed": 2, "filled": 1, "emptied": 1},
        {"name": "t", "changed": 1, "filled": 0, "emptied": 0},
    ]
    assert found["changes"] == [
        {"name": "n", "pairs": [[1, None, "0"], [3, "4", None]]},
        {"name": "t", "pairs": [[1, " b", "b"]]},
    ]


def test_rows_are_matched_by_the_index_that_a_step_left_them() -> None:
    found = compare(table(), table().iloc[[3, 0]].assign(n=[4.5, 1.0]))
    assert found is not None
    assert (found["matched"], found["rows"]["dropped"], found["rows"]["changed"]) == ("row", 2, 1)
    assert [row[0] for row in found["dropped"]["rows"]] == ["1", "2"]


def test_rows_of_a_new_index_are_matched_by_a_column_that_names_them() -> None:
    after = table().iloc[1:].reset_index(drop=True).assign(t="x")
    found = compare(table(), after)
    assert found is not None
    assert (found["matched"], found["rows"]["dropped"], found["rows"]["changed"]) == ("id", 1, 3)


def test_tables_of_other_columns_are_not_compared() -> None:
    assert compare(table(), table().drop(columns="t")) is None
    assert compare(table()[["n"]], pd.DataFrame({"n": [5.0]})) is None


def test_what_is_kept_is_bounded_and_names_nobody() -> None:
    given = pd.DataFrame({"email": [f"a{n}@b.org" for n in range(500)]})
    found = dropped_only(given, np.arange(10))
    assert found["rows"]["dropped"] == 490
    assert len(found["dropped"]["rows"]) == MOST_ROWS
    assert {row[1] for row in found["dropped"]["rows"]} == {"hidden"}
    changed = compare(given, given.assign(email="gone"))
    assert changed is not None
    assert changed["changes"][0]["pairs"] == [[0, "hidden", "hidden"], [1, "hidden", "hidden"], [2, "hidden", "hidden"]]
