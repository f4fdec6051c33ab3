"""One run as its page shows it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from unshelve.pipeline.kinds import stored_bytes
from unshelve.pipeline.outputs import WHOLE
from unshelve.pipeline.step import Kind
from unshelve.registry.charts import StoredChart
from unshelve.registry.expectations import expectations_of_run
from unshelve.registry.metrics import RunMetric, metrics_of
from unshelve.registry.runs import Run, RunState, RunStep, StepState, graph_of, steps_of
from unshelve.registry.versions import Version, versions_of_run
from unshelve.security.permissions import Action
from unshelve.storage.blobs import BlobStore
from unshelve.web import states
from unshelve.web.asked import Asked
from unshelve.web.charts.figure import Figure
from unshelve.web.charts.gantt import Span, gantt
from unshelve.web.frame import Link
from unshelve.web.live import LiveTask
from unshelve.web.pages.expectation_lines import expectation_line
from unshelve.web.pages.pictures import chart_of
from unshelve.web.pages.steps import OPEN, token_of
from unshelve.web.summaries import shown_unit
from unshelve.web.views.parts import Alert, Chart
from unshelve.web.views.run import FailureView, MetricRow, Progress, RunView, StepRow
from unshelve.web.wording import NOTHING, ago, count, duration, exact, interval, moment, plural, score, size, words

_MOST_TASKS: Final = 90
_MOST_LOG: Final = 3_000
_MOST_LOGS: Final = 12_000
"""Letters of printed output on the page, so that it stays light; all of it has an address of its own."""

Task = Mapping[str, Any]  # a task of the stored graph: name, title, kind, group, needs


def took(run: Run, now: datetime) -> str:
    """How long a run took, or has taken so far."""
    if run.started_at is None:
        return NOTHING
    return duration(((run.ended_at or now) - run.started_at).total_seconds())


def written(value: object) -> str:
    """A parameter's value as it is typed: texts bare, all else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def view_of(asked: Asked, connection: Connection, run: Run) -> RunView:
    """One run with its steps, logs, measures and charts."""
    tasks = graph_of(connection, run.id)
    ended = {step.task: step for step in steps_of(connection, run.id)}
    going_on = asked.site.live.going_on(run.id)
    versions = versions_of_run(connection, run.id)
    live = run.state in OPEN
    shown = tasks if asked.request.url.path.endswith(".json") else _most_telling(tasks, ended)
    return RunView(
        id=run.id,
        solution=run.solution,
        number=run.number,
        state=states.run(run.state.value),
        lead=_lead(run, asked.now),
        live=live,
        progress=_progress(run, tasks, ended, asked.now),
        alerts=_alerts(run),
        gantt=_gantt(run, tasks, ended, going_on, asked.now),
        steps=_steps(shown, ended, going_on, live, asked.site.blobs),
        left_out=len(tasks) - len(shown),
        failures=tuple(_failure(step) for step in ended.values() if step.state is StepState.FAILED),
        metrics=tuple(_metric(one) for one in metrics_of(connection, run.id)),
        charts=tuple(
            chart
            for task in tasks
            if task["kind"] == Kind.CHART and (chart := _chart(asked.site.blobs, run, task, ended)) is not None
        ),
        expectations=tuple(
            expectation_line(one, may_see_rows=asked.may(Action.SEE_LOG))
            for one in expectations_of_run(connection, run.id)
        ),
        inside=_inside(run),
        outside=_outside(ended, versions),
        versions=tuple(
            Link(f"{one.name} v{one.number}", f"/models/{one.model}/versions/{one.number}") for one in versions
        ),
        may_run=asked.may(Action.RUN),
        token=token_of(run, ended, going_on),
    )


def _chart(blobs: BlobStore, run: Run, task: Task, ended: Mapping[str, RunStep]) -> Chart | None:
    step = ended.get(str(task["name"]))
    artifact = step.outputs.get(WHOLE) if step else None
    if artifact is None:
        return None
    name = str(task["name"])
    stored = StoredChart(run_id=run.id, name=name, solution=run.solution, title="", artifact=dict(artifact))
    return chart_of(blobs, stored)


