"""What each kind of task does in a worker: the platform's part around the author's functions.

An operation gets the function, the inputs by label, the task's parameters and the context, and returns the
task's value. The table at the end is what the worker pool is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from unshelve.data.cleaning import compare, dropped_only
from unshelve.data.dataset import write_dataset
from unshelve.data.loaded import LOAD
from unshelve.data.lookup_copy import LookupCopy
from unshelve.data.lookup_table import sorted_copy
from unshelve.data.lookups import Lookup
from unshelve.data.tables import as_frame, clean, entry_table, length, take, to_pandas
from unshelve.errors import UserCodeFailed
from unshelve.evaluation.partition import partition
from unshelve.pipeline import loads
from unshelve.pipeline.artifacts import in_parts
from unshelve.pipeline.load_outcome import past_of
from unshelve.pipeline.outputs import WHOLE, Context, Operation, Outputs
from unshelve.serving.row_path import check_rows, lend
from unshelve.solution import holding, judging, packing
from unshelve.solution.asked_columns import naming_columns
from unshelve.solution.binding import aligned, resolve, resolve_all, row_numbers
from unshelve.solution.keeping import kept_rows
from unshelve.solution.plain import as_json
from unshelve.solution.probing import columns_read, sample_rows
from unshelve.solution.rowpaths import row_path
from unshelve.solution.rowwise import rowwise
from unshelve.solution.splitting import split_from

Call = Callable[..., Any]
Inputs = dict[str, Any]
Parameters = dict[str, Any]


def call(function: Call, inputs: Inputs, parameters: Parameters, context: Context) -> Any:
    """A fit or any other work: what it returns is kept as it is."""
    made, arguments = _called(function, inputs, parameters, context)
    return _with_cleaning(made, made, arguments)


def entry(function: Call, inputs: Inputs, parameters: Parameters, context: Context) -> Any:
    """A source, or a step where a request path begins: its table with a clean index."""
    made, arguments = _called(function, inputs, parameters, context)
    if in_parts(made):
        made = write_dataset(made, context.blobs, f"Step {context.task}")
    return _with_cleaning(entry_table(made, context.task), made, arguments)


def _called(function: Call, inputs: Inputs, parameters: Parameters, context: Context) -> tuple[Any, dict[str, Any]]:
    arguments = resolve_all(parameters, inputs)
    with naming_columns(f"Step {context.task}", arguments, inputs, parameters):
        return function(**_lent(arguments)), arguments


def _with_cleaning(value: Any, made: Any, arguments: Mapping[str, Any]) -> Any:
    """A step's value, and what it changed where it gave a table of the same columns as its first one."""
    given = next(iter(arguments.values()), None)
    if not isinstance(made, pd.DataFrame) or not isinstance(given, pd.DataFrame) or made is given:
        return value
    compared = compare(given, made)
    return value if compared is None else Outputs({"": value, "cleaning": compared})


def load(function: Call, inputs: Inputs, parameters: Parameters, context: Context) -> Outputs:
    """A declared source: its rows, and the record of how they were loaded."""
    past = past_of(context.past, context.blobs)
    loaded = loads.load(
        context.task, parameters["options"], parameters["values"], past, context.blobs, folder=context.folder
    )
    return Outputs({WHOLE: loads.value_of(loaded, context.blobs), LOAD: as_json(msgspec.to_builtins(loaded.record))})


def copy(function: Call, inputs: Inputs, parameters: Parameters, context: Context) -> Outputs:
    """A lookup's table as rows are joined with it, and what is said of it."""
    name, how = parameters["name"], msgspec.convert(parameters["how"], Lookup)
    made = sorted_copy(inputs[parameters["table"]], how, name)
    held = LookupCopy(made, how, name=name)
    about = {"rows": held.rows, "keys": held.key_count, "newest": held.newest, "columns": held.columns}
    return Outputs({"copy": made, "about": about})


def keep(function: Call, inputs: Inputs, parameters: Parameters, context: Context) -> Outputs:
    """The row numbers that a keep leaves."""
    arguments = resolve_all(parameters, inputs)
    given = arguments[parameters["first"]]
    before = row_numbers(parameters["before"], inputs)
    with naming_columns(f"Keep {context.task}", arguments, inputs, parameters):
        result = function(**_lent(arguments))
    positions = kept_rows(context.task, given, result)
    return Outputs(
        {
            "rows": positions if before is None else before[positions],
            "cleaning": dropped_only(to_pandas(given), positions, rows=before),
        }
    )


