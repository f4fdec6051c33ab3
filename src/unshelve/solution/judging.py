"""How good a model is, on held-out rows: its metrics, curves, importance, baselines, and the gates."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from unshelve.data.lookup_copy import LookupCopy
from unshelve.data.tables import only, take, to_pandas, without
from unshelve.errors import Refused, SolutionInvalid, UserCodeFailed
from unshelve.evaluation import curves
from unshelve.evaluation.baseline import Baseline, baselines
from unshelve.evaluation.choice import choose
from unshelve.evaluation.evidence import Champion, Evidence
from unshelve.evaluation.gates import MaxLatency, Proven
from unshelve.evaluation.importance import ImpossibleRows, permutation_importance
from unshelve.evaluation.judge import judge_all
from unshelve.evaluation.measures import MEASURES, Kind, Metric, Task
from unshelve.evaluation.metrics import measure, value_of
from unshelve.evaluation.truth import Predicted, Truth, infer_task, predicted_of, truth_of
from unshelve.evaluation.worth import appraise
from unshelve.models.estimator import Raw, Signature, predict, try_out
from unshelve.models.package import manifest_from
from unshelve.pipeline.outputs import Context, Outputs
from unshelve.pipeline.step import mark_of
from unshelve.serving.answer import Answer, answers, as_value
from unshelve.serving.loaded import LoadedModel, load_model
from unshelve.serving.row_path import run_path
from unshelve.solution.binding import hidden_columns, resolve, row_numbers
from unshelve.solution.keeping import row_hashes
from unshelve.solution.plain import as_json
from unshelve.solution.rowpaths import row_path
from unshelve.solution.splitting import split_from

Inputs = Mapping[str, Any]
Parameters = Mapping[str, Any]

HEADLINE: Mapping[str, str] = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "mae"}
"""The metric that lists show and the baseline gate judges by, for each task."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A model on its held-out rows: what is true, what it said, and what it answers, as `answers_frame` has it."""

    task: Task
    signature: Signature
    truth: Truth | None
    trained: Truth | None
    predicted: Predicted
    answers: pd.DataFrame
    single: bool = False
    """Whether its numbers are of single precision."""


def held_out(inputs: Inputs, parameters: Parameters, context: Context) -> Held:
    """Predict the held-out rows as training sees them: transformed in bulk, predicted in bulk."""
    estimator = inputs[parameters["estimator"]]
    X = resolve(parameters["X_test"], inputs)
    y_test, y_train = _targets(inputs, parameters)
    both = None if y_test is None or y_train is None else np.concatenate([y_train, y_test])
    if both is None:
        _refuse_without_target(str(parameters["model"]), estimator)
    task = infer_task(
        both,
        is_classifier=is_classifier(estimator),
        classes=_classes(estimator),
        unit=parameters.get("unit"),
    )
    signature, raw = try_out(estimator, task.kind.value, X, unit=parameters.get("unit"))
    answered = apply_answer(raw.for_answer, inputs, parameters, context)
    labels = raw.labels if answered is None else np.asarray(answered)
    return Held(
        task=task,
        signature=signature,
        truth=None if y_test is None else truth_of(task, y_test),
        trained=None if y_train is None else truth_of(task, y_train),
        predicted=_predicted(task, signature, labels, raw.scores),
        answers=answers_frame(signature, raw, answered),
        single=any(values is not None and values.dtype.name in _SINGLE for values in (raw.labels, raw.scores)),
    )


def held_before(inputs: Inputs, parameters: Parameters) -> Held:
    """The same from what the evaluation has stored: nothing is predicted again."""
    stored = inputs[parameters["evaluation"]]
    frame = inputs[parameters["predictions"]]
    task = Task(Kind(stored["task"]), tuple(stored["classes"]), parameters.get("unit"))
    signature = msgspec.convert(stored["signature"], Signature)
    y_test, y_train = _targets(inputs, parameters)
    labels, scores = _columns_of(frame)
    return Held(
        task=task,
        signature=signature,
        truth=None if y_test is None else truth_of(task, y_test),
        trained=None if y_train is None else truth_of(task, y_train),
        predicted=_predicted(task, signature, labels, scores),
        answers=frame,
        single=bool(stored["single"]),
    )


