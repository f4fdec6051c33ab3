"""An endpoint asks for what all of its models ask for, and is as strict as all of them together."""

from __future__ import annotations

from typing import Any

import pytest

from unshelve.errors import SolutionInvalid
from unshelve.schema.schema import Category, Field, FieldType, Schema
from unshelve.schema.union import union


def number(name: str, **settings: Any) -> Field:  # Any: whatever settings a field has
    return Field(name=name, type=FieldType.FLOAT, dtype="float64", **settings)


def kind(*values: str, unseen: Any = "refuse") -> Field:
    found = tuple(Category(value=value, share=1 / len(values)) for value in values)
    return Field(name="kind", type=FieldType.CATEGORY, dtype="str", categories=found, unseen=unseen)


def test_fields_stand_in_the_order_in_which_they_come_up() -> None:
    schema = union([Schema((number("a"), number("b"))), Schema((number("c"), number("a")))], "advice")
    assert schema.names == ("a", "b", "c")


def test_bounds_and_missing_values_are_those_that_all_accept() -> None:
    one = number("a", minimum=0.0, maximum=10.0, missing=True)
    other = number("a", minimum=2.0, maximum=None, missing=False)
    both = union([Schema((one,)), Schema((other,))], "advice").field("a")
    assert (both.minimum, both.maximum, both.missing) == (2.0, 10.0, False)


@pytest.mark.parametrize(
    ("one", "other", "values", "unseen"),
    [
        (kind("x", "y"), kind("y", "z"), ["y"], "refuse"),
        (kind("x", "y"), kind("z", unseen="allow"), ["x", "y"], "refuse"),
        (kind("z", unseen="allow"), kind("x", "y"), ["x", "y"], "refuse"),
        (kind("x", unseen="allow"), kind("z", unseen="allow"), ["x"], "allow"),
    ],
)
def test_categories_are_those_that_no_model_refuses(one: Field, other: Field, values: list[str], unseen: str) -> None:
    both = union([Schema((one,)), Schema((other,))], "advice").field("kind")
    assert [category.value for category in both.categories] == values
    assert both.unseen == unseen


def test_two_types_of_one_name_are_refused() -> None:
    text = Field(name="a", type=FieldType.STRING, dtype="str")
    with pytest.raises(SolutionInvalid, match="advice combines models that take a as float and as string"):
        union([Schema((number("a"),)), Schema((text,))], "advice")


def test_one_moment_in_two_zones_is_refused() -> None:
    fields = [
        Field(name="at", type=FieldType.TIMESTAMP, dtype=f"datetime64[us, {zone}]", zone=zone)
        for zone in ("UTC", "Europe/Amsterdam")
    ]
    with pytest.raises(SolutionInvalid, match="take at as timestamp in UTC and as timestamp in Europe/Amsterdam"):
        union([Schema((field,)) for field in fields], "advice")