def transform(function: Call, inputs: Inputs, parameters: Parameters, context: Context) -> Any:
    """A transform on some rows: the same number of rows comes back, in the same order."""
    arguments = resolve_all(parameters, inputs)
    name = context.task.partition("[")[0]
    with naming_columns(f"Transform {name}", arguments, inputs, parameters):
        result = function(**_lent(arguments))
    first = next(iter(arguments.values()))
    check_rows(name, result, length(first))
    return _with_cleaning(clean(result), result, arguments)


def target(function: Call, inputs: Inputs, parameters: Parameters, context: Context) -> Outputs:
    """One value per row; a missing one is refused, since nothing can be learned from it."""
    arguments = resolve_all(parameters, inputs)
    given = arguments[parameters["first"]]
    with naming_columns(f"Target {context.task}", arguments, inputs, parameters):
        values = clean(function(**_lent(arguments)))
    if values is None or not hasattr(values, "__len__") or length(values) != length(given):
        raise UserCodeFailed(
            f"Target {context.task} was given {length(given):,} rows and returned "
            + ("None." if values is None else f"{length(values) if hasattr(values, '__len__') else 1:,} values."),
            code="target-changed-rows",
            hint="Return one value for each row; drop rows in a @keep.",
        )
    frame = as_frame(values)
    if frame.shape[1] != 1:
        raise UserCodeFailed(
            f"Target {context.task} returned {frame.shape[1]} columns.",
            code="target-not-one-column",
            hint="Return one column: a model predicts one thing. Declare another target for another.",
        )
    missing = int(frame.iloc[:, 0].isna().sum())
    if missing:
        raise UserCodeFailed(
            f"Target {context.task} has no value for {missing:,} of {len(frame):,} rows.",
            code="target-missing",
            hint="Drop these rows in a @keep, for example rows.dropna(subset=[...]).",
        )
    return Outputs({"values": pd.Series(frame.iloc[:, 0].to_numpy(), name=context.task)})


def reads(function: Call, inputs: Inputs, parameters: Parameters, context: Context) -> list[str]:
    """The entry's columns that a target reads."""
    table = take(inputs[parameters["entry"]], row_numbers(parameters["rows"], inputs))
    path, frozen = row_path(parameters, inputs)
    sample = take(table, sample_rows(table, 3000, values=inputs[parameters["values"]]))
    return list(columns_read(path, table, sample, context.functions, frozen))


def parts(function: Call, inputs: Inputs, parameters: Parameters, context: Context) -> Outputs:
    """The platform's own division of rows."""
    rows = row_numbers(parameters["rows"], inputs)
    table = to_pandas(take(inputs[parameters["entry"]], rows))
    split = split_from(parameters["split"])
    values = None
    if "target" in parameters:
        bind = parameters["target"]
        values = np.asarray(aligned(inputs[bind["aligned"]], bind["of"], bind["rows"], inputs))
    found = partition(split, table=table, target=values, n=len(table))
    numbers = np.arange(len(table)) if rows is None else rows
    return Outputs({"train": numbers[found.train], "test": numbers[found.test]})


def labels(function: Call, inputs: Inputs, parameters: Parameters, context: Context) -> Outputs:
    """The author's own division: two lists of row labels, train and test; both the same where none are held out."""
    arguments = resolve_all(parameters, inputs)
    owned = row_numbers(parameters["labelled"], inputs)
    wanted = row_numbers(parameters["rows"], inputs)
    given = length(next(iter(arguments.values())))
    result = function(**_lent(arguments))
    name = context.task
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise UserCodeFailed(
            f"Split {name} returned {type(result).__name__}, not two lists of row labels.",
            code="split-not-two",
            hint="Return (train_labels, test_labels), as train_test_split(table.index) gives them.",
        )
    found = {}
    for part, said in zip(("train", "test"), result, strict=True):
        positions = np.asarray(said)
        if positions.dtype.kind not in "iu" or (len(positions) and (positions.min() < 0 or positions.max() >= given)):
            raise UserCodeFailed(
                f"Split {name} returned labels for {part} that are not among its {given:,} rows.",
                code="split-unknown-rows",
                hint="Return labels of the index it was given: 0 to the number of rows less one.",
            )
        numbers = positions.astype(np.int64) if owned is None else owned[positions]
        found[part] = numbers if wanted is None else numbers[np.isin(numbers, wanted)]
        if len(found[part]) == 0:
            raise UserCodeFailed(f"Split {name} left no rows to {part} on.", code="split-left-nothing")
    shared = np.intersect1d(found["train"], found["test"])
    if len(shared) and not len(shared) == len(found["train"]) == len(found["test"]):
        raise UserCodeFailed(
            f"Split {name} put {len(shared):,} rows into both parts.",
            code="split-overlaps",
            hint="A model is judged by rows that it has not seen. Where nothing is held out, give both all rows.",
        )
    return Outputs(dict(found))


