"""Learning a Schema from the rows of a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final, TypedDict

import numpy as np
import pandas as pd

from unshelve.data.dtypes import Column, Table, as_pandas, dtype_text
from unshelve.data.kinds import NotAFieldError, type_of
from unshelve.data.meaning import identifies, sensitive_of, unit_of
from unshelve.errors import SchemaMismatch
from unshelve.schema.schema import (
    MAX_TEXT,
    NUMBERS,
    TEXTS,
    Category,
    Field,
    FieldType,
    JsonValue,
    Number,
    Schema,
    holds_missing,
)

_SAMPLE: Final = 1000


def learn(table: Table, *, known_missing: Collection[str] | None = None) -> Schema:
    """The Schema of a table's rows: a pandas or polars DataFrame or an Arrow table.

    A field may be missing when a value of it is missing here, or when `known_missing` names it. `SchemaMismatch`
    names every column that no field can describe: all missing, or holding what no JSON value can say.
    Cost: about 60 ns a cell.
    """
    frame = as_pandas(table)
    allowed = frozenset(known_missing or ())
    fields: list[Field] = []
    problems: list[tuple[str, str]] = []
    if not len(frame):
        raise SchemaMismatch("A Schema cannot be learned from a table without rows.", code="no-rows")
    for position, name in enumerate(frame.columns):
        try:
            if not isinstance(name, str):
                raise NotAFieldError(f"is named {name!r}, which is not a text; rename it")
            if name in {one.name for one in fields}:
                raise NotAFieldError("is there twice; rename one")
            fields.append(_field(name, frame.iloc[:, position], may_miss=name in allowed))
        except NotAFieldError as error:
            problems.append((str(name), str(error)))
    if problems:
        said = "; ".join(f"the column {name!r} {problem}" for name, problem in problems[:10])
        raise SchemaMismatch(
            f"No Schema can be learned: {said}.",
            code="column-unusable",
            details={"problems": [{"field": name, "problem": problem} for name, problem in problems]},
        )
    return Schema(tuple(fields))


class _Facts(TypedDict, total=False):
    """Settings of a field that depend on its type."""

    minimum: Number | None
    maximum: Number | None
    seen: tuple[Number, Number] | None
    categories: tuple[Category, ...]
    levels: tuple[str, ...]
    zone: str | None
    length: int | None
    max_length: int
    default: JsonValue


@dataclass(frozen=True, slots=True)
class _Profile:
    """A column while it is looked at."""

    name: str
    type: FieldType
    dtype: str
    missing: bool
    present: Column
    """The values that are not missing."""


def _field(name: str, column: Column, *, may_miss: bool) -> Field:
    present = column.dropna()
    if not len(present):
        raise NotAFieldError("holds no value at all; drop it, or fill it in the source")
    found = type_of(column, present)
    missing = may_miss or len(present) < len(column)
    profile = _Profile(name, found, _room_for_missing(dtype_text(column), missing), missing, present)
    facts = _FACTS[found](profile)
    texts = _sample(present) if found in TEXTS else []
    sensitive = sensitive_of(name, texts)
    role = "identifier" if _identifies(profile, texts) else "value"
    if role == "identifier":
        facts = {key: value for key, value in facts.items() if key not in _NOT_FOR_IDENTIFIERS}  # type: ignore[assignment]
    if sensitive is not None:
        facts.pop("default", None)
    unit = unit_of(name) if found in NUMBERS and role == "value" else None
    return Field(
        name=name,
        type=found,
        dtype=profile.dtype,
        missing=missing,
        unit=unit,
        role=role,  # type: ignore[arg-type]
        sensitive=sensitive,
        **facts,
    )


_NOT_FOR_IDENTIFIERS: Final = frozenset({"minimum", "maximum", "seen", "default"})


def _room_for_missing(dtype: str, missing: bool) -> str:
    """The dtype itself, or the one that pandas turns it into when a value is missing."""
    if not missing:
        return dtype
    if dtype == "bool":
        return "object"
    return dtype if holds_missing(dtype) else "float64"


def _boolean_facts(profile: _Profile) -> _Facts:
    return {"default": bool(profile.present.mode().iloc[0])}


def _number_facts(profile: _Profile) -> _Facts:
    whole = profile.type is FieldType.INTEGER
    if isinstance(profile.present.dtype, pd.CategoricalDtype):
        return _category_facts(profile)
    numbers = profile.present.to_numpy()
    if not whole:
        numbers = numbers.astype(np.float64)
        numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return {}
    kind: Callable[[Any], Number] = int if whole else float
    middle = kind(np.partition(numbers, len(numbers) // 2)[len(numbers) // 2])
    low, high = kind(numbers.min()), kind(numbers.max())
    minimum, maximum = _widened(low, high)
    return {"minimum": minimum, "maximum": maximum, "seen": (low, high), "default": middle}


def _widened(low: Number, high: Number) -> tuple[Number | None, Number | None]:
    """Training's range with half its span on each side, never across a zero that training did not cross.

    A constant has no span to judge by, and so no bounds.
    """
    if low == high:
        return None, None
    minimum: Number
    maximum: Number
    if isinstance(low, int) and isinstance(high, int):
        half = -((low - high) // 2)
        minimum, maximum = low - half, high + half
    else:
        half_span = high / 2 - low / 2
        # To four digits of the span, for whoever reads the file; far less than what was added.
        digits = 4 - math.floor(math.log10(half_span))
        minimum, maximum = round(low - half_span, digits), round(high + half_span, digits)
    if low >= 0:
        minimum = max(minimum, type(low)(0))
    if high <= 0:
        maximum = min(maximum, type(high)(0))
    return (minimum if math.isfinite(minimum) else None), (maximum if math.isfinite(maximum) else None)


def _string_facts(profile: _Profile) -> _Facts:
    longest = int(profile.present.str.len().max())
    return {"max_length": MAX_TEXT if longest <= MAX_TEXT // 2 else 2 * longest}


def _category_facts(profile: _Profile) -> _Facts:
    counts = profile.present.value_counts()
    counts = counts[counts > 0]
    total = int(counts.sum())
    levels: tuple[str, ...] = ()
    if isinstance(profile.present.dtype, pd.CategoricalDtype):
        levels = tuple(str(value) for value in profile.present.dtype.categories)
        counts = counts.reindex(profile.present.dtype.categories, fill_value=0)
        counts = counts[counts > 0]
    else:
        # The most usual first, equal ones by their text: the same rows in any order give the same Schema.
        counts = counts.sort_index().sort_values(ascending=False, kind="stable")
    values = list(counts.index)
    most: JsonValue = values[int(np.argmax(counts.to_numpy()))]
    return {
        "categories": tuple(
            Category(value=str(value), share=int(count) / total) for value, count in zip(values, counts, strict=True)
        ),
        "levels": levels,
        "default": int(most) if profile.type is FieldType.INTEGER else str(most),
    }


def _no_facts(profile: _Profile) -> _Facts:
    del profile
    return {}


def _timestamp_facts(profile: _Profile) -> _Facts:
    dtype = profile.present.dtype
    zone = dtype.pyarrow_dtype.tz if isinstance(dtype, pd.ArrowDtype) else getattr(dtype, "tz", None)
    text = None if zone is None else str(zone)
    return {"zone": f"UTC{text}" if text is not None and text[:1] in "+-" else text}


def _floats_facts(profile: _Profile) -> _Facts:
    lengths = {len(value) for value in profile.present}
    longest = max(lengths)
    return {"length": longest if len(lengths) == 1 else None, "max_length": max(MAX_TEXT, 2 * longest)}


def _identifies(profile: _Profile, texts: list[str]) -> bool:
    if profile.type not in {FieldType.STRING, FieldType.INTEGER}:
        return False
    present = profile.present
    distinct = int(present.nunique())
    consecutive = False
    if profile.type is FieldType.INTEGER and not isinstance(present.dtype, pd.CategoricalDtype):
        consecutive = distinct == len(present) and int(present.max()) - int(present.min()) == len(present) - 1
    return identifies(
        profile.name, profile.type, present=len(present), distinct=distinct, texts=texts, consecutive=consecutive
    )


def _sample(present: Column) -> list[str]:
    return [str(text) for text in present.drop_duplicates().head(_SAMPLE)]


_FACTS: Final[dict[FieldType, Callable[[_Profile], _Facts]]] = {
    FieldType.BOOLEAN: _boolean_facts,
    FieldType.INTEGER: _number_facts,
    FieldType.FLOAT: _number_facts,
    FieldType.STRING: _string_facts,
    FieldType.CATEGORY: _category_facts,
    FieldType.DATE: _no_facts,
    FieldType.TIMESTAMP: _timestamp_facts,
    FieldType.FLOATS: _floats_facts,
}
