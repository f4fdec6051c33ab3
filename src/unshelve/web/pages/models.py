"""A model or endpoint: its versions side by side, its Proof, who answered when, and the decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection
from starlette.responses import Response

from unshelve.errors import Refused, UnshelveError
from unshelve.models.package import Manifest
from unshelve.registry.metrics import RunMetric, metrics_of
from unshelve.registry.releases import ReleaseChange, history, roll_back, set_champion
from unshelve.registry.versions import Attestation, Version, attestations_of, get_version, versions_of
from unshelve.security.permissions import Action
from unshelve.solution.declaration import StepInfo
from unshelve.storage.blobs import BlobStore
from unshelve.web import sayings, states
from unshelve.web.asked import Asked
from unshelve.web.charts import lines
from unshelve.web.charts.figure import Figure
from unshelve.web.evidence import Evaluation, GateVerdict, evaluation_of, gates_of, manifest_of, proof_of
from unshelve.web.frame import Link
from unshelve.web.framing import frame_for
from unshelve.web.going import to
from unshelve.web.pages.comparison import measures
from unshelve.web.pages.notebook import lifted_version
from unshelve.web.pages.pictures import evaluation_pictures
from unshelve.web.pages.proofs import gate_results, gates_title, proof_summary
from unshelve.web.pages.solutions import change_event
from unshelve.web.render import page
from unshelve.web.solution_facts import SolutionFacts, facts_of_model
from unshelve.web.summaries import headline
from unshelve.web.views.model import DecideForm, ModelView, VersionHead
from unshelve.web.views.parts import Alert, ProofSummary
from unshelve.web.wording import plural

_SIDE_BY_SIDE: Final = 4
_LONGEST_REASON: Final = 1_000


def model(asked: Asked) -> Response:
    """A model or endpoint."""
    return _page(asked, "")


def promote(asked: Asked) -> Response:
    """Lets another version answer, with the reason that was given."""
    number = asked.form.get("version", "")

    def change(connection: Connection, full: str, reason: str) -> None:
        if not number.isdigit():
            raise Refused(f"{number[:20]!r} is not the number of a version.", code="not-a-number")
        set_champion(connection, full, int(number), verb="promote", actor=asked.who, reason=reason, now=asked.now)

    return _decided(asked, change, "promoted")


def rollback(asked: Asked) -> Response:
    """Lets the version answer that answered before."""

    def change(connection: Connection, full: str, reason: str) -> None:
        roll_back(connection, full, actor=asked.who, reason=reason, now=asked.now)

    return _decided(asked, change, "rolled-back")


def model_tabs(facts: SolutionFacts, step: StepInfo, here: str) -> tuple[Link, ...]:
    """The parts of a model as tabs."""
    root = f"/models/{facts.full(step.name)}"
    tabs = (
        ("Versions", root),
        ("Schema", f"{root}/schema"),
        ("Answers", f"{root}/predictions"),
        ("Ask", f"{root}/ask"),
        ("API", f"{root}/api"),
    )
    return tuple(Link(text, href, here=href == here) for text, href in tabs)


def reason_of(text: str) -> str:
    """The reason of a decision. Raises Refused without one: a history without reasons helps nobody."""
    reason = " ".join(text.split())
    if not reason:
        raise Refused("A decision needs a reason.", code="reason-needed", hint="Write one sentence.")
    if len(reason) > _LONGEST_REASON:
        raise Refused(f"The reason is longer than {_LONGEST_REASON:,} letters.", code="reason-too-long")
    return reason


def _decided(asked: Asked, change: Callable[[Connection, str, str], None], done: str) -> Response:
    full = asked.part("model")
    try:
        reason = reason_of(asked.form.get("reason", ""))
        with asked.site.database.write() as connection:
            change(connection, full, reason)
    except UnshelveError as error:
        return _page(asked, str(error), status=error.status)
    return to(f"/models/{full}?done={done}")


def _page(asked: Asked, problem: str, *, status: int = 200) -> Response:
    full = asked.part("model")
    with asked.site.database.read() as connection:
        seen = _seen(connection, full)
    view = _view(asked, seen, problem)
    crumbs = (Link(seen.step.name, f"/models/{full}"),)
    frame = frame_for(asked, seen.step.name, facts=seen.facts, crumbs=crumbs, here=f"/models/{full}")
    return page(asked.site.templates, asked.request, "pages/model.html", view, frame, status=status)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What the registry knows of a model at one moment."""

    facts: SolutionFacts
    step: StepInfo
    known: Sequence[Version]
    shown: Sequence[Version]
    attested: Mapping[tuple[str, str], Attestation]
    own: Mapping[str, Sequence[RunMetric]]
    changes: Sequence[ReleaseChange]
    values: Mapping[int, float | None]

    def found_out(
        self, blobs: BlobStore, version: Version | None
    ) -> tuple[ProofSummary | None, tuple[GateVerdict, ...]]:
        """The Proof and the gates of a version."""
        if version is None:
            return None, ()
        proof = self.attested.get((version.manifest, "proof"))
        gates = gates_of(blobs, self.attested.get((version.manifest, "gates")))
        return proof_summary(version.model, version, proof_of(blobs, proof), proof), gates


