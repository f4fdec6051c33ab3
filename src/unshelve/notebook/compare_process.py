"""The child of a proof: holds what a run of the solution made against what the notebook computed.

Run as `python -m unshelve.notebook.compare_process FOLDER`, in the folder of the solution. It alone unpickles: the
kept values need the notebook's classes, the artifacts those of the solution. The order comes from `compared.py`; the
answer holds verdicts, and beside it stand the raw test rows with what the notebook answered, as JSON lines.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from unshelve.data.frames import records
from unshelve.data.tables import length, to_pandas
from unshelve.errors import SchemaMismatch
from unshelve.ids import digest
from unshelve.notebook.asking import TestRow
from unshelve.notebook.compare_order import ANSWER, ORDER, ROWS, CompareAnswer, CompareOrder
from unshelve.notebook.comparing_objects import Found, as_array, compare_estimators, compare_predictions, compare_tables
from unshelve.notebook.outcome import OF_ESTIMATOR
from unshelve.pipeline.artifacts import read_artifact
from unshelve.pipeline.kinds import artifact_from_json
from unshelve.schema.decoder import decoder
from unshelve.security.loader import load
from unshelve.serving.request_table import schema_from
from unshelve.solution.binding import resolve, row_numbers
from unshelve.solution.loading import load_functions
from unshelve.solution.origin import ProvenValue, Verdict
from unshelve.storage.blobs import FolderBlobs

MOST_ROWS = 2000
"""Test rows that are asked of the version at most."""


class Sides:
    """The notebook's values and the solution's, each read when it is first asked for."""

    def __init__(self, order: CompareOrder, functions: Mapping[str, Callable[..., object]]) -> None:
        self.order = order
        self.functions = functions
        self.inputs = _Inputs(order.inputs, FolderBlobs(Path(order.blobs)))

    def call(self, number: int | None) -> KeptCall | None:
        """A kept call of the notebook; None where it was not kept."""
        path = Path(self.order.kept) / f"call-{number}.pkl"
        if number is None or not path.is_file():
            return None
        data = path.read_bytes()
        found = load(data, digest=digest(data), trusted=lambda _digest: True)
        return KeptCall(found) if isinstance(found, dict) else None

    def why_not_kept(self, number: int | None) -> str:
        """Why a call was not kept, as the run of the notebook said it."""
        failed = Path(self.order.kept) / f"call-{number}.failed"
        return f"it could not be kept ({failed.read_text()[:200]})" if failed.is_file() else "it was not kept"

    @cached_property
    def fitted(self) -> KeptCall | None:
        return self.call(self.order.fit_call)

    @cached_property
    def predicted(self) -> KeptCall | None:
        return self.call(self.order.predict_call)

    @property
    def model(self) -> Any:
        """The notebook's fitted estimator; None where it was not kept.

        Of a search it may be the best one that was found, and of functions that fit, what they returned.
        """
        found = [each.receiver for each in (self.fitted, self.predicted) if each is not None]
        found += [each.result for each in (self.fitted,) if each is not None]
        usable = [each for each in found if hasattr(each, "predict")]
        kind = type(self.estimator).__name__
        return next((each for each in usable if type(each).__name__ == kind), usable[0] if usable else None)

    @property
    def parameters(self) -> dict[str, Any]:
        return self.order.parameters

    def has(self, *labels: object) -> bool:
        return all(str(label) in self.order.inputs for label in labels)

    @cached_property
    def estimator(self) -> Any:
        return self.inputs[self.parameters["estimator"]]

    def given(self, part: str) -> Any:
        """What the solution's model was given for the rows of a part: "tested" or "fitted"."""
        return resolve(self.parameters[part]["X"], self.inputs)

    @cached_property
    def answers(self) -> Any:
        """The notebook's predictions of the test rows, or what its fitted estimator gives for them; None without."""
        if self.own_answers:
            assert self.predicted is not None
            return self.predicted.result
        return None if self.model is None else self.model.predict(self.given("tested"))

    @cached_property
    def own_answers(self) -> bool:
        """Whether the notebook predicted test rows itself."""
        return self.predicted is not None and _has_rows(self.predicted.result)

    @cached_property
    def kept_answers(self) -> list[Any] | None:
        """What the notebook made of its predictions; None where it was not kept."""
        found = self.kept_value(self.order.answered or "none")
        return None if found is None else _plain_list(as_array(found[0]))

    def kept_value(self, name: str) -> tuple[Any] | None:
        """A value of the notebook by its file; None where it was not kept."""
        path = Path(self.order.kept) / name
        if not path.is_file():
            return None
        data = path.read_bytes()
        return (load(data, digest=digest(data), trusted=lambda _digest: True),)

    @cached_property
    def method(self) -> str:
        """The method of the estimator that gave the notebook's predictions, told from their shape and values."""
        values = as_array(self.answers)
        classes = getattr(self.estimator, "classes_", None)
        if classes is None or isinstance(classes, list):
            return "predict"
        wide = values.ndim == 2 and values.shape[1] == len(classes)
        if wide and hasattr(self.estimator, "predict_proba"):
            return "predict_proba"
        scores = values.dtype.kind == "f" and not np.isin(values, np.asarray(classes)).all()
        return "decision_function" if scores and hasattr(self.estimator, "decision_function") else "predict"


