"""The row path: the transforms that rows pass from their entry to a model, as a value and as it is run.

The same code runs it in training checks, in the Proof and for each request, so there is one meaning of it.
Keeps are not on it: a request passes through them untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from unshelve.data.lookups import Lookup
from unshelve.data.tables import Table, clean, is_polars, length
from unshelve.errors import UserCodeFailed

Functions = Mapping[str, Callable[..., Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathStep:
    """One transform: which parameters take rows (and of which earlier step), which take frozen state, and which take
    a lookup, joined with the rows of the first."""

    name: str
    rows: Mapping[str, str]
    frozen: Mapping[str, str] = field(default_factory=dict)
    lookups: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)
    """Parameters that were set for the run; the others keep their defaults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPath:
    """Transforms in running order. `output` names the step whose result the model takes, or the entry."""

    entry: str
    steps: tuple[PathStep, ...]
    output: str
    lookups: Mapping[str, Lookup] = field(default_factory=dict)
    """How rows find their entries, by lookup. Their copies stand beside the frozen state, under the same names."""


def run_path(
    path: RowPath,
    table: Table,
    functions: Functions,
    frozen: Mapping[str, Any],
    *,
    cells: Sequence[Mapping[str, Any]] | None = None,
) -> Any:
    """What the model is given for these rows."""
    return run_steps(path, table, functions, frozen, cells=cells)[path.output]


def run_steps(
    path: RowPath,
    table: Table,
    functions: Functions,
    frozen: Mapping[str, Any],
    *,
    cells: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The result of every step of the path by name, the entry's rows among them.

    `cells` are values of each row of the entry, where lookups can take them from (`request_table.told`).
    """
    values: dict[str, Any] = {path.entry: table}
    for step in path.steps:
        known = cells if next(iter(step.rows.values())) == path.entry else None
        values[step.name] = apply_step(step, values, functions[step.name], frozen, cells=known)
    return values


def apply_step(
    step: PathStep,
    values: Mapping[str, Any],
    function: Callable[..., Any],
    frozen: Mapping[str, Any],
    *,
    cells: Sequence[Mapping[str, Any]] | None = None,
) -> Any:
    """One transform on the rows it takes; UserCodeFailed when it does not give the same number of rows back."""
    rows = {parameter: lend(values[name]) for parameter, name in step.rows.items()}
    state = {parameter: frozen[name] for parameter, name in step.frozen.items()}
    first = next(iter(rows.values()))
    looked_up = {parameter: frozen[name].join(first, cells) for parameter, name in step.lookups.items()}
    result = function(**rows, **state, **looked_up, **step.parameters)
    expected = length(first)
    check_rows(step.name, result, expected)
    return clean(result)


def check_rows(name: str, result: Any, expected: int) -> None:
    """A transform gives one row for each row it got, in the same order."""
    if result is None:
        raise UserCodeFailed(
            f"Transform {name} returned None.", code="transform-returned-none", hint="Return the table it made."
        )
    found = length(result)
    if found != expected:
        raise UserCodeFailed(
            f"Transform {name} was given {expected} rows and returned {found}.",
            code="transform-changed-rows",
            hint="A transform gives the same rows back. To drop rows for training only, use @keep.",
        )
    index = getattr(result, "index", None)
    if isinstance(index, pd.Index) and _reordered(index):
        raise UserCodeFailed(
            f"Transform {name} returned its rows in another order.",
            code="transform-changed-order",
            hint="Leave the sorting out; the platform keeps the rows' numbers.",
        )


def lend(value: Any) -> Any:
    """A value that user code may change without spoiling it for others: copy-on-write for pandas, which is free."""
    if isinstance(value, pd.DataFrame | pd.Series):
        return value.copy(deep=False)
    if is_polars(value):
        return value
    return value


def _reordered(index: pd.Index[Any]) -> bool:
    if isinstance(index, pd.RangeIndex):
        return index.step < 0  # pandas makes one of any evenly spaced numbers, so of rows turned around too
    numbers = index.to_numpy()
    if numbers.dtype.kind not in "iu" or len(numbers) < 2:
        return False
    return bool((numbers[1:] < numbers[:-1]).any())
