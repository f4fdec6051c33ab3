"""Holding tables against checks: which rows fail, and what is said of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unshelve.data.checking import facts, holds
from unshelve.data.checks import (
    Check,
    column,
    fresh,
    from_json,
    key,
    refers_to,
    row_count,
    to_json,
    unique,
)
from unshelve.data.timely import Said, judge
from unshelve.errors import Refused

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def failing(values: Any, check: Check, **others: pd.DataFrame) -> list[int]:
    """The rows that fail a check of the column `x`."""
    rows: set[int] = set()
    for found in holds(pd.DataFrame({"x": values}), [check], others):
        assert found.held == (not found.failing and not found.message)
        if found.rows is not None:
            rows |= set(np.flatnonzero(found.rows).tolist())
    return sorted(rows)


def said(table: pd.DataFrame, *checks: Check, **others: pd.DataFrame) -> list[str]:
    return [f"{one.says}: {one.message}" for one in holds(table, checks, others) if not one.held]


@pytest.mark.parametrize(
    ("values", "check", "rows"),
    [
        ([1.0, np.nan, 9.0, -1.0], column("x", between=(0, 5)), [2, 3]),
        ([1.0, np.inf, -np.inf, np.nan], column("x", between=(0, None)), [2]),
        ([1.0, np.inf, -np.inf, np.nan], column("x", between=(None, 5)), [1]),
        (pd.array([1, None, 9], dtype="Int64"), column("x", between=(0, 5)), [2]),
        (pd.array([1, None, 9], dtype="int64[pyarrow]"), column("x", between=(0, 5)), [2]),
        ([Decimal("0.1"), Decimal(7), None], column("x", between=(0, 5)), [1]),
        (["a", None, "b"], column("x", missing=False), [1]),
        (["a", None, "c"], column("x", one_of=["a", "b"]), [2]),
        (pd.Categorical(["a", "c", None]), column("x", one_of=["a", "b"]), [1]),
        ([1, 2, 3], column("x", one_of=[1, 3]), [1]),
        (["JFK", "LG", "ewr", None], column("x", matches="[A-Z]{3}"), [1, 2]),
        (["aa", "ab"], column("x", matches=r"(.)\1"), [1]),
        (["JFK\n", "JFK"], column("x", matches="JFK"), [0]),
        (["\x00", "é", ""], column("x", matches=r"\w+"), [0, 1, 2]),
        (["abc", "", None, "abcdef"], column("x", length=(1, 4)), [1, 3]),
        ([1, 2, 1, 1], column("x", unique=True), [2, 3]),
        ([1.0, np.nan, np.nan], column("x", unique=True), []),
        ([1.0, np.nan, 1.0], key("x"), [1, 2]),
        (pd.to_datetime(["2026-01-01", "NaT", "1677-10-01"]), column("x", between=("2000-01-01", None)), [2]),
        (
            pd.to_datetime(["2026-01-01T00:30", "2026-01-01T02:30"]).tz_localize("Europe/Paris"),
            column("x", between=("2026-01-01T00:00:00+00:00", None)),
            [0],
        ),
    ],
)
def test_the_rows_that_fail_are_these(values: Any, check: Check, rows: list[int]) -> None:
    assert failing(values, check) == rows


@pytest.mark.parametrize(
    ("values", "type_", "rows"),
    [
        ([1, "2", None, True], "integer", [1, 3]),
        ([1, 2.5, "x", None], "float", [2]),
        (["a", 1, None], "string", [1]),
        ([True, 0, None], "boolean", [1]),
    ],
)
def test_values_of_another_type_in_a_column_of_objects_fail_one_by_one(
    values: list[Any], type_: str, rows: list[int]
) -> None:
    assert failing(pd.Series(values, dtype=object), column("x", type=type_)) == rows


@pytest.mark.parametrize(
    ("values", "type_", "fits"),
    [
        ([1.0, np.nan, 3.0], "integer", True),
        ([1.5, np.nan], "integer", False),
        ([1, 2], "float", True),
        (["1"], "float", False),
        (pd.to_datetime(["2026-01-01"]), "date", True),
        (pd.to_datetime(["2026-01-01T01:00"]), "date", False),
        (pd.to_datetime(["2026-01-01T01:00"]), "timestamp", True),
        (pd.Categorical(["a"]), "string", True),
    ],
)
def test_a_column_of_one_type_fits_or_does_not(values: Any, type_: str, fits: bool) -> None:
    (found,) = holds(pd.DataFrame({"x": values}), [column("x", type=type_)], {})
    assert found.held == fits


def test_rows_that_refer_to_nothing_fail() -> None:
    others = {"airlines": pd.DataFrame({"code": ["AA", "UA"], "land": ["us", "us"]})}
    table = pd.DataFrame({"carrier": ["AA", "ZZ", None], "land": ["us", "us", "us"]})
    (one,) = holds(table, [refers_to("airlines", "carrier", key="code")], others)
    (two,) = holds(table, [refers_to("airlines", ["carrier", "land"], key=["code", "land"])], others)
    assert one.rows is not None and two.rows is not None
    assert one.rows.tolist() == two.rows.tolist() == [False, True, False]


def test_a_column_that_is_not_there_is_told_with_those_near() -> None:
    table = pd.DataFrame({"distance": [1]})
    assert said(table, column("distnace", missing=False)) == [
        "distnace is there: There is no column distnace. Did you mean distance?"
    ]


def test_what_cannot_be_compared_is_told_and_blames_no_row() -> None:
    (found,) = holds(pd.DataFrame({"x": ["a", "b"]}), [column("x", between=(0, 5))], {})
    assert not found.held
    assert found.rows is None


def test_a_share_of_missing_values_blames_no_row() -> None:
    table = pd.DataFrame({"x": [1.0, np.nan, 3.0, np.nan]})
    assert said(table, column("x", missing=0.5)) == []
    assert said(table, column("x", missing=0.4)) == ["x is missing in at most 40 %: It is missing in 50.00 %."]


def test_an_empty_table_holds_what_is_said_of_its_rows() -> None:
    table = pd.DataFrame({"x": pd.Series([], dtype=float)})
    assert said(table, key("x"), column("x", between=(0, 1), missing=False), unique("x")) == []


@pytest.mark.parametrize(
    ("newest", "within", "held"),
    [
        ("2026-11-27T11:00:00+00:00", "2h", True),
        ("2026-11-27T11:00:00+00:00", "30m", False),
        ("2026-11-27T11:00:00", "2h", True),  # 10:00 UTC in Paris
        ("2026-11-27T11:00:00", "1h", False),
        (None, "1w", False),
    ],
)
def test_the_newest_moment_is_as_old_as_it_may_be(newest: str | None, within: str, held: bool) -> None:
    found = judge([fresh("x", within)], {"rows": 1, "newest": {"x": newest}}, now=NOW, zone="Europe/Paris", counts=())
    assert [one.held for one in found] == [held]


def test_an_hour_that_comes_twice_counts_as_the_later_one() -> None:
    autumn = datetime(2026, 10, 25, 1, 45, tzinfo=UTC)  # 02:45 in Paris, for the second time
    found = judge(
        [fresh("x", "1h")],
        {"rows": 1, "newest": {"x": "2026-10-25T02:30:00"}},
        now=autumn,
        zone="Europe/Paris",
        counts=(),
    )
    assert found[0].held


def test_moments_as_text_say_how_old_a_table_is() -> None:
    table = pd.DataFrame({"x": ["2026-11-01T00:00:00Z", "2026-11-26T00:00:00Z", "not a moment"]})
    assert facts(table, [fresh("x", "2d")])["newest"] == {"x": "2026-11-26T00:00:00+00:00"}


def test_rows_are_counted_against_what_is_usual() -> None:
    check = row_count(at_least=10, against_history=0.5)
    few = judge([check], {"rows": 40, "newest": {}}, now=NOW, zone="UTC", counts=(100, 90, 110))
    assert few == [
        Said(says="there are at least 10 rows", held=True),
        Said(says="there are 50 % to 200 % of the usual rows", held=False, message="There are 40; usual are 100."),
    ]
    first = judge([check], {"rows": 40, "newest": {}}, now=NOW, zone="UTC", counts=())
    assert [one.held for one in first] == [True, True]


@pytest.mark.parametrize(
    "check",
    [
        column("x", type="float", between=(0, None), missing=0.02, unique=True),
        column("x", one_of=["a"], between=("2026-01-01", None), matches=r"\d+", length=(1, 3)),
        unique("a", "b"),
        key("a"),
        refers_to("other", "a", key="b"),
        refers_to("other", ["a", "b"]),
        fresh("at", "2d"),
        row_count(at_least=3, against_history=0.5),
    ],
)
def test_a_check_is_the_same_after_json_and_after_its_own_text(check: Check) -> None:
    assert from_json(to_json(check)) == check
    names = {"column": column, "unique": unique, "key": key, "refers_to": refers_to}
    assert eval(check.text, {**names, "fresh": fresh, "row_count": row_count}) == check


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: column("x", between=(5, 1)),
        lambda: column("x", between=(0, "2026-01-01")),
        lambda: column("x", type="number"),
        lambda: column("x", one_of="abc"),
        lambda: column("x", matches="("),
        lambda: column("x", missing=1.5),
        lambda: column(""),
        lambda: unique(),
        lambda: fresh("x", "soon"),
        lambda: row_count(),
        lambda: row_count(against_history=2.0),
        lambda: refers_to("t", ["a", "b"], key="c"),
    ],
)
def test_a_check_that_means_nothing_is_refused_where_it_is_written(wrong: Any) -> None:
    with pytest.raises(Refused):
        wrong()


@given(st.lists(st.one_of(st.none(), st.text("abAB1 \n", max_size=4)), max_size=20))
def test_patterns_mean_the_same_in_arrow_and_in_python(texts: list[str | None]) -> None:
    pattern = "[a-b]+|A.?"
    expected = [place for place, text in enumerate(texts) if text is not None and not re.fullmatch(pattern, text)]
    assert failing(pd.Series(texts, dtype=object), column("x", matches=pattern)) == expected
