"""Reading a solution folder in a worker: its functions for running, its declaration for everybody else.

Runs the user's own module-level code, so it runs in a worker and never in control.
"""

from __future__ import annotations

import ast
import dataclasses
import dis
import inspect
import math
import sys
import traceback
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from unshelve.data.checks import Check, RefersTo
from unshelve.data.checks import to_json as check_to_json
from unshelve.errors import NotFound, SolutionInvalid, UserCodeFailed
from unshelve.pipeline.code import Project
from unshelve.pipeline.declared import DeclaredSource
from unshelve.pipeline.libraries import environment as environment_of_all
from unshelve.pipeline.reads import files_read
from unshelve.pipeline.step import Expectation, Kind, Mark, mark_of
from unshelve.solution.declaration import Declaration, Parameter, Place, SinkInfo, StepInfo
from unshelve.solution.files import SOLUTION_FILE, code_files, owned_schemas
from unshelve.solution.surroundings import leans_on

ON_REQUEST = (Kind.TRANSFORM, Kind.ANSWER, Kind.ENDPOINT)
"""Kinds of steps that run for each request."""


Function = Callable[..., object]


def load_functions(folder: Path) -> dict[str, Function]:
    """The steps of a solution by name: what the worker pool is given."""
    return {name: step for name, step, _ in _steps(load_module(folder)) if not isinstance(step, Expectation)}


def load_module(folder: Path) -> ModuleType:
    """The solution file as a module, imported once per process with its folder first on the path.

    Raises NotFound when there is none, and UserCodeFailed, with the user's own traceback, when importing it raises.
    """
    file = folder / SOLUTION_FILE
    if not file.is_file():
        raise NotFound(
            f"There is no {SOLUTION_FILE} in {folder}.",
            code="solution-file-not-found",
            hint="`unshelve new NAME` writes one to start from.",
        )
    path = str(folder.resolve())
    if path not in sys.path:
        sys.path.insert(0, path)
    known = sys.modules.get("solution")
    if known is not None and Path(str(known.__file__)).resolve() == file.resolve():
        return known
    sys.modules.pop("solution", None)
    try:
        return import_module("solution")
    except (SolutionInvalid, UserCodeFailed):
        raise
    except SyntaxError as error:
        raise UserCodeFailed(
            f"{Path(str(error.filename)).name}, line {error.lineno}: {error.msg}.", code="solution-syntax"
        ) from error
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise UserCodeFailed(
            f"Reading {SOLUTION_FILE} failed: {type(error).__name__}: {error} "
            f"({Path(last.filename).name}, line {last.lineno}).",
            code="solution-import-failed",
            hint=_missing_package(error),
        ) from error


def declare(folder: Path) -> Declaration:
    """The declaration of the solution in a folder, read by importing it."""
    module = load_module(folder)
    project = Project(folder)
    steps = tuple(
        _expectation_info(name, step, project)
        if isinstance(step, Expectation)
        else _step_info(name, step, mark, project)
        for name, step, mark in _steps(module)
    )
    if not steps:
        raise SolutionInvalid(
            f"{SOLUTION_FILE} declares no step.",
            code="no-steps",
            hint="Put @source, @transform, @model … from unshelve on its functions.",
        )
    title, description = _headline(module.__doc__, folder.resolve().name)
    source = (folder / SOLUTION_FILE).read_text(encoding="utf-8")
    _refuse_unnamed(source)
    names = {step.name for step in steps}
    steps = tuple(
        dataclasses.replace(step, parameters=_without_step_types(step, names)) if step.kind is Kind.ENDPOINT else step
        for step in steps
    )
    environment = environment_of_all()
    for step in steps:
        environment.update(step.libraries)
    return Declaration(
        name=_solution_name(folder),
        title=title,
        description=description,
        steps=steps,
        environment=environment,
        code=code_files(folder)[1],
        duplicates=_duplicates(source),
        schemas=owned_schemas(folder),
        zone=str(getattr(module, "ZONE", "UTC")),
    )


def _steps(module: ModuleType) -> list[tuple[str, Function | Expectation, Mark]]:
    found = []
    for name, value in vars(module).items():
        mark = mark_of(value)
        if mark is not None and (callable(value) or isinstance(value, Expectation)):
            found.append((name, value, mark))
    return sorted(found, key=lambda item: _line(item[1]))


def _line(function: Function | Expectation) -> tuple[str, int]:
    if isinstance(function, Expectation):
        return function.file, function.line
    if isinstance(function, DeclaredSource):
        return function.place
    code = getattr(inspect.unwrap(function), "__code__", None)
    return ("", 0) if code is None else (str(code.co_filename), int(code.co_firstlineno))


