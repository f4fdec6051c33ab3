"""Why each step of a run would run or not, without running anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from unshelve.pipeline.plan import Explanation
from unshelve.pipeline.run import explain
from unshelve.solution.control import Control
from unshelve.solution.expecting import counts_of
from unshelve.solution.findings import refuse
from unshelve.solution.running import champions_of, check_arguments, read_solution, request_for, tasks_of
from unshelve.solution.source_loads import past_loads
from unshelve.solution.training import training


def explain_run(
    control: Control, folder: Path, *, arguments: Mapping[str, Mapping[str, object]], only: str | None
) -> list[Explanation]:
    """The reasons in running order. A task behind one that would run is said to wait for it."""
    declaration, findings = read_solution(control, folder)
    refuse(findings)
    check_arguments(declaration, arguments)
    plan = training(
        declaration,
        arguments=arguments,
        champions=champions_of(control, declaration),
        counts=counts_of(control, declaration),
        past=past_loads(control, declaration, folder.resolve()),
    )
    wanted = None if only is None else frozenset(tasks_of(plan, declaration, only))
    request = request_for(control, declaration, "", wanted)
    return explain(plan.graph, request, database=control.database, blobs=control.blobs, clock=control.clock)