def _seen(connection: Connection, full: str) -> _Seen:
    facts, step = facts_of_model(connection, full)
    known = versions_of(connection, full, limit=50) if full in facts.newest else []
    changes = history(connection, full)
    shown = _chosen(known, facts.champion(step.name))
    return _Seen(
        facts=facts,
        step=step,
        known=known,
        shown=shown,
        attested=attestations_of(connection, [one.manifest for one in shown]),
        own={one.run_id: metrics_of(connection, one.run_id) for one in shown},
        changes=changes,
        values=_champion_values(connection, full, changes),
    )


def _chosen(known: Sequence[Version], champion: int | None) -> list[Version]:
    """The versions that stand side by side: the newest ones, the champion always among them."""
    shown = list(known[:_SIDE_BY_SIDE])
    if champion is not None and all(one.number != champion for one in shown):
        shown = [*shown[: _SIDE_BY_SIDE - 1], *(one for one in known if one.number == champion)]
    return shown


def _view(asked: Asked, seen: _Seen, problem: str) -> ModelView:
    facts, step, champion = seen.facts, seen.step, seen.facts.champion(seen.step.name)
    blobs, full = asked.site.blobs, facts.full(step.name)
    packages = {one.number: manifest_of(blobs, one) for one in seen.shown}
    evaluations = {number: evaluation_of(blobs, manifest) for number, manifest in packages.items()}
    subject = _subject(seen.shown, champion)
    evaluation = evaluations.get(subject.number) if subject else None
    proof, gates = seen.found_out(blobs, subject)
    return ModelView(
        solution=facts.name,
        name=step.name,
        full_name=full,
        kind=step.kind.value,
        description=step.title,
        lifted=lifted_version(asked, facts, step.name, packages.get(subject.number) if subject else None),
        tabs=model_tabs(facts, step, f"/models/{full}"),
        alerts=_alerts(step, subject, champion),
        subject=subject.number if subject else None,
        proof=proof,
        gates=gate_results(gates),
        gates_title=gates_title(gates),
        versions=tuple(_head(one, champion) for one in seen.shown),
        measures=measures(seen.shown, packages, evaluations, seen.own, seen.attested),
        compared_on="held-out rows · 95 % intervals by bootstrap" if evaluation else "",
        pictures=_pictures(facts, step, subject, evaluation, packages),
        pictures_of=_pictures_of(evaluation),
        history=_history(seen, asked.now),
        decisions=tuple(change_event(one) for one in seen.changes),
        decide=_decide(seen.known, champion, seen.changes) if asked.may(Action.RELEASE) and seen.known else None,
        problem=problem,
        may_ask=asked.may(Action.ASK) and champion is not None,
    )


