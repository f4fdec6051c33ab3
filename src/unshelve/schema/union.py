"""One Schema for several: what an endpoint asks for, which is what all its models ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from unshelve.errors import SolutionInvalid
from unshelve.schema.schema import Category, Field, FieldType, Schema


def union(schemas: Sequence[Schema], endpoint: str) -> Schema:
    """The fields of all, in order of first appearance; a field that two have is as strict as both are together.

    Raises SolutionInvalid when two have a field of one name and different types.
    """
    found: dict[str, Field] = {}
    for schema in schemas:
        for field in schema.fields:
            known = found.get(field.name)
            found[field.name] = field if known is None else _both(known, field, endpoint)
    return Schema(tuple(found.values()))


def _both(one: Field, other: Field, endpoint: str) -> Field:
    if one.type is not other.type or one.zone != other.zone:
        raise SolutionInvalid(
            f"Endpoint {endpoint} combines models that take {one.name} as {_said(one)} and as {_said(other)}.",
            code="endpoint-fields-differ",
            hint="Give one of the columns another name.",
        )
    lows = [value for value in (one.minimum, other.minimum) if value is not None]
    highs = [value for value in (one.maximum, other.maximum) if value is not None]
    refuses = [field for field in (one, other) if field.unseen == "refuse" and field.type is FieldType.CATEGORY]
    categories = one.categories
    if len(refuses) == 2:
        shared = {category.value for category in other.categories}
        categories = tuple(category for category in one.categories if category.value in shared)
    elif len(refuses) == 1:
        categories = refuses[0].categories
    return replace(
        one,
        missing=one.missing and other.missing,
        minimum=max(lows) if lows else None,
        maximum=min(highs) if highs else None,
        categories=tuple(Category(value=each.value, share=each.share) for each in categories),
        unseen="refuse" if refuses else one.unseen,
    )


def _said(field: Field) -> str:
    return f"{field.type} in {field.zone or 'local time'}" if field.type is FieldType.TIMESTAMP else str(field.type)