def chart(function: Call, inputs: Inputs, parameters: Parameters, context: Context) -> Any:
    """A picture: a dict the pages draw, a small table or series, or a matplotlib figure."""
    made, _ = _called(function, inputs, parameters, context)
    if isinstance(made, pd.Series):
        return {"kind": "bar", "x": [str(label) for label in made.index], "y": made.astype(float).tolist()}
    if isinstance(made, pd.DataFrame):
        return {
            "kind": "line",
            "x": [str(label) for label in made.index],
            "series": {str(name): made[name].astype(float).tolist() for name in made.columns},
        }
    if isinstance(made, dict):
        return as_json(made)
    if hasattr(made, "figure"):
        return made.figure
    return made


def metric(function: Call, inputs: Inputs, parameters: Parameters, context: Context) -> dict[str, float]:
    """The author's own measure: one number, or several by name."""
    made, _ = _called(function, inputs, parameters, context)
    named = made if isinstance(made, dict) else {context.task: made}
    found = {}
    for name, value in named.items():
        number = np.asarray(value)
        if number.ndim or number.dtype.kind not in "iufb" or not np.isfinite(float(number)):
            raise UserCodeFailed(
                f"Metric {name} is {value!r}.", code="metric-not-a-number", hint="Return a finite number."
            )
        found[str(name)] = float(number)
    return found


def model(function: Call, inputs: Inputs, parameters: Parameters, context: Context) -> Outputs:
    """A fitted estimator; of several candidates, the one that the author's choice takes."""
    arguments = resolve_all(parameters, inputs)
    with naming_columns(f"Model {context.task}", arguments, inputs, parameters):
        made = function(**_lent(arguments))
    if isinstance(made, dict):
        return judging.choose_candidate(context.task, made, inputs, parameters)
    if not hasattr(made, "predict"):
        raise UserCodeFailed(
            f"Model {context.task} returned {'None' if made is None else 'a ' + type(made).__name__}, "
            "which has no predict().",
            code="not-an-estimator",
            hint="Return the fitted estimator itself (fit() returns it).",
        )
    return Outputs({"estimator": made})


def worth(function: Call, inputs: Inputs, parameters: Parameters, context: Context) -> Outputs:
    """What each held-out answer was worth, and their mean with its interval."""
    columns: dict[str, list[Any]] = {}
    for name, bind in parameters["bind"].items():
        if "answers" in bind:
            columns[name] = judging.values_from(inputs[bind["answers"]])
        else:
            columns[name] = np.asarray(resolve(bind, inputs)).tolist()
    names = tuple(columns)
    arguments = parameters.get("arguments", {})
    given = zip(*columns.values(), strict=True)
    said = [function(**dict(zip(names, row, strict=True)), **arguments) for row in given]
    try:
        values = np.asarray(said, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UserCodeFailed(
            f"Worth {context.task.partition(':')[0]} gave a value that is not a number: {error}.",
            code="worth-not-a-number",
            hint="Return a finite number for each answer.",
        ) from error
    odd = np.flatnonzero(~np.isfinite(values))
    if len(odd):
        raise UserCodeFailed(
            f"Worth {context.task.partition(':')[0]} gave {said[int(odd[0])]!r} for held-out row {int(odd[0])}.",
            code="worth-not-a-number",
            hint="Return a finite number for each answer.",
        )
    return Outputs({"values": values, "summary": judging.appraise_values(values, parameters.get("unit"))})


def endpoint(function: Call, inputs: Inputs, parameters: Parameters, context: Context) -> bytes:
    """Held-out rows and what the endpoint answers to them, as JSON lines."""
    return packing.endpoint_heldout(function, inputs, parameters)


def _lent(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: lend(value) for name, value in arguments.items()}


OPERATIONS: Mapping[str, Operation] = {
    "source": entry,
    "load": load,
    "entry": entry,
    "call": call,
    "copy": copy,
    "keep": keep,
    "target": target,
    "reads": reads,
    "parts": parts,
    "labels": labels,
    "transform": transform,
    "model": model,
    "chart": chart,
    "metric": metric,
    "checked": holding.checked,
    "expect": holding.expect,
    "set_aside": holding.set_aside,
    "worth": worth,
    "endpoint": endpoint,
    "schema": packing.schema,
    "rowwise": rowwise,
    "trained_rows": packing.trained_rows,
    "heldout": packing.heldout,
    "evaluation": judging.evaluation,
    "gates": judging.gates,
}
