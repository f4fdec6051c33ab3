"""A table held against a Schema."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unshelve.data.check import FieldFinding, check_dtypes, check_table
from unshelve.data.frames import records
from unshelve.data.profile import learn
from unshelve.errors import SchemaMismatch
from unshelve.schema.decoder import decoder
from unshelve.schema.schema import Field, FieldType, Schema

TABLE = pd.DataFrame(
    {
        "wind": [1.0, 2.0, 3.0, 4.0],
        "hour": [1, 2, 3, 4],
        "carrier": ["UA", "UA", "AA", "AA"],
        "left": pd.to_datetime(["2013-01-01T05:00"] * 4, utc=True),
        "day": pd.to_datetime(["2013-01-01"] * 4),
        "rain": [True, False] * 2,
        "vector": [[1.0, 2.0]] * 4,
    }
)
SCHEMA = learn(TABLE)


def test_the_table_that_was_learned_from_fits() -> None:
    assert check_table(TABLE, SCHEMA) == ()
    assert check_dtypes(TABLE, SCHEMA) == ()


@pytest.mark.parametrize(
    ("name", "values", "finding"),
    [
        ("wind", [1.0, None, 9.0, np.inf], FieldFinding("wind", "is missing", 1, 1)),
        ("wind", [1.0, 9.0, 2.0, np.inf], FieldFinding("wind", "must be a number from 0 to 5.5", 2, 1, ("9.0", "inf"))),
        ("hour", [1, 2, 3, 40], FieldFinding("hour", "must be a whole number from 0 to 6", 1, 3, ("40",))),
        ("hour", [1.0, 2.5, 3, 4], FieldFinding("hour", "must be a whole number from 0 to 6", 1, 1, ("2.5",))),
        ("hour", ["1", "2", 3, 4], FieldFinding("hour", "must be a whole number from 0 to 6", 2, 0, ('"1"', '"2"'))),
        ("carrier", ["UA", "ZZ", "ZZ", "YY"], FieldFinding("carrier", "must be one of AA, UA", 3, 1, ('"ZZ"', '"YY"'))),
        ("carrier", [1, "UA", "UA", "UA"], FieldFinding("carrier", "must be one of AA, UA", 1, 0, ("1",))),
        (
            "day",
            pd.to_datetime(["2013-01-01 00:00", "2013-01-01 05:00"] * 2),
            FieldFinding("day", "must be a date like 2013-06-30", 2, 1, ("2013-01-01 05:00:00",)),
        ),
        ("rain", [True, False, 1, 0], FieldFinding("rain", "must be true or false", 2, 2, ("1", "0"))),
        (
            "vector",
            [[1.0], [1.0, 2.0]] * 2,
            FieldFinding("vector", "must be a list of 2 numbers", 2, 0, ("a list of 1",)),
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_found_with_its_rows(name: str, values: Any, finding: FieldFinding) -> None:
    column = (
        pd.Series(values, dtype=object) if name in {"carrier", "rain", "hour"} and str in map(type, values) else values
    )
    table = TABLE.assign(**{name: column})
    assert check_table(table, SCHEMA)[0] == finding


def test_a_time_without_an_offset_does_not_fit_an_aware_field() -> None:
    (finding,) = check_table(TABLE.assign(left=TABLE["left"].dt.tz_localize(None)), SCHEMA)
    assert (finding.field, finding.rows) == ("left", 4)


def test_a_column_that_is_gone_is_found_unless_it_may_be_missing() -> None:
    table = TABLE.drop(columns=["wind"]).assign(Wind=1)
    assert check_table(table, SCHEMA) == (FieldFinding("wind", "is not there; did you mean Wind?"),)
    may_miss = Schema(tuple(replace(one, missing=True) if one.name == "wind" else one for one in SCHEMA.fields))
    assert check_table(table, may_miss) == ()


def test_a_finding_reads_as_a_sentence_and_shows_no_sensitive_value() -> None:
    schema = Schema((Field(name="mail", type=FieldType.STRING, dtype="str", max_length=3, sensitive="email"),))
    (finding,) = check_table(pd.DataFrame({"mail": ["a", "ada@example.org"]}), schema)
    assert str(finding) == "mail has 15 letters; at most 3 are allowed (1 rows, the first is 1)"


def test_another_dtype_is_found_apart() -> None:
    table = TABLE.assign(hour=TABLE["hour"].astype("int8"))
    assert check_table(table, SCHEMA) == ()
    assert check_dtypes(table, SCHEMA) == (FieldFinding("hour", "has the dtype int8; the Schema says int64"),)


@given(st.data())
def test_the_check_finds_exactly_the_rows_that_the_decoder_refuses(data: st.DataObject) -> None:
    strange = {
        "wind": st.floats(-1, 7) | st.just(np.nan) | st.just(np.inf),
        "hour": st.integers(-1, 8) | st.just(2**62),
        "carrier": st.sampled_from(["UA", "AA", "ZZ", None]),
    }
    name = data.draw(st.sampled_from(sorted(strange)))
    table = TABLE.copy()
    table[name] = data.draw(st.lists(strange[name], min_size=4, max_size=4))
    refused = []
    for i, row in enumerate(records(table, SCHEMA)):
        try:
            decoder(SCHEMA).decode_rows([row])
        except SchemaMismatch:
            refused.append(i)
    findings = check_table(table, SCHEMA)
    assert sum(finding.rows for finding in findings) == len(refused)
    assert min((finding.first_row for finding in findings if finding.first_row is not None), default=None) == (
        refused[0] if refused else None
    )
