"""That transforms give the same for a row in every way it can come, checked by running them.

A request comes alone or beside others, in any order, perhaps twice, tomorrow, after a restart. Each of these ways
is tried on real rows, and a difference is refused with the transform, the column and the row.
"""

from __future__ import annotations

import inspect
import os
import pickle
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from unshelve.data.tables import Table, first_difference, take, take_any, usual_sizes
from unshelve.errors import UserCodeFailed
from unshelve.serving.row_path import Functions, RowPath, run_steps

SAME: Final = 1e-12
"""Relative difference under which two computed numbers count as equal."""
ALONE: Final = 80
"""Rows that are tried one at a time."""
ANEW: Final = 6
"""Rows that are tried each with the solution's code loaded anew, as after a restart."""
LOADING_SECONDS: Final = 5.0
"""After so long no more copies of the code are loaded: a file that takes seconds to load is tried with fewer."""

Positions = np.ndarray[Any, np.dtype[np.int64]]
Results = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A row path with rows to try it on: `numbers` are the rows' numbers in the entry, for messages.

    `fresh` gives the functions of the solution as they are after its code was loaded anew.
    """

    path: RowPath
    frozen: Mapping[str, Any]
    functions: Functions
    fresh: Callable[[], Functions]
    fresh_and_looked_at: Callable[[], Functions]
    """As `fresh`; what the code's variables hold is looked at while they run."""
    table: Table
    numbers: Positions

    def run(self, table: Table, anew: Restart | None = None) -> dict[str, Any]:
        """What every step gives for these rows. Frozen state is lent as it is: that it does not change is checked."""
        if anew is None:
            return run_steps(self.path, table, self.functions, self.frozen)
        return run_steps(self.path, table, anew.functions, anew.frozen)


