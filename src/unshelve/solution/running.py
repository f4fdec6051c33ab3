"""The life of a run: read, check, train, package, gate, prove, release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from unshelve.errors import Conflict, NotFound, SolutionInvalid, UnshelveError
from unshelve.ids import canonical_json
from unshelve.models.package import File, Manifest, manifest_from
from unshelve.pipeline.outcome import Listener, RunOutcome, RunRequest
from unshelve.pipeline.processes import ProcessExecutor
from unshelve.pipeline.run import execute
from unshelve.pipeline.step import Kind
from unshelve.registry.charts import put_charts
from unshelve.registry.metrics import RunMetric, record_metrics
from unshelve.registry.releases import champion_of, set_champion
from unshelve.registry.runs import Run, RunState, StepState, end, get_run, queue, resume_point
from unshelve.registry.solutions import get_solution, put_solution
from unshelve.registry.versions import (
    Attestation,
    Version,
    add_version,
    attest,
    get_version,
    set_state,
    set_summary,
    versions_of,
)
from unshelve.security.actors import PROVER
from unshelve.security.audit import append
from unshelve.security.keys import create_prover_key, revoke_key
from unshelve.serving.asker import VersionAsker
from unshelve.serving.proof import Proof, held_out_from, prove
from unshelve.solution.check import check
from unshelve.solution.control import Cause, Control, Progress
from unshelve.solution.declaration import Declaration
from unshelve.solution.declaring import declaration_of
from unshelve.solution.files import code_files
from unshelve.solution.findings import Finding, refuse
from unshelve.solution.request_path import references
from unshelve.solution.served_gates import judge_served
from unshelve.solution.training import ModelTasks, Training, training
from unshelve.solution.versioning import (
    Candidate,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What became of a run as a whole."""

    run: Run
    findings: tuple[Finding, ...]
    decisions: tuple[Decision, ...] = ()
    steps: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0


def read_solution(control: Control, folder: Path) -> tuple[Declaration, tuple[Finding, ...]]:
    """Read a solution folder, keep what it declares, and say what was found in it."""
    declaration = declaration_of(folder)
    findings = check(declaration)
    with control.database.read() as connection:
        try:
            known = get_solution(connection, declaration.name)
        except NotFound:
            known = None
    if known is not None and Path(known.folder) != folder and Path(known.folder).is_dir():
        raise Conflict(
            f"This home knows a solution {declaration.name} already, in {known.folder}.",
            code="solution-name-taken",
            hint="Rename one of the folders, or give this one a home of its own with --home.",
        )
    with control.database.write() as connection:
        put_solution(
            connection,
            name=declaration.name,
            title=declaration.title,
            description=declaration.description,
            folder=str(folder),
            declaration=declaration.to_json().decode(),
            findings=[each.to_json() for each in findings],
            now=control.clock.now().isoformat(),
        )
    return declaration, findings


def queue_run(
    control: Control, solution: str, cause: Cause, arguments: Mapping[str, Mapping[str, object]] | None = None
) -> Run:
    """A new run, written down with its audit entry, that `run_solution` will carry out."""
    now = control.clock.now()
    with control.database.write() as connection:
        queued = queue(
            connection,
            solution=solution,
            cause=cause.sentence,
            actor=cause.actor.name,
            parameters=dict(arguments or {}),
            now=now,
        )
        append(connection, cause.actor, "run", f"{solution}#{queued.number}", {"cause": cause.sentence}, now=now)
    return queued


