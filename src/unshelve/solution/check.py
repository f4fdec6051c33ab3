"""What can be found in a solution before anything runs. Pure: it looks at the declaration alone."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import suppress

from unshelve.errors import SolutionInvalid
from unshelve.evaluation.measures import MEASURES
from unshelve.pipeline.graph import Graph
from unshelve.pipeline.schedule import check_expression
from unshelve.pipeline.step import Kind
from unshelve.pipeline.task import Task
from unshelve.solution.check_sources import source_findings
from unshelve.solution.declaration import PARTS, Declaration, StepInfo, reference
from unshelve.solution.findings import Finding, finding
from unshelve.solution.lookup_findings import lookup_findings
from unshelve.solution.request_path import (
    SET_ASIDE_KINDS,
    ModelPath,
    chain_to,
    entry_of,
    first_reference,
    lookup_inputs,
    lookups_on,
    model_path,
    references,
    row_inputs,
)
from unshelve.solution.sink_findings import sink_findings
from unshelve.solution.training import training

FREE = {Kind.ENDPOINT}
"""Kinds whose parameters may be something else than a step: request fields."""
ROW_STEPS = {Kind.KEEP, Kind.TRANSFORM, Kind.TARGET, Kind.SPLIT, Kind.ANSWER, Kind.WORTH, Kind.ENDPOINT}
KEPT_WHOLE = {Kind.SOURCE, Kind.STEP, Kind.FIT}
"""Kinds whose value is kept as it is, which may be a table in parts."""
TABLE_KINDS = {Kind.SOURCE, Kind.STEP, Kind.KEEP, Kind.TRANSFORM, Kind.FIT, Kind.TARGET}
"""Kinds of steps that may give a table."""
USED_BY_THEMSELVES = {
    Kind.MODEL,
    Kind.ENDPOINT,
    Kind.CHART,
    Kind.METRIC,
    Kind.EXPECT,
    Kind.WORTH,
    Kind.ANSWER,
    Kind.SINK,
}


def check(declaration: Declaration) -> tuple[Finding, ...]:
    """All findings, in the order of the file; errors among them keep the solution from running."""
    found = [*_duplicates(declaration), *_unknown_parameters(declaration), *_cycles(declaration)]
    if not any(each.severity == "error" for each in found):
        for rule in (
            _rows,
            _models,
            _leaks,
            lookup_findings,
            _test_rows,
            _frozen_sources,
            _surroundings,
            _files,
            _unused,
            _not_covered,
            _options,
            _measures,
            _endpoints,
            _answers,
            _datasets,
            _expectations,
            source_findings,
            sink_findings,
        ):
            found.extend(rule(declaration))
    if not any(each.severity == "error" for each in found):
        found.extend(_planning(declaration))
    return tuple(sorted(found, key=lambda each: (each.place.file, each.place.line, each.number)))


def not_covered(declaration: Declaration, model: str) -> tuple[str, ...]:
    """What the Proof of a model cannot speak of, one sentence each."""
    path = model_path(declaration, model)
    entry = declaration.step(path.entry)
    sentences = []
    if entry.kind is Kind.STEP:
        before = ", ".join(named.step for named in references(declaration, entry).values())
        sentences.append(
            f"A request is a row of {path.entry}, as {path.entry} returns it: what it does to "
            f"{before or 'what it reads'} before is not covered."
        )
    for name in lookups_on(declaration, path.chain):
        lookup = declaration.step(name).lookup
        if lookup is not None and lookup.at is None:
            sentences.append(
                f"Lookup {name} holds the present state only: what its entries were at the time of the training rows "
                "is not covered."
            )
    answers = [step for step in declaration.of_kind(Kind.ANSWER) if _is_of(declaration, step, model)]
    on_path = [declaration.step(name) for name in path.chain if declaration.step(name).kind is Kind.TRANSFORM]
    for step in (*on_path, *answers):
        sentences.extend(_beyond_the_request(step))
    keeps = [declaration.step(name) for name in path.chain if declaration.step(name).kind is Kind.KEEP]
    learned = _learned_state(declaration, (*on_path, *keeps, *answers, declaration.step(model)))
    for step, parameter, _ in _seen_test_rows(declaration, {*learned, model}):
        sentences.append(
            f"{step.kind.capitalize()} {step.name} takes {parameter}, with rows that the model is judged by: how good "
            "it is on new rows is not covered."
        )
    return tuple(sentences)


def beyond_the_request(declaration: Declaration, endpoint: str) -> tuple[str, ...]:
    """What an endpoint's own code depends on beyond its request, one sentence each."""
    return tuple(_beyond_the_request(declaration.step(endpoint)))