@dataclass(frozen=True, slots=True)
class Restart:
    """Functions and frozen state as a server has them after it was started."""

    functions: Functions
    frozen: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a trial: the results of every step for all rows at once, and of the whole path for rows alone."""

    bulk: dict[str, Any]
    alone: list[Any]


@dataclass(frozen=True, slots=True)
class _Way:
    """A way in which rows come: how that is said of a difference and of a failure, and what to do about it."""

    said: str
    fails: str
    hint: str


_LEARNED = (
    "A request comes row by row: move what is learned from all rows (a mean, categories, a scaler) into a @fit "
    "and take it as a parameter."
)
_ALONE = _Way("when it comes alone than in the whole table", "alone", _LEARNED)
_MIXED = _Way("when it comes in another order than in the whole table", "in another order", _LEARNED)
_TWICE = _Way(
    "when it comes twice than when it comes once",
    "when the same row comes twice",
    "Two callers may send equal rows, and each gets an answer. Drop duplicates in a @keep.",
)
_AGAIN = _Way(
    "when it is made again",
    "when they run again",
    "Leave out what changes by itself: the clock, random numbers, counters. Bring such values in as columns of the "
    "source.",
)
_ANEW = _Way(
    "when the code is loaded anew: it remembers earlier rows",
    "when the code is loaded anew",
    "Keep nothing from call to call in variables of the file: a server starts without it. Let a @fit learn it and "
    "take it as a parameter.",
)
_ZONE = _Way(
    "in another time zone of the machine",
    "in another time zone of the machine",
    'Name the zone, for example .dt.tz_convert("Europe/Amsterdam"), so that every machine gives the same.',
)


def check_transforms(trial: Trial) -> Tried:
    """Try all ways. Raises UserCodeFailed, naming transform, column and row, for the first difference.

    Runs every transform a few times on all rows, and about 170 times on one.
    """
    pristine = deepcopy(dict(trial.frozen))
    bulk = trial.run(trial.table)
    settled = _state_of(trial)  # some objects complete themselves at their first use
    usual = _Usual(trial, bulk, {step.name: usual_sizes(bulk[step.name]) for step in trial.path.steps})
    everything = np.arange(len(trial.numbers))
    first = everything[:ALONE]
    order = np.random.default_rng(2).permutation(len(trial.numbers))
    usual.hold(_AGAIN, everything)
    usual.hold(_MIXED, order)
    alone = [usual.hold(_ALONE, first[[row]])[trial.path.output] for row in first.tolist()]
    usual.hold(_TWICE, np.repeat(first, 2))
    with other_zone():
        usual.hold(_ZONE, everything)
    for anew, rows in _restarts(trial, pristine, first):
        for row in rows:
            usual.hold(_ANEW, first[[row]], anew)
    _refuse_changes(trial, settled)
    return Tried(bulk, alone)


def _refuse_changes(trial: Trial, settled: Mapping[str, bytes]) -> None:
    for name, state in _state_of(trial).items():
        if state != settled[name]:
            takes = [step.name for step in trial.path.steps if name in step.frozen.values()]
            who = takes[0] if takes else name.partition(".")[0]
            raise UserCodeFailed(
                f"Transform {who}{written(trial.functions[who])} changes its frozen input {name.rpartition('.')[2]}.",
                code="transform-changed-state",
                hint="Copy it first: what one request changes, the next would see.",
                details={"step": who},
            )


def _restarts(trial: Trial, pristine: Mapping[str, Any], rows: Positions) -> Iterator[tuple[Restart, list[int]]]:
    """Freshly loaded code with the rows to give it: all of them backwards, then single rows, each to a copy."""
    began = time.perf_counter()
    yield Restart(trial.fresh_and_looked_at(), deepcopy(dict(pristine))), rows.tolist()[::-1]
    for row in np.unique(np.linspace(0, len(rows) - 1, ANEW).astype(int)).tolist():
        if time.perf_counter() - began < LOADING_SECONDS:
            yield Restart(trial.fresh(), deepcopy(dict(pristine))), [row]


@dataclass(frozen=True, slots=True)
class _Usual:
    """What a trial's steps give for all rows at once, and how large these numbers usually are, by step."""

    trial: Trial
    bulk: Results
    sizes: Mapping[str, Mapping[str, float]]

    def hold(self, way: _Way, rows: Positions, anew: Restart | None = None) -> dict[str, Any]:
        """Run the path on these rows in some way and hold the results against the usual ones."""
        try:
            result = self.trial.run(take(self.trial.table, rows), anew)
        except Exception as error:
            raise self._failure(error, way, rows) from error
        for step in self.trial.path.steps:
            expected = take_any(self.bulk[step.name], rows)
            found = first_difference(expected, result[step.name], relative=SAME, usual=self.sizes[step.name])
            if found is not None:
                row = int(self.trial.numbers[rows[min(found[0], len(rows) - 1)]])
                raise difference(self.trial, step.name, (row, found[1]), way.said, way.hint)
        return result

    def _failure(self, error: Exception, way: _Way, rows: Positions) -> UserCodeFailed:
        codes = {(f.f_code.co_name, f.f_code.co_firstlineno) for f, _ in traceback.walk_tb(error.__traceback__)}
        who = f"The transforms before {self.trial.path.output} work"
        for step in self.trial.path.steps:
            function = self.trial.functions[step.name]
            code = getattr(inspect.unwrap(function), "__code__", None)
            if code is not None and (code.co_name, code.co_firstlineno) in codes:
                who = f"Transform {step.name}{written(function)} works"
        fails = "fail" if who.endswith("work") else "fails"
        said = error.message if isinstance(error, UserCodeFailed) else f"{type(error).__name__}: {error}"
        which = f"on row {int(self.trial.numbers[rows[0]])} " if len(rows) == 1 else ""
        return UserCodeFailed(
            f"{who} on the whole table, but {fails} {which}{way.fails}: {said}",
            code="transform-not-row-wise",
            hint=way.hint,
        )


def difference(trial: Trial, step: str, place: tuple[int, str], said: str, hint: str) -> UserCodeFailed:
    """The refusal of a transform that gives a row something else in some way; `place` is the row and the column."""
    row, column = place
    return UserCodeFailed(
        f"Transform {step}{written(trial.functions[step])} gives another {column} for row {row} {said}.",
        code="transform-not-row-wise",
        hint=hint,
        details={"step": step, "column": column, "row": row},
    )


def written(function: Callable[..., Any]) -> str:
    """Where a function is written, as a part of a sentence: " (solution.py, line 12)"."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f" ({Path(code.co_filename).name}, line {code.co_firstlineno})" if code is not None else ""


@contextmanager
def other_zone() -> Iterator[None]:
    """The process in another time zone, a quarter of an hour beside any full one, as long as the block lasts."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "NPT-5:45" if time.strftime("%z") != "+0545" else "CHAST-12:45"
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()


def _state_of(trial: Trial) -> dict[str, bytes]:
    """What frozen state and parameters are, so that a transform that changes them is found out."""
    # A lookup is never handed out itself: what a transform gets of it is made for that call.
    own = {name: value for name, value in trial.frozen.items() if name not in trial.path.lookups}
    state = {name: pickle.dumps(value, protocol=5) for name, value in own.items()}
    for step in trial.path.steps:
        for name, value in step.parameters.items():
            state[f"{step.name}.{name}"] = pickle.dumps(value, protocol=5)
    return state
