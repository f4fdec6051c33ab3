"""From a finished run to its releases: package, judge, prove, decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from unshelve.errors import NotFound, SolutionInvalid
from unshelve.ids import canonical_json
from unshelve.models.package import File, Manifest, manifest_from
from unshelve.pipeline.outcome import RunOutcome
from unshelve.pipeline.step import Kind
from unshelve.registry.releases import champion_of, set_champion
from unshelve.registry.runs import StepState
from unshelve.registry.solutions import get_solution
from unshelve.registry.versions import (
    Attestation,
    Version,
    add_version,
    attest,
    set_state,
    set_summary,
    versions_of,
)
from unshelve.security.actors import PROVER
from unshelve.security.keys import create_prover_key, revoke_key
from unshelve.serving.asker import VersionAsker
from unshelve.serving.proof import Proof, held_out_from, prove
from unshelve.solution.control import Cause, Control, Progress
from unshelve.solution.declaration import Declaration
from unshelve.solution.files import code_files
from unshelve.solution.purpose import Purpose
from unshelve.solution.request_path import references
from unshelve.solution.served_gates import judge_served
from unshelve.solution.training import ModelTasks, Training
from unshelve.solution.versioning import (
    Candidate,
    endpoint_arguments,
    endpoint_candidate,
    model_candidate,
    output,
    read_json,
)

PROVER_KEY_LASTS = timedelta(hours=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What became of one version that a run made."""

    model: str
    number: int
    new: bool
    state: str
    released: bool
    message: str
    proof: str | None = None
    verdicts: tuple[Mapping[str, Any], ...] = ()


def decide(
    control: Control,
    declaration: Declaration,
    plan: Training,
    outcome: RunOutcome,
    cause: Cause,
    progress: Progress,
    *,
    purpose: Purpose = Purpose.RELEASE,
) -> tuple[Decision, ...]:
    """Package what a run made, judge and prove it, and release what passed. Models first, then endpoints."""
    made = [
        tasks
        for tasks in plan.models
        if tasks.estimator.partition(".")[0] in outcome.steps and _complete(tasks, outcome)
    ]
    if not made or _stopped_by_expectation(declaration, outcome):
        return ()
    code = pack_code(control, declaration)
    decisions: list[Decision] = []
    standing: dict[str, tuple[int, Manifest]] = {}
    with ExitStack() as stack:
        # Started for the first version that is to be proved: a run that made nothing new needs none.
        address = cache(lambda: stack.enter_context(control.answering()))
        prover = _Prover(control, address, progress, purpose)
        for tasks in made:
            candidate = model_candidate(declaration, plan, tasks, outcome, control.blobs, code)
            verdicts = read_json(output(outcome, tasks.gates), control.blobs)["verdicts"]
            decision, manifest = _decide_one(control, outcome.run_id, candidate, verdicts, cause, prover)
            decisions.append(decision)
            if decision.state == "accepted":
                standing[tasks.model] = (decision.number, manifest)
        for step in declaration.of_kind(Kind.ENDPOINT):
            models = [each.step for each in references(declaration, step).values()]
            if any(model not in standing for model in models):
                continue
            task = plan.endpoints.get(step.name)
            if task is not None and not outcome.steps[task].outputs:
                continue  # it failed on held-out rows
            candidate = endpoint_candidate(
                declaration,
                step,
                None if task is None else outcome.artifact(task),
                {model: standing[model] for model in models},
                control.blobs,
                code,
                arguments=endpoint_arguments(plan, step),
            )
            decision, _ = _decide_one(control, outcome.run_id, candidate, [], cause, prover)
            decisions.append(decision)
    return tuple(decisions)


def _stopped_by_expectation(declaration: Declaration, outcome: RunOutcome) -> bool:
    """Whether something that must hold of the data does not: then nothing that was made of it is released."""
    return any(
        step.severity != "warn" and step.name in outcome.steps and outcome.steps[step.name].state is StepState.FAILED
        for step in declaration.of_kind(Kind.EXPECT)
    )


def _complete(tasks: ModelTasks, outcome: RunOutcome) -> bool:
    names = (tasks.schema, tasks.rowwise, tasks.evaluation, tasks.heldout, tasks.trained_rows, tasks.gates)
    return all(name in outcome.steps and outcome.steps[name].outputs for name in names)


def pack_code(control: Control, declaration: Declaration) -> dict[str, File]:
    """Store the solution's Python files; SolutionInvalid when they are not those that the run read."""
    with control.database.read() as connection:
        folder = Path(get_solution(connection, declaration.name).folder)
    files, digest = code_files(folder)
    if digest != declaration.code:
        raise SolutionInvalid(
            "The solution's files were changed while it ran.",
            code="changed-during-run",
            hint="Run again: what has not changed is not run twice.",
        )
    return {
        f"code/{path}": File(digest=control.blobs.put(data), size=len(data), kind="bytes")
        for path, data in files.items()
    }


