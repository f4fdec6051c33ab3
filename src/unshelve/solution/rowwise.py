"""What must hold of a model before it is packed: rows are answered alike in every way, and nothing gives them away.

The Proof asks the served version the same questions again, from outside. Here more ways are tried, on training rows
too, and a difference is named by step, column and row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from unshelve.data.tables import first_difference, length, only, take, take_any, to_pandas, usual_sizes, without
from unshelve.errors import UserCodeFailed
from unshelve.pipeline.outputs import Context
from unshelve.schema.decoder import decoder
from unshelve.serving.code import VersionCode
from unshelve.serving.request_table import RequestTable, schema_from
from unshelve.serving.row_path import Functions, run_steps
from unshelve.solution.alike import SAME, Positions, Trial, Tried, check_transforms, difference
from unshelve.solution.binding import hidden_columns, resolve, row_numbers
from unshelve.solution.files import code_files
from unshelve.solution.judging import Held, held_before
from unshelve.solution.predicting import Answerer, check_answers
from unshelve.solution.requests import accepted_rows
from unshelve.solution.rowpaths import row_path
from unshelve.solution.telling import telling_rows
from unshelve.solution.telltale import refuse_copies, too_good
from unshelve.solution.watching import watched

ROWS = 200
"""Rows of each part that are tried, the telling ones among them."""

Inputs = dict[str, Any]
Parameters = dict[str, Any]


def rowwise(_call: Any, inputs: Inputs, parameters: Parameters, context: Context) -> dict[str, Any]:
    """Check that requests are answered alike however they come, and as training had it.

    Gives how many rows were tried, how many the Schema refuses, and what cannot be spoken for, one sentence each.
    """
    described = inputs[parameters["schema"]]
    learned = schema_from(described)
    path, frozen = row_path(parameters, inputs)
    hidden = hidden_columns(parameters["hide"], inputs, parameters["known_later"])
    entry = without(inputs[parameters["entry"]], hidden)
    parts = [_part(parameters[name], inputs, entry, seed) for seed, name in ((3, "tested"), (7, "fitted"))]
    drawn = np.unique(np.concatenate([part.numbers for part in parts]))
    accepted, sent = accepted_rows(learned, to_pandas(take(entry, drawn))[list(learned.names)])
    if not len(accepted):
        return {"rows": 0, "refused": len(drawn), "not_covered": []}
    numbers = _telling_first(drawn[accepted], parts)
    rows = [sent[place] for place in np.searchsorted(drawn[accepted], numbers)]
    fillers = inputs.get(str(parameters.get("fillers")))
    asked = RequestTable.build(learned, described, fillers).of(decoder(learned).decode_rows(rows))
    held = held_before(inputs, parameters)
    _refuse_copies(inputs, parameters, take(entry, row_numbers(parameters["train"], inputs)), list(learned.names))
    copies = _Copies(context)
    with copies.loaded(), watched() as heard:
        trial = Trial(
            path=path,
            frozen=frozen,
            functions=context.functions,
            fresh=copies.functions,
            table=asked,
            numbers=numbers,
        )
        tried = check_transforms(trial)
        _as_trained(trial, tried, parts)
        _as_requests(trial, tried, take(entry, numbers))
        answerer = _answerer(inputs, parameters, context, held, copies.functions)
        check_answers(answerer, tried.bulk[path.output], tried.alone, numbers)
    return {
        "rows": len(numbers),
        "refused": len(drawn) - len(accepted),
        "not_covered": [
            *(
                f"While it answers, {parameters['model']} {said}: what changes with that is not covered."
                for said in heard
            ),
            *_too_good(parameters, held),
        ],
    }


def _refuse_copies(inputs: Inputs, parameters: Parameters, train: Any, names: list[str]) -> None:
    if "y_train" in parameters:
        values = np.asarray(resolve(parameters["y_train"], inputs))
        refuse_copies(parameters["model"], parameters["target"], to_pandas(only(train, names)), values)


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
                trial.path.output,
                found[1],
                int(trial.numbers[places[min(found[0], len(places) - 1)]]),
                "than the model was trained with",
                "Its result depends on how many rows there are, or on something that has changed since.",
            )


def _as_requests(trial: Trial, tried: Tried, real: Any) -> None:
    """Hold what rows give that came as requests against what they give in the source's own table."""
    usual = run_steps(trial.path, real, trial.functions, trial.frozen)
    for step in trial.path.steps:
        sizes = usual_sizes(usual[step.name])
        found = first_difference(usual[step.name], tried.bulk[step.name], relative=SAME, usual=sizes)
        if found is not None:
            raise UserCodeFailed(
                f"Transform {step.name} gives another {found[1]} for row {int(trial.numbers[found[0]])} when it comes "
                "as a request.",
                code="request-differs",
                hint="A request has the types of training; look at what the transform does to its values.",
                details={"step": step.name, "column": found[1]},
            )


def _answerer(
    inputs: Inputs, parameters: Parameters, context: Context, held: Held, fresh: Callable[[], Functions]
) -> Answerer:
    estimator = inputs[parameters["estimator"]]
    signature = held.signature
    name = parameters.get("answer")
    if name is None:
        return Answerer(model=parameters["model"], estimator=estimator, signature=signature)
    state = {key: resolve(bind, inputs) for key, bind in parameters.get("answer_bind", {}).items()}
    arguments = parameters.get("answer_arguments", {})
    usual, anew = context.functions[str(name)], fresh()[str(name)]
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

    def functions(self) -> Functions:
        """The functions of one more copy."""
        self._made.append(VersionCode(self._name, self._files))
        return self._made[-1].functions()

    @contextmanager
    def loaded(self) -> Iterator[None]:
        """Copies that are made inside the block are forgotten at its end."""
        try:
            yield
        finally:
            for copy in self._made:
                copy.forget()