def _pictures(
    facts: SolutionFacts,
    step: StepInfo,
    subject: Version | None,
    evaluation: Evaluation | None,
    packages: Mapping[int, Manifest],
) -> tuple[Figure, ...]:
    if subject is None or evaluation is None:
        return ()
    return evaluation_pictures(
        evaluation,
        version=subject.number,
        positive=positive_word(facts, step),
        threshold=sayings.threshold_of(packages[subject.number], evaluation),
    )


def positive_word(facts: SolutionFacts, step: StepInfo) -> str:
    """The word for what a model's score speaks of: the name of its target."""
    target = facts.target_of(step.name)
    return sayings.positive_word(target.name) if target else "positive"


def _subject(shown: Sequence[Version], champion: int | None) -> Version | None:
    """The version that the top of the page speaks of: a newer one that waits for a word, else the champion."""
    waiting = [one for one in shown if one.state == "accepted" and one.number > (champion or 0)]
    answering = [one for one in shown if one.number == champion]
    return next(iter((*waiting, *answering, *shown)), None)


def _head(version: Version, champion: int | None) -> VersionHead:
    state = states.OK.named("champion") if version.number == champion else states.version(version.state)
    return VersionHead(
        number=version.number,
        state=state,
        champion=version.number == champion,
        made_at=datetime.fromisoformat(version.made_at),
    )


def _alerts(step: StepInfo, subject: Version | None, champion: int | None) -> tuple[Alert, ...]:
    if subject is None or subject.state != "refused":
        return ()
    text = f"v{champion} goes on answering." if champion else "Nothing answers yet."
    title = f"{step.name} v{subject.number} was refused"
    href = f"/models/{subject.model}/versions/{subject.number}"
    return (Alert(state=states.FAILED, title=title, text=text, href=href, action="See why"),)


def _pictures_of(evaluation: Evaluation | None) -> str:
    number = evaluation.rows.get("test") if evaluation else None
    return f"Drawn on {plural(number, 'held-out row')}" if number else "Drawn on the held-out rows"


def _champion_values(connection: Connection, full: str, changes: Sequence[ReleaseChange]) -> dict[int, float | None]:
    numbers = {one.to_version for one in changes if one.to_version is not None}
    return {number: headline(get_version(connection, full, number)).value for number in sorted(numbers)}


def _history(seen: _Seen, now: datetime) -> Figure | None:
    champions = [
        lines.Champion(
            at=datetime.fromisoformat(one.changed_at), number=one.to_version, value=seen.values[one.to_version]
        )
        for one in reversed(seen.changes)
        if one.to_version is not None
    ]
    if not champions or all(one.value is None for one in champions):
        return None
    present = seen.facts.champion(seen.step.name)
    name = headline(next((one for one in seen.known if one.number == present), None)).name
    back = sum(1 for one in seen.changes if one.verb == "rollback")
    answered = plural(len({one.number for one in champions}), "champion")
    caption = f"{answered}; {plural(back, 'roll back', 'roll backs')}." if back else f"{answered}."
    return lines.history(champions, now, measure_name=name or "The headline measure", caption=caption)


def _decide(known: Sequence[Version], champion: int | None, changes: Sequence[ReleaseChange]) -> DecideForm:
    ready = [one.number for one in known if one.state == "accepted" and one.number != champion]
    earlier = next(
        (one.from_version for one in changes if one.to_version == champion and one.from_version is not None), None
    )
    candidate = ready[0] if ready else None
    stays = f" v{champion} stays ready to take over." if champion else ""
    return DecideForm(
        candidate=candidate,
        candidate_note=f"It answers all requests from then on.{stays}",
        back_to=earlier,
        back_note="Takes less than a second; no running call fails.",
        champion=champion,
        others=tuple(ready[1:]),
    )
