"""What exists and what happened, for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from starlette.responses import Response

from unshelve.predictions.record import Record
from unshelve.registry.metrics import metrics_of
from unshelve.registry.releases import history
from unshelve.registry.runs import Run, RunStep, get_run, graph_of, runs_of, steps_of
from unshelve.registry.solutions import solutions
from unshelve.registry.versions import (
    Attestation,
    Version,
    attestations_of,
    get_version,
    versions_of,
    versions_of_run,
)
from unshelve.security import audit, users
from unshelve.security.users import User
from unshelve.solution.declaration import StepInfo
from unshelve.solution.request_path import references
from unshelve.web.api.shapes import (
    AuditShape,
    FindingShape,
    KeyShape,
    MetricShape,
    ModelDetails,
    ModelShape,
    PredictionShape,
    ReleaseShape,
    RunDetails,
    RunShape,
    SolutionDetails,
    SolutionShape,
    StepShape,
    Struct,
    TaskShape,
    UserShape,
    VersionDetails,
    VersionShape,
)
from unshelve.web.asked import Asked
from unshelve.web.evidence import manifest_of, schema_of
from unshelve.web.pages.people import visible_keys
from unshelve.web.solution_facts import SolutionFacts, facts_of, facts_of_model

_LIMIT: Final = 100
_MOST: Final = 1_000


def answered(shape: Struct | Mapping[str, Sequence[Struct]], status: int = 200) -> Response:
    """A shape as JSON."""
    return Response(msgspec.json.encode(shape), status, media_type="application/json")


def solution_list(asked: Asked) -> Response:
    """All solutions."""
    with asked.site.database.read() as connection:
        found = [facts_of(connection, one.name) for one in solutions(connection)]
    return answered({"solutions": [_solution(one) for one in found]})


def solution(asked: Asked) -> Response:
    """One solution with its steps and findings."""
    with asked.site.database.read() as connection:
        facts = facts_of(connection, asked.part("solution"))
    short = _solution(facts)
    steps = [
        StepShape(
            name=step.name,
            kind=step.kind.value,
            title=step.title,
            inputs=[named.step for named in references(facts.declaration, step).values()],
        )
        for step in facts.declaration.steps
    ]
    findings = [_finding(one) for one in facts.known.findings]
    return answered(SolutionDetails(**msgspec.structs.asdict(short), steps=steps, findings=findings))


def run_list(asked: Asked) -> Response:
    """The runs of a solution, newest first; `before` is a run's number, `limit` at most 1,000."""
    with asked.site.database.read() as connection:
        facts = facts_of(connection, asked.part("solution"))
        found = runs_of(connection, facts.name, limit=_limit(asked), before=asked.query_number("before"))
    return answered({"runs": [_run(one) for one in found]})


def run(asked: Asked) -> Response:
    """One run with its tasks, measures and versions."""
    with asked.site.database.read() as connection:
        found = get_run(connection, asked.part("run"))
        tasks = graph_of(connection, found.id)
        ended = {step.task: step for step in steps_of(connection, found.id)}
        metrics = metrics_of(connection, found.id)
        made = versions_of_run(connection, found.id)
    going_on = asked.site.live.going_on(found.id)
    details = RunDetails(
        **msgspec.structs.asdict(_run(found)),
        tasks=[_task(task, ended.get(str(task["name"])), str(task["name"]) in going_on) for task in tasks],
        metrics=[
            MetricShape(
                model=one.model, name=one.name, value=one.value, low=one.low, high=one.high, rows=one.rows,
                unit=one.unit, own=one.own,
            )
            for one in metrics
        ],
        versions=[f"{one.model}/versions/{one.number}" for one in made],
    )  # fmt: skip
    return answered(details)


def model_list(asked: Asked) -> Response:
    """Everything that can be asked."""
    with asked.site.database.read() as connection:
        found = [facts_of(connection, one.name) for one in solutions(connection)]
    return answered({"models": [_model(facts, step) for facts in found for step in facts.answering]})


def model(asked: Asked) -> Response:
    """One model or endpoint with its versions and its champion history."""
    full = asked.part("model")
    with asked.site.database.read() as connection:
        facts, step = facts_of_model(connection, full)
        known = versions_of(connection, full) if full in facts.newest else []
        attested = attestations_of(connection, [one.manifest for one in known])
        changes = history(connection, full)
    details = ModelDetails(
        **msgspec.structs.asdict(_model(facts, step)),
        versions=[_version(one, attested) for one in known],
        history=[
            ReleaseShape(
                verb=one.verb,
                from_version=one.from_version,
                to_version=one.to_version,
                actor=one.actor,
                reason=one.reason,
                changed_at=datetime.fromisoformat(one.changed_at),
            )
            for one in changes
        ],
    )
    return answered(details)


def version(asked: Asked) -> Response:
    """One version with its evaluation, gates, Proof, Schema and files."""
    full, number = asked.part("model"), asked.number("number")
    with asked.site.database.read() as connection:
        facts, step = facts_of_model(connection, full)
        found = get_version(connection, full, number)
        attested = attestations_of(connection, [found.manifest])
    blobs = asked.site.blobs
    manifest = manifest_of(blobs, found)
    evaluation = manifest.files.get("evaluation.json")
    gates, proof = attested.get((found.manifest, "gates")), attested.get((found.manifest, "proof"))
    details = VersionDetails(
        **msgspec.structs.asdict(_version(found, attested)),
        champion=facts.champion(step.name) == number,
        evaluation=msgspec.json.decode(blobs.get(evaluation.digest)) if evaluation else None,
        gate_verdicts=msgspec.json.decode(blobs.get(gates.blob)).get("verdicts", []) if gates else [],
        proof_document=msgspec.json.decode(blobs.get(proof.blob)) if proof else None,
        request_schema=schema_of(blobs, manifest).to_json(),
        files={path: file.digest for path, file in manifest.files.items()},
    )
    return answered(details)