def _decide_one(
    control: Control,
    run_id: str,
    candidate: Candidate,
    verdicts: list[Mapping[str, Any]],
    cause: Cause,
    prover: _Prover,
) -> tuple[Decision, Manifest]:
    version, manifest, new = _register(control, run_id, candidate)
    if not new and version.state == "accepted":
        return _known(control, version), manifest
    failed = [each for each in verdicts if each["outcome"] != "passed"]
    if failed:
        _attest(control, version, "gates", {"verdicts": verdicts}, _worst(failed))
        _state(control, version, "refused")
        message = "; ".join(f"{each['name']}: {each['message']}" for each in failed)
        return _decision(version, new, "refused", False, message, None, verdicts), manifest
    proof = prover.prove(version, manifest)
    verdicts = [*verdicts, *judge_served(_gates_of(control, version), proof)]
    failed = [each for each in verdicts if each["outcome"] != "passed"]
    _attest(control, version, "gates", {"verdicts": verdicts}, _worst(failed) if failed else "passed")
    if proof.outcome == "not-proven" or failed:
        _state(control, version, "refused")
        message = "; ".join(f"{each['name']}: {each['message']}" for each in failed)
        return _decision(version, new, "refused", False, message, proof.outcome, verdicts), manifest
    _state(control, version, "accepted")
    now = control.clock.now()
    with control.database.write() as connection:
        set_champion(
            connection, version.model, version.number, verb="release", actor=cause.actor, reason=cause.sentence, now=now
        )
    return _decision(version, new, "accepted", True, "released", proof.outcome, verdicts), manifest


def _register(control: Control, run_id: str, candidate: Candidate) -> tuple[Version, Manifest, bool]:
    """Sign the manifest and add the version; the newest version of equal identity is taken instead of a new one."""
    model = candidate.manifest.model
    with control.database.read() as connection:
        try:
            newest = versions_of(connection, model, limit=20)
        except NotFound:
            newest = []
    for known in newest:
        if known.summary.get("identity") == candidate.identity and known.state in ("accepted", "refused"):
            return known, manifest_from(control.blobs.get(known.manifest)), False
    data = candidate.manifest.to_bytes()
    digest = control.blobs.put(data)
    with control.database.write() as connection:
        version, new = add_version(
            connection,
            model=model,
            kind=candidate.manifest.kind,
            manifest=digest,
            signature=control.signer.sign(data),
            run_id=run_id,
            summary=candidate.summary,
            now=control.clock.now().isoformat(),
        )
    return version, candidate.manifest, new


def _known(control: Control, version: Version) -> Decision:
    with control.database.read() as connection:
        answers = champion_of(connection, version.model) == version.number
    said = (
        "is what answers already"
        if answers
        else f"was accepted before; `unshelve promote {version.model} {version.number}` lets it answer again"
    )
    return _decision(version, False, version.state, answers, f"equal to v{version.number}, which {said}", None, [])


@dataclass(frozen=True, slots=True)
class _Prover:
    """Proves the versions of a run."""

    control: Control
    address: Callable[[], str]
    progress: Progress
    purpose: Purpose

    def prove(self, version: Version, manifest: Manifest) -> Proof:
        rows = self.purpose.proof_rows
        return prove_version(self.control, version, manifest, self.address(), self.progress, rows=rows)


def prove_version(
    control: Control,
    version: Version,
    manifest: Manifest,
    address: str,
    progress: Progress,
    *,
    rows: int | None = None,
) -> Proof:
    """Ask a version about its held-out rows, or the first of them, through HTTP, and attest what came of it."""
    now = control.clock.now()
    with control.database.write() as connection:
        key = create_prover_key(connection, actor=PROVER, now=now, expires=now + PROVER_KEY_LASTS)
    try:
        held = (
            held_out_from(control.blobs.get(manifest.files["heldout"].digest)) if "heldout" in manifest.files else None
        )
        if held is not None and rows is not None:
            held = replace(held, rows=held.rows[:rows])
        with VersionAsker(address, key.text, version.model, version.number) as ask:
            proof = prove(
                ask,
                held or held_out_from(b'{"tried":0,"refused":0}'),
                model=version.model,
                version=version.number,
                manifest=version.manifest,
                not_covered=manifest.not_covered,
                now=now.isoformat(),
                progress=lambda done, of: progress(f"Proof of {version.model} v{version.number}", done, of),
            )
    finally:
        with control.database.write() as connection:
            revoke_key(connection, key.id, actor=PROVER, now=control.clock.now())
    _attest(control, version, "proof", msgspec.to_builtins(proof), proof.outcome)
    return proof


def _attest(control: Control, version: Version, kind: str, value: Mapping[str, Any], outcome: str) -> None:
    data = canonical_json({"manifest": version.manifest, "kind": kind, **value})
    attested = Attestation(
        manifest=version.manifest,
        kind="proof" if kind == "proof" else "gates",
        blob=control.blobs.put(data),
        signature=control.signer.sign(data),
        outcome=outcome,
        made_at=control.clock.now().isoformat(),
    )
    with control.database.write() as connection:
        attest(connection, attested)
        if kind == "proof":
            set_summary(connection, version.model, version.number, {**version.summary, "proof": outcome})


def _state(control: Control, version: Version, state: str) -> None:
    with control.database.write() as connection:
        set_state(connection, version.model, version.number, "accepted" if state == "accepted" else "refused")


def _gates_of(control: Control, version: Version) -> tuple[Mapping[str, object], ...]:
    with control.database.read() as connection:
        known = get_solution(connection, version.solution)
    declaration = Declaration.from_json(known.declaration)
    return declaration.step(version.name).gates


def _worst(failed: list[Mapping[str, Any]]) -> str:
    return "failed" if any(each["outcome"] == "failed" for each in failed) else "undecided"


def _decision(
    version: Version,
    new: bool,
    state: str,
    released: bool,
    message: str,
    proof: str | None,
    verdicts: list[Mapping[str, Any]],
) -> Decision:
    return Decision(
        model=version.model,
        number=version.number,
        new=new,
        state=state,
        released=released,
        message=message,
        proof=proof or version.summary.get("proof"),
        verdicts=tuple(verdicts),
    )
