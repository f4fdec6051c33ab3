"""What expectations do in a worker: hold a table against them, say which rows fail, set these aside.

An expectation is two tasks. `NAME:checked` looks at the table and keeps what it found, whatever that is, so that the
failing rows can be shown of a run that was stopped; `NAME` decides what follows, and alone knows the time and the
earlier runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from unshelve.clock import SystemClock
from unshelve.data.batch_frames import frame_of
from unshelve.data.checking import Found, facts, holds
from unshelve.data.checking_batches import MOST_SHOWN, holds_over
from unshelve.data.checks import Check, RefersTo, from_json
from unshelve.data.dataset import Dataset
from unshelve.data.examples import sensitive_columns, shown
from unshelve.data.tables import as_frame, is_polars, take, to_pandas
from unshelve.errors import UserCodeFailed
from unshelve.pipeline.outputs import Context, Outputs
from unshelve.serving.row_path import lend
from unshelve.solution.asked_columns import naming_columns
from unshelve.solution.binding import resolve_all, row_numbers
from unshelve.solution.keeping import positions_of
from unshelve.solution.verdicts import sentences, stopped_by

Call = Callable[..., Any]
Inputs = dict[str, Any]
Parameters = dict[str, Any]
Positions = np.ndarray[Any, np.dtype[np.int64]]

MOST_ASIDE: Final = 100_000
"""Rows that are kept of a quarantine that set aside more than it may."""


def checked(function: Call, inputs: Inputs, parameters: Parameters, context: Context) -> Outputs:
    """What came of an expectation: a report, and for a quarantine the rows that stay and those that do not."""
    arguments = resolve_all(parameters, inputs)
    given = arguments.get(parameters["table"])
    checks = [from_json(each) for each in parameters["checks"]]
    if isinstance(given, Dataset):
        others = {name: _frame(value) for name, value in arguments.items()}
        for check in checks:
            if isinstance(check, RefersTo) and check.table == parameters["table"]:
                there = [name for name in check.there if name in given.columns]
                others[check.table] = given.to_pandas(there).drop_duplicates()
        return Outputs({"report": _report_over(given, checks, others)})
    table = _frame(given)
    if checks:
        found = holds(table, checks, {name: _frame(value) for name, value in arguments.items()})
    else:
        lent = {name: lend(value) for name, value in arguments.items()}
        name = context.task.partition(":")[0]
        with naming_columns(f"Expectation {name}", arguments, inputs, parameters):
            found = [_own(name, function, lent, given)]
    before = row_numbers(parameters["before"], inputs)
    failing = _failing(found, len(table))
    report = {
        "rows": len(table),
        "failing": len(failing),
        "facts": facts(table, checks),
        "checks": [_as_json(each, before) for each in found],
        "examples": _examples(table, found, failing[:MOST_SHOWN], before),
    }
    if not parameters["sets_aside"]:
        return Outputs({"report": report})
    stays = np.setdiff1d(np.arange(len(table), dtype=np.int64), failing, assume_unique=True)
    outputs: dict[str, object] = {"report": report, "rows": stays if before is None else before[stays]}
    if len(failing):
        aside = _marked(table, found, failing[:MOST_ASIDE], before)
        outputs |= {"aside": aside, "aside_csv": aside.to_csv(index=False).encode("utf-8", "surrogatepass")}
    return Outputs(outputs)


def _report_over(given: Dataset, checks: Sequence[Check], others: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """The report of a dataset, which is read a batch at a time."""
    tables = map(frame_of, given) if given.rows else iter([given.schema.empty_table().to_pandas()])
    hidden: list[str] = []

    def looked() -> Iterator[pd.DataFrame]:
        for number, table in enumerate(tables):
            if not number:
                hidden.extend(sensitive_columns(table))
            yield table

    found = holds_over(looked(), checks, others)
    parts = [
        _marked(each.table, each.found, np.arange(len(each.table)), each.places + each.start) for each in found.shown
    ]
    part = pd.concat(parts, ignore_index=True) if parts else None
    return {
        "rows": found.rows,
        "failing": found.failing,
        "facts": found.facts,
        "checks": [
            {"says": one.says, "held": one.held, "message": one.message, "failing": one.failing, "rows": one.first}
            for one in found.tallies
        ],
        "examples": None if part is None else shown(part, first=part.columns[:2].tolist(), hidden=hidden),
    }


def expect(_function: Call, inputs: Inputs, parameters: Parameters, context: Context) -> Any:
    """What follows: nothing where it holds, else a warning, rows set aside, or a failure that stops the release."""
    report = inputs[parameters["report"]]
    said = sentences(report, parameters, now=SystemClock().now())
    verdict = {"held": not said, "message": " ".join(said), "severity": parameters["severity"]}
    stops = stopped_by(report, parameters, said)
    if stops:
        title = str(parameters["title"])
        expected = f", which expects: {title}," if title else ""
        raise UserCodeFailed(
            f"{context.task}{expected} failed. {stops}",
            code="expectation-failed",
            hint='Nothing is released. Look at the rows, or let the run go on with severity="warn".',
        )
    if parameters["severity"] != "quarantine":
        return verdict
    return Outputs({"": verdict, "rows": inputs[parameters["rows"]]})


def set_aside(_function: Call, inputs: Inputs, parameters: Parameters, _context: Context) -> Any:
    """A table without the rows that were set aside."""
    return take(inputs[parameters["table"]], row_numbers(parameters["rows"], inputs))


def _frame(value: Any) -> pd.DataFrame:
    """A table, series or array as pandas has it; an empty table for anything else."""
    if isinstance(value, pd.DataFrame) or (is_polars(value) and hasattr(value, "get_columns")):
        return to_pandas(value)
    if is_polars(value) or isinstance(value, pd.Series | np.ndarray):
        return as_frame(value)
    return pd.DataFrame()


def _own(name: str, function: Call, arguments: Mapping[str, Any], given: Any) -> Found:
    """What an author's own function says of its first table."""
    try:
        said = function(**arguments)
    except AssertionError as error:
        said = str(error) or False
    rows = _blamed(name, said, given)
    if rows is not None:
        number = int(np.count_nonzero(rows))
        message = f"{number:,} of {len(rows):,} rows fail." if number else ""
        return Found(says="", held=not number, message=message, rows=rows)
    if isinstance(said, np.bool_):
        said = bool(said)
    held = said is None or said is True or (isinstance(said, list | tuple) and not said)
    return Found(says="", held=held, message="" if held else "It does not hold." if said is False else str(said))


