"""The raw test rows that are asked of the served version, and what it has to answer by what the notebook predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from unshelve.data.frames import records
from unshelve.data.tables import to_pandas
from unshelve.errors import SchemaMismatch
from unshelve.notebook.asking import TestRow
from unshelve.notebook.comparing_objects import as_array
from unshelve.notebook.sides import Sides, plain_list, reachable
from unshelve.schema.decoder import Decoder, decoder
from unshelve.serving.request_table import schema_from
from unshelve.solution.binding import resolve, row_numbers

MOST_ROWS: Final = 2000
"""Test rows that are asked of the version at most."""


def rows_to_ask(sides: Sides) -> tuple[list[TestRow], int, str | None]:
    """Raw test rows with the notebook's answers, how many there are in all, and why there are none."""
    parameters = sides.parameters
    needed = (parameters["entry"], parameters["schema"], parameters["evaluation"])
    if not sides.has(*needed) or not reachable(sides, "tested"):
        return [], 0, "the solution did not come so far"
    if sides.answers is None:
        return [], 0, "the notebook's predictions and its fitted model were not kept"
    numbers = row_numbers(parameters["test"], sides.inputs)
    table = to_pandas(sides.inputs[parameters["entry"]])
    numbers = np.arange(len(table)) if numbers is None else numbers
    answers = expected_answers(sides, said_of_test_rows(sides))
    if answers is None:
        return [], len(numbers), "the notebook's predictions are of a kind that no answer has"
    if len(answers) != len(numbers):
        return (
            [],
            len(numbers),
            f"the notebook predicted {len(answers):,} rows, and the solution tests {len(numbers):,}",
        )
    chosen = np.sort(np.random.default_rng(4).permutation(len(numbers))[:MOST_ROWS])
    learned = schema_from(sides.inputs[parameters["schema"]])
    asked = table.take(numbers[chosen])[list(learned.names)].reset_index(drop=True)
    reader = decoder(learned)
    found = []
    for place, row in zip(chosen.tolist(), records(asked, learned), strict=True):
        problems = problems_of(reader, row)
        found.append(
            TestRow(position=place, number=int(numbers[place]), row=row, answer=answers[place], problems=problems)
        )
    return found, len(numbers), None


def problems_of(reader: Decoder, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Why the Schema refuses a row; none where it does not."""
    try:
        reader.decode_rows([row])
    except SchemaMismatch as error:
        said = error.details.get("problems")
        return [dict(each) for each in said] if isinstance(said, list | tuple) else [{}]
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the notebook predicted of some rows."""

    values: Any
    method: str
    """The estimator's method that gave them."""
    rows: Any
    """What it was given."""
    made: list[Any] | None = None
    """What the notebook made of them; None where it made nothing, or where that was not kept."""


def said_of_test_rows(sides: Sides) -> Said:
    """What the notebook predicted of the test rows, or what its fitted model says of them."""
    return Said(
        values=as_array(sides.answers),
        method=sides.method,
        rows=sides.predicted.rows if sides.own_answers and sides.predicted else sides.given("tested"),
        made=sides.kept_answers if "answer" in sides.parameters else None,
    )


def expected_answers(sides: Sides, said: Said) -> list[dict[str, Any]] | None:
    """What the served version has to answer to each row, by what the notebook predicted."""
    signature = sides.inputs[sides.parameters["evaluation"]]["signature"]
    values, answered = said.values, said.made
    if "answer" in sides.parameters and answered is None:
        answered = _after_answer_step(sides, signature, said)
    main = "value" if signature["task"] == "regression" else "label"
    columns: dict[str, list[Any]] = {}
    if answered is not None:
        columns[main] = answered
    elif "answer" not in sides.parameters and said.method == "predict":
        columns[main] = plain_list(values.ravel() if values.ndim == 2 and values.shape[1] == 1 else values)
    if said.method != "predict" and signature["scores"] != "none":
        matches = {"predict_proba": "probability", "decision_function": "decision"}[said.method]
        if matches == signature["scores"] and signature["task"] == "binary":
            columns["score"] = (values[:, 1] if values.ndim == 2 else values).tolist()
        elif matches == signature["scores"]:
            names = [str(each) for each in signature["classes"]]
            columns["scores"] = [dict(zip(names, row, strict=True)) for row in values.tolist()]
    if not columns:
        return None
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _after_answer_step(sides: Sides, signature: Mapping[str, Any], said: Said) -> list[Any] | None:
    """What the solution's answer step makes of the notebook's own predictions; None where it cannot be called."""
    name = sides.parameters["answer"]
    raw = said.values
    if signature["scores"] != "none":
        wanted = {"probability": "predict_proba", "decision": "decision_function"}[signature["scores"]]
        if said.method != wanted:
            if not hasattr(sides.model, wanted):
                return None
            raw = np.asarray(getattr(sides.model, wanted)(said.rows))
        if signature["task"] == "binary" and raw.ndim == 2:
            raw = raw[:, 1]
    state = {key: resolve(bind, sides.inputs) for key, bind in sides.parameters.get("answer_bind", {}).items()}
    made: Any = sides.functions[str(name)](raw, **state, **sides.parameters.get("answer_arguments", {}))
    return plain_list(as_array(made))