_SINGLE = ("float32", "float16")


def _targets(inputs: Inputs, parameters: Parameters) -> tuple[Any, Any]:
    """The target of the test and of the train rows, None for a model without one."""
    found = [
        np.asarray(resolve(parameters[name], inputs)) if name in parameters else None for name in ("y_test", "y_train")
    ]
    return found[0], found[1]


def _refuse_without_target(model: str, estimator: Any) -> None:
    """SolutionInvalid for a classifier or regressor of a model that names no target: nothing could judge it."""
    from sklearn.base import is_classifier as classifies
    from sklearn.base import is_regressor as regresses

    try:
        supervised = classifies(estimator) or regresses(estimator)
    except (AttributeError, TypeError):
        return
    if supervised:
        raise SolutionInvalid(
            f"Model {model} returned a {type(estimator).__name__}, but takes no target: nothing says how good it is, "
            "and the column it learns from is not hidden from it.",
            code="model-without-target",
            hint=f"Declare what is predicted as a @target, and let {model} take TARGET_train.",
        )


def apply_answer(raw: Any, inputs: Inputs, parameters: Parameters, context: Context) -> Any:
    """What the model's answer step makes of raw predictions, or None where it has none."""
    name = parameters.get("answer")
    if name is None:
        return None
    function = context.functions[str(name)]
    state = {key: resolve(bind, inputs) for key, bind in parameters.get("answer_bind", {}).items()}
    return function(raw, **state, **parameters.get("answer_arguments", {}))


def evaluation(_call: Any, inputs: dict[str, Any], parameters: dict[str, Any], context: Context) -> Outputs:
    """Metrics with intervals, pictures, baselines and importance; and the answers on the held-out rows."""
    held = held_out(inputs, parameters, context)
    rows = row_numbers(parameters["test"], inputs)
    found: dict[str, Any] = {
        "task": held.task.kind.value,
        "classes": list(held.task.classes),
        "single": held.single,
        "signature": msgspec.to_builtins(held.signature),
        "rows": {"test": 0 if rows is None else len(rows), "train": len(held.trained) if held.trained else None},
        "metrics": [],
        "baselines": [],
        "headline": HEADLINE.get(held.task.kind.value),
        "split": _split_text(parameters),
    }
    if held.truth is not None and held.trained is not None:
        metrics = measure(held.truth, held.predicted)
        found["metrics"] = [dataclasses.asdict(each) for each in metrics]
        found["headline"] = _headline(metrics, held.task.kind.value)
        found["baselines"] = [
            {"name": b.name, "says": b.says, "metrics": [dataclasses.asdict(each) for each in b.metrics]}
            for b in baselines(held.trained, held.truth, times=train_times(inputs, parameters))
        ]
        found["pictures"] = pictures(held.truth, held.predicted)
        wanted = parameters.get("importance", True)
        found["importance"] = importance(inputs, parameters, context, held) if wanted else []
    return Outputs({"evaluation": as_json(found), "predictions": held.answers})


def train_times(inputs: Inputs, parameters: Parameters) -> pd.Series[Any] | None:
    """The times of the train rows where rows are split by time: the last value is then a baseline."""
    split = parameters.get("split")
    if not isinstance(split, Mapping) or split.get("type") != "ByTime":
        return None
    table = take(only(inputs[parameters["entry"]], [str(split["column"])]), row_numbers(parameters["train"], inputs))
    return to_pandas(table)[str(split["column"])]


