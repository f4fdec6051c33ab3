"""The author's own numbers as metric steps: the call that computed each, on the rows of the parts.

Where the call stands in a statement of its own its text is taken; where it was made in a loop or a function, it is
written anew from what the run recorded of its arguments.
"""

from __future__ import annotations

import ast

from unshelve.notebook.bodies import Body, Collector, Param, Rewritten, lines_of, names_for
from unshelve.notebook.choosing import Choice, Measured
from unshelve.notebook.draft import CannotShape, DraftMetric, DraftStep
from unshelve.notebook.editing import calls, reads, renamed, tail, text_of
from unshelve.notebook.naming import Names
from unshelve.notebook.seen import Seen, Version


def metric_steps(
    seen: Seen, choice: Choice, known: dict[Version, Param], names: Names, tops: set[int]
) -> tuple[list[DraftStep], list[DraftMetric]]:
    """A step for each number that can be computed from the model and the parts; the others are left out."""
    steps, metrics = [], []
    model = choice.model
    for measured, where in (
        *((each, "on the rows the model has not seen") for each in model.measured),
        *((each, "on the rows the model was fitted on") for each in model.on_training),
    ):
        try:
            step = _step(seen, measured, known, names, tops)
            step.title = f"{step.title} {where}"
        except CannotShape:
            continue
        steps.append(step)
        metrics.append(
            DraftMetric(
                call=measured.call, statement=measured.statement, name=measured.name, step=step.name, key=step.name,
                value=measured.value,
            )
        )  # fmt: skip
    return steps, metrics


def _step(seen: Seen, measured: Measured, known: dict[Version, Param], names: Names, tops: set[int]) -> DraftStep:
    number = measured.statement
    call = call_of(seen, measured)

    def resolve(version: Version) -> Param | None:
        return known.get(version)

    collector = Collector(seen, resolve, lambda place: Rewritten(seen.source(place)), tops=tops)
    wanted = [(number, name) for name in sorted(reads(call)) if name in seen.flow.needs[number]]
    body = collector.collect(wanted)
    _refuse_unknown(seen, body)
    kept = names_for(seen, body)
    lines = lines_of(seen, body, lambda place: Rewritten(seen.source(place)), kept)
    value = renamed(text_of(seen.source(number), call), kept)
    wish = f"notebook_{measured.name.removesuffix('_score')}"
    parameters = list(dict.fromkeys(str(param) for param in body.params.values()))
    return DraftStep(
        name=names.give(wish),
        kind="metric",
        parameters=parameters,
        lines=[*lines, f"return {value}"],
        title=measured.name.replace("_", " ").capitalize(),
        statements={*body.inline, number},
    )


def _refuse_unknown(seen: Seen, body: Body) -> None:
    """A metric must be made of the model and of parts: never of a table that is made on the way."""
    for number in body.inline:
        if seen.roles[number] in ("origin", "split", "keep"):
            raise CannotShape("a metric is computed of rows that no step has", number)
    if not body.params:
        raise CannotShape("a metric is computed of nothing that a step gives")


def call_of(seen: Seen, measured: Measured) -> ast.Call:
    """The call in the statement's text: the one whose turn it was."""
    number = measured.statement
    tree = seen.trees[number]
    if not isinstance(tree, ast.Assign | ast.Expr | ast.AnnAssign | ast.AugAssign):
        raise CannotShape("a metric is computed inside a loop, a condition or a function", number)
    there = [each for each in calls(tree) if tail(each.func) == measured.name]
    same = [
        place
        for place, call in seen.calls_in(number, "metric", "score")
        if call.name.rpartition(".")[2] == measured.name
    ]
    if len(there) != len(same) or measured.call not in same:
        raise CannotShape("a metric is computed inside a loop, a condition or a function", number)
    return there[same.index(measured.call)]
