"""Whether a task runs or its stored result is used again, and why. Decisions only; nothing runs here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import msgspec

from unshelve.pipeline.cache import Key, changes, key_of, sentence
from unshelve.pipeline.graph import Graph
from unshelve.pipeline.kinds import Artifact
from unshelve.pipeline.known import Known
from unshelve.pipeline.outcome import RunRequest
from unshelve.pipeline.task import Task


class Action(StrEnum):
    """What a run would do with a task."""

    RUN = "run"
    REUSE = "reuse"
    DEPENDS = "depends"  # on whether something before it gives a new result


class Decision(msgspec.Struct, frozen=True):
    """What is done with a task whose inputs are known, and why. `known` is the result to use, or the last one."""

    action: Action
    reason: str
    key: Key
    known: Known | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a run would do with one task, in one sentence."""

    task: str
    action: Action
    reason: str


class Memory(Protocol):
    """Stored results, as `known.KnownResults` has them."""

    def find(self, key: str) -> Known | None: ...
    def was_lost(self, key: str) -> bool: ...
    def newest(self, task: str) -> Known | None: ...


def decide(task: Task, inputs: Mapping[str, Artifact], request: RunRequest, memory: Memory, now: datetime) -> Decision:
    """What is to be done with a task whose inputs are these artifacts."""
    identities = {name: artifact.identity for name, artifact in inputs.items()}
    key = key_of(task, identities, solution=request.solution, environment=request.environment)
    if not task.cacheable:
        return Decision(Action.RUN, "it runs each time", key, memory.newest(task.name))
    known = memory.find(key.digest)
    if known is None:
        return _first_or_changed(task, key, memory)
    if task.fresh_seconds is None:
        return Decision(Action.REUSE, f"unchanged since {known.made_at[:16].replace('T', ' ')}", key, known)
    return _fresh_or_asked(task, key, known, request, now)


def explain_all(graph: Graph, request: RunRequest, memory: Memory, now: datetime) -> list[Explanation]:
    """What a run would do with each task, in the order of running. Runs nothing."""
    found: list[Explanation] = []
    made: dict[str, Mapping[str, Artifact]] = {}
    for name in graph.order:
        task = graph.tasks[name]
        unsure = [before for before in graph.needs(name) if before not in made]
        if unsure:
            found.append(_depends(task, unsure, request, memory))
            continue
        decision = decide(task, _inputs(graph, task, made), request, memory, now)
        if decision.action is Action.REUSE and decision.known is not None:
            made[name] = decision.known.outputs
        found.append(Explanation(name, decision.action, decision.reason))
    return found


def _inputs(graph: Graph, task: Task, made: Mapping[str, Mapping[str, Artifact]]) -> dict[str, Artifact]:
    found = {}
    for parameter, text in task.inputs.items():
        owner, output = graph.references[text]
        found[parameter] = made[owner][output]
    return found


def after_running(reason: str, task: Task, before: Known | None, outputs: Mapping[str, Artifact]) -> str:
    """The reason of a task that ran, with what came of it."""
    if before is None:
        return reason
    same = {name: one.identity for name, one in before.outputs.items()} == {
        name: one.identity for name, one in outputs.items()
    }
    if task.fresh_seconds is not None:
        return f"{reason}; the content is {'the same' if same else 'new'}"
    return f"{reason}; the result is the same" if same else reason


def _first_or_changed(task: Task, key: Key, memory: Memory) -> Decision:
    if memory.was_lost(key.digest):
        return Decision(Action.RUN, "its stored result is gone", key)
    newest = memory.newest(task.name)
    if newest is None:
        return Decision(Action.RUN, "it has not run before", key)
    found = changes(newest.read_parts(), msgspec.json.decode(key.parts))
    return Decision(Action.RUN, sentence(found), key, newest)


def _fresh_or_asked(task: Task, key: Key, known: Known, request: RunRequest, now: datetime) -> Decision:
    age = (now - known.made()).total_seconds()
    limit = task.fresh_seconds or 0.0
    if age < limit:
        return Decision(Action.REUSE, f"asked {_span(age)} ago, which is fresh for {_span(limit)}", key, known)
    if request.fresh_since is not None and known.made() >= request.fresh_since:
        return Decision(Action.REUSE, f"asked {_span(age)} ago by the run that this one resumes", key, known)
    why = f"asked again: the last answer is {_span(age)} old"
    return Decision(Action.RUN, f"{why}, fresh for {_span(limit)}" if limit else why, key, known)


def _depends(task: Task, unsure: list[str], request: RunRequest, memory: Memory) -> Explanation:
    """A task with something before it that runs: it runs for its own sake, or only if that gives something new."""
    newest = memory.newest(task.name)
    names = ", ".join(unsure[:3]) + (f" and {len(unsure) - 3} more" if len(unsure) > 3 else "")
    if newest is None:
        return Explanation(task.name, Action.RUN, "it has not run before")
    key = key_of(task, {}, solution=request.solution, environment=request.environment)
    found = changes(newest.read_parts(), msgspec.json.decode(key.parts), inputs_too=False)
    if found:
        return Explanation(task.name, Action.RUN, sentence(found))
    return Explanation(task.name, Action.DEPENDS, f"only if {names} gives something new")


def _span(seconds: float) -> str:
    """A length of time in one unit: "40 s", "3 h", "2 days"."""
    for size, word in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0):
            count = int(seconds // size)
            return f"{count} {'day' if word == 'days' and count == 1 else word}"
    return f"{timedelta(seconds=int(seconds)).total_seconds():g} s"
