"""What a run leaves for the pages: metrics and charts, written where they are found."""

from __future__ import annotations

from collections.abc import Collection

from unshelve.pipeline.outcome import RunOutcome
from unshelve.pipeline.step import Kind
from unshelve.registry.charts import put_charts
from unshelve.registry.metrics import RunMetric, record_metrics
from unshelve.solution.control import Control
from unshelve.solution.declaration import Declaration
from unshelve.solution.request_path import references
from unshelve.solution.training import Training
from unshelve.solution.versioning import (
    read_json,
)


def keep_results(control: Control, declaration: Declaration, plan: Training, outcome: RunOutcome) -> None:
    """Write a run's metrics and charts down where pages find them."""
    metrics: list[RunMetric] = []
    for tasks in plan.models:
        step = outcome.steps.get(tasks.evaluation)
        if step is None or "evaluation" not in step.outputs:
            continue
        evaluation = read_json(step.outputs["evaluation"], control.blobs)
        metrics.extend(
            RunMetric(
                model=f"{declaration.name}.{tasks.model}",
                name=metric["name"],
                value=metric["value"],
                low=metric["low"],
                high=metric["high"],
                rows=metric["n"],
                higher_is_better=metric["higher_is_better"],
                unit=metric["unit"],
                own=False,
            )
            for metric in evaluation["metrics"]
        )
    metrics.extend(_worths(control, declaration, plan, outcome))
    taken = {(each.model, each.name) for each in metrics}
    metrics.extend(_own_metrics(control, declaration, plan, outcome, taken))
    charts = []
    for name in plan.charts:
        found = outcome.steps.get(name)
        if found is not None and found.outputs:
            charts.append((name, declaration.step(name).title, outcome.artifact(name).to_json()))
    with control.database.write() as connection:
        record_metrics(connection, outcome.run_id, metrics)
        put_charts(connection, outcome.run_id, declaration.name, charts)


def _own_metrics(
    control: Control, declaration: Declaration, plan: Training, outcome: RunOutcome, taken: set[tuple[str, str]]
) -> list[RunMetric]:
    """The author's measures, under names that are not `taken` yet."""
    found = []
    for name in plan.metrics:
        step = outcome.steps.get(name)
        if step is None or not step.outputs:
            continue
        named = [each.step for each in references(declaration, declaration.step(name)).values()]
        model = next((each for each in named if declaration.step(each).kind is Kind.MODEL), None)
        full = declaration.name if model is None else f"{declaration.name}.{model}"
        for metric, value in read_json(outcome.artifact(name), control.blobs).items():
            free = own_name(name, metric, {other for model, other in taken if model == full})
            taken.add((full, free))
            found.append(RunMetric(model=full, name=free, value=value, own=True))
    return found


def own_name(step: str, name: str, taken: Collection[str]) -> str:
    """What a measure of a step is kept as: its own name, or STEP.NAME where another of the model has that."""
    return name if name not in taken else f"{step}.{name}"


def _worths(control: Control, declaration: Declaration, plan: Training, outcome: RunOutcome) -> list[RunMetric]:
    found = []
    for name, task in plan.worths.items():
        step = outcome.steps.get(task)
        if step is None or "summary" not in step.outputs:
            continue
        summary = read_json(step.outputs["summary"], control.blobs)
        named = [each.step for each in references(declaration, declaration.step(name)).values()]
        model = next(each for each in named if declaration.step(each).kind is Kind.MODEL)
        found.append(
            RunMetric(
                model=f"{declaration.name}.{model}",
                name=name,
                value=summary["mean"],
                low=summary["low"],
                high=summary["high"],
                rows=summary["n"],
                higher_is_better=True,
                unit=summary["unit"] or None,
                own=True,
            )
        )
    return found