class KeptCall:
    """A call of the notebook with its values."""

    def __init__(self, kept: Mapping[str, Any]) -> None:
        self.receiver: Any = kept["receiver"]
        self.result: Any = kept["result"]
        arguments, keywords = kept["arguments"], kept["keywords"]
        named = [keywords[name] for name in ("X", "data") if isinstance(keywords, Mapping) and name in keywords]
        self.rows: Any = arguments[0] if arguments else named[0] if named else None
        """What was predicted or fitted on: the first argument."""


class _Inputs(Mapping[str, Any]):
    """The artifacts of a run by label, each read once."""

    def __init__(self, described: Mapping[str, Mapping[str, Any]], blobs: FolderBlobs) -> None:
        self._described = described
        self._blobs = blobs
        self._read: dict[str, Any] = {}

    def __getitem__(self, label: str) -> Any:
        if label not in self._read:
            artifact = artifact_from_json(dict(self._described[label]))
            self._read[label] = read_artifact(artifact, self._blobs, trusted=lambda _digest: True)
        return self._read[label]

    def __iter__(self) -> Iterator[str]:
        return iter(self._described)

    def __len__(self) -> int:
        return len(self._described)


def compare_features(sides: Sides) -> list[ProvenValue]:
    """What the model was given, for the rows it was fitted on and the test rows."""
    found = []
    place = sides.order.features or sides.order.model
    calls = (("fitted", "training", sides.order.fit_call), ("tested", "test", sides.order.predict_call))
    for part, words, number in calls:
        call = sides.call(number)
        what = f"what the model is given: {words} rows"
        if call is None or not _has_rows(call.rows):
            detail = sides.why_not_kept(number) if call is None else "it was given no rows that could be compared"
            found.append(_value(what, "features", Found(verdict=Verdict.NOT_COVERED, detail=detail), place))
        elif not _reachable(sides, part):
            detail = "the solution did not come so far"
            found.append(_value(what, "features", Found(verdict=Verdict.NOT_COVERED, detail=detail), place))
        else:
            what = f"what the model is given: {length(call.rows):,} {words} rows"
            found.append(_value(what, "features", compare_tables(call.rows, sides.given(part)), place))
    return found


def compare_model(sides: Sides) -> ProvenValue:
    """The fitted estimator."""
    model = sides.order.model
    if not sides.has(sides.parameters["estimator"]):
        found = Found(verdict=Verdict.NOT_COVERED, detail="the solution did not come so far")
        return _value("the fitted model", "model", found, model)
    if sides.model is None:
        found = Found(verdict=Verdict.NOT_COVERED, detail=sides.why_not_kept(sides.order.fit_call))
        return _value("the fitted model", "model", found, model)
    what = f"the fitted {type(sides.model).__name__}"
    return _value(what, "model", compare_estimators(sides.model, sides.estimator), model)


