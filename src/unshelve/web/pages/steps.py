"""Steps of a solution with what became of them in a run: for the drawn pipeline and for the page of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from unshelve.ids import digest_json
from unshelve.pipeline.kinds import ArtifactKind, artifact_from_json
from unshelve.pipeline.outputs import WHOLE
from unshelve.pipeline.step import Kind
from unshelve.registry.runs import Run, RunState, RunStep, StepState, graph_of, steps_of
from unshelve.registry.sinks import BatchState, SinkBatch, batches_of
from unshelve.solution.declaration import StepInfo
from unshelve.solution.request_path import references
from unshelve.web import states
from unshelve.web.asked import Asked
from unshelve.web.frame import Link
from unshelve.web.graph.drawing import Node, draw
from unshelve.web.live import LiveTask
from unshelve.web.pages.sinks import batch_state
from unshelve.web.solution_facts import SolutionFacts
from unshelve.web.states import State
from unshelve.web.views.solution import PipelineView
from unshelve.web.wording import ago, count, moment, plural

OPEN: Final = frozenset({RunState.QUEUED, RunState.RUNNING})
"""States of a run that goes on."""

# From what matters most to least: a step is failed when one of its tasks is.
_WORST: Final = (StepState.FAILED, StepState.STOPPED, StepState.SKIPPED, StepState.RAN, StepState.CACHED)


def pipeline_of(asked: Asked, connection: Connection, facts: SolutionFacts) -> PipelineView:
    """The pipeline of a solution as its newest run has it."""
    run = facts.last_run
    tasks = graph_of(connection, run.id) if run else []
    ended = {step.task: step for step in steps_of(connection, run.id)} if run else {}
    going_on = asked.site.live.going_on(run.id) if run else {}
    written = newest_batches(connection, facts)
    nodes = [
        _sink_node(facts, step, written[step.name])
        if step.name in written
        else _node(facts, step, run, tasks, ended, going_on)
        for step in facts.declaration.steps
    ]
    live = run is not None and run.state in OPEN
    return PipelineView(
        solution=facts.name,
        pipeline=draw(nodes, name=facts.name),
        state=states.run(run.state.value) if run else None,
        aside=_aside(run, asked) if run else "as declared; it has not run yet",
        run=Link(f"Run {run.number}", f"/runs/{run.id}") if run else None,
        live=live,
        token=token_of(run, ended, going_on),
    )


def newest_batches(connection: Connection, facts: SolutionFacts) -> dict[str, SinkBatch]:
    """The newest batch of each sink of a solution, by the sink's name."""
    found = {
        step.name: batches_of(connection, facts.name, step.name, limit=1)
        for step in facts.declaration.of_kind(Kind.SINK)
    }
    return {name: batches[0] for name, batches in found.items() if batches}


def token_of(run: Run | None, ended: Mapping[str, RunStep], going_on: Mapping[str, LiveTask]) -> str:
    """A short text that changes when any step does."""
    if run is None:
        return ""
    return digest_json([run.state.value, len(ended), sorted(going_on)])[:16]


def _sink_node(facts: SolutionFacts, step: StepInfo, batch: SinkBatch) -> Node:
    """A sink with what its newest batch came to: no run carries it out."""
    done = batch.state is BatchState.DONE
    wrote = f"{plural(batch.written, 'row')} written, {count(batch.unchanged)} unchanged" if done else ""
    return Node(
        name=step.name,
        kind=step.kind.value,
        state=batch_state(batch),
        inputs=_inputs(facts, step),
        href=f"/solutions/{facts.name}/sinks",
        detail=wrote or batch.error or step.title,
    )


def _inputs(facts: SolutionFacts, step: StepInfo) -> tuple[str, ...]:
    return tuple(dict.fromkeys(named.step for named in references(facts.declaration, step).values()))


def _node(
    facts: SolutionFacts,
    step: StepInfo,
    run: Run | None,
    tasks: Sequence[Mapping[str, Any]],
    ended: Mapping[str, RunStep],
    going_on: Mapping[str, LiveTask],
) -> Node:
    mine = [str(task["name"]) for task in tasks if task.get("group") == step.name]
    state, detail = _state(facts, step, run, mine, ended, going_on)
    return Node(
        name=step.name,
        kind=step.kind.value,
        state=state,
        inputs=_inputs(facts, step),
        href=f"/runs/{run.id}#{step.name}" if run and mine else "",
        detail=detail or step.title,
    )


def _state(
    facts: SolutionFacts,
    step: StepInfo,
    run: Run | None,
    mine: Sequence[str],
    ended: Mapping[str, RunStep],
    going_on: Mapping[str, LiveTask],
) -> tuple[State, str]:
    running = [going_on[name] for name in mine if name in going_on]
    if running:
        done = next((f"{count(one.done)} of {count(one.of)}" for one in running if one.of), "")
        return states.RUNNING, done
    known = [ended[name] for name in mine if name in ended]
    if known and (len(known) == len(mine) or run is None or run.state not in OPEN or _broken(known)):
        worst = min(known, key=lambda one: _WORST.index(one.state))
        return states.step(worst.state.value), " · ".join(filter(None, (_made(known), worst.reason)))
    if run is not None and run.state in OPEN:
        return states.step("waiting"), "waits for what it takes" if mine else ""
    if step.kind is Kind.ANSWER and not mine:
        return states.OK.named("in the version"), step.title
    number = facts.champion(step.name) if step.kind is Kind.ENDPOINT else None
    if number is not None:
        return states.OK.named(f"v{number} answers"), step.title
    return states.CACHED.named("not run" if run is None else "not in this run"), step.title


def _broken(known: Sequence[RunStep]) -> bool:
    return any(one.state in (StepState.FAILED, StepState.STOPPED, StepState.SKIPPED) for one in known)


def _made(known: Sequence[RunStep]) -> str:
    """What the step's own result is, in a few words: its rows and columns."""
    for one in known:
        artifact = one.outputs.get(WHOLE)
        if isinstance(artifact, Mapping) and artifact.get("kind") in _TOLD_IN_FULL:
            return artifact_from_json(dict(artifact)).words
        summary = artifact.get("summary") if isinstance(artifact, Mapping) else None
        if isinstance(summary, Mapping) and isinstance(summary.get("rows"), int):
            columns = summary.get("columns")
            wide = f", {plural(columns, 'column')}" if isinstance(columns, int) else ""
            return f"{plural(summary['rows'], 'row')}{wide}"
    return ""


_TOLD_IN_FULL: Final = (ArtifactKind.DATASET, ArtifactKind.SPARSE)
"""Kinds of values of which rows and columns say too little."""


def _aside(run: Run, asked: Asked) -> str:
    if run.ended_at is not None:
        return f"ended {ago(run.ended_at, asked.now)} · {run.cause}"
    if run.started_at is not None:
        return f"started {moment(run.started_at, asked.now)} · {run.cause}"
    return f"queued {ago(run.queued_at, asked.now)} · {run.cause}"
