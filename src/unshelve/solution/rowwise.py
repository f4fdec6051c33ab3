"""What must hold of a model before it is packed: rows are answered alike in every way, and nothing gives them away.

The Proof asks the served version the same questions again, from outside. Here more ways are tried, on training rows
too, and a difference is named by step, column and row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import numpy as np

from unshelve.data.tables import (
    as_frame,
    differing,
    first_difference,
    length,
    only,
    take,
    take_any,
    to_pandas,
    usual_sizes,
    without,
)
from unshelve.pipeline.outputs import Context
from unshelve.schema.decoder import decoder
from unshelve.serving.code import VersionCode
from unshelve.serving.request_table import RequestTable, schema_from
from unshelve.serving.row_path import Functions, run_steps
from unshelve.solution.alike import SAME, Positions, Trial, Tried, check_transforms, difference
from unshelve.solution.binding import hidden_columns, resolve, row_numbers
from unshelve.solution.files import code_files
from unshelve.solution.judging import Held, held_before
from unshelve.solution.lookup_rows import unrefused
from unshelve.solution.predicting import Answerer, check_answers
from unshelve.solution.requests import accepted_rows
from unshelve.solution.rowpaths import row_path
from unshelve.solution.telling import telling_rows
from unshelve.solution.telltale import refuse_copies, too_good
from unshelve.solution.watching import variables, watched

ROWS = 200
"""Rows of each part that are tried, the telling ones among them."""

Inputs = dict[str, Any]
Parameters = dict[str, Any]


def rowwise(_call: Any, inputs: Inputs, parameters: Parameters, context: Context) -> dict[str, Any]:
    """Check that requests are answered alike however they come, and as training had it.

    Gives how many rows were tried, how many the Schema refuses, and what cannot be spoken for, one sentence each.
    """
    path, frozen = row_path(parameters, inputs)
    hidden = hidden_columns(parameters["hide"], inputs, parameters["known_later"])
    entry = without(inputs[parameters["entry"]], hidden)
    parts = [_part(parameters[name], inputs, entry, seed) for seed, name in ((3, "tested"), (7, "fitted"))]
    numbers, asked, refused = _asked(inputs, parameters, entry, parts, context.functions)
    if not len(numbers):
        return {"rows": 0, "refused": refused, "not_covered": []}
    held = held_before(inputs, parameters)
    _refuse_copies(inputs, parameters, entry)
    copies = _Copies(context)
    with copies.loaded(), watched() as heard:
        trial = Trial(
            path=path,
            frozen=frozen,
            functions=context.functions,
            fresh=copies.functions,
            fresh_and_looked_at=lambda: copies.looked_at([step.name for step in path.steps]),
            table=asked,
            numbers=numbers,
        )
        tried = check_transforms(trial)
        _as_requests(trial, tried, take(entry, numbers))
        _as_trained(trial, tried, parts)
        answerer = _answerer(inputs, parameters, context, held, copies)
        check_answers(answerer, tried.bulk[path.output], tried.alone, numbers)
    reached = [
        f"While it answers, {parameters['model']} {said}: what changes with that is not covered." for said in heard
    ]
    return {
        "rows": len(numbers),
        "refused": refused,
        "not_covered": [*reached, *copies.remembered, *_too_good(parameters, held)],
    }


def _asked(
    inputs: Inputs, parameters: Parameters, entry: Any, parts: list[_Part], functions: Functions
) -> tuple[Positions, Any, int]:
    """Row numbers that are tried, their table as requests give it, and how many rows the Schema refuses."""
    described = inputs[parameters["schema"]]
    learned = schema_from(described)
    drawn = np.unique(np.concatenate([part.numbers for part in parts]))
    accepted, sent = accepted_rows(learned, to_pandas(take(entry, drawn))[list(learned.names)])
    path, frozen = row_path(parameters, inputs)
    if path.lookups:
        joined = unrefused(path, frozen, described, functions, take(entry, drawn[accepted]))
        accepted, sent = accepted[joined], [row for row, there in zip(sent, joined, strict=True) if there]
    if not len(accepted):
        return accepted, None, len(drawn)
    numbers = _telling_first(drawn[accepted], parts)
    rows = [sent[place] for place in np.searchsorted(drawn[accepted], numbers)]
    table = RequestTable.build(learned, described, inputs.get(str(parameters.get("fillers"))))
    return numbers, table.of(decoder(learned).decode_rows(rows)), len(drawn) - len(accepted)


def _refuse_copies(inputs: Inputs, parameters: Parameters, entry: Any) -> None:
    if "y_train" not in parameters:
        return
    names = [field["name"] for field in inputs[parameters["schema"]]["fields"]]
    train = to_pandas(only(take(entry, row_numbers(parameters["train"], inputs)), names))
    refuse_copies(parameters["model"], parameters["target"], train, np.asarray(resolve(parameters["y_train"], inputs)))


def _too_good(parameters: Parameters, held: Held) -> list[str]:
    if held.truth is None or parameters.get("answer"):
        return []
    return list(too_good(parameters["model"], parameters["target"], held.truth, held.predicted))


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of one part that are to be tried, and what the path made of the whole part when the model was fitted."""

    numbers: Positions
    all_numbers: Positions
    X: Any


