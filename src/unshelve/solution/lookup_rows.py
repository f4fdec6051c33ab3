"""What a model needs of the lookups on its path: fields of their own in its Schema, and the rows that they refuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from unshelve.data.lookup_copy import LookupCopy, NotingCopy
from unshelve.data.profile import learn
from unshelve.data.tables import Table, differs, take
from unshelve.errors import UnshelveError
from unshelve.schema.schema import Schema
from unshelve.serving.row_path import Functions, RowPath, run_path, run_steps
from unshelve.solution.probing import sample_rows

Frozen = Mapping[str, Any]


def lookup_fields(path: RowPath, frozen: Frozen, train: Table, functions: Functions) -> dict[str, Any]:
    """For each lookup: its columns with their types, their fields, and those that a request's entry must have.

    A column is required when each training row had a value of it and its values change what the path gives.
    """
    if not path.lookups:
        return {}
    noting = {name: frozen[name].requiring(list(frozen[name].columns)).noting() for name in path.lookups}
    run_steps(path, train, functions, {**frozen, **noting})
    sample = take(train, sample_rows(train))
    usual = run_path(path, sample, functions, frozen)
    found: dict[str, Any] = {}
    for name, copy in noting.items():
        given = pd.concat(copy.given, ignore_index=True) if len(copy.given) > 1 else copy.given[0]
        whole = [str(column) for column in given.columns if not given[column].isna().any()]
        required = [column for column in whole if _matters(path, sample, usual, functions, frozen, (name, column))]
        found[name] = {"columns": copy.columns, "required": required, "fields": _fields(given, required)}
    return found


def _matters(
    path: RowPath, sample: Table, usual: Any, functions: Functions, frozen: Frozen, column: tuple[str, str]
) -> bool:
    copy: LookupCopy = frozen[column[0]]
    try:
        other = run_path(path, sample, functions, {**frozen, column[0]: copy.shuffled(column[1])})
    except Exception:  # noqa: BLE001  user code that fails on other values of a column depends on it
        return True
    return differs(usual, other)


def _fields(given: pd.DataFrame, required: list[str]) -> list[Any]:
    """The fields of a lookup's columns, those without any value or of an odd type left out."""
    found: list[Any] = []
    for column in given.columns:
        try:
            learned = learn(given[[column]])
        except UnshelveError:
            continue
        one = replace(learned.fields[0], missing=column not in required)
        found.extend(Schema((one,)).to_json()["fields"])
    return found


def unrefused(
    path: RowPath, frozen: Frozen, described: Mapping[str, Any], functions: Functions, table: Table
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which rows have all that the model requires of its lookups: (n,) bool. `described` is schema.json."""
    accepted = np.ones(len(table), dtype=np.bool_)
    required = {name: known["required"] for name, known in described.get("lookups", {}).items()}
    if not any(required.values()) or not len(table):
        return accepted
    noting: dict[str, NotingCopy] = {name: frozen[name].requiring(names).noting() for name, names in required.items()}
    run_steps(path, table, functions, {**frozen, **noting})
    for copy in noting.values():
        for refused in copy.refused:
            accepted &= ~refused
    return accepted
