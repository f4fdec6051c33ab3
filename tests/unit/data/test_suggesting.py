"""What is suggested of a table: it holds of the table itself, and leaves room."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.pandas import column as drawn
from hypothesis.extra.pandas import data_frames, range_indexes

from unshelve.data.checking import facts, holds
from unshelve.data.suggesting import suggest
from unshelve.data.timely import judge

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def test_a_table_of_orders_suggests_its_key_ranges_sets_and_age() -> None:
    n = 200
    table = pd.DataFrame(
        {
            "order_id": np.arange(n),
            "email": [f"a{number}@b.org" for number in range(n)],
            "price": np.linspace(0.5, 480, n),
            "land": ["DE", "FR", "IT", "ES"] * (n // 4),
            "bought": pd.date_range("2026-11-19", periods=n, freq="h"),
            "year": 2013 + np.arange(n) % 10,
            "note": [None] * 10 + ["as it is"] * (n - 10),
        }
    )
    assert suggest(table, "orders", now=NOW).text == (
        "orders_hold = expect(\n"
        '    "orders",\n'
        '    key("order_id"),\n'
        '    column("order_id", type="integer"),\n'
        '    column("email", missing=False),\n'
        '    column("price", type="float", between=(0, 500), missing=False),\n'
        '    column("land", one_of=["DE", "ES", "FR", "IT"], missing=False),\n'
        '    column("bought", type="timestamp", missing=False),\n'
        '    fresh("bought", "1d"),\n'
        '    column("year", type="integer", between=(2007, 2028), missing=False),\n'
        '    column("note", one_of=["as it is"], missing=0.1),\n'
        "    row_count(at_least=100, against_history=0.5),\n"
        '    severity="warn",\n'
        ")\n"
    )


@settings(max_examples=60, deadline=None)
@given(
    data_frames(
        [
            drawn("a", dtype=float),
            drawn("b", dtype=int),
            drawn("c", elements=st.one_of(st.none(), st.text(max_size=3)), dtype=object),
            drawn("d", dtype=bool),
        ],
        index=range_indexes(min_size=1, max_size=150),
    )
)
def test_what_is_suggested_holds_of_the_table_itself(table: pd.DataFrame) -> None:
    checks = suggest(table, "t", now=NOW).checks
    finite = table.replace([np.inf, -np.inf], np.nan)
    assert [one for one in holds(finite, checks, {}) if not one.held and "missing" not in one.says] == []
    assert all(one.held for one in judge(checks, facts(table, checks), now=NOW, zone="UTC", counts=()))