def _beyond_the_request(step: StepInfo) -> Iterator[str]:
    for what in step.leans_on:
        yield f"{step.kind.capitalize()} {step.name} depends on {what}: what changes with it is not covered."
    for path in step.files_read:
        yield f"{step.kind.capitalize()} {step.name} reads {path}: what changes with that file is not covered."


def _is_of(declaration: Declaration, answer: StepInfo, model: str) -> bool:
    first = first_reference(declaration, answer)
    return first is not None and first.step == model


def _duplicates(declaration: Declaration) -> Iterator[Finding]:
    for name, first, second in declaration.duplicates:
        place = declaration.step(name).place if declaration.has(name) else declaration.steps[0].place
        place = type(place)(file=place.file, line=second)
        yield finding(
            "U003",
            name,
            place,
            f"{name} is defined twice, in line {first} and in line {second}; only the second counts.",
            "Give one of them another name.",
        )


def _unknown_parameters(declaration: Declaration) -> Iterator[Finding]:
    names = declaration.names
    known = [*names, *(f"{name}_{part}" for name in names for part in PARTS)]
    for step in declaration.steps:
        for parameter in step.parameters:
            if reference(parameter.name, names) is not None or parameter.has_default:
                continue
            if step.kind in FREE and parameter.request_type is not None:
                continue
            near = difflib.get_close_matches(parameter.name, known, n=2)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"The steps are {', '.join(names[:12])}."
            if step.kind in FREE:
                hint += " A request field needs a type: bool, int, float, str, date, datetime or a Literal."
            yield finding(
                "U001",
                step.name,
                step.place,
                f"{step.name} takes {parameter.name}, and there is no step of that name.",
                hint,
            )


def _cycles(declaration: Declaration) -> Iterator[Finding]:
    tasks = [
        Task(
            name=step.name,
            inputs={parameter: named.step for parameter, named in references(declaration, step).items()},
        )
        for step in declaration.steps
    ]
    try:
        Graph(tasks)
    except SolutionInvalid as error:
        names = error.details.get("cycle")
        first = next(iter(names), declaration.names[0]) if isinstance(names, list | tuple) else declaration.names[0]
        step = declaration.step(str(first))
        yield finding(
            "U002", step.name, step.place, error.message, error.hint or "Let one of them take something else."
        )


def _rows(declaration: Declaration) -> Iterator[Finding]:
    for step in declaration.of_kind(Kind.KEEP, Kind.TRANSFORM, Kind.TARGET, Kind.SPLIT):
        first = first_reference(declaration, step)
        if first is None or entry_of(declaration, first.step) is None:
            said = f"its first parameter {step.parameters[0].name}" if step.parameters else "it takes nothing, so it"
            yield finding(
                "U014",
                step.name,
                step.place,
                f"{step.kind.capitalize()} {step.name} has no rows: {said} leads to no source.",
                "Let its first parameter name a source, a keep or a transform.",
            )


def _models(declaration: Declaration) -> Iterator[Finding]:
    for step in declaration.of_kind(Kind.MODEL):
        try:
            path = model_path(declaration, step.name)
        except SolutionInvalid as error:
            yield finding("U004", step.name, step.place, error.message, error.hint or "")
            continue
        targets = [
            named.step
            for named in references(declaration, step).values()
            if declaration.step(named.step).kind is Kind.TARGET
        ]
        if len(set(targets)) > 1:
            yield finding(
                "U016",
                step.name,
                step.place,
                f"Model {step.name} takes {len(set(targets))} targets: {', '.join(sorted(set(targets)))}.",
                "Declare one model for each.",
            )
        if path.target is not None and path.part != "train":
            first = step.parameters[0].name
            yield finding(
                "U010",
                step.name,
                step.place,
                f"Model {step.name} takes {first}, which holds the rows it will be judged by.",
                f"Take {path.rows}_train and {path.target}_train.",
            )


def _leaks(declaration: Declaration) -> Iterator[Finding]:
    for step in declaration.of_kind(Kind.TRANSFORM):
        for parameter, named in references(declaration, step).items():
            other = declaration.step(named.step)
            if other.kind is Kind.TARGET:
                yield finding(
                    "U005",
                    step.name,
                    step.place,
                    f"Transform {step.name} takes {parameter}, the target: no request knows it.",
                    "Leave it out. What is learned from the target belongs in a @fit on its training part.",
                )
    for step in declaration.of_kind(Kind.MODEL):
        first = first_reference(declaration, step)
        if first and any(declaration.step(name).kind is Kind.TARGET for name in chain_to(declaration, first.step)):
            yield finding(
                "U005",
                step.name,
                step.place,
                f"Model {step.name} learns from rows that pass a target: no request knows it.",
                "Let its first parameter lead back through transforms only.",
            )


