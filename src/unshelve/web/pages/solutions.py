"""The list of solutions, and the overview of one: what answers, how it is made, what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from starlette.responses import Response

from unshelve.pipeline.step import Kind
from unshelve.predictions.query import DayCount
from unshelve.registry.charts import newest_charts
from unshelve.registry.releases import ReleaseChange, history
from unshelve.registry.runs import Run, RunState, runs_of
from unshelve.registry.schedules import schedules as schedules_of
from unshelve.registry.sinks import BatchState, SinkBatch
from unshelve.registry.solutions import solutions as known_solutions
from unshelve.registry.versions import Attestation, Version, attestations_of, get_version
from unshelve.security.permissions import Action
from unshelve.solution.declaration import StepInfo
from unshelve.storage.blobs import BlobStore
from unshelve.upkeep.costs import PARTS, Cost
from unshelve.upkeep.keeper import cost_of
from unshelve.web import states
from unshelve.web.asked import Asked
from unshelve.web.charts import small
from unshelve.web.charts.figure import EMPTY
from unshelve.web.evidence import GateVerdict, gates_of
from unshelve.web.framing import frame_for
from unshelve.web.going import to
from unshelve.web.pages.notebook import lifted
from unshelve.web.pages.pictures import chart_of
from unshelve.web.pages.proofs import gate_results
from unshelve.web.pages.steps import newest_batches, pipeline_of
from unshelve.web.render import page
from unshelve.web.solution_facts import SolutionFacts, facts_of
from unshelve.web.states import State
from unshelve.web.summaries import headline, trust
from unshelve.web.views.parts import Alert, Event, FindingRow, Glance
from unshelve.web.views.solution import (
    ModelRow,
    ScheduleRow,
    SolutionCard,
    SolutionsView,
    SolutionView,
)
from unshelve.web.wording import ago, count, duration, instant, moment
from unshelve.web.wording import size as bytes_in_words

_TREND_DAYS: Final = 14
_WEEK: Final = 7
_STORY: Final = 8


def home(asked: Asked) -> Response:
    """The start: the only solution, or the list of them."""
    with asked.site.database.read() as connection:
        names = [one.name for one in known_solutions(connection)]
    done = f"?done={asked.query('done')}" if asked.query("done").isalpha() else ""
    return to(f"/solutions/{names[0]}{done}" if len(names) == 1 else f"/solutions{done}")


def listing(asked: Asked) -> Response:
    """All solutions."""
    counts = _counts(asked, _WEEK)
    with asked.site.database.read() as connection:
        cards = [_card(facts_of(connection, one.name), counts, asked.now) for one in known_solutions(connection)]
    frame = frame_for(asked, "Solutions", here="/solutions")
    return page(
        asked.site.templates, asked.request, "pages/solutions.html", SolutionsView(solutions=tuple(cards)), frame
    )


def overview(asked: Asked) -> Response:
    """One solution."""
    name = asked.part("solution")
    days = _counts(asked, _TREND_DAYS)
    with asked.site.database.read() as connection:
        facts = facts_of(connection, name)
        standing = {
            step.name: get_version(connection, facts.full(step.name), number)
            for step in facts.answering
            if (number := facts.champion(step.name)) is not None
        }
        newest = [one.manifest for one in (*standing.values(), *facts.newest.values())]
        attested = attestations_of(connection, newest)
        charts = newest_charts(connection, name)
        schedules = schedules_of(connection, name)
        changes = [
            change for step in facts.answering for change in history(connection, facts.full(step.name), limit=_STORY)
        ]
        runs = runs_of(connection, name, limit=_STORY, whole=True)
        batches = newest_batches(connection, facts)
        pipeline = pipeline_of(asked, connection, facts)
        cost = cost_of(connection, name)
    order = {step.name: place for place, step in enumerate(facts.declaration.steps)}
    drawn = [chart_of(asked.site.blobs, one) for one in sorted(charts, key=lambda one: order.get(one.name, len(order)))]
    view = SolutionView(
        name=name,
        title=facts.title,
        description=facts.known.description,
        lifted=lifted(facts, facts.origin),
        glances=(*_glances(asked, facts, standing, days), *kept(asked, cost)),
        alerts=(*_alerts(asked.site.blobs, facts, attested), *_sink_alerts(facts, batches)),
        pipeline=pipeline,
        models=tuple(_model_row(facts, step, standing, attested, days, asked.now) for step in facts.answering),
        held_out="On held-out rows",
        charts=tuple(one for one in drawn if one is not None),
        schedules=tuple(
            ScheduleRow(
                name=one.name, expression=one.expression, next_at=instant(one.next_at), last_at=instant(one.last_at)
            )
            for one in schedules
        ),
        findings=tuple(finding_row(one) for one in facts.known.findings),
        story=_story(changes, runs),
        may_run=asked.may(Action.RUN),
        may_ask=asked.may(Action.ASK) and bool(standing),
        may_audit=asked.may(Action.SEE_AUDIT),
    )
    frame = frame_for(asked, facts.title, facts=facts)
    return page(asked.site.templates, asked.request, "pages/solution.html", view, frame)


def pipeline(asked: Asked) -> Response:
    """The drawn pipeline alone, which its page asks for again while a run goes on."""
    with asked.site.database.read() as connection:
        facts = facts_of(connection, asked.part("solution"))
        view = pipeline_of(asked, connection, facts)
    if asked.query("seen") and asked.query("seen") == view.token and view.live:
        return Response(status_code=204)
    frame = frame_for(asked, f"Pipeline of {facts.title}", facts=facts, here=f"/solutions/{facts.name}")
    name = "pages/pipeline.html"
    return page(asked.site.templates, asked.request, "pages/pipeline-page.html", view, frame, fragment=name)


def finding_row(one: Mapping[str, object]) -> FindingRow:
    """A finding as its table shows it."""
    place = one.get("place")
    where = f"{place.get('file')}, line {place.get('line')}" if isinstance(place, Mapping) else ""
    return FindingRow(
        number=str(one.get("number", "")),
        state=states.severity(str(one.get("severity", "note"))),
        place=where,
        what=str(one.get("message", "")),
        repair=str(one.get("repair", "")),
    )


def answers_by_day(days: Sequence[DayCount], models: Sequence[str], now: datetime, span: int) -> list[int]:
    """How many answers these models gave on each of the last `span` days, the oldest first."""
    sums: dict[str, int] = {}
    for one in days:
        if one.model in models:
            sums[one.day] = sums.get(one.day, 0) + one.answers
    return [sums.get((now.date() - timedelta(days=back)).isoformat(), 0) for back in range(span - 1, -1, -1)]


def _counts(asked: Asked, span: int) -> list[DayCount]:
    today: date = asked.now.date()
    return asked.site.predictions.counts(today - timedelta(days=span - 1), today)


def _card(facts: SolutionFacts, counts: Sequence[DayCount], now: datetime) -> SolutionCard:
    names = [facts.full(step.name) for step in facts.answering]
    run = facts.last_run
    return SolutionCard(
        name=facts.name,
        title=facts.title,
        description=facts.known.description,
        state=_standing(facts),
        models=tuple(step.name for step in facts.answering),
        last_run=f"{states.run(run.state.value).word}, {ago(run.ended_at or run.queued_at, now)}"
        if run
        else "none yet",
        answers=count(sum(answers_by_day(counts, names, now, _WEEK))),
    )


def _standing(facts: SolutionFacts) -> State:
    if any(facts.champion(step.name) for step in facts.answering):
        return states.OK.named("Answering")
    if facts.last_run and facts.last_run.state in (RunState.RUNNING, RunState.QUEUED):
        return states.RUNNING.named("In its first run")
    return states.WAITING.named("Not released")


def _glances(
    asked: Asked, facts: SolutionFacts, standing: Mapping[str, Version], days: Sequence[DayCount]
) -> tuple[Glance, ...]:
    names = [facts.full(step.name) for step in facts.answering]
    by_day = answers_by_day(days, names, asked.now, _TREND_DAYS)
    glances = [
        Glance(name="Right now", state=_standing(facts), below=_last_asked(by_day)),
        Glance(name="Answers today", figure=count(by_day[-1]), below=f"7 days: {count(sum(by_day[-_WEEK:]))}"),
    ]
    for step in facts.declaration.of_kind(Kind.MODEL):
        shown = headline(standing.get(step.name))
        if shown.text and len(glances) < 3:
            glances.append(Glance(name=f"{shown.name} of {step.name}", figure=shown.text, below=shown.note))
    run = facts.last_run
    if run is not None:
        took = (
            f", took {duration((run.ended_at - run.started_at).total_seconds())}"
            if run.ended_at and run.started_at
            else ""
        )
        glances.append(
            Glance(
                name=f"Run {run.number}",
                state=states.run(run.state.value),
                below=f"{moment(run.ended_at or run.started_at or run.queued_at, asked.now)}{took}",
            )
        )
    return tuple(glances)


def kept(asked: Asked, cost: Cost | None) -> tuple[Glance, ...]:
    """What a solution keeps stored, and its largest parts; nothing where it was not counted yet."""
    if cost is None:
        return ()
    parts = sorted(((part, size) for part, size in cost.parts.items() if size), key=lambda one: -one[1])
    words = [f"{part} {bytes_in_words(size)}" for part, size in parts[:2]]
    if cost.shared:
        words.append(f"{bytes_in_words(cost.shared)} shared")
    return (
        Glance(
            name="Keeps stored",
            figure=bytes_in_words(cost.total),
            below=", ".join(words),
            href="/storage" if asked.may(Action.MANAGE_STORE) else "",
            picture=small.amounts([cost.parts.get(part, 0) for part in PARTS]),
        ),
    )


def _last_asked(by_day: Sequence[int]) -> str:
    """When somebody asked last, as exactly as the counts by day tell: reading the log itself would take a second."""
    back = next((days for days, number in enumerate(reversed(by_day)) if number), None)
    if back is None:
        return f"nobody has asked in {len(by_day)} days"
    return ("asked today", "last asked yesterday")[back] if back < 2 else f"last asked {back} days ago"


def _alerts(
    blobs: BlobStore, facts: SolutionFacts, attested: Mapping[tuple[str, str], Attestation]
) -> tuple[Alert, ...]:
    alerts = []
    for step in facts.answering:
        newest, champion = facts.newest.get(facts.full(step.name)), facts.champion(step.name)
        if newest is None or newest.number == champion or newest.number < (champion or 0):
            continue
        title, href = f"{step.name} v{newest.number}", f"/models/{facts.full(step.name)}"
        if newest.state == "accepted":
            alerts.append(
                Alert(
                    state=states.RUNNING,
                    title=f"{title} passed its gates and waits for your word",
                    text=_compared(newest, champion),
                    href=f"{href}#decide",
                    action="Look and decide",
                )
            )
        elif newest.state == "refused":
            alerts.append(
                Alert(
                    state=states.WARN,
                    title=f"{title} was refused{f'; v{champion} goes on answering' if champion else ''}",
                    text=_refused(gates_of(blobs, attested.get((newest.manifest, "gates")))),
                    href=f"{href}/versions/{newest.number}",
                    action="See why",
                )
            )
    run = facts.last_run
    if run is not None and run.state in (RunState.FAILED, RunState.INTERRUPTED):
        what = "failed" if run.state is RunState.FAILED else "was broken off"
        alerts.append(
            Alert(
                state=states.FAILED,
                title=f"Run {run.number} {what}",
                text=run.error or "",
                href=f"/runs/{run.id}",
                action="See the run",
            )
        )
    return tuple(alerts)


def _sink_alerts(facts: SolutionFacts, batches: Mapping[str, SinkBatch]) -> tuple[Alert, ...]:
    return tuple(
        Alert(
            state=states.FAILED,
            title=f"Sink {name} could not write",
            text=batch.error or "",
            href=f"/solutions/{facts.name}/sinks",
            action="See its batches",
        )
        for name, batch in batches.items()
        if batch.state is BatchState.FAILED
    )


def _compared(newest: Version, champion: int | None) -> str:
    shown = headline(newest)
    beside = f"; v{champion} answers now" if champion else ""
    return f"{shown.name} {shown.text}, {shown.note}{beside}." if shown.text else ""


def _refused(gates: Sequence[GateVerdict]) -> str:
    """What stood against a version."""
    against = [one for one in gate_results(gates) if one.state.tone != "ok"]
    return " ".join(f"{one.name}: {one.sentence}" for one in against[:2])


def _model_row(
    facts: SolutionFacts,
    step: StepInfo,
    standing: Mapping[str, Version],
    proofs: Mapping[tuple[str, str], Attestation],
    days: Sequence[DayCount],
    now: datetime,
) -> ModelRow:
    full = facts.full(step.name)
    version = standing.get(step.name)
    shown = headline(version)
    released = facts.released.get(full)
    by_day = answers_by_day(days, [full], now, _TREND_DAYS)
    return ModelRow(
        name=step.name,
        full_name=full,
        kind=step.kind.value,
        description=step.title,
        champion=f"v{version.number}" if version else "",
        champion_note=f"since {moment(instant(released.changed_at), now)}" if released else "",
        headline_name=shown.name,
        headline=shown.text,
        headline_note=shown.note or ("combines its models' answers" if step.kind is Kind.ENDPOINT else ""),
        trust=trust(version, proofs.get((version.manifest, "proof")) if version else None),
        answers=count(sum(by_day[-_WEEK:])),
        trend=small.spark([float(one) for one in by_day]) if sum(by_day) else EMPTY,
    )


def _story(changes: Sequence[ReleaseChange], runs: Sequence[Run]) -> tuple[Event, ...]:
    events = [change_event(one) for one in changes]
    for run in runs:
        what = f"started run {run.number}: {states.run(run.state.value).word}"
        events.append(Event(who=run.actor, what=what, at=run.queued_at, note=run.cause))
    return tuple(sorted(events, key=lambda one: one.at, reverse=True)[:_STORY])


def change_event(change: ReleaseChange) -> Event:
    """A line of a champion history in words."""
    name = change.model.partition(".")[2]
    at = datetime.fromisoformat(change.changed_at)
    quoted = f": “{change.reason}”" if change.reason else ""
    what = {
        "release": f"released {name} v{change.to_version}",
        "promote": f"promoted {name} v{change.to_version}",
        "rollback": f"rolled {name} back to v{change.to_version}",
        "retire": f"took {name} v{change.from_version} off",
    }[change.verb]
    return Event(who=change.actor, what=f"{what}{quoted}", at=at)