def compare_answers(sides: Sides) -> ProvenValue:
    """The predictions of the test rows, from each side's own estimator and rows."""
    model = sides.order.model
    what = "predictions of the test rows"
    if not (sides.has(sides.parameters["estimator"]) and _reachable(sides, "tested")):
        why = "the solution did not come so far"
        return _value(what, "prediction", Found(verdict=Verdict.NOT_COVERED, detail=why), model)
    if sides.answers is None:
        why = "the notebook's predictions and its fitted model were not kept"
        return _value(what, "prediction", Found(verdict=Verdict.NOT_COVERED, detail=why), model)
    found = compare_predictions(sides.answers, getattr(sides.estimator, sides.method)(sides.given("tested")))
    count = len(as_array(sides.answers))
    if not sides.own_answers:
        found = _with(found, f"the notebook itself never predicted them: {OF_ESTIMATOR}")
    return _value(f"predictions of {count:,} test rows", "prediction", found, model)


def compare_results(sides: Sides) -> Iterator[ProvenValue]:
    """The values that a notebook ends with, held against those that its one step gives."""
    step = sides.order.model
    given = sides.inputs[step] if sides.has(step) else {}
    for name, (file, part) in sides.order.results.items():
        kept = sides.kept_value(file)
        if name not in given or kept is None:
            said = "the solution did not come so far" if name not in given else "it could not be kept"
            found = Found(verdict=Verdict.NOT_COVERED, detail=said)
        else:
            found = compare_estimators(kept[0], given[name])
        yield _value(f"{name}, as the notebook ends", part, found, step)


def not_compared(sides: Sides) -> Iterator[ProvenValue]:
    """What the requests cannot speak for."""
    step = sides.parameters.get("answer")
    if step is not None and sides.kept_answers is None:
        said = "what the notebook makes of its predictions was not kept: the solution's own step was called"
        yield _value(
            f"what {step} makes of a prediction", "request", Found(verdict=Verdict.NOT_COVERED, detail=said), step
        )
    if not sides.own_answers and sides.answers is not None:
        said = f"the notebook never predicted test rows: {OF_ESTIMATOR}"
        yield _value(
            "which answers are right", "request", Found(verdict=Verdict.NOT_COVERED, detail=said), sides.order.model
        )


def rows_to_ask(sides: Sides) -> tuple[list[TestRow], int, str | None]:
    """Raw test rows with the notebook's answers, how many there are in all, and why there are none."""
    parameters = sides.parameters
    needed = (parameters["entry"], parameters["schema"], parameters["evaluation"])
    if not sides.has(*needed) or not _reachable(sides, "tested"):
        return [], 0, "the solution did not come so far"
    if sides.answers is None:
        return [], 0, "the notebook's predictions and its fitted model were not kept"
    numbers = row_numbers(parameters["test"], sides.inputs)
    table = to_pandas(sides.inputs[parameters["entry"]])
    numbers = np.arange(len(table)) if numbers is None else numbers
    answers = expected_answers(sides)
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
        try:
            reader.decode_rows([row])
            problems: list[dict[str, Any]] = []
        except SchemaMismatch as error:
            said = error.details.get("problems")
            problems = [dict(each) for each in said] if isinstance(said, list | tuple) else [{}]
        found.append(
            TestRow(position=place, number=int(numbers[place]), row=row, answer=answers[place], problems=problems)
        )
    return found, len(numbers), None