def run_solution(
    control: Control,
    folder: Path,
    cause: Cause,
    *,
    queued: Run | None = None,
    arguments: Mapping[str, Mapping[str, object]] | None = None,
    only: str | None = None,
    listener: Listener = lambda _event: None,
    progress: Progress = lambda _what, _done, _of: None,
) -> RunResult:
    """Carry out a run from the folder to the release. Runs of one home take turns.

    Raises SolutionInvalid when the solution cannot run; a step's failure is in the result instead.
    """
    with control.running:
        started = control.clock.monotonic()
        try:
            declaration, findings = read_solution(control, folder)
            refuse(findings)
            plan = training(declaration, arguments=arguments, champions=_champions(control, declaration))
            check_arguments(declaration, arguments or {})
        except UnshelveError as error:
            if queued is not None:
                with control.database.write() as connection:
                    end(connection, queued.id, RunState.FAILED, now=control.clock.now(), error=str(error)[:500])
            raise
        run = queued or queue_run(control, declaration.name, cause, arguments)
        wanted = None if only is None else frozenset(tasks_of(plan, declaration, only))
        with control.database.read() as connection:
            fresh_since = resume_point(connection, declaration.name, now=control.clock.now())
        executor = ProcessExecutor(
            folder=folder,
            blobs=control.home.blobs,
            loader="unshelve.solution.loading:load_functions",
            operations="unshelve.solution.operations:OPERATIONS",
            workers=control.workers,
        )
        try:
            outcome = execute(
                plan.graph,
                RunRequest(
                    run_id=run.id,
                    solution=declaration.name,
                    environment={"python": declaration.environment["python"]},
                    only=wanted,
                    fresh_since=fresh_since,
                ),
                database=control.database,
                blobs=control.blobs,
                executor=executor,
                clock=control.clock,
                listener=listener,
            )
        finally:
            executor.close()
        decisions: tuple[Decision, ...] = ()
        if outcome.state is not RunState.STOPPED:
            keep_results(control, declaration, plan, outcome)
            if only is None:
                decisions = decide(control, declaration, plan, outcome, cause, progress)
        with control.database.read() as connection:
            finished = get_run(connection, run.id)
        return RunResult(
            run=finished,
            findings=findings,
            decisions=decisions,
            steps={state.value: outcome.count(state) for state in StepState},
            seconds=control.clock.monotonic() - started,
        )


def tasks_of(plan: Training, declaration: Declaration, step: str) -> list[str]:
    """The tasks that make one step; NotFound with near names for an unknown one."""
    declaration.step(step)
    return [name for name, task in plan.graph.tasks.items() if task.group == step]


def check_arguments(declaration: Declaration, arguments: Mapping[str, Mapping[str, object]]) -> None:
    """NotFound or SolutionInvalid for a --set that names no step, no parameter, or a parameter that is a step."""
    for name, values in arguments.items():
        step = declaration.step(name)
        taken = references(declaration, step)
        plain = [parameter.name for parameter in step.parameters if parameter.name not in taken]
        for parameter in values:
            if parameter not in plain:
                raise SolutionInvalid(
                    f"{name} has no parameter {parameter!r} that can be set.",
                    code="parameter-not-found",
                    hint=f"It has {', '.join(plain)}." if plain else "It has none.",
                )


def keep_results(control: Control, declaration: Declaration, plan: Training, outcome: RunOutcome) -> None:
    """Write a run's metrics and charts down where pages find them."""
    metrics = []
    for tasks in plan.models:
        step = outcome.steps.get(tasks.evaluation)
        if step is None or "evaluation" not in step.outputs:
            continue
        evaluation = read_json(step.outputs["evaluation"], control.blobs)
        for metric in evaluation["metrics"]:
            metrics.append(
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
            )
    metrics.extend(_own_metrics(control, declaration, plan, outcome))
    charts = []
    for name in plan.charts:
        found = outcome.steps.get(name)
        if found is not None and found.outputs:
            charts.append((name, declaration.step(name).title, outcome.artifact(name).to_json()))
    with control.database.write() as connection:
        record_metrics(connection, outcome.run_id, metrics)
        put_charts(connection, outcome.run_id, declaration.name, charts)


def _own_metrics(control: Control, declaration: Declaration, plan: Training, outcome: RunOutcome) -> list[RunMetric]:
    found = []
    for name in plan.metrics:
        step = outcome.steps.get(name)
        if step is None or not step.outputs:
            continue
        named = [each.step for each in references(declaration, declaration.step(name)).values()]
        model = next((each for each in named if declaration.step(each).kind is Kind.MODEL), None)
        full = declaration.name if model is None else f"{declaration.name}.{model}"
        for metric, value in read_json(outcome.artifact(name), control.blobs).items():
            found.append(RunMetric(model=full, name=metric, value=value, own=True))
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