def pictures(truth: Truth, predicted: Predicted) -> dict[str, Any]:
    """The curves that fit the task, as plain numbers; one that these rows cannot give is left out."""
    kind = truth.task.kind.value
    wanted: dict[str, Any] = {}
    if kind == "binary":
        wanted = {"roc": curves.roc, "precision_recall": curves.precision_recall, "calibration": curves.calibration}
    if kind in ("binary", "multiclass"):
        wanted["confusion"] = curves.confusion
    if kind == "regression":
        wanted = {"residuals": curves.residuals}
    drawn = {}
    for name, draw in wanted.items():
        try:
            drawn[name] = msgspec.to_builtins(draw(truth, predicted))
        except Refused as error:
            drawn[name] = {"refused": str(error)}
    return drawn


def importance(inputs: Inputs, parameters: Parameters, context: Context, held: Held) -> list[dict[str, Any]]:
    """What shuffling each raw column of the request costs, by the headline metric."""
    if held.truth is None:
        return []
    metric = _headline(measure(held.truth, held.predicted, resamples=0), held.task.kind.value)
    if metric is None:
        return []
    path, frozen = row_path(parameters, inputs)
    estimator = inputs[parameters["estimator"]]
    hidden = hidden_columns(parameters["hide"], inputs, parameters["known_later"])
    table = take(without(inputs[parameters["entry"]], hidden), row_numbers(parameters["test"], inputs))
    frame = to_pandas(table)
    if frame is not table:
        return []  # shuffling is done on pandas tables; a polars path is judged without importance

    def said(rows: pd.DataFrame) -> Predicted:
        try:
            raw = predict(estimator, held.signature, run_path(path, rows, context.functions, frozen))
            answered = apply_answer(raw.for_answer, inputs, parameters, context)
        except Exception as error:  # whatever user code raises
            raise ImpossibleRows(str(error)) from error
        labels = raw.labels if answered is None else np.asarray(answered)
        return _predicted(held.task, held.signature, labels, raw.scores)

    names = tuple(field["name"] for field in inputs[parameters["schema"]]["fields"])
    found = permutation_importance(said, frame, held.truth, metric=metric, columns=names)
    return [dataclasses.asdict(each) for each in found]


def gates(_call: Any, inputs: dict[str, Any], parameters: dict[str, Any], context: Context) -> dict[str, Any]:
    """The verdict of every gate that can be judged before the version is served."""
    held = held_before(inputs, parameters)
    evaluated = inputs[parameters["evaluation"]]
    metrics = tuple(Metric(**each) for each in evaluated["metrics"])
    worth = None
    if "worth" in parameters:
        worth = appraise(np.asarray(inputs[parameters["worth"]]), unit=str(parameters.get("worth_unit") or ""))
    found: tuple[Baseline, ...] = ()
    if held.truth is not None and held.trained is not None:
        found = baselines(held.trained, held.truth, times=train_times(inputs, parameters))
    evidence = Evidence(
        task=held.task,
        metrics=metrics,
        truth=held.truth,
        predicted=held.predicted if held.truth is not None else None,
        baselines=found,
        champion=champion(inputs, parameters, context, held),
        worth=worth,
        size_bytes=_size(inputs[parameters["estimator"]]),
    )
    mark = mark_of(context.functions[parameters["model"]])
    wanted: list[Any] = [gate for gate in (mark.gates if mark else ()) if not isinstance(gate, MaxLatency | Proven)]
    verdicts = judge_all(wanted, evidence, choice=parameters.get("choose"))
    return {"verdicts": [as_json(each) for each in verdicts]}