def _step_info(name: str, function: Function, mark: Mark, project: Project) -> StepInfo:
    file, line = _line(function)
    if isinstance(function, DeclaredSource):
        return _declared_source(name, function, Place(file=_relative(file, project.folder), line=line))
    parameters = _parameters(function)
    given = {each.name for each in parameters if each.has_default and each.default is not None}
    reach = project.reach(function, parameters=given)
    title, description = _doc(function.__doc__, name.replace("_", " "))
    return StepInfo(
        name=name,
        kind=mark.kind,
        parameters=parameters,
        title=title,
        description=description,
        place=Place(file=_relative(file, project.folder), line=line),
        code=reach.code,
        libraries=reach.libraries,
        split=_value(mark.split) if not isinstance(mark.split, str) else mark.split,
        gates=tuple(_value(gate) or {} for gate in mark.gates),
        retrain=mark.retrain,
        choose=mark.choose.metric if mark.choose else None,
        unit=mark.unit,
        required=mark.required,
        severity=mark.severity,
        table=parameters[0].name if mark.kind is Kind.EXPECT and parameters else None,
        at_most=mark.at_most,
        known_later=mark.known_later,
        fresh_seconds=mark.fresh_seconds,
        lookup=mark.lookup,
        retries=mark.retries,
        retry_delay_seconds=mark.retry_delay_seconds,
        timeout_seconds=mark.timeout_seconds,
        files_read=tuple(files_read(function, project)),
        leans_on=leans_on(function, project) if mark.kind in ON_REQUEST else (),
        answer_fields=_answer_fields(function) if mark.kind is Kind.ENDPOINT else (),
        sink=_sink_info(function, mark),
    )


def _expectation_info(name: str, stated: Expectation, project: Project) -> StepInfo:
    """A declared expectation as a step: its parameters are the tables that it names."""
    checks = [check for check in stated.checks if isinstance(check, Check)]
    tables = [stated.table, *(check.table for check in checks if isinstance(check, RefersTo))]
    return StepInfo(
        name=name,
        kind=Kind.EXPECT,
        parameters=tuple(Parameter(name=table) for table in dict.fromkeys(tables)),
        title=stated.title or name.replace("_", " "),
        description="",
        place=Place(file=_relative(stated.file, project.folder), line=stated.line),
        code={},
        severity=stated.severity,
        table=stated.table,
        checks=tuple(check_to_json(check) for check in checks),
        at_most=stated.at_most,
    )


def _refuse_unnamed(source: str) -> None:
    """Refuse an expectation that is assigned to no name: nobody would find it, and nothing would be checked."""
    for node in ast.parse(source).body:
        call = node.value if isinstance(node, ast.Expr) else None
        named = isinstance(call, ast.Call) and isinstance(call.func, ast.Name | ast.Attribute)
        if named and ast.unparse(call.func).rpartition(".")[2] == "expect" and call.args:  # type: ignore[union-attr]  # a call
            raise SolutionInvalid(
                f"The expectation in line {node.lineno} has no name, so nothing would be checked.",
                code="expectation-without-name",
                hint="Write NAME = expect(…).",
            )


def _declared_source(name: str, declared: DeclaredSource, place: Place) -> StepInfo:
    """A source that is told and not programmed: its options are in the key, in the place of code."""
    mark = declared.mark
    return StepInfo(
        name=name,
        kind=mark.kind,
        parameters=tuple(
            Parameter(name=each, has_default=True, default=value) for each, value in declared.parameters.items()
        ),
        title=declared.title or name.replace("_", " "),
        description="",
        place=place,
        code={},
        options=declared.options,
        known_later=mark.known_later,
        fresh_seconds=mark.fresh_seconds,
        lookup=mark.lookup,
        retries=mark.retries,
        retry_delay_seconds=mark.retry_delay_seconds,
        timeout_seconds=mark.timeout_seconds,
    )


def _sink_info(function: Callable[..., object], mark: Mark) -> SinkInfo | None:
    if mark.sink is None:
        return None
    return SinkInfo(
        to={"type": type(mark.sink.to).__name__, **msgspec.to_builtins(mark.sink.to)},
        schedule=mark.sink.schedule,
        changed=mark.sink.changed,
        has_body=any(each.opname not in _NOTHING_DONE for each in dis.get_instructions(function)),
    )


_NOTHING_DONE = frozenset({"RESUME", "NOP", "CACHE", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "POP_TOP"})
"""Instructions of a function that is a docstring, `...` or `pass`."""


