"""From a declaration to the graph of tasks that trains, judges and packs its models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unshelve.errors import SolutionInvalid
from unshelve.pipeline.graph import Graph
from unshelve.pipeline.step import Kind
from unshelve.solution.declaration import Declaration, Reference, StepInfo
from unshelve.solution.purpose import Purpose
from unshelve.solution.request_path import ModelPath, model_path, references
from unshelve.solution.wiring import SourcePast, Wiring


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTasks:
    """Where the results of one model stand: task outputs by what they are."""

    model: str
    path: ModelPath
    scope: str
    estimator: str
    schema: str
    rowwise: str
    evaluation: str
    heldout: str
    trained_rows: str
    gates: str
    frozen: Mapping[str, str]
    """Frozen state of the row path and the answer: name -> output."""
    answer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """The whole graph of a solution, and where each model's and endpoint's results stand in it."""

    graph: Graph
    models: tuple[ModelTasks, ...]
    charts: Mapping[str, str]
    metrics: Mapping[str, str]
    worths: Mapping[str, str]
    endpoints: Mapping[str, str]
    """Endpoint -> the output that holds its held-out rows and answers."""


def training(
    declaration: Declaration,
    *,
    arguments: Mapping[str, Mapping[str, object]] | None = None,
    champions: Mapping[str, Mapping[str, object]] | None = None,
    counts: Mapping[str, Sequence[int]] | None = None,
    past: Mapping[str, SourcePast] | None = None,
    purpose: Purpose = Purpose.RELEASE,
) -> Training:
    """The graph of a solution. `arguments` are step -> parameter -> value; `champions` are by model name.

    `counts` are the rows that earlier runs had, by expectation, the newest first; `past` is what is known of declared
    sources, by step.
    """
    wiring = Wiring(declaration, arguments or {}, champions or {}, counts=counts or {}, past=past or {})
    for step in declaration.of_kind(Kind.MODEL):
        wiring.scope(step.name)
    models = tuple(_model_tasks(wiring, step.name, purpose) for step in declaration.of_kind(Kind.MODEL))
    worths = {step.name: _worth(wiring, step) for step in declaration.of_kind(Kind.WORTH)}
    endpoints = {}
    for step in declaration.of_kind(Kind.ENDPOINT):
        task = _endpoint(wiring, step)
        if task is not None:
            endpoints[step.name] = task
    seen: dict[Kind, dict[str, str]] = {Kind.CHART: {}, Kind.METRIC: {}}
    for step in declaration.of_kind(Kind.CHART, Kind.METRIC, Kind.EXPECT):
        if step.kind is Kind.EXPECT:
            if step.severity == "quarantine":
                wiring.quarantine(step.name)
            else:
                wiring.expectation(step, _scope_for(wiring, step))
            continue
        scope = _scope_for(wiring, step)
        inputs, parameters = wiring.bound(step, scope, whole=_sees_whole_rows(declaration, step))
        wiring.add(step.name, str(step.kind), step, inputs, parameters)
        seen.setdefault(step.kind, {})[step.name] = step.name
    for step in declaration.of_kind(Kind.SOURCE, Kind.STEP, Kind.FIT):
        if not any(task.group == step.name for task in wiring.tasks.values()):
            wiring.value(step.name, _scope_for(wiring, step))
    return Training(
        graph=Graph(tuple(wiring.tasks.values())),
        models=models,
        charts=seen[Kind.CHART],
        metrics=seen[Kind.METRIC],
        worths=worths,
        endpoints=endpoints,
    )


def _model_tasks(wiring: Wiring, name: str, purpose: Purpose) -> ModelTasks:
    """All that is made of one model."""
    step = wiring.declaration.step(name)
    path = model_path(wiring.declaration, name)
    scope = wiring.scope(name)
    estimator = wiring.model(name)
    answers = [s for s in wiring.declaration.of_kind(Kind.ANSWER) if s.parameters and s.parameters[0].name == name]
    answer = answers[0] if answers else None
    shared, described = _described(wiring, step, path, scope)
    frozen_labels = described["frozen"]
    assert isinstance(frozen_labels, dict)
    frozen = {key: shared[label] for key, label in frozen_labels.items()}
    schema = f"{name}:schema"
    wiring.add(schema, "schema", step, dict(shared), dict(described), also=path.chain, function=False)
    wiring.add(f"{name}:trained_rows", "trained_rows", step, dict(shared), dict(described), function=False)

    judged = dict(shared)
    common = {**described, **_judged_by(wiring, path, scope, judged)}
    common["estimator"] = wiring.put(judged, estimator)
    common["schema"] = wiring.put(judged, f"{schema}.schema")
    common["fillers"] = wiring.put(judged, f"{schema}.fillers")
    if answer is not None:
        common.update(_answered_by(wiring, answer, scope, judged, frozen))
    also = (*path.chain, *((answer.name,) if answer else ()))
    brief = {"importance": False} if purpose is Purpose.COMPARISON else {}
    wiring.add(f"{name}:evaluation", "evaluation", step, dict(judged), {**common, **brief}, also=also, function=False)
    common["evaluation"] = wiring.put(judged, f"{name}:evaluation.evaluation")
    common["predictions"] = wiring.put(judged, f"{name}:evaluation.predictions")
    wiring.add(f"{name}:rowwise", "rowwise", step, dict(judged), dict(common), also=also, function=False)
    wiring.add(f"{name}:heldout", "heldout", step, dict(judged), dict(common), also=also, function=False)
    _gates(wiring, step, judged, common, also)
    return ModelTasks(
        model=name,
        path=path,
        scope=scope,
        estimator=estimator,
        schema=schema,
        rowwise=f"{name}:rowwise",
        evaluation=f"{name}:evaluation",
        heldout=f"{name}:heldout",
        trained_rows=f"{name}:trained_rows",
        gates=f"{name}:gates",
        frozen=frozen,
        answer=answer.name if answer else None,
    )


def _described(wiring: Wiring, step: StepInfo, path: ModelPath, scope: str) -> tuple[dict[str, str], dict[str, object]]:
    """Inputs and parameters that all of a model's own tasks share: its rows, its path, its parts."""
    shared: dict[str, str] = {}
    parts = wiring.parts(wiring.scopes[scope])
    test = (f"{parts}.test",)
    described: dict[str, object] = {
        "entry": wiring.put(shared, wiring.value(path.entry, None)),
        **wiring.path(path.chain, path.entry, path.rows, scope, shared),
        "hide": wiring.hidden(path.entry, scope, shared),
        "known_later": list(wiring.declaration.step(path.entry).known_later),
        "train": [wiring.put(shared, f"{parts}.train")],
        "test": [wiring.put(shared, output) for output in test],
        "model": step.name,
        "unit": step.unit,
        "owned": step.name in wiring.declaration.schemas,
        "required": list(step.required),
    }
    own_rows = wiring.all_rows(path.rows, scope)
    described["kept"] = [wiring.put(shared, output) for output in wiring.scopes[scope].rows or own_rows]
    fitted = wiring.part_rows(Reference(path.rows, path.part), scope)
    for label, rows in (("fitted", fitted), ("tested", test)):
        described[label] = {
            "X": wiring.view_for_model(path, rows, scope, shared),
            "rows": [wiring.put(shared, output) for output in rows],
        }
    return shared, described


