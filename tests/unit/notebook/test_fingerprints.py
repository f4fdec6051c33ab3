"""Fingerprints tell equal content from other content, in each process alike."""

from __future__ import annotations

import subprocess
import sys

import lightgbm
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier

from unshelve.notebook.describing import describe
from unshelve.notebook.fingerprints import Fingerprints, of_row_numbers

FRAME = pd.DataFrame({"a": [1.0, 2.0, np.nan], "b": ["x", None, "z"], "c": pd.Categorical(["u", "v", "u"])})


def fingerprint(value: object) -> str:
    return Fingerprints().of(value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (FRAME, FRAME.rename(columns={"a": "A"})),
        (FRAME, FRAME.assign(a=[1.0, 2.0, 3.0])),
        (FRAME, FRAME.assign(b=["x", "y", "z"])),
        (FRAME, FRAME.iloc[::-1]),
        (np.arange(5), np.arange(5.0)),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"a": 2}),
        (LinearRegression(), LinearRegression().fit([[1], [2]], [1, 3])),
        (DecisionTreeClassifier().fit([[1], [2]], [0, 1]), DecisionTreeClassifier().fit([[1], [4]], [0, 1])),
    ],
)
def test_other_content_gives_another_fingerprint(one: object, other: object) -> None:
    assert fingerprint(one) != fingerprint(other)


def test_equal_content_gives_an_equal_fingerprint() -> None:
    assert fingerprint(FRAME) == fingerprint(FRAME.copy(deep=True))
    assert fingerprint({3, 1, 2}) == fingerprint({2, 3, 1})
    assert fingerprint(np.asfortranarray(np.ones((3, 2)))) == fingerprint(np.ones((3, 2)))


def test_an_index_is_known_by_its_labels_and_not_by_its_class() -> None:
    prints = Fingerprints()
    assert prints.of_index(pd.RangeIndex(5)) == prints.of_index(pd.Index([0, 1, 2, 3, 4]))
    assert prints.of_index(pd.RangeIndex(5)) != prints.of_index(pd.RangeIndex(1, 6))


def test_a_change_in_place_is_seen_by_the_same_memory() -> None:
    prints = Fingerprints()
    texts = np.array([f"text {number}" for number in range(500)], dtype=object)
    frame = pd.DataFrame({"a": texts, "b": range(500)})
    before = prints.of(texts), prints.of(frame)
    texts[3] = "other"
    frame.loc[3, "a"] = "other"
    assert prints.of(texts) != before[0]
    assert prints.of(frame) != before[1]


def test_a_value_that_holds_itself_has_a_fingerprint() -> None:
    value: list[object] = [1]
    value.append(value)
    assert fingerprint(value) == fingerprint(value) != ""


def test_each_process_gives_the_same_fingerprint() -> None:
    code = (
        "import pandas as pd\nfrom sklearn.ensemble import RandomForestClassifier\n"
        "from unshelve.notebook.fingerprints import Fingerprints\n"
        "f = pd.DataFrame({'a': range(20), 'b': list('ab') * 10})\n"
        "m = RandomForestClassifier(3, random_state=1).fit(f[['a']], f['b'])\n"
        "print(Fingerprints().of([f, m, {'x', 'y', 'z'}]))"
    )
    given = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        )
        for seed in ("1", "2")
    ]
    assert given[0].stdout == given[1].stdout != "\n"


def test_a_column_has_the_same_hash_in_a_table_and_alone() -> None:
    table = pd.DataFrame(
        {
            "number": [1.5, 2.0],
            "text": ["a", None],
            "kind": pd.Categorical(["x", "y"]),
            "day": pd.to_datetime(["2024-01-01", "2024-01-02"]),
            "zoned": pd.to_datetime(["2024-01-01", "2024-01-02"], utc=True),
            "whole": pd.array([1, None], dtype="Int64"),
            "object": pd.Series([1, "b"], dtype=object),
        }
    )
    prints = Fingerprints()
    assert prints.of_columns(table) == tuple(prints.of_column(table[name].array) for name in table)
    assert len(set(prints.of_columns(table))) == table.shape[1]


def test_tables_that_differ_in_a_value_a_name_or_the_index_are_told_apart() -> None:
    table = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    others = [
        table,
        table.rename(columns={"a": "c"}),
        table.assign(a=[1, 5]),
        table.set_axis([1, 0]),
        table[["b", "a"]],
    ]
    told = [describe(each, Fingerprints()).fingerprint for each in others]
    assert len(set(told)) == len(others)
    assert describe(table.copy(), Fingerprints()).fingerprint == told[0]


def test_rows_numbered_from_0_are_known_without_a_table() -> None:
    prints = Fingerprints()
    assert of_row_numbers(3) == prints.of_index(pd.RangeIndex(3)) == prints.of_index(pd.Index([0, 1, 2]))
    assert of_row_numbers(3) != prints.of_index(pd.RangeIndex(4))


def test_what_a_library_in_c_holds_is_told_by_what_it_writes_out() -> None:
    rows, values = np.arange(100.0).reshape(50, 2), np.arange(50.0)
    one, same, other = (
        lightgbm.LGBMRegressor(n_estimators=3, learning_rate=rate, verbose=-1).fit(rows, values)
        for rate in (0.1, 0.1, 0.2)
    )
    assert fingerprint(one) == fingerprint(same) != ""
    assert fingerprint(one.booster_) != fingerprint(other.booster_)
