"""Request bodies into rows, and every way in which they can be wrong."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unshelve.errors import BadRequest, Refused, SchemaMismatch, TooLarge
from unshelve.schema.decoder import Decoder, decoder
from unshelve.schema.schema import Category, Field, FieldType, Schema

CARRIERS = tuple(Category(value=value, share=0.25) for value in ("AA", "UA", "Zürich", 'a"b'))
SCHEMA = Schema(
    (
        Field(name="wind", type=FieldType.FLOAT, dtype="float64", minimum=0.0, maximum=90.0, seen=(0.0, 60.0)),
        Field(name="hour", type=FieldType.INTEGER, dtype="int64", minimum=0, maximum=23),
        Field(name="carrier", type=FieldType.CATEGORY, dtype="str", categories=CARRIERS),
        Field(name="e mail", type=FieldType.STRING, dtype="str", missing=True, max_length=20, sensitive="email"),
        Field(name="left", type=FieldType.TIMESTAMP, dtype="datetime64[us, UTC]", zone="UTC", missing=True),
        Field(name="rain", type=FieldType.BOOLEAN, dtype="bool"),
        Field(name="day", type=FieldType.DATE, dtype="datetime64[us]", missing=True),
        Field(name="embedding", type=FieldType.FLOATS, dtype="list", length=2, missing=True),
    )
)
GOOD: dict[str, Any] = {"wind": 3.5, "hour": 5, "carrier": "UA", "rain": True}
READ = decoder(SCHEMA)


def body(*rows: object) -> bytes:
    return json.dumps({"rows": rows}).encode()


def problems(text: bytes, read: Decoder = READ) -> list[dict[str, Any]]:
    with pytest.raises(SchemaMismatch) as caught:
        read.decode(text)
    found = caught.value.details["problems"]
    assert isinstance(found, list)
    return found


def test_rows_come_out_as_columns_in_the_order_of_the_schema() -> None:
    full = {"left": "2013-06-30T17:05:00-04:00", "day": "2013-06-30", "embedding": [1, 2.5], "e mail": "a@b.c", **GOOD}
    rows = READ.decode(body(full, GOOD))
    assert rows.columns() == {
        "wind": [3.5, 3.5],
        "hour": [5, 5],
        "carrier": ["UA", "UA"],
        "e mail": ["a@b.c", None],
        "left": [datetime(2013, 6, 30, 17, 5, tzinfo=timezone(-timedelta(hours=4))), None],
        "rain": [True, True],
        "day": [date(2013, 6, 30), None],
        "embedding": [[1.0, 2.5], None],
    }
    assert list(rows.columns()) == list(SCHEMA.names)
    assert rows.raw(0) == {**full, "embedding": [1.0, 2.5]}


def test_null_and_absent_both_mean_missing() -> None:
    assert READ.decode(body({**GOOD, "day": None})).values == READ.decode(body(GOOD)).values


def test_every_bad_field_of_every_row_is_named_at_once() -> None:
    bad = {"wind": 91, "hour": "5", "carrier": "Zurich", "rain": 1, "wnd": 3}
    assert problems(body(GOOD, bad, {**GOOD, "wind": None})) == [
        {"row": 1, "field": "wnd", "problem": "is not a field of this model"},
        {"row": 1, "field": "wind", "problem": "must be a number from 0 to 90", "given": "91"},
        {"row": 1, "field": "hour", "problem": "must be a whole number from 0 to 23", "given": '"5"'},
        {
            "row": 1,
            "field": "carrier",
            "problem": 'must be one of AA, UA, Zürich, a"b',
            "given": '"Zurich"',
            "near": ["Zürich"],
        },
        {"row": 1, "field": "rain", "problem": "must be true or false", "given": "1"},
        {
            "row": 2,
            "field": "wind",
            "problem": "is null, and may not be missing; allowed: a number from 0 to 90",
        },
    ]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"wind": "3.5"}, "must be a number from 0 to 90"),
        ({"wind": True}, "must be a number from 0 to 90"),
        ({"wind": -0.001}, "must be a number from 0 to 90"),
        ({"wind": [3]}, "must be a number from 0 to 90"),
        ({"wind": {"value": 3}}, "must be a number from 0 to 90"),
        ({"wind": 10**400}, "10000000000000000000 is beyond every number"),
        ({"hour": True}, "must be a whole number from 0 to 23"),
        ({"hour": 3.5}, "must be a whole number from 0 to 23"),
        ({"hour": 2**63 + 1}, "must be a whole number from 0 to 23"),
        ({"carrier": None}, 'is null, and may not be missing; allowed: one of AA, UA, Zürich, a"b'),
        ({"carrier": 7}, 'must be one of AA, UA, Zürich, a"b'),
        ({"carrier": "x" * 10_000_000}, 'must be one of AA, UA, Zürich, a"b'),
        ({"e mail": "x" * 10_000_000}, "has 10,000,000 letters; at most 20 are allowed"),
        ({"left": "2013-06-30T17:05:00"}, "must be a time with its offset from UTC"),
        ({"left": 1372611900}, "must be a time with its offset from UTC"),
        ({"left": "2013-02-30T17:05:00Z"}, "must be a time with its offset from UTC"),
        ({"day": "30.06.2013"}, "must be a date like 2013-06-30, or null"),
        ({"day": "2013-06-30T00:00:00"}, "must be a date like 2013-06-30, or null"),
        ({"embedding": [1, 2, 3]}, "must be a list of 2 numbers"),
        ({"embedding": [1, None]}, "must be a list of 2 numbers"),
        ({"embedding": "1,2"}, "must be a list of 2 numbers"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_value_that_does_not_fit_is_refused(changed: dict[str, object], said: str) -> None:
    (problem,) = problems(body({**GOOD, **changed}))
    assert problem["problem"].startswith(said)
    assert problem["field"] == next(iter(changed))
    assert len(problem.get("given", "")) <= 61


def test_a_missing_field_is_named_with_what_is_allowed() -> None:
    row = {key: value for key, value in GOOD.items() if key != "hour"}
    assert problems(body(row)) == [
        {"row": 0, "field": "hour", "problem": "is missing; allowed: a whole number from 0 to 23"}
    ]


def test_an_unknown_field_is_refused_with_the_nearest_absent_one() -> None:
    row = {"Wind": 3.5, **{key: value for key, value in GOOD.items() if key != "wind"}}
    assert problems(body(row))[0] == {
        "row": 0,
        "field": "Wind",
        "problem": "is not a field of this model",
        "near": ["wind"],
    }


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
def test_a_token_that_is_no_number_is_named_with_its_field(token: str) -> None:
    text = body(GOOD, GOOD).replace(b"3.5", token.encode())
    found = problems(text)
    assert [(problem["row"], problem["field"]) for problem in found] == [(0, "wind"), (1, "wind")]
    assert token in found[0]["problem"]


def test_a_token_in_a_long_body_is_refused_by_its_position() -> None:
    text = body(GOOD, {**GOOD, "e mail": "x" * 2_000_000}).replace(b"3.5", b"NaN", 1)
    with pytest.raises(BadRequest, match="NaN or Infinity at byte 19"):
        READ.decode(text)


def test_a_sensitive_value_is_not_repeated() -> None:
    (problem,) = problems(body({**GOOD, "e mail": "ada@example.org, bob@example.org"}))
    assert "given" not in problem
    with pytest.raises(SchemaMismatch) as caught:
        READ.decode(body({**GOOD, "e mail": "ada@example.org, bob@example.org"}))
    assert "ada" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        b'{"rows":[{"wind":3.5,"wind":4.5,"hour":5,"carrier":"UA","rain":true}]}',
        b'{"rows":[{"carrier":"UA","wind":4.5,"hour":5,"carrier":"a\\"b","rain":true}]}',
        b'{"rows":[{"carrier":"UA","wind":4.5,"hour":5,"rain":true, "e mail":null, "e mail":"x"}]}',
        b'{"rows":[{"carrier":"UA","wind":4.5,"hour":5,"rain":true, "ra\\u0069n":true}]}',
        b'{"rows":[{"wind":3.5,"hour":5,"carrier":"UA","rain":true},{"wind":3,"hour":5,"hour":5,"carrier":"UA","rain":true}]}',
    ],
)
def test_a_key_given_twice_is_refused_by_name(text: bytes) -> None:
    (problem,) = problems(text)
    assert problem["problem"] == "is given twice"
    assert problem["field"] in {"wind", "carrier", "e mail", "rain", "hour"}


def test_rows_given_twice_are_refused() -> None:
    text = body(GOOD)
    with pytest.raises(BadRequest, match='"rows" is given twice'):
        READ.decode(text[:-1] + b"," + text[1:])


@given(
    st.lists(
        st.fixed_dictionaries(
            {"s": st.text(max_size=12)},
            optional={"t": st.none() | st.text('\\"u0a:,{}', max_size=9), "n": st.none() | st.floats(0, 9)},
        ),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
    st.sampled_from(["s", "t", "n"]),
)
def test_counting_quotes_finds_every_duplicate_and_no_other(
    rows: list[dict[str, object]], escape: bool, key: str
) -> None:
    fields = (
        Field(name="s", type=FieldType.STRING, dtype="str"),
        Field(name="t", type=FieldType.STRING, dtype="str", missing=True),
        Field(name="n", type=FieldType.FLOAT, dtype="float64", missing=True),
    )
    read = decoder(Schema(fields))
    text = json.dumps({"rows": rows}, ensure_ascii=escape)
    wanted = [(row["s"], row.get("t"), row.get("n")) for row in rows]
    assert read._compiled is not None
    assert read._compiled.body(text.encode()) == (wanted, ())
    if key in rows[-1]:
        twice = text[:-3] + f', "{key}": {json.dumps(rows[-1][key])}' + "}]}"
        assert problems(twice.encode(), read) == [{"row": len(rows) - 1, "field": key, "problem": "is given twice"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "not JSON"),
        (b"wind=3.5", "not JSON"),
        (b'{"rows":[{"wind":3.5,}]}', "not JSON"),
        (b'{"rows":[{"wind":"\\ud800"}]}', "not JSON"),
        (b'{"rows":[{"wind":01}]}', "not JSON"),
        (b'{"rows":[{}]} {"rows":[{}]}', "not JSON"),
        (b'{"rows":[{"carrier":"\xff"}]}', "not valid UTF-8: byte 21"),
        (b'{"rows":[{"\xff":3}]}', "not valid UTF-8: byte 11"),
        ('{"rows":[]}'.encode("utf-16"), "not valid UTF-8: byte 0"),
        (b'{"rows":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"rows":' + b"[" * 100_000, "nested too deeply"),
        (b'{"rows":[{"wind":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}]}", "nested too deeply"),
        (b"[1]", "body is not an object"),
        (b"null", "body is not an object"),
        (b"{}", 'no key "rows"'),
        (b'{"rows":{"wind":3.5}}', "rows are not a list"),
        (b'{"rows":null}', "rows are not a list"),
        (b'{"row":[{"wind":3.5}]}', "a key 'row' beside its rows. Did you mean rows?"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_body_that_cannot_be_read_is_a_bad_request(text: bytes, said: str) -> None:
    with pytest.raises(BadRequest) as caught:
        READ.decode(text)
    assert said in str(caught.value)


def test_no_rows_are_refused() -> None:
    with pytest.raises(SchemaMismatch, match="There are no rows"):
        READ.decode(b'{"rows":[]}')


def test_a_row_that_is_not_an_object_is_refused() -> None:
    assert [problem["problem"] for problem in problems(body([1, 2], 3, None))] == [
        "a row is an object with the fields as its keys"
    ] * 3


def test_more_rows_than_allowed_are_refused() -> None:
    with pytest.raises(TooLarge, match="3 rows were sent; at most 2"):
        decoder(SCHEMA, most_rows=2).decode(body(GOOD, GOOD, GOOD))


def test_problems_stop_at_a_hundred() -> None:
    bad = {**GOOD, **{f"unknown_{i}": 1 for i in range(100_000)}}
    assert len(problems(body(bad, bad))) == 100
    assert len(problems(body(*[{**GOOD, "hour": -1}] * 5000))) == 100


def test_a_whole_number_written_with_a_fraction_of_zero_is_an_integer() -> None:
    rows = READ.decode(body({**GOOD, "hour": 3.0}, GOOD))
    assert [type(hour) for hour in rows.columns()["hour"]] == [int, int]


def test_an_integer_is_accepted_where_a_float_is_meant() -> None:
    (value,) = READ.decode(body({**GOOD, "wind": 3})).columns()["wind"]
    assert (value, type(value)) == (3.0, float)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_keep_every_bit(value: float) -> None:
    read = decoder(Schema((Field(name="x", type=FieldType.FLOAT, dtype="float64"),)))
    (found,) = read.decode(body({"x": value})).columns()["x"]
    assert found.hex() == value.hex()


@pytest.mark.parametrize("name", ['Price\n"EUR"', "back\\slash", "tab\t", "", "ünïcode ☃", "rows"])
def test_any_column_name_works(name: str) -> None:
    read = decoder(Schema((Field(name=name, type=FieldType.INTEGER, dtype="int64"),)))
    assert read.decode(body({name: 3})).columns() == {name: [3]}
    assert problems(body({name: "x"}), read)[0]["field"] == name
    assert problems(body({name: 3}).replace(b": 3", b": 3," + json.dumps(name).encode() + b": 3"), read) == [
        {"row": 0, "field": name, "problem": "is given twice"}
    ]


def test_a_wide_unsigned_column_takes_its_whole_range_and_no_more() -> None:
    read = decoder(Schema((Field(name="id", type=FieldType.INTEGER, dtype="uint64"),)))
    assert read.decode(body({"id": 2**64 - 1})).columns() == {"id": [2**64 - 1]}
    assert problems(body({"id": 2**64}), read)
    assert problems(body({"id": -1}), read)


@pytest.mark.parametrize(
    ("dtype", "largest"), [("int8", 127), ("UInt16", 65535), ("int32[pyarrow]", 2**31 - 1), ("float64", 2**53)]
)
def test_an_integer_that_the_training_column_cannot_hold_is_refused(dtype: str, largest: int) -> None:
    read = decoder(Schema((Field(name="n", type=FieldType.INTEGER, dtype=dtype),)))
    assert read.decode(body({"n": largest})).n == 1
    assert problems(body({"n": largest + 1}), read)


def test_a_float_beyond_a_narrow_column_is_refused() -> None:
    read = decoder(Schema((Field(name="x", type=FieldType.FLOAT, dtype="float32"),)))
    assert problems(body({"x": 1e39}), read)


def test_fields_of_another_version_are_dropped_with_a_warning() -> None:
    read = decoder(SCHEMA, ignored=frozenset({"old", "wind"}))
    rows = read.decode(body({**GOOD, "old": {"a": ["b"]}}, GOOD))
    assert rows.values == READ.decode(body(GOOD, GOOD)).values
    assert [[warning.field for warning in rows.warnings(i)] for i in range(2)] == [["old"], []]
    assert read.decode_rows([{**GOOD, "old": 1}]).warnings(0) == rows.warnings(0)
    assert problems(body({**GOOD, "old": 1, "hour": -1}), read)[0]["field"] == "hour"


def test_a_number_outside_the_training_range_is_answered_with_a_warning() -> None:
    rows = READ.decode(body(GOOD, {**GOOD, "wind": 61}))
    assert rows.warnings(0) == ()
    (warning,) = rows.warnings(1)
    assert (warning.field, warning.problem) == ("wind", "61.0 is outside what training had: 0.0 to 60.0")


def test_an_unseen_category_that_is_allowed_is_warned_of() -> None:
    field = Field(name="c", type=FieldType.CATEGORY, dtype="str", categories=CARRIERS, unseen="allow", missing=True)
    rows = decoder(Schema((field,))).decode(body({"c": "ZZ"}, {"c": "AA"}, {}))
    assert [len(rows.warnings(i)) for i in range(3)] == [1, 0, 0]


def test_integer_categories_allow_their_numbers_only() -> None:
    categories = tuple(Category(value=value, share=0.5) for value in ("1", "3"))
    field = Field(
        name="c", type=FieldType.INTEGER, dtype="category[int64]", categories=categories, levels=("1", "2", "3")
    )
    read = decoder(Schema((field,)))
    assert read.decode(body({"c": 3})).columns() == {"c": [3]}
    assert problems(body({"c": 2}), read)[0]["problem"] == "must be one of 1, 3"
    assert problems(body({"c": True}), read)


def test_a_local_timestamp_refuses_an_offset() -> None:
    read = decoder(Schema((Field(name="t", type=FieldType.TIMESTAMP, dtype="datetime64[us]"),)))
    assert read.decode(body({"t": "2013-06-30T17:05:00"})).columns() == {"t": [datetime(2013, 6, 30, 17, 5)]}
    assert "local time without an offset" in problems(body({"t": "2013-06-30T17:05:00Z"}), read)[0]["problem"]


def test_a_column_of_nanoseconds_keeps_them_and_refuses_years_beyond_it() -> None:
    read = decoder(Schema((Field(name="t", type=FieldType.TIMESTAMP, dtype="datetime64[ns, UTC]", zone="UTC"),)))
    fine, coarse = "2013-06-30T17:05:00.123456789Z", "2013-06-30T17:05:00.123456000Z"
    wanted = [fine, datetime(2013, 6, 30, 17, 5, 0, 123456, tzinfo=UTC)]
    assert read.decode(body({"t": fine}, {"t": coarse})).columns() == {"t": wanted}
    assert read.decode_rows([{"t": fine}, {"t": coarse}]).columns() == {"t": wanted}
    for year in ("1500", "2300"):
        text = f"{year}-06-30T17:05:00Z"
        assert problems(body({"t": text}), read)[0]["problem"] == "must be between the years 1678 and 2261"


def test_rows_read_elsewhere_follow_the_same_rules() -> None:
    moment = datetime(2013, 6, 30, 17, 5, tzinfo=UTC)
    rows = READ.decode_rows([{**GOOD, "left": moment, "day": date(2013, 6, 30)}])
    assert rows.columns()["left"] == [moment]
    for bad in (float("nan"), float("inf"), "3.5"):
        with pytest.raises(SchemaMismatch):
            READ.decode_rows([{**GOOD, "wind": bad}])
    with pytest.raises(SchemaMismatch):
        READ.decode_rows([{**GOOD, "embedding": [1.0, float("nan")]}])
    with pytest.raises(SchemaMismatch, match="half of a surrogate pair"):
        READ.decode_rows([{**GOOD, "e mail": "\ud800", "hour": 3.0}])


def test_broken_bodies_are_refused_and_raise_nothing_else() -> None:
    random = Random(0)
    tokens = [
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"NaN",
        b"1e999",
        b"-",
        b"\xff",
        b"\\u0000",
        b"null",
        b"0",
    ]
    whole = body({**GOOD, "left": "2013-06-30T17:05:00-04:00", "e mail": 'a"b'}, {**GOOD, "hour": 3.0})
    for _ in range(3000):
        broken = bytearray(whole)
        for _ in range(random.randint(1, 3)):
            place = random.randrange(len(broken))
            broken[place : place + random.randint(0, 5)] = random.choice([*tokens, random.randbytes(1)])
        try:
            READ.decode(bytes(broken))
        except Refused as error:
            json.dumps(error.details)
            str(error).encode()