def _judged_by(wiring: Wiring, path: ModelPath, scope: str, judged: dict[str, str]) -> dict[str, object]:
    """Parameters of the tasks that judge a model: its held-out rows and its target."""
    parts = wiring.parts(wiring.scopes[scope])
    train, test = (f"{parts}.train",), (f"{parts}.test",)
    found: dict[str, object] = {
        "X_test": wiring.view_for_model(path, test, scope, judged),
        "split": wiring.scopes[scope].split,
    }
    if path.target is not None:
        found["target"] = path.target
        found["y_test"] = wiring.view(path.target, test, scope, judged, whole=True)
        found["y_train"] = wiring.view(path.target, train, scope, judged, whole=True)
    return found


def _answered_by(
    wiring: Wiring, answer: StepInfo, scope: str, judged: dict[str, str], frozen: dict[str, str]
) -> dict[str, object]:
    """Parameters that say how a model's answer step is called; the state that it takes is added to `frozen`."""
    inner: dict[str, object] = {}
    for parameter, named in references(wiring.declaration, answer).items():
        if parameter == answer.parameters[0].name:
            continue
        bound = wiring.frozen(named, scope, judged)
        inner[parameter] = bound
        if "value" in bound:
            frozen[named.step] = judged[str(bound["value"])]
    return {"answer": answer.name, "answer_bind": inner, "answer_arguments": wiring.arguments_of(answer)}