def expected_answers(sides: Sides) -> list[dict[str, Any]] | None:
    """What the served version has to answer to each test row, by what the notebook predicted."""
    signature = sides.inputs[sides.parameters["evaluation"]]["signature"]
    values = as_array(sides.answers)
    answered = sides.kept_answers if "answer" in sides.parameters else None
    if "answer" in sides.parameters and answered is None:
        answered = _after_answer_step(sides, signature, values)
    main = "value" if signature["task"] == "regression" else "label"
    columns: dict[str, list[Any]] = {}
    if answered is not None:
        columns[main] = answered
    elif "answer" not in sides.parameters and sides.method == "predict":
        columns[main] = _plain_list(values.ravel() if values.ndim == 2 and values.shape[1] == 1 else values)
    if sides.method != "predict" and signature["scores"] != "none":
        matches = {"predict_proba": "probability", "decision_function": "decision"}[sides.method]
        if matches == signature["scores"] and signature["task"] == "binary":
            columns["score"] = (values[:, 1] if values.ndim == 2 else values).tolist()
        elif matches == signature["scores"]:
            names = [str(each) for each in signature["classes"]]
            columns["scores"] = [dict(zip(names, row, strict=True)) for row in values.tolist()]
    if not columns:
        return None
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _after_answer_step(sides: Sides, signature: Mapping[str, Any], values: Any) -> list[Any] | None:
    """What the solution's answer step makes of the notebook's own predictions; None where there is no such step."""
    name = sides.parameters.get("answer")
    if name is None:
        return None
    raw = values
    if signature["scores"] != "none":
        wanted = {"probability": "predict_proba", "decision": "decision_function"}[signature["scores"]]
        if sides.method != wanted:
            if not hasattr(sides.model, wanted):
                return None
            rows = sides.predicted.rows if sides.own_answers and sides.predicted else sides.given("tested")
            raw = np.asarray(getattr(sides.model, wanted)(rows))
        if signature["task"] == "binary" and raw.ndim == 2:
            raw = raw[:, 1]
    state = {key: resolve(bind, sides.inputs) for key, bind in sides.parameters.get("answer_bind", {}).items()}
    made: Any = sides.functions[str(name)](raw, **state, **sides.parameters.get("answer_arguments", {}))
    return _plain_list(as_array(made))


def _plain_list(values: Any) -> list[Any]:
    return [
        each if each is None or isinstance(each, bool | int | float | str) else str(each) for each in values.tolist()
    ]


def _has_rows(value: Any) -> bool:
    return isinstance(value, list | tuple) or bool(getattr(value, "shape", ()))


def _reachable(sides: Sides, part: str) -> bool:
    """Whether the run made all that the model's rows of a part are made of."""
    described = sides.parameters[part]
    bind = described["X"]
    return sides.has(
        *described["rows"], *[bind[name] for name in ("value", "view") if name in bind], *bind.get("hide", ())
    )


def _with(found: Found, said: str) -> Found:
    return Found(
        verdict=found.verdict,
        detail=f"{found.detail}; {said}" if found.detail else said,
        notebook=found.notebook,
        solution=found.solution,
        row=found.row,
    )


def _value(what: str, part: Any, found: Found, step: str) -> ProvenValue:
    return ProvenValue(
        what=what,
        part=part,
        verdict=found.verdict,
        step=step,
        notebook=found.notebook,
        solution=found.solution,
        detail=found.detail,
    )


def carry_out(place: Path, functions: Mapping[str, Callable[..., Any]]) -> None:
    """Compare what the order in a folder names, and write the answer beside it."""
    sides = Sides(msgspec.json.decode((place / ORDER).read_bytes(), type=CompareOrder), functions)
    rows: list[TestRow] = []
    of, why = 0, None
    if sides.order.results:
        values = list(compare_results(sides))
    else:
        values = [*compare_features(sides), compare_model(sides), compare_answers(sides)]
        rows, of, why = rows_to_ask(sides)
    if rows:
        values.extend(not_compared(sides))
    (place / ROWS).write_bytes(b"\n".join(msgspec.json.encode(row) for row in rows))
    answer = CompareAnswer(values=values, of=of, why_none=why)
    (place / ANSWER).write_bytes(msgspec.json.encode(answer))


def main(folder: Path) -> None:
    """Load the solution, wait for the order's place on standard input, and carry it out.

    Loading takes seconds where libraries are large, so it goes on while the solution still runs.
    """
    functions = load_functions(folder)
    place = sys.stdin.readline().strip()
    if place:
        carry_out(Path(place), functions)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
