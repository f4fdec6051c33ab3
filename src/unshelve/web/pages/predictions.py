"""Answers that were given: the newest, and the receipt of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection
from starlette.responses import Response

from unshelve.errors import NotFound, UnshelveError
from unshelve.pipeline.step import Kind
from unshelve.predictions.record import Record
from unshelve.registry.versions import attestations_of, get_version
from unshelve.security.keys import keys
from unshelve.security.permissions import Action
from unshelve.security.users import users
from unshelve.solution.declaration import StepInfo
from unshelve.web import states
from unshelve.web.asked import Asked
from unshelve.web.charts import bars
from unshelve.web.charts.figure import Figure
from unshelve.web.evidence import evaluation_of, manifest_of, schema_of
from unshelve.web.frame import Link
from unshelve.web.framing import frame_for
from unshelve.web.pages.asking import Released, answer_card, looked_up_of
from unshelve.web.pages.models import model_tabs
from unshelve.web.pages.solutions import answers_by_day
from unshelve.web.render import page
from unshelve.web.sayings import Voice, short, voice_of
from unshelve.web.solution_facts import SolutionFacts, facts_of, facts_of_model
from unshelve.web.states import State
from unshelve.web.views.parts import Pages
from unshelve.web.views.predictions import PredictionRow, PredictionsView, ReceiptField, ReceiptView
from unshelve.web.wording import count, day, duration, exact, moment

_A_PAGE: Final = 50
_DAYS: Final = 14


def of_solution(asked: Asked) -> Response:
    """The newest answers of a solution's models and endpoints."""
    with asked.site.database.read() as connection:
        facts = facts_of(connection, asked.part("solution"))
    root = f"/solutions/{facts.name}/predictions"
    wanted = _Wanted(steps=facts.answering, root=root, heading="Answers", crumbs=(Link("Answers", root),), here=root)
    return _listing(asked, facts, wanted)


def of_model(asked: Asked) -> Response:
    """The newest answers of one model or endpoint."""
    with asked.site.database.read() as connection:
        facts, step = facts_of_model(connection, asked.part("model"))
    model = f"/models/{facts.full(step.name)}"
    root = f"{model}/predictions"
    wanted = _Wanted(
        steps=(step,),
        root=root,
        heading=f"Answers of {step.name}",
        crumbs=(Link(step.name, model), Link("Answers", "")),
        here=model,
        tabs=model_tabs(facts, step, root),
    )
    return _listing(asked, facts, wanted)


def receipt(asked: Asked) -> Response:
    """One answer."""
    return _receipt(asked, "", None)


def again(asked: Asked) -> Response:
    """Asks the same version about the same row again, and says whether it answers the same."""
    record = asked.site.predictions.find(asked.part("prediction"))
    row: dict[str, Any] = msgspec.json.decode(record.row)
    copies = {name: str(one["copy"]) for name, one in _lookups_of(record).items()}
    try:
        answers = asked.site.ask(
            record.model, [row], actor=asked.who, route="version", version=record.version, copies=copies or None
        )
    except UnshelveError as error:
        return _receipt(asked, f"It could not be asked again: {error}", states.WARN)
    before, now = _plain(msgspec.json.decode(record.answer)), _plain(answers[0])
    if before == now:
        return _receipt(asked, "Asked again just now: the same answer, bit for bit", states.OK)
    return _receipt(asked, f"Asked again just now, it says something else: {exact(now)}", states.FAILED)


def names_of_actors(connection: Connection) -> dict[str, str]:
    """The names of people and keys by their ids."""
    found = {user.id: user.name for user in users(connection)}
    return found | {key.id: f"key {key.name}" for key in keys(connection)}


def who_asked(record: Record, actors: Mapping[str, str]) -> str:
    """The name of whoever asked. The Proof's keys are forgotten after it, so what it asked has no name any more."""
    return actors.get(record.actor) or ("the Proof" if record.route == "version" else record.actor)


def _lookups_of(record: Record) -> dict[str, dict[str, Any]]:
    """The copies of lookups that were asked, with their age then."""
    found: dict[str, dict[str, Any]] = msgspec.json.decode(record.lookups) if record.lookups else {}
    return found


def _copies_in_words(record: Record) -> tuple[tuple[str, str], ...]:
    found = []
    for name, one in _lookups_of(record).items():
        age = one.get("age_seconds")
        said = f", {duration(age)} old" if age is not None else ""
        found.append((f"Lookup {name}", f"copy sha256 {one['copy'][:12]}{said}"))
    return tuple(found)


def _plain(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in ("id", "warnings")}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """Whose answers a list shows, and how its page is called."""

    steps: tuple[StepInfo, ...]
    root: str
    heading: str
    crumbs: tuple[Link, ...]
    here: str
    tabs: tuple[Link, ...] = ()


def _listing(asked: Asked, facts: SolutionFacts, wanted: _Wanted) -> Response:
    before = asked.query("before") or None
    names = [facts.full(step.name) for step in wanted.steps]
    newest = [one for name in names for one in asked.site.predictions.recent(name, limit=_A_PAGE + 1, before=before)]
    found = sorted(newest, key=lambda one: one.id, reverse=True)
    shown = found[:_A_PAGE]
    voices = _voices(asked, facts, shown)
    with asked.site.database.read() as connection:
        actors = names_of_actors(connection)
    view = PredictionsView(
        solution=facts.name,
        heading=wanted.heading,
        rows=tuple(_row(one, voices[one.model, one.version], actors) for one in shown),
        pages=Pages(
            newer=wanted.root if before else "",
            older=f"{wanted.root}?before={shown[-1].id}" if len(found) > _A_PAGE else "",
        ),
        tabs=wanted.tabs,
        models=(),
        a_day=_a_day(asked, names) if shown and before is None else None,
        may_ask=asked.may(Action.ASK),
    )
    frame = frame_for(asked, wanted.heading, facts=facts, crumbs=wanted.crumbs, here=wanted.here)
    return page(asked.site.templates, asked.request, "pages/predictions.html", view, frame)