def champion(inputs: Inputs, parameters: Parameters, context: Context, held: Held) -> Champion | None:
    """The champion's answers on those of the candidate's test rows that it was not trained on; None without one."""
    pinned = parameters.get("champion")
    if not pinned or held.truth is None:
        return None
    name = f"v{pinned['version']}"
    rows = row_numbers(parameters["test"], inputs)
    table = take(inputs[parameters["entry"]], rows)
    manifest = manifest_from(context.blobs.get(str(pinned["manifest"])))  # control has checked its signature
    loaded = load_model(manifest, context.blobs, version=int(pinned["version"]), name=f"{parameters['model']} {name}")
    seen = loaded.trained_rows()
    fresh = np.flatnonzero(~np.isin(row_hashes(table), seen))
    try:
        raw = loaded.predict_table(take(table, fresh), copies_for(loaded, parameters, inputs)) if len(fresh) else None
    except (UserCodeFailed, KeyError, ValueError, TypeError):
        raw = None  # the champion's columns are gone: nothing to compare on
    if raw is None or loaded.signature.task != held.task.kind.value:
        empty = np.empty(0, dtype=np.int64)
        return Champion(name=name, rows=empty, predicted=held.predicted.rows(empty))
    labels = raw.labels if raw.answered is None else np.asarray(raw.answered)
    try:
        predicted = _predicted(held.task, loaded.signature, labels, raw.scores)
    except Refused:  # its classes are no longer those of the target
        empty = np.empty(0, dtype=np.int64)
        return Champion(name=name, rows=empty, predicted=held.predicted.rows(empty))
    return Champion(name=name, rows=fresh, predicted=predicted)


def copies_for(loaded: LoadedModel, parameters: Parameters, inputs: Inputs) -> dict[str, LookupCopy]:
    """The candidate's copies of lookups for the champion, so that both are judged with the same state of the world."""
    path, frozen = row_path(parameters, inputs)
    return loaded.fitting({name: frozen[name] for name in path.lookups})


def choose_candidate(name: str, made: dict[str, Any], inputs: Inputs, parameters: Parameters) -> Outputs:
    """Of several fitted candidates, the one with the best value of the author's metric on the held-out rows."""
    wanted = parameters.get("choose")
    if not made or not all(hasattr(each, "predict") for each in made.values()):
        raise UserCodeFailed(f"Model {name} returned a dict that is not estimators by name.", code="not-an-estimator")
    if wanted is None:
        raise SolutionInvalid(
            f"Model {name} returned {len(made)} candidates ({', '.join(map(str, made))}), and nothing chooses.",
            code="no-choice",
            hint='Say how: @model(choose=best("roc_auc")).',
        )
    if str(wanted) not in MEASURES:
        raise SolutionInvalid(f"Model {name} chooses by {wanted!r}, which is no metric.", near=sorted(MEASURES)[:3])
    X = resolve(parameters["X_test"], inputs)
    y = np.asarray(resolve(parameters["y_test"], inputs))
    values: dict[str, float | None] = {}
    for candidate, estimator in made.items():
        task = infer_task(y, is_classifier=is_classifier(estimator), classes=_classes(estimator))
        signature, raw = try_out(estimator, task.kind.value, X)
        predicted = _predicted(task, signature, raw.labels, raw.scores)
        values[str(candidate)] = value_of(str(wanted), truth_of(task, y), predicted)
    chosen = choose(values, higher_is_better=MEASURES[str(wanted)].higher_is_better)
    return Outputs(
        {"estimator": made[chosen], "candidates": as_json({"metric": wanted, "values": values, "chosen": chosen})}
    )


def answers_frame(signature: Signature, raw: Raw, answered: Any) -> pd.DataFrame:
    """The answers to n rows as a table: `value`, or `label` with `score` or a column `score CLASS` for each class.

    `answered` is what an answer step made of the raw predictions, None where there is none.
    """
    first = answers(signature, Raw(raw.labels[:1], None if raw.scores is None else raw.scores[:1]))
    said = raw.labels if answered is None else _one_each(answered, len(raw.labels))
    columns: dict[str, Any] = {("value" if "value" in first[0] else "label"): said}
    if "score" in first[0]:
        columns["score"] = raw.scores
    elif "scores" in first[0] and raw.scores is not None:
        columns.update({f"score {name}": raw.scores[:, place] for place, name in enumerate(signature.classes)})
    return pd.DataFrame(columns)