def _test_rows(declaration: Declaration) -> Iterator[Finding]:
    models = declaration.of_kind(Kind.MODEL)
    learned = _learned_state(declaration, declaration.of_kind(Kind.TRANSFORM, Kind.MODEL, Kind.ANSWER, Kind.KEEP))
    for step, parameter, repair in _seen_test_rows(declaration, {*learned, *(model.name for model in models)}):
        yield finding(
            "U006",
            step.name,
            step.place,
            f"{step.kind.capitalize()} {step.name} takes {parameter}: it has seen the rows that models are judged by.",
            repair,
        )


def _seen_test_rows(declaration: Declaration, names: set[str]) -> Iterator[tuple[StepInfo, str, str]]:
    """Those of some steps that take rows by which models are judged: the step, the parameter, and the repair."""
    entries = {path.entry for path in _paths(declaration)}
    for step in declaration.steps:
        if step.name not in names:
            continue
        for position, (parameter, named) in enumerate(references(declaration, step).items()):
            other = declaration.step(named.step)
            has_rows = other.kind in (Kind.KEEP, Kind.TRANSFORM, Kind.TARGET) or other.name in entries
            if not has_rows or named.part == "train" or (step.kind is Kind.MODEL and position == 0):
                continue
            known = "" if named.part else ", unless what it learns is known beforehand"
            yield step, parameter, f"Take {named.step}_train{known}."


def _paths(declaration: Declaration) -> tuple[ModelPath, ...]:
    """The paths of the models that have rows; those without are a finding of their own."""
    found = []
    for model in declaration.of_kind(Kind.MODEL):
        with suppress(SolutionInvalid):
            found.append(model_path(declaration, model.name))
    return tuple(found)


def _learned_state(declaration: Declaration, steps: tuple[StepInfo, ...]) -> set[str]:
    """Fits and other work that these steps lean on, directly or through others."""
    found: set[str] = set()
    waiting = list(steps)
    while waiting:
        step = waiting.pop()
        for named in references(declaration, step).values():
            other = declaration.step(named.step)
            if other.kind in (Kind.FIT, Kind.STEP) and other.name not in found:
                found.add(other.name)
                waiting.append(other)
    return found


def _frozen_sources(declaration: Declaration) -> Iterator[Finding]:
    for step in declaration.of_kind(Kind.TRANSFORM, Kind.ANSWER):
        rows = {**row_inputs(declaration, step), **lookup_inputs(declaration, step)}
        for parameter, named in references(declaration, step).items():
            if parameter not in rows and declaration.step(named.step).kind is Kind.SOURCE:
                yield finding(
                    "U015",
                    step.name,
                    step.place,
                    f"{step.kind.capitalize()} {step.name} takes the source {named.step}: it is stored with each "
                    "version, and as old as that.",
                    "Train again when it changes (retrain=), or let a @step choose what is needed of it.",
                )


def _surroundings(declaration: Declaration) -> Iterator[Finding]:
    for step in declaration.steps:
        for what in step.leans_on:
            yield finding(
                "U017",
                step.name,
                step.place,
                f"{step.kind.capitalize()} {step.name} depends on {what}: the same request may be answered otherwise "
                "tomorrow.",
                "Bring it in as a column of the source, or learn it in a @fit.",
            )


def _files(declaration: Declaration) -> Iterator[Finding]:
    for step in declaration.steps:
        if step.kind is Kind.SOURCE:
            continue
        for path in step.files_read:
            yield finding(
                "U007",
                step.name,
                step.place,
                f"{step.name} reads {path}: when that file changes, the stored result still counts.",
                "Read it in a @source and take the source as a parameter.",
            )


def _unused(declaration: Declaration) -> Iterator[Finding]:
    used = {named.step for step in declaration.steps for named in references(declaration, step).values()}
    for step in declaration.steps:
        if step.name in used or step.kind in USED_BY_THEMSELVES:
            continue
        if step.kind is Kind.SPLIT and declaration.of_kind(Kind.MODEL):
            continue
        yield finding(
            "U008", step.name, step.place, f"Nothing takes {step.name}.", "Use it, or take it out of the solution."
        )


def _not_covered(declaration: Declaration) -> Iterator[Finding]:
    for path in _paths(declaration):
        model = declaration.step(path.model)
        if declaration.step(path.entry).kind is Kind.STEP:
            yield finding(
                "U009",
                model.name,
                model.place,
                f"Model {model.name}: {not_covered(declaration, model.name)[0]}",
                "Turn the step into a source with transforms after it, if requests come raw.",
            )


def _options(declaration: Declaration) -> Iterator[Finding]:
    for model in declaration.of_kind(Kind.MODEL):
        if model.retrain is not None:
            problem = check_expression(model.retrain)
            if problem is not None:
                yield finding(
                    "U012",
                    model.name,
                    model.place,
                    f"retrain={model.retrain!r}: {problem}",
                    'Write "@daily", "@weekly", or five cron fields such as "0 4 * * 1".',
                )
        if isinstance(model.split, str) and not (
            declaration.has(model.split) and declaration.step(model.split).kind is Kind.SPLIT
        ):
            yield finding(
                "U012",
                model.name,
                model.place,
                f"split={model.split!r} names no @split step.",
                "Name one, or use by_time, by_group or at_random.",
            )