def _row(record: Record, voice: Voice, actors: Mapping[str, str]) -> PredictionRow:
    return PredictionRow(
        id=record.id,
        at=datetime.fromtimestamp(record.time / 1000, UTC),
        model=record.model,
        version=record.version,
        said=short(msgspec.json.decode(record.answer), voice),
        by=who_asked(record, actors),
        route=_ROUTES.get(record.route, record.route),
        took=duration(record.seconds),
    )


def _voices(asked: Asked, facts: SolutionFacts, records: Sequence[Record]) -> dict[tuple[str, int], Voice]:
    found: dict[tuple[str, int], Voice] = {}
    for model, version in {(one.model, one.version) for one in records}:
        known = _released(asked, facts, model, version)
        found[model, version] = known.voice if known else Voice(name=model)
    return found


def _released(asked: Asked, facts: SolutionFacts, model: str, number: int) -> Released | None:
    """The version that gave an answer, whoever is champion now; None when it is gone."""
    name = model.partition(".")[2]
    if not facts.declaration.has(name):
        return None
    with asked.site.database.read() as connection:
        try:
            version = get_version(connection, model, number)
        except NotFound:
            return None
        proof = attestations_of(connection, [version.manifest]).get((version.manifest, "proof"))
    manifest = manifest_of(asked.site.blobs, version)
    evaluation = evaluation_of(asked.site.blobs, manifest)
    target = facts.target_of(name)
    return Released(
        version=version,
        manifest=manifest,
        schema=schema_of(asked.site.blobs, manifest),
        lookups=(),
        evaluation=evaluation,
        trust=states.proof(proof.outcome if proof else None),
        voice=voice_of(name, target.name if target else None, manifest, evaluation),
    )


def _a_day(asked: Asked, names: Sequence[str]) -> Figure:
    today = asked.now.date()
    counts = asked.site.predictions.counts(today - timedelta(days=_DAYS - 1), today)
    by_day = answers_by_day(counts, names, asked.now, _DAYS)
    drawn = [
        bars.Bar(name=day(asked.now - timedelta(days=back)), value=float(number))
        for back, number in zip(range(_DAYS - 1, -1, -1), by_day, strict=True)
    ]
    caption = f"{count(sum(by_day))} in {_DAYS} days."
    return bars.columns(drawn, title="Answers a day", description=f"Last {_DAYS} days, UTC", caption=caption)


def _receipt(asked: Asked, said: str, look: State | None) -> Response:
    record = asked.site.predictions.find(asked.part("prediction"))
    with asked.site.database.read() as connection:
        facts, step = facts_of_model(connection, record.model)
        actors = names_of_actors(connection)
    known = _released(asked, facts, record.model, record.version)
    if known is None:
        raise NotFound(f"{record.model} v{record.version} is not there any more.", code="model-version-not-found")
    at = datetime.fromtimestamp(record.time / 1000, UTC)
    by = who_asked(record, actors)
    answer: dict[str, Any] = msgspec.json.decode(record.answer)
    row: dict[str, Any] = msgspec.json.decode(record.row)
    copies = {name: str(one["copy"]) for name, one in _lookups_of(record).items()}
    looked_up = looked_up_of(asked, facts, record.model, row, version=record.version, copies=copies) if copies else ()
    card = replace(
        answer_card(step, known, answer, duration(record.seconds)), at=at, by=by, receipt="", looked_up=looked_up
    )
    units = {field.name: field.unit or "" for field in known.schema.fields}
    view = ReceiptView(
        id=record.id,
        solution=facts.name,
        model=record.model,
        name=step.name,
        version=record.version,
        answer=card,
        row=tuple(ReceiptField(name=name, value=exact(value), unit=units.get(name, "")) for name, value in row.items()),
        facts=(
            ("Id", record.id),
            ("Asked", f"{moment(at, asked.now)}, {at:%Y-%m-%d %H:%M:%S} UTC"),
            ("By", ", ".join(filter(None, (by, _ROUTES.get(record.route, record.route))))),
            ("Took", duration(record.seconds)),
            ("Version", f"{step.name} v{record.version}, {known.version.state}"),
            (
                "Kind",
                "endpoint" if step.kind is Kind.ENDPOINT else known.evaluation.task if known.evaluation else "model",
            ),
            ("Package", f"sha256 {known.version.manifest}"),
            *_copies_in_words(record),
            ("Answer as sent", record.answer.decode("utf-8", "replace")),
        ),
        trust=known.trust,
        again=said,
        again_state=look,
        may_ask=asked.may(Action.TRY_VERSION),
    )
    root = f"/solutions/{facts.name}/predictions"
    crumbs = (Link("Answers", root), Link(record.id[-8:], ""))
    frame = frame_for(asked, f"Receipt {record.id[-8:]}", facts=facts, crumbs=crumbs, here=root)
    return page(asked.site.templates, asked.request, "pages/receipt.html", view, frame)


_ROUTES: Final = {
    "model": "from a program",
    "version": "of a named version",
    "form": "by the form",
    "file": "in a file",
    "sink": "for a sink",
}