def _part(described: Mapping[str, Any], inputs: Inputs, entry: Any, seed: int) -> _Part:
    X = resolve(described["X"], inputs)
    rows = row_numbers(described["rows"], inputs)
    whole = np.arange(length(entry)) if rows is None else rows
    return _Part(whole[telling_rows(to_pandas(take(entry, whole)), ROWS, seed=seed)], whole, X)


def _telling_first(numbers: Positions, parts: list[_Part]) -> Positions:
    """The numbers in an order in which parts take turns, each with its telling rows first."""
    known = set(numbers.tolist())
    longest = max(len(part.numbers) for part in parts)
    turns = [int(part.numbers[turn]) for turn in range(longest) for part in parts if turn < len(part.numbers)]
    return np.asarray([number for number in dict.fromkeys(turns) if number in known], dtype=np.int64)


def _as_trained(trial: Trial, tried: Tried, parts: list[_Part]) -> None:
    """Hold what the path gives now against what it gave when the model was fitted and judged."""
    if not trial.path.steps:
        return
    now = tried.bulk[trial.path.output]
    for part in parts:
        order = np.argsort(part.all_numbers, kind="stable")
        places = np.flatnonzero(np.isin(trial.numbers, part.all_numbers))
        then = order[np.searchsorted(part.all_numbers, trial.numbers[places], sorter=order)]
        found = first_difference(take_any(part.X, then), take_any(now, places), relative=SAME, usual=usual_sizes(now))
        if found is not None:
            raise difference(
                trial,
                trial.path.output,
                (int(trial.numbers[places[min(found[0], len(places) - 1)]]), found[1]),
                "than the model was trained with",
                "Its result depends on how many rows there are, or on something that has changed since.",
            )


def _as_requests(trial: Trial, tried: Tried, real: Any) -> None:
    """Hold what rows give that came as requests against what they give in the source's own table.

    What the model is given counts. Steps before it may differ in columns that no answer depends on.
    """
    usual = run_steps(trial.path, real, trial.functions, trial.frozen)
    output = trial.path.output
    found = first_difference(usual[output], tried.bulk[output], relative=SAME, usual=usual_sizes(usual[output]))
    if found is None or not trial.path.steps:
        return
    row, column = found
    guilty = next((step.name for step in trial.path.steps if _differs(usual, tried.bulk, step.name, column)), output)
    raise difference(
        trial,
        guilty,
        (int(trial.numbers[row]), column),
        "when it comes as a request",
        "A request has the types of training; look at what the transform does to its values.",
    )


def _differs(usual: Mapping[str, Any], sent: Mapping[str, Any], step: str, column: str) -> bool:
    """Whether a step's results differ in a column that it has."""
    one, two = as_frame(usual[step]), as_frame(sent[step])
    if column not in one.columns or column not in two.columns:
        return False
    return bool(differing(one[column], two[column], relative=SAME).any())


def _answerer(inputs: Inputs, parameters: Parameters, context: Context, held: Held, copies: _Copies) -> Answerer:
    estimator = inputs[parameters["estimator"]]
    signature = held.signature
    name = parameters.get("answer")
    if name is None:
        return Answerer(model=parameters["model"], estimator=estimator, signature=signature)
    state = {key: resolve(bind, inputs) for key, bind in parameters.get("answer_bind", {}).items()}
    arguments = parameters.get("answer_arguments", {})
    usual, anew = context.functions[str(name)], copies.looked_at([str(name)])[str(name)]
    return Answerer(
        model=parameters["model"],
        estimator=estimator,
        signature=signature,
        step=str(name),
        answer=lambda raw: usual(raw, **state, **arguments),
        answer_anew=lambda raw: anew(raw, **state, **arguments),
        state={**state, "arguments": arguments},
    )


class _Copies:
    """Copies of the solution's code, loaded anew from its files, as a server loads it."""

    def __init__(self, context: Context) -> None:
        self._files: dict[str, bytes] = code_files(context.folder)[0]
        self._name = context.folder.name
        self._made: list[VersionCode] = []
        self._looked_at: list[tuple[VersionCode, dict[str, str]]] = []
        self.remembered: tuple[str, ...] = ()
        """A sentence for each variable of the code that had changed by the end of the block."""

    def functions(self) -> Functions:
        """The functions of one more copy."""
        self._made.append(VersionCode(self._name, self._files))
        return self._made[-1].functions()

    def looked_at(self, names: Sequence[str]) -> Functions:
        """Some functions of one more copy, whose variables are looked at once each of them was called.

        Not before: some objects complete themselves at their first use, and then stay as they are.
        """
        functions = dict(self.functions())
        copy, waiting = self._made[-1], set(names)

        def watching(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(function)
            def call(*given: Any, **named: Any) -> Any:  # Any: whatever the author's function takes and gives
                result = function(*given, **named)
                if name in waiting:
                    waiting.discard(name)
                    if not waiting:
                        self._looked_at.append((copy, variables(copy.loaded())))
                return result

            return call

        return {**functions, **{name: watching(name, functions[name]) for name in names}}

    @contextmanager
    def loaded(self) -> Iterator[None]:
        """Copies that are made inside the block are forgotten at its end."""
        try:
            yield
            changed: dict[str, None] = {}
            for copy, before in self._looked_at:
                now = variables(copy.loaded())
                changed.update(dict.fromkeys(name for name in before if now.get(name) != before[name]))
            self.remembered = tuple(
                f"Variable {name} changes while it answers: what depends on that is not covered." for name in changed
            )
        finally:
            for copy in self._made:
                copy.forget()
