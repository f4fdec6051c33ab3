"""What a step's parameters are bound to, resolved in the worker: whole values, cuts of the entry, target values.

The forms, as `solution/training.py` writes them into a task's parameters:

    {"value": input}                                     the input as it is, or with "streamed" as a dataset; with
                                                         "as_stored" as a dataset where it is kept as one
    {"view": input, "rows": [...], "hide": [...]}        rows of an entry, less the columns the inputs in `hide` name
    {"aligned": input, "of": [...], "rows": [...]}       values that belong to the rows `of`, for the rows `rows`
    {"lookup": input, "name": …, "with": …, "how": …}    a lookup, joined with the rows of the parameter `with`
    {"answers": input}                                   a model's answers on its held-out rows
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

import msgspec
import numpy as np

from unshelve.data.lookup_copy import LookupCopy
from unshelve.data.lookups import Lookup
from unshelve.data.tables import is_dataset, length, take, take_any, without
from unshelve.errors import SolutionInvalid

RowNumbers = np.ndarray[Any, np.dtype[np.int64]]
Inputs = Mapping[str, Any]


def resolve_all(parameters: Mapping[str, Any], inputs: Inputs) -> dict[str, Any]:
    """The arguments of a step's function: what its parameters are bound to, and its plain arguments."""
    known_later = parameters.get("known_later", ())
    binds = parameters["bind"]
    plain = {name: resolve(bind, inputs, known_later) for name, bind in binds.items() if "lookup" not in bind}
    bound = {name: plain[name] if name in plain else looked_up(bind, inputs, plain) for name, bind in binds.items()}
    return {**bound, **parameters.get("arguments", {})}


def looked_up(bind: Mapping[str, Any], inputs: Inputs, bound: Mapping[str, Any]) -> Any:
    """A lookup, joined with the rows of another parameter."""
    how = msgspec.convert(bind["how"], Lookup)
    return LookupCopy(inputs[bind["lookup"]], how, name=bind["name"]).join(bound[bind["with"]])


def resolve(bind: Mapping[str, Any], inputs: Inputs, known_later: Sequence[str] = ()) -> Any:
    """What one parameter is bound to."""
    if "value" in bind:
        value = inputs[bind["value"]]
        # Another parameter of the same step may take the same rows as a dataset.
        kept = bind.get("streamed") or bind.get("as_stored")
        return value if kept or not is_dataset(value) else value.to_pandas()
    if "view" in bind:
        rows = row_numbers(bind["rows"], inputs)
        table = inputs[bind["view"]]
        if "hide" in bind:
            later = (*known_later, *bind.get("known_later", ()))
            table = without(table, hidden_columns(bind["hide"], inputs, later))
        return take(table, rows)
    if "aligned" in bind:
        return aligned(inputs[bind["aligned"]], bind["of"], bind["rows"], inputs)
    raise SolutionInvalid(f"A parameter is bound in an unknown way: {sorted(bind)}.")


def row_numbers(labels: Iterable[str], inputs: Inputs) -> RowNumbers | None:
    """Row numbers of the entry that are in all of these inputs, in the order of the first; None for all rows."""
    sets = [np.asarray(inputs[label], dtype=np.int64) for label in labels]
    if not sets:
        return None
    return reduce(lambda left, right: left[np.isin(left, right)], sets)


def hidden_columns(labels: Iterable[str], inputs: Inputs, known_later: Iterable[str]) -> tuple[str, ...]:
    """The columns that no request has: those that targets read and those known later."""
    found = list(known_later)
    for label in labels:
        found.extend(inputs[label])
    return tuple(dict.fromkeys(found))


def aligned(values: Any, of: Sequence[str], rows: Sequence[str], inputs: Inputs) -> Any:
    """The values, which belong to the rows `of`, for the rows `rows`; every one of these must be among the first."""
    wanted = row_numbers(rows, inputs)
    owned = row_numbers(of, inputs)
    if wanted is None:
        return values
    if owned is None:
        return take_any(values, wanted)
    order = np.argsort(owned, kind="stable")
    places = np.searchsorted(owned, wanted, sorter=order)
    found = order[np.minimum(places, len(order) - 1)]
    if length(values) == 0 or not np.array_equal(owned[found], wanted):
        raise SolutionInvalid(
            "A target has no value for some rows that the model learns from.",
            code="target-without-rows",
            hint="Let the target take the same rows as the model, or rows from before the keep.",
        )
    return take_any(values, found)