def decide(
    control: Control,
    declaration: Declaration,
    plan: Training,
    outcome: RunOutcome,
    cause: Cause,
    progress: Progress,
) -> tuple[Decision, ...]:
    """Package what a run made, judge and prove it, and release what passed. Models first, then endpoints."""
    made = [
        tasks
        for tasks in plan.models
        if tasks.estimator.partition(".")[0] in outcome.steps and _complete(tasks, outcome)
    ]
    if not made:
        return ()
    code = pack_code(control, declaration)
    decisions: list[Decision] = []
    standing: dict[str, tuple[int, Manifest]] = {}
    with control.answering() as address:
        for tasks in made:
            candidate = model_candidate(declaration, plan, tasks, outcome, control.blobs, code)
            verdicts = read_json(output(outcome, tasks.gates), control.blobs)["verdicts"]
            decision, manifest = _decide_one(control, outcome.run_id, candidate, verdicts, cause, address, progress)
            decisions.append(decision)
            if decision.state == "accepted":
                standing[tasks.model] = (decision.number, manifest)
        for step in declaration.of_kind(Kind.ENDPOINT):
            models = [each.step for each in references(declaration, step).values()]
            if any(model not in standing for model in models):
                continue
            task = plan.endpoints.get(step.name)
            heldout = outcome.artifact(task) if task is not None and outcome.steps[task].outputs else None
            candidate = endpoint_candidate(
                declaration, step, heldout, {model: standing[model] for model in models}, control.blobs, code
            )
            decision, _ = _decide_one(control, outcome.run_id, candidate, [], cause, address, progress)
            decisions.append(decision)
    return tuple(decisions)


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
    address: str,
    progress: Progress,
) -> tuple[Decision, Manifest]:
    version, manifest, new = _register(control, run_id, candidate)
    if not new and version.state != "candidate":
        return _known(control, version), manifest
    failed = [each for each in verdicts if each["outcome"] != "passed"]
    if failed:
        _attest(control, version, "gates", {"verdicts": verdicts}, _worst(failed))
        _state(control, version, "refused")
        message = "; ".join(f"{each['name']}: {each['message']}" for each in failed)
        return _decision(version, new, "refused", False, message, None, verdicts), manifest
    proof = prove_version(control, version, manifest, address, progress)
    verdicts = [*verdicts, *judge_served(_gates_of(control, version), proof, manifest)]
    failed = [each for each in verdicts if each["outcome"] != "passed"]
    _attest(control, version, "gates", {"verdicts": verdicts}, _worst(failed) if failed else "passed")
    if proof.outcome == "not-proven" or failed:
        _state(control, version, "refused")
        said = [] if proof.difference is None else [f"not proven: {proof.difference.message}"]
        said.extend(f"{each['name']}: {each['message']}" for each in failed)
        return _decision(version, new, "refused", False, "; ".join(said), proof.outcome, verdicts), manifest
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
    said = "is what answers already" if answers else f"was {version.state} before"
    return _decision(version, False, version.state, answers, f"equal to v{version.number}, which {said}", None, [])


def prove_version(control: Control, version: Version, manifest: Manifest, address: str, progress: Progress) -> Proof:
    """Ask a version about its held-out rows through HTTP, signed in, and attest what came of it."""
    now = control.clock.now()
    with control.database.write() as connection:
        key = create_prover_key(connection, actor=PROVER, now=now, expires=now + PROVER_KEY_LASTS)
    try:
        held = (
            held_out_from(control.blobs.get(manifest.files["heldout"].digest)) if "heldout" in manifest.files else None
        )
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


def _champions(control: Control, declaration: Declaration) -> dict[str, Mapping[str, object]]:
    """The champions' packages by model name, their signatures checked: what candidates are compared with."""
    found: dict[str, Mapping[str, object]] = {}
    verifier = control.signer.verifier()
    for step in declaration.of_kind(Kind.MODEL):
        full = f"{declaration.name}.{step.name}"
        with control.database.read() as connection:
            number = champion_of(connection, full)
            if number is None:
                continue
            version = get_version(connection, full, number)
        data = control.blobs.get(version.manifest)
        verifier.verify(data, version.signature)
        found[step.name] = {"number": number, "manifest": msgspec.json.decode(data)}
    return found


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
