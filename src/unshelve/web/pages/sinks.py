"""The sinks of a solution: what they wrote, what was refused, when they write next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from starlette.responses import Response

from unshelve.data.target import FileTarget, TableTarget, Target, target_from
from unshelve.errors import SolutionInvalid
from unshelve.pipeline.schedule import in_words
from unshelve.pipeline.step import Kind
from unshelve.registry.schedules import schedules
from unshelve.registry.sinks import BatchState, SinkBatch, batches_of
from unshelve.security.permissions import Action
from unshelve.solution.control import Cause
from unshelve.solution.declaration import SinkInfo, StepInfo
from unshelve.solution.sink_findings import answers_and_rows
from unshelve.solution.sinking import order_by_hand
from unshelve.web import states
from unshelve.web.asked import Asked
from unshelve.web.frame import Link
from unshelve.web.framing import frame_for
from unshelve.web.going import to
from unshelve.web.render import page
from unshelve.web.solution_facts import SolutionFacts, facts_of
from unshelve.web.states import State
from unshelve.web.views.sinks import BatchRow, SetAsideRow, SinkCard, SinksView
from unshelve.web.wording import count, duration, instant, sentence

_BATCHES: Final = 10
_SHOWN: Final = 20


def of_solution(asked: Asked) -> Response:
    """The sinks of a solution."""
    with asked.site.database.read() as connection:
        facts = facts_of(connection, asked.part("solution"))
        times = {one.name: one.next_at for one in schedules(connection, facts.name)}
        found = {
            step.name: batches_of(connection, facts.name, step.name, limit=_BATCHES)
            for step in facts.declaration.of_kind(Kind.SINK)
        }
    view = SinksView(
        solution=facts.name,
        sinks=tuple(
            _card(asked, facts, step, step.sink, found[step.name], times.get(step.name))
            for step in facts.declaration.of_kind(Kind.SINK)
            if step.sink is not None
        ),
        may_run=asked.may(Action.RUN),
        may_see_rows=asked.may(Action.SEE_LOG),
    )
    frame = frame_for(asked, f"Sinks of {facts.title}", facts=facts, crumbs=(Link("Sinks", ""),))
    return page(asked.site.templates, asked.request, "pages/sinks.html", view, frame)


def run(asked: Asked) -> Response:
    """Orders a batch of a sink."""
    solution, sink = asked.part("solution"), asked.part("sink")
    with asked.site.database.write() as connection:
        cause = Cause(asked.who, f"{asked.who.name} asked for it")
        order_by_hand(connection, f"{solution}.{sink}", cause, now=asked.now)
    return to(f"/solutions/{solution}/sinks?done=ordered")


def batch_state(batch: SinkBatch) -> State:
    """The look of a batch's state: one that wrote, and left rows out, is a warning."""
    if batch.state is BatchState.DONE and batch.refused:
        return states.WARN.named("rows left out")
    if batch.state is BatchState.WAITING and batch.attempts:
        return states.WARN.named("tries again")
    return _STATES[batch.state]


def _card(
    asked: Asked,
    facts: SolutionFacts,
    step: StepInfo,
    said: SinkInfo,
    batches: Sequence[SinkBatch],
    next_at: str | None,
) -> SinkCard:
    target = target_from(said.to)
    try:
        model, rows = answers_and_rows(facts.declaration, step)
    except SolutionInvalid:
        model, rows = "", ""
    newest = batches[0] if batches else None
    may_see = asked.may(Action.SEE_LOG)
    return SinkCard(
        name=step.name,
        title=step.title,
        answers=model,
        answers_href=f"/models/{facts.full(model)}" if model else "",
        rows=rows,
        place=target.path if isinstance(target, FileTarget) else target.table,
        kind=_kind(target),
        key=sentence(target.key) if target.key else "",
        when=f"{in_words(said.schedule)} ({facts.declaration.zone})" if said.schedule else "after each run",
        next_at=instant(next_at) if said.schedule else None,
        changed=said.changed,
        state=batch_state(newest) if newest else states.WAITING.named("nothing yet"),
        batches=tuple(_batch(one, into_files=isinstance(target, FileTarget)) for one in batches),
        refused=_set_aside(newest.set_aside) if newest and may_see else (),
        refused_count=count(newest.refused) if newest else "",
    )


def _kind(target: Target) -> str:
    match target:
        case TableTarget():
            return f"table in {target.connection}"
        case FileTarget(connection=""):
            return "object" if target.is_object else "file"
        case FileTarget():
            return f"object in {target.connection}"


def _batch(one: SinkBatch, *, into_files: bool) -> BatchRow:
    ended = one.state is BatchState.DONE
    began = instant(one.started_at)
    end = instant(one.ended_at)
    rows = f"{count(one.done)} of {count(one.total)}" if one.state is BatchState.RUNNING else count(one.total)
    return BatchRow(
        id=one.id,
        state=batch_state(one),
        cause=one.cause,
        at=instant(one.ordered_at),
        took=_took(began, end),
        rows=rows if one.total else "–",
        written=count(one.written) if ended else "–",
        unchanged=count(one.unchanged) if ended else "–",
        refused=count(one.refused) if ended else "–",
        versions=sentence([f"v{number}" for number in one.versions]),
        place=one.place if into_files else "",
        error=one.error or "",
        run=one.run_id or "",
        set_aside=(),
    )


def _took(began: datetime | None, end: datetime | None) -> str:
    return "–" if began is None or end is None else duration((end - began).total_seconds())


def _set_aside(rows: Sequence[Mapping[str, Any]]) -> tuple[SetAsideRow, ...]:
    return tuple(
        SetAsideRow(row=int(one["row"]), key=str(one["key"]), problem=str(one["problem"])) for one in rows[:_SHOWN]
    )


_STATES: Final = {
    BatchState.WAITING: states.WAITING.named("waits"),
    BatchState.RUNNING: states.RUNNING,
    BatchState.DONE: states.OK,
    BatchState.FAILED: states.FAILED,
}
