"""The Schema as a file that a person owns."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unshelve.errors import Refused
from unshelve.schema.schema import Category, Field, FieldType, Schema
from unshelve.schema.text import read, write

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBER = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def fields(draw: st.DrawFn, name: str) -> Field:
    notes: dict[str, Any] = {key: draw(st.none() | TEXT) for key in ("unit", "title", "description", "sensitive")}
    missing = draw(st.booleans())
    match draw(st.sampled_from(["number", "category", "moment", "list"])):
        case "number":
            low, high = sorted([draw(NUMBER), draw(NUMBER)])
            kind = draw(st.sampled_from([FieldType.INTEGER, FieldType.FLOAT]))
            return Field(
                name=name, type=kind, dtype="Int64", missing=missing, minimum=low, maximum=high, seen=(low, high),
                default=draw(st.none() | NUMBER), role=draw(st.sampled_from(["value", "identifier"])), **notes,
            )  # fmt: skip
        case "category":
            values = draw(st.lists(TEXT, min_size=1, max_size=4, unique=True))
            categories = tuple(Category(value=value, share=draw(st.floats(0, 1))) for value in values)
            return Field(
                name=name, type=FieldType.CATEGORY, dtype="category", missing=missing, categories=categories,
                levels=(*values, "never seen, " + name), unseen=draw(st.sampled_from(["refuse", "allow"])),
                default=values[0], **notes,
            )  # fmt: skip
        case "moment":
            zone = draw(st.sampled_from([None, "UTC", "UTC+05:30", "Europe/Zurich"]))
            return Field(
                name=name, type=FieldType.TIMESTAMP, dtype="datetime64[us]", zone=zone, missing=missing, **notes
            )
        case _:
            length = draw(st.none() | st.integers(0, 99))
            return Field(name=name, type=FieldType.FLOATS, dtype="list", length=length, max_length=12_345, **notes)


@given(st.lists(TEXT, max_size=4, unique=True).flatmap(lambda names: st.tuples(*(fields(name) for name in names))))
def test_a_schema_survives_being_written_and_read(found: tuple[Field, ...]) -> None:
    schema = Schema(found)
    again = read(write(schema))
    assert again == schema
    assert again.digest == schema.digest


def test_the_text_reads_like_a_description() -> None:
    carrier = Field(
        name="carrier",
        type=FieldType.CATEGORY,
        dtype="str",
        categories=(Category(value="UA", share=0.75),),
        default="UA",
    )
    wind = Field(
        name="wind speed", type=FieldType.FLOAT, dtype="float64", minimum=0.0, maximum=90.5, unit="mph", missing=True
    )
    text = write(Schema((carrier, wind)))
    assert (
        text[text.index("format") :]
        == """\
format = 1

# one of UA
[field.carrier]
type = "category"
dtype = "str"
missing = false
unseen = "refuse"
default = "UA"
[field.carrier.categories]
UA = 0.75

# a number from 0 to 90.5 mph, or null
[field."wind speed"]
type = "float"
dtype = "float64"
missing = true
unit = "mph"
minimum = 0.0
maximum = 90.5
"""
    )


def test_an_edited_file_is_taken_as_it_is() -> None:
    text = """
        [field.c]
        type = "category"
        dtype = "str"
        categories = {UA = 0.5, ZZ = 0}
        [field.d]
        type = "date"
        dtype = "datetime64[us]"
        default = 2013-06-30
    """
    schema = read(text)
    assert [category.value for category in schema.field("c").categories] == ["UA", "ZZ"]
    assert schema.field("d").default == "2013-06-30"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[field.x]\ntype = "float"\ndtype = "float64"\nmin = 3', "no setting 'min'"),
        ('[field.x]\ntype = "float"\ndtype = "float64"\nmaximun = 3', "Did you mean maximum"),
        ('[fields.x]\ntype = "float"', "no setting 'fields'. Did you mean field?"),
        ('[field.x]\ntype = "float"\ntype = "float"', "not TOML"),
        ("[field.x]\ntype = float", "line 2"),
        ('[field]\nx = "float"', "'x' is not a table"),
        ("field = 3", "are tables"),
        ('[field.x]\ntype = "float"', "missing required field `dtype`"),
        ('[field.x]\ntype = "float"\ndtype = "float64"\nmaximum = inf', "finite"),
        ('[field.x]\ntype = "float"\ndtype = "float64"\nmaximum = "9"', "Expected `int | float | null`, got `str`"),
        ('[field.x]\nname = "y"\ntype = "float"\ndtype = "float64"', "named by its heading"),
        ("format = 2", "format 2"),
    ],
)
def test_a_file_that_is_no_schema_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(Refused) as caught:
        read(text)
    assert said in str(caught.value)
