"""Why each step of a run would run or not, without running anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from unshelve.pipeline.run import explain
from unshelve.solution.control import Control
from unshelve.solution.findings import refuse
from unshelve.solution.running import champions_of, check_arguments, read_solution, request_for, tasks_of
from unshelve.solution.training import training


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One task: whether it would run, and the sentence that says why or why not."""

    task: str
    runs: bool
    reason: str


def explain_run(
    control: Control, folder: Path, *, arguments: Mapping[str, Mapping[str, object]], only: str | None
) -> list[Reason]:
    """The reasons in running order. A task behind one that would run is said to wait for it."""
    declaration, findings = read_solution(control, folder)
    refuse(findings)
    check_arguments(declaration, arguments)
    plan = training(declaration, arguments=arguments, champions=champions_of(control, declaration))
    wanted = None if only is None else frozenset(tasks_of(plan, declaration, only))
    request = request_for(control, declaration, "", wanted)
    found = explain(plan.graph, request, database=control.database, blobs=control.blobs, clock=control.clock)
    return [Reason(task=each.task, runs=each.runs, reason=each.reason) for each in found]
