"""Forms from Schemas and back: what is typed becomes a row that the decoder accepts, and nothing typed is lost."""

from __future__ import annotations

from typing import Any

import pytest

from unshelve.errors import SchemaMismatch
from unshelve.schema.decoder import decoder
from unshelve.schema.schema import Category, Field, FieldType, Schema
from unshelve.web import forms
from unshelve.web.forms import PREFIX, Control
from web_house import ROW, SCHEMA


def _one(**values: Any) -> Schema:
    return Schema((Field(name="x", **values),))


def _control(schema: Schema) -> Control:
    form = forms.blank(schema)
    return (*form.needed, *form.optional)[0].control


def _categories(count: int, letters: int = 3) -> tuple[Category, ...]:
    return tuple(Category(value=f"{n:0{letters}}", share=1 / count) for n in range(count))


@pytest.mark.parametrize(
    ("values", "control"),
    [
        ({"type": FieldType.BOOLEAN, "dtype": "bool"}, Control.CHOICE),
        ({"type": FieldType.CATEGORY, "dtype": "str", "categories": _categories(3)}, Control.CHOICE),
        ({"type": FieldType.CATEGORY, "dtype": "str", "categories": _categories(3, 20)}, Control.SELECT),
        ({"type": FieldType.CATEGORY, "dtype": "str", "categories": _categories(16)}, Control.SELECT),
        ({"type": FieldType.CATEGORY, "dtype": "str", "categories": _categories(104)}, Control.SUGGEST),
        (
            {"type": FieldType.CATEGORY, "dtype": "str", "categories": _categories(3), "unseen": "allow"},
            Control.SUGGEST,
        ),
        ({"type": FieldType.INTEGER, "dtype": "int64"}, Control.NUMBER),
        ({"type": FieldType.DATE, "dtype": "object"}, Control.DATE),
        ({"type": FieldType.TIMESTAMP, "dtype": "datetime64[us]"}, Control.MOMENT),
        ({"type": FieldType.STRING, "dtype": "object"}, Control.TEXT),
        ({"type": FieldType.STRING, "dtype": "object", "max_length": 2_000}, Control.LONG_TEXT),
    ],
)
def test_a_field_gets_the_input_that_fits_it(values: dict[str, Any], control: Control) -> None:
    assert _control(_one(**values)) is control


def test_a_blank_form_shows_defaults_and_most_usual_values() -> None:
    form = forms.blank(SCHEMA)
    assert {field.name: field.value for field in form.needed} == {
        "f.origin": "North",
        "f.leaves": "",
        "f.wind": "",
        "f.cars": "",
        "f.express": "false",
    }
    assert [field.name for field in form.optional] == ["f.remark"]


def test_what_was_filled_in_is_the_row_that_filled_it() -> None:
    form = forms.filled(SCHEMA, ROW)
    sent = {field.name: field.value for field in (*form.needed, *form.optional)}
    row = forms.read(SCHEMA, sent)
    assert decoder(SCHEMA).decode_rows([row]).raw(0) == decoder(SCHEMA).decode_rows([ROW]).raw(0)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("22", 22),
        ("22.5", 22.5),
        ("22,5", 22.5),
        (" 1 284 ", 1284),
        ("\N{MINUS SIGN}4", -4),
        ("1e3", 1000.0),
        ("0,125", 0.125),
    ],
)
def test_a_number_is_read_as_it_is_typed_in_an_office(typed: str, number: float) -> None:
    schema = _one(type=FieldType.FLOAT, dtype="float64")
    assert forms.read(schema, {PREFIX + "x": typed}) == {"x": number}


@pytest.mark.parametrize("typed", ["1,284", "12.3.4", "abc", "0x10", "1_000", "NaN", "1e9999"])
def test_what_is_no_number_or_could_be_two_goes_to_the_decoder_as_it_is(typed: str) -> None:
    schema = _one(type=FieldType.FLOAT, dtype="float64")
    assert forms.read(schema, {PREFIX + "x": typed}) == {"x": typed}


def test_a_moment_gets_the_offset_of_its_zone() -> None:
    schema = _one(type=FieldType.TIMESTAMP, dtype="datetime64[us, America/New_York]", zone="America/New_York")
    assert forms.read(schema, {PREFIX + "x": "2026-07-01T17:05"}) == {"x": "2026-07-01T17:05:00-04:00"}
    local = _one(type=FieldType.TIMESTAMP, dtype="datetime64[us]")
    assert forms.read(local, {PREFIX + "x": "2026-07-01T17:05"}) == {"x": "2026-07-01T17:05:00"}


def test_a_stored_moment_comes_back_as_the_clock_showed_it() -> None:
    schema = _one(type=FieldType.TIMESTAMP, dtype="datetime64[us, UTC-05:00]", zone="UTC-05:00")
    assert forms.filled(schema, {"x": "2026-07-01T22:05:00Z"}).needed[0].value == "2026-07-01T17:05"


def test_a_list_of_numbers_is_read_with_any_separator() -> None:
    schema = _one(type=FieldType.FLOATS, dtype="object", length=3)
    assert forms.read(schema, {PREFIX + "x": "[1, 2.5; 3]"}) == {"x": [1.0, 2.5, 3.0]}


def test_a_problem_stands_at_its_field_and_what_was_typed_stays() -> None:
    typed = {"f.origin": "Nort", "f.leaves": "soon", "f.wind": "140", "f.cars": "", "f.express": "perhaps"}
    with pytest.raises(SchemaMismatch) as refused:
        decoder(SCHEMA).decode_rows([forms.read(SCHEMA, typed)])
    form = forms.again(SCHEMA, typed, refused.value)
    assert [field.name for field in form.wrong] == ["f.origin", "f.leaves", "f.wind", "f.cars", "f.express"]
    assert {field.name: field.value for field in form.needed} == typed
    assert form.needed[0].problem == '"Nort" was given; it must be one of North, South. Near: North.'


def test_a_field_cannot_pass_for_one_of_the_page() -> None:
    schema = Schema((Field(name="csrf", type=FieldType.STRING, dtype="object"),))
    assert forms.read(schema, {"csrf": "token", "f.csrf": "mine"}) == {"csrf": "mine"}