def _parameters(function: Callable[..., object]) -> tuple[Parameter, ...]:
    hints = _hints(function)
    found = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        default = None if parameter.default is parameter.empty else parameter.default
        request_type, choices = _request_type(hints.get(parameter.name))
        found.append(
            Parameter(
                name=parameter.name,
                has_default=parameter.default is not parameter.empty,
                default=default if _is_json(default) else None,
                annotation=None if parameter.annotation is parameter.empty else str(parameter.annotation),
                request_type=request_type,
                choices=choices,
                streamed=_is_dataset(parameter.annotation, hints.get(parameter.name)),
            )
        )
    return tuple(found)


def _hints(function: Callable[..., object]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except Exception:  # noqa: BLE001  an annotation may name anything; only endpoints need theirs
        return {}


_REQUEST_TYPES: Mapping[object, str] = {
    bool: "boolean",
    int: "integer",
    float: "float",
    str: "string",
    date: "date",
    datetime: "timestamp",
}


def _request_type(annotation: object) -> tuple[str | None, tuple[str, ...]]:
    if typing.get_origin(annotation) is typing.Literal:
        return "category", tuple(str(value) for value in typing.get_args(annotation))
    return _REQUEST_TYPES.get(annotation), ()


def _is_dataset(annotation: object, hint: object) -> bool:
    """Whether a parameter is annotated with unshelve's Dataset; by its name where annotations cannot be resolved."""
    if hint is None:
        return isinstance(annotation, str) and annotation in ("Dataset", "unshelve.Dataset")
    return getattr(hint, "__qualname__", "") == "Dataset" and getattr(hint, "__module__", "").startswith("unshelve.")


def _without_step_types(step: StepInfo, names: set[str]) -> tuple[Parameter, ...]:
    return tuple(
        dataclasses.replace(parameter, request_type=None, choices=()) if parameter.name in names else parameter
        for parameter in step.parameters
    )


def _answer_fields(function: Callable[..., object]) -> tuple[tuple[str, str], ...]:
    returned = _hints(function).get("return")
    if not dataclasses.is_dataclass(returned):
        return ()
    return tuple((each.name, str(getattr(each.type, "__name__", each.type))) for each in dataclasses.fields(returned))


def _value(value: object) -> Mapping[str, object] | None:
    """A split or gate as JSON, with the name of its class; a function in it becomes its name."""
    if value is None:
        return None
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        raise SolutionInvalid(f"{value!r} is neither a split nor a gate.", hint="Use those that unshelve offers.")
    fields = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    plain = {
        name: getattr(item, "__name__", repr(item)) if callable(item) else msgspec.to_builtins(item)
        for name, item in fields.items()
    }
    return {"type": type(value).__name__, **plain}


def _is_json(value: object) -> bool:
    """Whether JSON gives the value back as it is: a tuple would come back as a list, an enum as its value."""
    if type(value) is float:
        return math.isfinite(value)
    if type(value) is list:
        return all(_is_json(item) for item in value)
    if type(value) is dict:
        return all(isinstance(key, str) and _is_json(item) for key, item in value.items())
    return value is None or type(value) in (bool, int, str)


def _doc(text: str | None, name: str) -> tuple[str, str]:
    """The first line of a docstring without its full stop, and the rest; the name where there is none."""
    cleaned = inspect.cleandoc(text) if text else ""
    first, _, rest = cleaned.partition("\n")
    return (first.strip().removesuffix(".") or name, " ".join(rest.split()))


def _headline(text: str | None, name: str) -> tuple[str, str]:
    """The title and one sentence of a solution: "Late flights: will a flight be late?" is both in one line."""
    first, rest = _doc(text, name.replace("_", " ").capitalize())
    title, colon, question = first.partition(": ")
    if colon and len(title) <= 40:
        return title, question[:1].upper() + question[1:]
    return first, rest.partition(". ")[0]


def _solution_name(folder: Path) -> str:
    name = folder.resolve().name.lower().replace(" ", "_").replace("-", "_")
    if not name.isidentifier():
        raise SolutionInvalid(
            f"The folder {folder.resolve().name!r} cannot name a solution.",
            code="odd-solution-name",
            hint="Name it with letters, digits and _, beginning with a letter: it becomes part of addresses.",
        )
    return name


def _duplicates(source: str) -> tuple[tuple[str, int, int], ...]:
    seen: dict[str, int] = {}
    found = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            if node.name in seen:
                found.append((node.name, seen[node.name], node.lineno))
            seen[node.name] = node.lineno
    return tuple(found)


def _relative(file: str, folder: Path) -> str:
    try:
        return Path(file).resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return Path(file).name


def _missing_package(error: Exception) -> str | None:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"Install it into the environment that unshelve runs in: pip install {error.name.partition('.')[0]}."
    return None
