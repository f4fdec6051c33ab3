"""Keys of tasks, and what changed when a key is a new one. Pure.

A key is the sha256 of canonical JSON that names everything a result depends on. That text is stored with the
result, so that the next run can say which part of it changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from unshelve.ids import canonical_json, digest
from unshelve.pipeline.task import Task

FORMAT: Final = 1
"""Raised when the same parts would no longer give the same result: how artifacts are written, for one."""

_MOST_NAMED: Final = 4
_LONGEST_VALUE: Final = 40


class Key(NamedTuple):
    """The name of a task's result, and the text that it is the digest of."""

    digest: str
    parts: str


def key_of(task: Task, inputs: Mapping[str, str], *, solution: str, environment: Mapping[str, str]) -> Key:
    """The key of a task whose inputs have these identities, by parameter (`Artifact.identity`).

    Limits, labels and how often a task is tried again are no part of it.
    """
    text = canonical_json(
        {
            "format": FORMAT,
            "solution": solution,
            "task": task.name,
            "operation": task.operation,
            "function": task.function,
            "code": task.code,
            "parameters": task.parameters,
            "inputs": inputs,
            "environment": {**environment, **task.libraries} if task.libraries else environment,
        }
    )
    return Key(digest(text), text.decode())


def changes(before: Mapping[str, Any], after: Mapping[str, Any], *, inputs_too: bool = True) -> list[str]:
    """What differs between the parts of two keys of one task, one clause each: code, parameters, inputs, libraries."""
    found: list[str] = []
    if (before["operation"], before["function"]) != (after["operation"], after["function"]):
        found.append("the kind of work changed")
    found.extend(_code_changes(before["code"], after["code"]))
    found.extend(_parameter_changes(before["parameters"], after["parameters"]))
    if inputs_too:
        found.extend(_input_changes(before["inputs"], after["inputs"]))
    found.extend(_library_changes(before["environment"], after["environment"]))
    if before["format"] != after["format"]:
        found.append("results are stored in another form")
    return found


def sentence(found: list[str]) -> str:
    """Clauses as one sentence, the first few of them."""
    more = len(found) - _MOST_NAMED
    shown = found[:_MOST_NAMED] + ([f"{more} more"] if more > 0 else [])
    return "; ".join(shown) if shown else "nothing that is known changed"


def _code_changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name, value in after.items():
        if before.get(name, value) != value:
            yield f"code changed: {name}"
    for name in after.keys() - before.keys():
        yield f"code reached now: {name}"
    for name in before.keys() - after.keys():
        yield f"code no longer reached: {name}"


def _input_changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name, value in after.items():
        if name not in before:
            yield f"input {name} is new"
        elif before[name] != value:
            yield f"input {name} changed"
    for name in before.keys() - after.keys():
        yield f"input {name} is gone"


def _library_changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name, version in after.items():
        if name not in before:
            yield f"{name} {version} is used now"
        elif before[name] != version:
            yield f"{name} {before[name]} -> {version}"
    for name in before.keys() - after.keys():
        yield f"{name} is no longer used"


def _parameter_changes(before: object, after: object, path: str = "") -> Iterator[str]:
    """The innermost values that differ. What stands under "arguments" is named without that word."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys([*after, *before]):
            inner = f"{path}.{name}" if path and path != "arguments" else str(name)
            if name not in before:
                yield f"parameter {inner} = {_shown(after[name])} is new"
            elif name not in after:
                yield f"parameter {inner} is gone"
            else:
                yield from _parameter_changes(before[name], after[name], inner)
    elif before != after or type(before) is not type(after):
        yield f"parameter {path} {_shown(before)} -> {_shown(after)}"


def _shown(value: object) -> str:
    text = canonical_json(value).decode()
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