def _one_each(answered: Any, count: int) -> Any:
    found = answered.to_list() if hasattr(answered, "to_list") else answered
    if not hasattr(found, "__len__") or len(found) != count:
        raise UserCodeFailed(
            f"The answer step was given {count:,} predictions and returned "
            + (f"{len(found):,} values." if hasattr(found, "__len__") else f"a {type(found).__name__}."),
            code="answer-changed-rows",
            hint="Return one value for each prediction.",
        )
    return found


def answers_from(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The answers that `answers_frame` wrote, as JSON-able dicts."""
    columns = {str(name): frame[name].tolist() for name in frame.columns}
    classes = [name for name in columns if name.startswith("score ")]
    plain = [name for name in columns if name not in classes]
    found = [dict(zip(plain, row, strict=True)) for row in zip(*(columns[name] for name in plain), strict=True)]
    if classes:
        names = [name.removeprefix("score ") for name in classes]
        each = zip(*(columns[name] for name in classes), strict=True)
        for answer, scores in zip(found, each, strict=True):
            answer["scores"] = dict(zip(names, scores, strict=True))
    return found


def values_from(frame: pd.DataFrame) -> list[Answer]:
    """The answers that `answers_frame` wrote, as endpoints and worth functions get them. Cost: 1 µs a row."""
    if any(str(name).startswith("score ") for name in frame.columns):
        return [as_value(answer) for answer in answers_from(frame)]
    columns = {str(name): frame[name].tolist() for name in frame.columns}
    if "score" in columns:
        pairs = zip(columns["label"], columns["score"], strict=True)
        return [Answer(label=label, score=score) for label, score in pairs]
    if "value" in columns:
        return [Answer(value=value) for value in columns["value"]]
    return [Answer(label=label) for label in columns["label"]]


def _columns_of(frame: pd.DataFrame) -> tuple[Any, Any]:
    """Labels (or values) and scores of answers, as arrays."""
    labels = frame["value" if "value" in frame.columns else "label"].to_numpy()
    classes = [name for name in frame.columns if str(name).startswith("score ")]
    if classes:
        return labels, frame[classes].to_numpy()
    return labels, frame["score"].to_numpy() if "score" in frame.columns else None


def appraise_values(values: Any, unit: str | None) -> dict[str, Any]:
    """The mean worth of an answer with its interval, as JSON."""
    summary: dict[str, Any] = as_json(appraise(values, unit=unit or ""))
    return summary


def is_classifier(estimator: Any) -> bool | None:
    """Whether an estimator says that it classifies; None when it does not say."""
    kind = getattr(estimator, "_estimator_type", None)
    if kind in ("classifier", "regressor"):
        return bool(kind == "classifier")
    if hasattr(estimator, "predict_proba") or hasattr(estimator, "classes_"):
        return True
    if kind is not None:
        return False
    from sklearn.base import is_classifier as says
    from sklearn.base import is_regressor

    try:
        return True if says(estimator) else False if is_regressor(estimator) else None
    except (AttributeError, TypeError):
        return None


def _classes(estimator: Any) -> tuple[Any, ...] | None:
    known = getattr(estimator, "classes_", None)
    if known is None or isinstance(known, list):
        return None
    return tuple(np.asarray(known).tolist())


def _predicted(task: Task, signature: Signature, labels: Any, scores: Any) -> Predicted:
    return predicted_of(
        task,
        np.asarray(labels),
        scores,
        classes=signature.classes or None,
        probabilities=signature.scores == "probability",
    )


def _headline(metrics: tuple[Metric, ...], kind: str) -> str | None:
    names = [metric.name for metric in metrics]
    wanted = HEADLINE.get(kind)
    if wanted in names:
        return wanted
    return next((name for name in ("accuracy", "mae", *names) if name in names), None)


def _split_text(parameters: Parameters) -> str:
    split = parameters.get("split")
    if isinstance(split, str):
        return f"as the author's split {split} divides them"
    return str(split_from(split)) if split else ""


def _size(estimator: Any) -> int:
    import pickle

    return len(pickle.dumps(estimator, protocol=5))