def _measures(declaration: Declaration) -> Iterator[Finding]:
    for step in declaration.of_kind(Kind.METRIC, Kind.WORTH):
        models = [
            each.step
            for each in references(declaration, step).values()
            if declaration.step(each.step).kind is Kind.MODEL
        ]
        if models and step.name in MEASURES:
            yield finding(
                "U019",
                step.name,
                step.place,
                f"{step.kind.capitalize()} {step.name} has the name of a measure that the platform itself takes of "
                f"{models[0]}.",
                f"Give it another name, such as own_{step.name}.",
            )


def _endpoints(declaration: Declaration) -> Iterator[Finding]:
    for step in declaration.of_kind(Kind.ENDPOINT):
        named = references(declaration, step)
        if not any(declaration.step(each.step).kind is Kind.MODEL for each in named.values()):
            yield finding(
                "U013",
                step.name,
                step.place,
                f"Endpoint {step.name} names no model.",
                "Let a parameter be the name of a model: it is handed that model's answer.",
            )
        for parameter, each in named.items():
            if declaration.step(each.step).kind is not Kind.MODEL or each.part is not None:
                yield finding(
                    "U013",
                    step.name,
                    step.place,
                    f"Endpoint {step.name} takes {parameter}, which is a {declaration.step(each.step).kind}.",
                    "An endpoint takes answers of models and typed request fields.",
                )
        if not step.answer_fields:
            yield finding(
                "U013",
                step.name,
                step.place,
                f"Endpoint {step.name} does not say what it returns.",
                "Declare a dataclass and annotate the function with it: def advice(...) -> Advice.",
            )


def _answers(declaration: Declaration) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for step in declaration.of_kind(Kind.ANSWER):
        first = first_reference(declaration, step)
        if first is None or declaration.step(first.step).kind is not Kind.MODEL:
            yield finding(
                "U012",
                step.name,
                step.place,
                f"Answer {step.name} names no model.",
                "Let its first parameter be the name of the model whose predictions it takes.",
            )
        elif first.step in seen:
            yield finding(
                "U016",
                step.name,
                step.place,
                f"Model {first.step} has two answers, {seen[first.step]} and {step.name}.",
                "Keep one.",
            )
        else:
            seen[first.step] = step.name


def _datasets(declaration: Declaration) -> Iterator[Finding]:
    """Parameters annotated with Dataset where rows are selected and transformed, which is done in memory."""
    for step in declaration.steps:
        first = first_reference(declaration, step)
        for parameter, named in references(declaration, step).items():
            taken = step.parameter(parameter)
            if taken is None or not taken.streamed:
                continue
            on_rows = step.kind in ROW_STEPS or (step.kind is Kind.MODEL and named == first)
            if not on_rows and named.part is None and declaration.step(named.step).kind in KEPT_WHOLE:
                continue
            yield finding(
                "U070",
                step.name,
                step.place,
                f"{step.kind.capitalize()} {step.name} takes {parameter} as a Dataset, but "
                + (
                    "it works on rows that are selected in memory." if on_rows else "those rows are selected in memory."
                ),
                f"Leave the annotation of {parameter} out, or let a @step read the Dataset and make a smaller table.",
            )


def _expectations(declaration: Declaration) -> Iterator[Finding]:
    for step in declaration.of_kind(Kind.EXPECT):
        named = references(declaration, step)
        about = named.get(step.table or "")
        kind = declaration.step(about.step).kind if about else None
        if step.checks and kind not in TABLE_KINDS:
            yield finding(
                "U051",
                step.name,
                step.place,
                f"Expectation {step.name} is about {step.table}, which is a {kind} and no table.",
                "Name a source, a step, a keep or a transform.",
            )
        elif step.severity == "quarantine" and (about is None or about.part or kind not in SET_ASIDE_KINDS):
            what = f"{step.table}, which is a {kind}" if about and not about.part else step.table or "no table"
            yield finding(
                "U050",
                step.name,
                step.place,
                f"Expectation {step.name} cannot set rows aside of {what}.",
                'Name the whole source, step or keep that the rows are of, or use severity="warn" or "stop".',
            )


def _planning(declaration: Declaration) -> Iterator[Finding]:
    """What only comes out when the whole graph is laid out."""
    try:
        training(declaration)
    except SolutionInvalid as error:
        number = "U002" if error.subject_code == "cycle" else "U011"
        step = declaration.steps[0]
        yield finding(number, step.name, step.place, error.message, error.hint or "")