def _gates(
    wiring: Wiring, step: StepInfo, judged: Mapping[str, str], common: Mapping[str, object], also: tuple[str, ...]
) -> None:
    inputs = dict(judged)
    parameters: dict[str, object] = {
        **common,
        "gates": list(step.gates),
        "choose": step.choose,
        "champion": wiring.champions.get(step.name),
    }
    for worth in _worths_of(wiring, step.name):
        parameters["worth"] = wiring.put(inputs, f"{_worth(wiring, worth)}.values")
        parameters["worth_unit"] = worth.unit
    wiring.add(f"{step.name}:gates", "gates", step, inputs, parameters, also=(step.name, *also))


def _worths_of(wiring: Wiring, model: str) -> tuple[StepInfo, ...]:
    return tuple(
        step
        for step in wiring.declaration.of_kind(Kind.WORTH)
        if any(named.step == model for named in references(wiring.declaration, step).values())
    )


def _worth(wiring: Wiring, step: StepInfo) -> str:
    """The task that says what each held-out answer was worth."""
    task = f"{step.name}:worth"
    if wiring.once(task):
        named = references(wiring.declaration, step)
        model = next((n.step for n in named.values() if wiring.declaration.step(n.step).kind is Kind.MODEL), None)
        if model is None:
            raise SolutionInvalid(
                f"Worth {step.name} names no model whose answers it values.",
                code="worth-without-model",
                hint="Let it take a model and a target, for example worth(lateness, late).",
            )
        scope = wiring.scope(model)
        rows = (f"{wiring.parts(wiring.scopes[scope])}.test",)
        inputs: dict[str, str] = {}
        bind: dict[str, object] = {}
        for parameter, reference in named.items():
            if reference.step == model:
                bind[parameter] = {"answers": wiring.put(inputs, f"{model}:evaluation.predictions")}
            else:
                bind[parameter] = wiring.bind(Reference(reference.step), scope, inputs, whole=True, rows=rows)
        parameters = {"bind": bind, "arguments": wiring.arguments_of(step), "unit": step.unit}
        wiring.add(task, "worth", step, inputs, parameters)
        wiring.done()
    return task


def _sees_whole_rows(declaration: Declaration, step: StepInfo) -> bool:
    """Whether a step that only looks sees the target's columns too: not where it asks a model, which has never."""
    if step.kind is Kind.CHART:
        named = references(declaration, step).values()
        return not any(declaration.step(each.step).kind is Kind.MODEL for each in named)
    return False


def _endpoint(wiring: Wiring, step: StepInfo) -> str | None:
    """The task that answers held-out rows as an endpoint will; None where its models share no rows."""
    models = [
        named.step
        for named in references(wiring.declaration, step).values()
        if wiring.declaration.step(named.step).kind is Kind.MODEL
    ]
    if not models or len({model_path(wiring.declaration, name).entry for name in models}) > 1:
        return None
    task = f"{step.name}:heldout"
    inputs: dict[str, str] = {}
    parameters: dict[str, object] = {"models": {}, "endpoint": step.name}
    listed: dict[str, object] = {}
    for model in models:
        listed[model] = {
            "predictions": wiring.put(inputs, f"{model}:evaluation.predictions"),
            "heldout": wiring.put(inputs, f"{model}:heldout"),
        }
    parameters["models"] = listed
    parameters["fields"] = {
        p.name: {
            "type": p.request_type,
            "default": p.default,
            "choices": list(p.choices),
            "optional": p.has_default,
        }
        for p in step.parameters
        if p.request_type is not None
    }
    own = wiring.arguments_of(step)
    parameters["arguments"] = {p.name: own[p.name] for p in step.parameters if p.name in own and not p.request_type}
    wiring.add(task, "endpoint", step, inputs, parameters)
    return task


def _scope_for(wiring: Wiring, step: StepInfo) -> str | None:
    """The scope that a step outside any model's path is made in: of the model it names, else the only one."""
    for named in references(wiring.declaration, step).values():
        if wiring.declaration.step(named.step).kind is Kind.MODEL:
            return wiring.scope(named.step)
    names = sorted(set(wiring.scope_of_model.values()))
    if len(names) == 1:
        return names[0]
    if wiring.needs_scope(step.name) and names:
        raise SolutionInvalid(
            f"{step.name} takes a part of the rows, but the models divide them in {len(names)} ways: "
            f"{', '.join(names)}.",
            code="part-without-split",
            hint="Let it take the model that is meant as well.",
        )
    return None