def _lead(run: Run, now: datetime) -> str:
    if run.state is RunState.QUEUED:
        return f"Queued {ago(run.queued_at, now)} by {run.actor}: {run.cause}."
    begun = f"Started {moment(run.started_at or run.queued_at, now)} by {run.actor}: {run.cause}"
    if run.ended_at is not None:
        return f"{begun}. It took {took(run, now)}."
    return f"{begun}."


def _progress(run: Run, tasks: Sequence[Task], ended: Mapping[str, RunStep], now: datetime) -> Progress:
    settled = len(ended)
    if run.state is RunState.QUEUED:
        said = "it begins when the run before it has ended"
    elif run.state in OPEN:
        said = f"{settled} of {len(tasks)} tasks settled, after {took(run, now)}"
    else:
        by_state = {state: sum(1 for one in ended.values() if one.state is state) for state in StepState}
        said = ", ".join(f"{number} {states.step(state.value).word}" for state, number in by_state.items() if number)
    return Progress(settled=settled, steps=len(tasks), sentence=said or "no task was made")


def _alerts(run: Run) -> tuple[Alert, ...]:
    if not run.error:
        return ()
    looks = {RunState.FAILED: states.FAILED, RunState.INTERRUPTED: states.WARN, RunState.STOPPED: states.WARN}
    hint = "Run again: what is finished is not run twice." if run.state is RunState.INTERRUPTED else ""
    return (Alert(state=looks.get(run.state, states.WARN), title=run.error, text=hint),)


def _gantt(
    run: Run, tasks: Sequence[Task], ended: Mapping[str, RunStep], going_on: Mapping[str, LiveTask], now: datetime
) -> Figure | None:
    if run.started_at is None or not tasks:
        return None
    begun = run.started_at
    spans = []
    for task in tasks:
        name = str(task["name"])
        href, title = f"#{name}", _title(task)
        if name in ended:
            step = ended[name]
            start = (step.started_at - begun).total_seconds() if step.started_at else None
            if step.state is StepState.CACHED and start is None:
                start = 0.0
            end = start + (step.seconds or 0.0) if start is not None else None
            note = str(step.error.get("message", ""))[:60] if step.error else ""
            spans.append(
                Span(name=title, state=states.step(step.state.value), start=start, end=end, note=note, href=href)
            )
        elif name in going_on:
            since = (going_on[name].started_at - begun).total_seconds()
            spans.append(
                Span(name=title, state=states.RUNNING, start=since, end=None, note=_how_far(going_on[name]), href=href)
            )
        else:
            spans.append(Span(name=title, state=states.step("waiting"), start=None, end=None, href=href))
    age = (now - begun).total_seconds() if run.ended_at is None else None
    cached = sum(1 for step in ended.values() if step.state is StepState.CACHED)
    caption = f"{plural(cached, 'task')} came from the store and took no time." if cached else ""
    first = min((span.start for span in spans if span.start), default=0.0)
    if first >= 1 and not cached:
        caption = f"The first task began after {duration(first)}: reading the solution, planning, starting workers."
    return gantt(spans, run=f"run {run.number}", now=age, caption=caption)


def _most_telling(tasks: Sequence[Task], ended: Mapping[str, RunStep]) -> list[Task]:
    """At most so many tasks that the page stays light: those that were only taken from the store go first."""
    spare = len(tasks) - _MOST_TASKS
    shown = []
    for task in tasks:
        step = ended.get(str(task["name"]))
        if spare > 0 and step is not None and step.state is StepState.CACHED:
            spare -= 1
        else:
            shown.append(task)
    return shown[:_MOST_TASKS]


def _title(task: Task) -> str:
    """A task's label; of several over different rows the part is named: `features · train`."""
    name = str(task["name"])
    part = re.search(r"\[(?:.*\.)?(\w+)\]$", name)
    title = str(task.get("title") or name)
    return f"{title} · {part[1]}" if part else title


