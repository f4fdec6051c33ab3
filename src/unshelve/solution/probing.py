"""What only trying can tell: which columns a target reads, which a request needs, if transforms are row-wise.

Columns are tried by shuffling their values, not by dropping them: code that names a column to drop it does not
need its values, and code that finds columns by mask would pass in silence.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from unshelve.data.tables import Table, columns, first_difference, shuffled, take, to_pandas, without
from unshelve.errors import UserCodeFailed
from unshelve.serving.row_path import Functions, RowPath, run_path, run_steps

SAMPLE = 1000
"""Rows that are tried at most; 400 found every used column of eight real notebooks."""
SAME = 1e-12
"""Relative difference under which two computed numbers count as equal."""

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
            changed = first_difference(usual, run_path(path, other, functions, frozen)) is not None
        except Exception:  # noqa: BLE001  user code that fails on other values of a column depends on it
            changed = True
        if changed:
            found.append(name)
    return tuple(found)


def columns_asked_for(path: RowPath, table: Table, functions: Functions, frozen: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns without which the path cannot run: dropped one at a time."""
    found = []
    for name in columns(table):
        try:
            run_path(path, without(table, [name]), functions, frozen)
        except Exception:  # noqa: BLE001  whatever user code raises for want of a column
            found.append(name)
    return tuple(found)


def state_of(frozen: Mapping[str, Any]) -> dict[str, bytes]:
    """What frozen state is, so that a transform that changes it is found out."""
    return {name: pickle.dumps(value, protocol=5) for name, value in frozen.items()}


def check_row_wise(
    path: RowPath, table: Table, functions: Functions, frozen: Mapping[str, Any], *, alone: int = 60
) -> None:
    """Raise UserCodeFailed, naming transform and column, unless rows give the same alone, shuffled and in bulk.

    Runs every transform once on all rows, once on them in another order and once on each of the first `alone`.
    """
    before = state_of(frozen)
    bulk = run_steps(path, table, functions, frozen)
    order = np.random.default_rng(2).permutation(len(table))
    mixed = run_steps(path, take(table, order), functions, frozen)
    names = [step.name for step in path.steps]
    _compare(names, bulk, mixed, order, "in another order")
    for row in range(min(alone, len(table))):
        one = np.asarray([row], dtype=np.int64)
        try:
            single = run_steps(path, take(table, one), functions, frozen)
        except UserCodeFailed:
            raise
        except Exception as error:
            raise UserCodeFailed(
                f"The transforms before {path.output} work on the whole table but fail on a row alone: "
                f"{type(error).__name__}: {error}",
                code="transform-not-row-wise",
                hint="A request is one row. Move what is learned from all rows into a @fit.",
            ) from error
        _compare(names, bulk, single, one, "alone")
    changed = [name for name, state in state_of(frozen).items() if state != before[name]]
    if changed:
        raise UserCodeFailed(
            f"A transform before {path.output} changes its frozen input {changed[0]}.",
            code="transform-changed-state",
            hint="Copy it first: what one request changes, the next would see.",
        )


def _compare(
    names: Sequence[str], bulk: Mapping[str, Any], other: Mapping[str, Any], order: Positions, how: str
) -> None:
    from unshelve.data.tables import take_any

    for name in names:
        found = first_difference(take_any(bulk[name], order), other[name], relative=SAME)
        if found is not None:
            row, column = found
            raise UserCodeFailed(
                f"Transform {name} gives another {column} for row {int(order[min(row, len(order) - 1)])} "
                f"when it comes {how} than in the whole table.",
                code="transform-not-row-wise",
                hint="A request comes row by row: move what is learned from all rows (a mean, categories, "
                "a scaler) into a @fit and take it as a parameter.",
                details={"step": name, "column": column},
            )