def prediction_list(asked: Asked) -> Response:
    """The newest answers; `model` chooses one model, `before` is an answer's id, `limit` at most 1,000."""
    found = asked.site.predictions.recent(
        asked.query("model") or None, limit=_limit(asked), before=asked.query("before") or None
    )
    return answered({"predictions": [_prediction(one) for one in found]})


def prediction(asked: Asked) -> Response:
    """One answer."""
    return answered(_prediction(asked.site.predictions.find(asked.part("prediction"))))


def key_list(asked: Asked) -> Response:
    """API keys: one's own, or everybody's for an owner."""
    shapes = [
        KeyShape(
            id=one.id, name=one.name, role=one.role.value, created=one.created, expires=one.expires,
            last_used=one.last_used, revoked=one.revoked,
        )
        for one in visible_keys(asked)
    ]  # fmt: skip
    return answered({"keys": shapes})


def user_list(asked: Asked) -> Response:
    """The people who may sign in."""
    with asked.site.database.read() as connection:
        found = users.users(connection)
    return answered({"users": [user_shape(one) for one in found]})


def user_shape(one: User) -> UserShape:
    """A person as the API shows one."""
    return UserShape(
        id=one.id,
        name=one.name,
        role=one.role.value,
        disabled=one.disabled,
        created=one.created,
        last_sign_in=one.last_sign_in,
    )


def audit_list(asked: Asked) -> Response:
    """The audit chain, newest first; `before` is an entry's number, `subject` chooses one, `limit` at most 1,000."""
    with asked.site.database.read() as connection:
        found = audit.entries(
            connection,
            before=asked.query_number("before"),
            subject=asked.query("subject") or None,
            limit=_limit(asked),
        )
    shapes = [
        AuditShape(
            number=one.number, at=one.at, actor=one.actor_name, kind=one.actor_kind, action=one.action,
            subject=one.subject, details=dict(one.details), digest=one.digest,
        )
        for one in found
    ]  # fmt: skip
    return answered({"entries": shapes})


def _limit(asked: Asked) -> int:
    wanted = asked.query_number("limit")
    return _LIMIT if wanted is None else min(max(wanted, 1), _MOST)


def _solution(facts: SolutionFacts) -> SolutionShape:
    return SolutionShape(
        name=facts.name,
        title=facts.title,
        description=facts.known.description,
        models=[facts.full(step.name) for step in facts.answering],
        last_run=facts.last_run.id if facts.last_run else None,
    )


def _finding(one: Mapping[str, Any]) -> FindingShape:  # JSON of a finding
    place = one.get("place") or {}
    return FindingShape(
        number=str(one.get("number", "")),
        severity=str(one.get("severity", "")),
        message=str(one.get("message", "")),
        repair=str(one.get("repair", "")),
        file=str(place.get("file", "")),
        line=int(place.get("line", 0)),
    )


def _run(found: Run) -> RunShape:
    return RunShape(
        id=found.id,
        solution=found.solution,
        number=found.number,
        state=found.state.value,
        cause=found.cause,
        actor=found.actor,
        queued_at=found.queued_at,
        started_at=found.started_at,
        ended_at=found.ended_at,
        error=found.error,
    )


def _task(task: Mapping[str, Any], step: RunStep | None, running: bool) -> TaskShape:  # a task of the stored graph
    error = step.error.get("message") if step and step.error else None
    return TaskShape(
        name=str(task["name"]),
        title=str(task.get("title") or task["name"]),
        kind=str(task["kind"]),
        step=str(task.get("group") or ""),
        state=step.state.value if step else "running" if running else "waiting",
        reason=step.reason if step else "",
        started_at=step.started_at if step else None,
        seconds=step.seconds if step else None,
        peak_bytes=step.peak_bytes if step else None,
        attempts=step.attempts if step else 0,
        error=str(error) if error is not None else None,
    )


def _model(facts: SolutionFacts, step: StepInfo) -> ModelShape:
    full = facts.full(step.name)
    newest = facts.newest.get(full)
    return ModelShape(
        name=full,
        kind=step.kind.value,
        description=step.title,
        champion=facts.champion(step.name),
        newest=newest.number if newest else None,
        predict=f"/api/models/{full}/predict",
    )


def _version(found: Version, attested: Mapping[tuple[str, str], Attestation]) -> VersionShape:
    proof, gates = attested.get((found.manifest, "proof")), attested.get((found.manifest, "gates"))
    return VersionShape(
        model=found.model,
        number=found.number,
        kind=found.kind,
        state=found.state,
        made_at=datetime.fromisoformat(found.made_at),
        run_id=found.run_id,
        manifest=found.manifest,
        proof=proof.outcome if proof else None,
        gates=gates.outcome if gates else None,
    )


def _prediction(one: Record) -> PredictionShape:
    return PredictionShape(
        id=one.id,
        at=datetime.fromtimestamp(one.time / 1000, UTC),
        model=one.model,
        version=one.version,
        actor=one.actor,
        route=one.route,
        seconds=one.seconds,
        row=msgspec.json.decode(one.row),
        answer=msgspec.json.decode(one.answer),
    )
