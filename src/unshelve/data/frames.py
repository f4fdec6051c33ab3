"""Rows into the table that training saw, and a table into rows that a request could send.

`frame` and `records` are inverse: the rows of a training table, sent as JSON and decoded, give the same columns
bit for bit. What JSON has no word for comes back as missing (NaN) or is refused by the decoder (infinities).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from unshelve.data.columns import Builder, builder
from unshelve.data.dtypes import Table, as_pandas
from unshelve.data.values import json_values
from unshelve.errors import SchemaMismatch
from unshelve.schema.near import near
from unshelve.schema.rows import Cell
from unshelve.schema.schema import JsonValue, Schema

# For those who know their blocks. `pandas.api` has it as a module of its own, which pandas 3.0 does not import itself.
_assemble: Callable[..., pd.DataFrame] = import_module("pandas.api.internals").create_dataframe_from_blocks


def frame(columns: Mapping[str, Sequence[Cell]], schema: Schema) -> pd.DataFrame:
    """A table of these values with the training dtypes, in the order of the Schema, with rows 0 … n-1.

    The values are those of `Rows.columns()`: None is missing. Each call gives a table of its own.
    Cost: 30 to 50 µs for one row of 12 columns, where the usual constructor takes 150 to 700.
    """
    return _plan(schema).build(columns)


def records(table: Table, schema: Schema) -> list[dict[str, JsonValue]]:
    """The rows of a table as a caller would send them, one JSON-able object each, fields in the Schema's order.

    Columns that the Schema does not have are left out. Values are turned to the field's type where no doubt is
    possible (a number in a text field, a date with the time 00:00) and else left as they are, for the decoder
    to refuse by name. `SchemaMismatch` when a column is not there at all and may not be missing.
    """
    found = as_pandas(table)
    names, listed = [], []
    for one in schema.fields:
        if one.name in found.columns:
            names.append(one.name)
            listed.append(json_values(found[one.name], one))
        elif not one.missing:
            raise SchemaMismatch(
                f"The table has no column {one.name!r}.",
                code="column-gone",
                near=near(one.name, map(str, found.columns)),
            )
    if not names:
        return [{} for _ in range(len(found))]
    return [dict(zip(names, row, strict=True)) for row in zip(*listed, strict=True)]


class _Plan:
    """How a table of one Schema is built: blocks of columns that share a dtype, each with its builder."""

    def __init__(self, schema: Schema) -> None:
        self._index = pd.Index(list(schema.names), dtype=object if not schema.names else None)
        self._first = schema.names[0] if schema.names else None
        grouped: dict[object, list[int]] = {}
        builders: dict[object, Builder] = {}
        for place, one in enumerate(schema.fields):
            made = builder(one)
            # Columns of plain numpy dtypes share a block; all others have one of their own.
            key: object = ("shared", made.shares) if made.shares else place
            grouped.setdefault(key, []).append(place)
            builders[key] = made
        self._parts = [
            (builders[key].build, tuple(schema.names[place] for place in places), np.array(places, dtype=np.intp))
            for key, places in grouped.items()
        ]
        self._names = frozenset(schema.names)

    def build(self, columns: Mapping[str, Sequence[Cell]]) -> pd.DataFrame:
        try:
            blocks: list[tuple[Any, Any]] = [
                (build([columns[name] for name in names]), places) for build, names, places in self._parts
            ]
        except KeyError:
            lacking = sorted(self._names - set(columns))
            raise SchemaMismatch(f"There are no values for {', '.join(lacking)}.", code="column-gone") from None
        rows = pd.RangeIndex(0 if self._first is None else len(columns[self._first]))
        # A view, because an Index is shared by all tables that hold it and its name can be set.
        return _assemble(blocks, index=rows, columns=self._index.view())


@lru_cache(maxsize=256)
def _plan(schema: Schema) -> _Plan:
    return _Plan(schema)
