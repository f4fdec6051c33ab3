"""Graph: tasks in the order in which they can run. Pure, without recursion, for tens of thousands of tasks."""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence

from unshelve.errors import NotFound, SolutionInvalid
from unshelve.pipeline.outputs import WHOLE
from unshelve.pipeline.task import Task


class Graph:
    """Tasks and what each needs, checked: names are unique, inputs exist, nothing waits for itself.

    Raises SolutionInvalid with codes `task-name-taken`, `task-input-unknown` or `task-cycle`.
    """

    __slots__ = ("_needs", "_wanted_by", "order", "references", "tasks")

    def __init__(self, tasks: Iterable[Task]) -> None:
        self.tasks: Mapping[str, Task] = _by_name(tasks)
        self.references: Mapping[str, tuple[str, str]] = _references(self.tasks)
        self._needs = {
            name: tuple(dict.fromkeys(self.references[text][0] for text in task.inputs.values()))
            for name, task in self.tasks.items()
        }
        self._wanted_by = _inverse(self._needs)
        self.order: tuple[str, ...] = _order(self._needs, self._wanted_by)

    def __len__(self) -> int:
        return len(self.tasks)

    def __repr__(self) -> str:
        return f"Graph({len(self.tasks)} tasks)"

    def task(self, name: str) -> Task:
        """The task of a name. Raises NotFound with the nearest names."""
        task = self.tasks.get(name)
        if task is None:
            raise NotFound(f"There is no step {name!r}.", code="step-not-found", near=_near(name, self.tasks))
        return task

    def needs(self, name: str) -> tuple[str, ...]:
        """The tasks that a task takes its inputs from, each once."""
        return self._needs[name]

    def wanted_by(self, name: str) -> tuple[str, ...]:
        """The tasks that take an input from a task, each once, in the order given."""
        return self._wanted_by[name]

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """All that must be done before the named tasks, without the tasks themselves unless one needs another."""
        return _reachable(names, self._needs)

    def descendants(self, names: Iterable[str]) -> set[str]:
        """All that stands on the named tasks, without the tasks themselves unless one stands on another."""
        return _reachable(names, self._wanted_by)

    def needed_for(self, names: Collection[str]) -> Graph:
        """The graph of the named tasks and all that they need. Raises NotFound for a name that is not there."""
        for name in names:
            self.task(name)
        kept = self.ancestors(names).union(names)
        return Graph(task for name, task in self.tasks.items() if name in kept)


def _by_name(tasks: Iterable[Task]) -> dict[str, Task]:
    by_name: dict[str, Task] = {}
    for task in tasks:
        if by_name.setdefault(task.name, task) is not task:
            raise SolutionInvalid(
                f"Two steps are named {task.name}.", code="task-name-taken", details={"task": task.name}
            )
    return by_name


def _references(tasks: Mapping[str, Task]) -> dict[str, tuple[str, str]]:
    """Each input text with the task and the output it means. A task's whole name wins over "task.output"."""
    found: dict[str, tuple[str, str]] = {}
    for task in tasks.values():
        for parameter, text in task.inputs.items():
            if text in found:
                continue
            owner, dot, output = text.rpartition(".")
            if text in tasks:
                found[text] = (text, WHOLE)
            elif dot and owner in tasks:
                found[text] = (owner, output)
            else:
                raise SolutionInvalid(
                    f"Step {task.name} takes {parameter} from {text}, and there is no step of that name.",
                    code="task-input-unknown",
                    near=_near(text, tasks),
                    details={"task": task.name, "parameter": parameter, "input": text},
                )
    return found


def _near(name: str, names: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(name, list(names)[:2000], n=3)


def _inverse(needs: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    wanted: dict[str, list[str]] = {name: [] for name in needs}
    for name, sources in needs.items():
        for source in sources:
            wanted[source].append(name)
    return {name: tuple(users) for name, users in wanted.items()}


def _order(needs: Mapping[str, tuple[str, ...]], wanted_by: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    missing = {name: len(sources) for name, sources in needs.items()}
    ready = deque(name for name, count in missing.items() if count == 0)
    order: list[str] = []
    while ready:
        name = ready.popleft()
        order.append(name)
        for user in wanted_by[name]:
            missing[user] -= 1
            if missing[user] == 0:
                ready.append(user)
    if len(order) < len(needs):
        cycle = _cycle(needs, [name for name, count in missing.items() if count > 0])
        raise SolutionInvalid(
            f"These steps wait for each other: {' -> '.join(cycle)}.",
            code="task-cycle",
            hint="Each arrow goes from a step to one that takes its value. Take one of them away.",
            details={"cycle": list(cycle)},
        )
    return tuple(order)


def _cycle(needs: Mapping[str, tuple[str, ...]], stuck: Sequence[str]) -> tuple[str, ...]:
    """One whole cycle, in the direction in which values flow, closed: the first name is also the last.

    Every stuck task needs a stuck task, so walking from need to need must come back to where it was.
    """
    among = set(stuck)
    seen: dict[str, int] = {}
    path: list[str] = []
    name = stuck[0]
    while name not in seen:
        seen[name] = len(path)
        path.append(name)
        name = next(source for source in needs[name] if source in among)
    cycle = path[seen[name] :][::-1]
    start = cycle.index(min(cycle))
    cycle = cycle[start:] + cycle[:start]
    return (*cycle, cycle[0])


def _reachable(names: Iterable[str], edges: Mapping[str, tuple[str, ...]]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        for name in edges[waiting.pop()]:
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found