def _blamed(name: str, said: Any, given: Any) -> np.ndarray[Any, np.dtype[np.bool_]] | None:
    """Which rows a function's answer blames: one boolean for each row, or a table of those that fail."""
    if isinstance(said, pd.DataFrame) or (is_polars(said) and hasattr(said, "get_columns")):
        rows = np.zeros(len(given), dtype=bool)
        if len(said):
            rows[positions_of(name, given, said)] = True
        return rows
    shape = getattr(said, "shape", None)
    if shape is None or len(shape) != 1:
        return None
    values = np.asarray(said.fillna(False) if isinstance(said, pd.Series) else said)
    if values.dtype != bool or len(values) != len(given):
        raise UserCodeFailed(
            f"Expectation {name} returned {len(values):,} values of {values.dtype} for {len(given):,} rows.",
            code="expectation-not-a-row-each",
            hint="Return one True or False for each row, or the rows that fail, or a sentence.",
        )
    return ~values


def _failing(found: Sequence[Found], n: int) -> Positions:
    """Positions of the rows that fail anything."""
    rows = np.zeros(n, dtype=bool)
    for each in found:
        if each.rows is not None and not each.held:
            rows |= each.rows
    return np.flatnonzero(rows).astype(np.int64)


def _as_json(found: Found, before: Positions | None) -> dict[str, object]:
    first: Any = [] if found.rows is None or found.held else np.flatnonzero(found.rows)[:MOST_SHOWN]
    return {
        "says": found.says,
        "held": found.held,
        "message": found.message,
        "failing": 0 if found.held else found.failing,
        "rows": [int(row if before is None else before[row]) for row in first],
    }


def _marked(table: pd.DataFrame, found: Sequence[Found], rows: Positions, before: Positions | None) -> pd.DataFrame:
    """Failing rows with their numbers in the entry and what they fail, in columns of their own."""
    failed = [each for each in found if each.rows is not None and not each.held]
    because = [
        "; ".join(each.says or each.message for each in failed if each.rows is not None and each.rows[row])
        for row in rows
    ]
    part: pd.DataFrame = table.take(rows).reset_index(drop=True)
    part.insert(0, _free("row", part), rows if before is None else before[rows])
    part.insert(1, _free("fails", part), because)
    return part


def _free(name: str, table: pd.DataFrame) -> str:
    while name in table.columns:
        name += "_"
    return name


def _examples(
    table: pd.DataFrame, found: Sequence[Found], rows: Positions, before: Positions | None
) -> dict[str, Any] | None:
    if not len(rows):
        return None
    part = _marked(table, found, rows, before)
    return shown(part, first=part.columns[:2].tolist(), hidden=sensitive_columns(table))