def _how_far(task: LiveTask) -> str:
    return f"{count(task.done)} of {count(task.of)}" if task.of else task.note


def _steps(
    tasks: Sequence[Task],
    ended: Mapping[str, RunStep],
    going_on: Mapping[str, LiveTask],
    live: bool,
    blobs: BlobStore,
) -> tuple[StepRow, ...]:
    rows, room, anchored = [], _MOST_LOGS, set[str]()
    for task in tasks:
        name, group = str(task["name"]), str(task.get("group") or task["name"])
        step = ended.get(name)
        text, room = _log(blobs, step, room)
        anchor = group if group not in anchored else name
        anchored.add(anchor)
        rows.append(
            StepRow(
                name=name,
                anchor=anchor,
                title=_title(task),
                kind=str(task["kind"]),
                state=states.step(_state(name, step, going_on, live)),
                reason=step.reason if step else _how_far(going_on[name]) if name in going_on else "",
                took=duration(step.seconds) if step and step.seconds is not None else NOTHING,
                memory=size(step.peak_bytes) if step else NOTHING,
                log=text,
                has_log=step is not None and step.log is not None,
                attempts=step.attempts if step else 0,
            )
        )
    return tuple(rows)


def _state(name: str, step: RunStep | None, going_on: Mapping[str, LiveTask], live: bool) -> str:
    if step is not None:
        return step.state.value
    if name in going_on:
        return "running"
    return "waiting" if live else "not run"


def _log(blobs: BlobStore, step: RunStep | None, room: int) -> tuple[str, int]:
    if step is None or step.log is None or room <= 0:
        return "", room
    text = blobs.get(step.log).decode("utf-8", "replace")
    shown = text if len(text) <= min(_MOST_LOG, room) else f"…\n{text[-min(_MOST_LOG, room) :]}"
    return shown, room - len(shown)


def _failure(step: RunStep) -> FailureView:
    error = step.error or {}
    inputs = error.get("inputs")
    told = inputs.items() if isinstance(inputs, Mapping) else ()
    return FailureView(
        step=step.task,
        message=str(error.get("message", step.reason)),
        traceback=str(error.get("traceback", ""))[-_MOST_LOG:],
        inputs=tuple((str(name), exact(value)) for name, value in told),
    )


def _metric(one: RunMetric) -> MetricRow:
    return MetricRow(
        model=one.model.partition(".")[2] or one.model,
        name=words(one.name),
        value=score(one.value, shown_unit(one.unit)),
        between=interval(one.low, one.high),
        rows=count(one.rows),
        own=one.own,
    )


def _inside(run: Run) -> tuple[tuple[str, str], ...]:
    said = ", ".join(f"{name} = {written(value)}" for name, value in _flat(run.parameters).items())
    return (
        ("Started by", f"{run.actor}: {run.cause}"),
        ("Parameters", said or "as declared"),
        ("Environment", ", ".join(f"{name} {version}" for name, version in run.environment.items()) or NOTHING),
        ("Run id", run.id),
    )


def _flat(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as `step.name`, whether they are kept flat or by step."""
    flat = {}
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            flat.update({f"{name}.{inner}": one for inner, one in value.items()})
        else:
            flat[name] = value
    return flat


def _outside(ended: Mapping[str, RunStep], versions: Sequence[Version]) -> tuple[tuple[str, str], ...]:
    artifacts = [one for step in ended.values() for one in step.outputs.values()]
    kinds: dict[str, int] = {}
    for one in artifacts:
        kinds[one["kind"]] = kinds.get(one["kind"], 0) + 1
    by_kind = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items(), key=lambda item: -item[1]))
    total = sum(stored_bytes(one) for one in {one["digest"]: one for one in artifacts}.values())
    return (
        ("Artifacts", f"{by_kind}; {size(total)}" if artifacts else "none"),
        ("Versions", plural(len(versions), "new version") if versions else "none that is new"),
    )
