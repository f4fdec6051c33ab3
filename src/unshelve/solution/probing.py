"""What only trying can tell: which columns a target reads, and which a request needs.

Columns are tried by shuffling their values, not by dropping them: code that names a column to drop it does not
need its values, and code that finds columns by mask would pass in silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from unshelve.data.tables import (
    Table,
    columns,
    constant,
    differs,
    filled,
    first_difference,
    rows_differing,
    shuffled,
    take,
    to_pandas,
    without,
)
from unshelve.serving.row_path import Functions, RowPath, apply_step, run_path, run_steps
from unshelve.solution.alike import SAME

SAMPLE = 1000
"""Rows that are tried at most; 400 found every used column of eight real notebooks."""
CHANGED = 300
"""Rows that are looked at to find which column changed them."""

Positions = np.ndarray[Any, np.dtype[np.int64]]


def sample_rows(table: Table, at_most: int = SAMPLE, *, values: Any = None) -> Positions:
    """Positions of a seeded sample in which every column that varies in the table varies too.

    With `values`, one per row, up to 50 rows of each of the first 20 distinct values are in the sample as well.
    """
    n = len(table)
    chosen = set(np.random.default_rng(0).permutation(n)[:at_most].tolist())
    frame = to_pandas(table)
    first = frame.take(sorted(chosen))
    for name in frame.columns:
        sampled = first[name].astype(str)
        if (sampled == sampled.iloc[0]).all():
            other = np.flatnonzero((frame[name].astype(str) != sampled.iloc[0]).to_numpy())[:20]
            chosen.update(other.tolist())
    if values is not None:
        text = np.asarray([str(value) for value in np.asarray(values)])
        for value in np.unique(text)[:20]:
            chosen.update(np.flatnonzero(text == value)[:50].tolist())
    return np.asarray(sorted(chosen), dtype=np.int64)


def columns_that_matter(
    path: RowPath, table: Table, functions: Functions, frozen: Mapping[str, Any]
) -> tuple[str, ...]:
    """The columns of `table` whose shuffled values change what the path gives, in the table's order."""
    usual = run_path(path, table, functions, frozen)
    order = np.random.default_rng(1).permutation(len(table))
    found = []
    for name in columns(table):
        other = shuffled(table, name, order)
        try:
            changed = differs(usual, run_path(path, other, functions, frozen))
        except Exception:  # noqa: BLE001  user code that fails on other values of a column depends on it
            changed = True
        if changed:
            found.append(name)
    return tuple(found)


def columns_read(
    path: RowPath, table: Table, sample: Table, functions: Functions, frozen: Mapping[str, Any]
) -> tuple[str, ...]:
    """The columns that the path reads: those whose shuffled values change it in the sample, or that it asks for by
    name and whose values change the result of some row of the whole table.

    One that it only names, to pick or drop it, tells nothing of the result.
    """
    matter = columns_that_matter(path, sample, functions, frozen)
    asked = columns_asked_for(path, take(sample, np.arange(min(50, len(sample)))), functions, frozen)
    only_named = {*asked} - {*matter}
    if not only_named:
        return matter
    usual = run_path(path, table, functions, frozen)
    others = [name for name in columns(table) if name not in only_named]
    missed = columns_missed(path, table, usual, others, functions, frozen)
    return tuple(name for name in columns(table) if name in {*matter, *missed})


def columns_asked_for(path: RowPath, table: Table, functions: Functions, frozen: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns without which the path's last step cannot run: dropped one at a time from what it is given.

    What a transform before it asks for is that transform's own.
    """
    values = run_steps(path, table, functions, frozen)
    last = path.steps[-1]
    found = []
    for name in columns(table):
        given = {
            step: without(value, [name]) if step in last.rows.values() and name in _columns(value) else value
            for step, value in values.items()
        }
        try:
            apply_step(last, given, functions[last.name], frozen)
        except Exception:  # noqa: BLE001  whatever user code raises for want of a column
            found.append(name)
    return tuple(found)


def _columns(value: Any) -> Sequence[str]:
    """The columns of a table; none of an array or a series."""
    return list(columns(value)) if hasattr(value, "columns") else ()


def columns_missed(
    path: RowPath, table: Table, usual: Any, used: Sequence[str], functions: Functions, frozen: Mapping[str, Any]
) -> tuple[str, ...]:
    """The columns beside `used` that some row's result depends on: such as shuffling a sample did not show.

    `usual` is what the path gives for the rows of `table`. All other columns are held at the values of the first row;
    where that changes a row, the columns that do it are found among the rows that changed.
    """
    found: list[str] = []
    first = take(table, np.zeros(1, dtype=np.int64))
    while rest := [name for name in columns(table) if name not in {*used, *found}]:
        changed = _changed_by(path, table, usual, rest, first, functions, frozen)
        if not changed.any():
            break
        some = take(table, np.flatnonzero(changed)[:CHANGED])
        as_is = run_path(path, some, functions, frozen)
        guilty = [name for name in rest if _changed_by(path, some, as_is, [name], first, functions, frozen).any()]
        found.extend(guilty or rest)
    return tuple(found)


def matters_when_filled(
    path: RowPath, table: Table, name: str, functions: Functions, frozen: Mapping[str, Any]
) -> bool:
    """Whether a column without values would change what the path gives if it had some: a number, or else a text."""
    usual = run_path(path, table, functions, frozen)
    for value in (1.0, "x"):
        try:
            other = run_path(path, filled(table, name, value), functions, frozen)
        except Exception:  # noqa: BLE001, S112  user code that wants the other type
            continue
        return first_difference(usual, other) is not None
    return True


def _changed_by(
    path: RowPath,
    table: Table,
    usual: Any,
    names: Sequence[str],
    row: Table,
    functions: Functions,
    frozen: Mapping[str, Any],
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """The rows whose result changes when some columns hold one row's values; all where the code then fails."""
    try:
        result = run_path(path, constant(table, names, row), functions, frozen)
    except Exception:  # noqa: BLE001  user code that fails on other values of a column depends on it
        return np.ones(len(table), dtype=np.bool_)
    return rows_differing(usual, result, relative=SAME)
