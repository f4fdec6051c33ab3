"""The life of a run: read, check, train, package, gate, prove, release."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection

from unshelve.errors import Conflict, NotFound, SolutionInvalid, UnshelveError
from unshelve.ids import canonical_json
from unshelve.pipeline.outcome import Listener, RunRequest, StepError
from unshelve.pipeline.processes import Processes
from unshelve.pipeline.run import execute
from unshelve.pipeline.step import Kind
from unshelve.pipeline.worker_process import Program
from unshelve.registry.origins import KnownOrigin, drop_origin, put_origin
from unshelve.registry.releases import champion_of
from unshelve.registry.runs import Run, RunState, StepState, end, get_run, resume_point
from unshelve.registry.solutions import get_solution, put_solution, solutions
from unshelve.registry.versions import (
    get_version,
)
from unshelve.security.secrets import secret_is_set
from unshelve.solution.check import check
from unshelve.solution.check_sources import connection_findings
from unshelve.solution.control import Cause, Control, Progress
from unshelve.solution.declaration import Declaration
from unshelve.solution.declaring import declaration_of, is_still
from unshelve.solution.expecting import counts_of, keep_expectations
from unshelve.solution.findings import Finding, refuse
from unshelve.solution.lifted import Origin, origin_findings, origin_in
from unshelve.solution.lookup_copies import keep_copies, keep_failure
from unshelve.solution.purpose import Purpose
from unshelve.solution.queueing import QueuedRun, holding, queue_run
from unshelve.solution.recording import keep_results
from unshelve.solution.releasing import Decision, decide
from unshelve.solution.request_path import references
from unshelve.solution.scheduling import keep_schedules
from unshelve.solution.sinking import order_after_run
from unshelve.solution.source_loads import keep_loads, past_loads
from unshelve.solution.training import Training, training
from unshelve.storage.blobs import BlobStore
from unshelve.storage.jobs import take


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What became of a run as a whole."""

    run: Run
    findings: tuple[Finding, ...]
    decisions: tuple[Decision, ...] = ()
    failures: tuple[StepError, ...] = ()
    """Why steps failed themselves, without those skipped for their sake."""
    steps: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0


def read_solution(
    control: Control, folder: Path, known: Declaration | None = None
) -> tuple[Declaration, tuple[Finding, ...]]:
    """Read a solution folder, keep what it declares, and say what was found in it.

    `known` is what was read from it a moment ago, and is taken when its files have not changed since. What an earlier
    run read is not: a query or a default may come from a file or the environment, and change without the code.
    """
    declaration = known if known is not None and is_still(known, folder) else declaration_of(folder)
    return declaration, keep_solution(control, folder, declaration)


def known_declarations(control: Control) -> dict[Path, Declaration]:
    """What the solutions of a home declared when they were last read, by their folders."""
    with control.database.read() as connection:
        return {Path(one.folder): Declaration.from_json(one.declaration) for one in solutions(connection)}


def keep_solution(control: Control, folder: Path, declaration: Declaration) -> tuple[Finding, ...]:
    """Keep what a solution declares, and say what was found in it. Conflict when its name is another folder's."""
    origin = origin_in(folder, declaration)
    findings = (
        *check(declaration),
        *origin_findings(origin),
        *connection_findings(declaration, lambda name: secret_is_set(control.home.secrets, name), control.home.root),
    )
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
        keep_origin(connection, control.blobs, declaration, origin)
    return findings


def keep_origin(connection: Connection, blobs: BlobStore, declaration: Declaration, origin: Origin | None) -> None:
    """Keep where this code of a solution comes from, or that it comes from nowhere."""
    if origin is None:
        drop_origin(connection, declaration.name, declaration.code)
        return
    known = KnownOrigin(
        solution=declaration.name,
        code=declaration.code,
        notebook=origin.notebook,
        model=origin.lift.model if origin.lift is not None else "",
        state=origin.state,
        blob=blobs.put(canonical_json(origin)),
    )
    put_origin(connection, known)


def run_solution(
    control: Control,
    folder: Path,
    cause: Cause,
    *,
    queued: QueuedRun | None = None,
    known: Declaration | None = None,
    arguments: Mapping[str, Mapping[str, object]] | None = None,
    only: str | None = None,
    purpose: Purpose = Purpose.RELEASE,
    listener: Listener = lambda _event: None,
    progress: Progress = lambda _what, _done, _of: None,
    stop: threading.Event | None = None,
) -> RunResult:
    """Carry out a run from the folder to the release. Runs of one home take turns.

    `known` is what was read from the folder a moment ago, if it was; `queued` a run whose job `control` holds.
    Raises SolutionInvalid when the solution cannot run; a step's failure is in the result instead.
    """
    folder = folder.resolve()  # workers go into it and look for it from there
    stop = stop or threading.Event()
    with ExitStack() as stack:
        stack.enter_context(control.running)
        started = control.clock.monotonic()
        try:
            declaration, findings = read_solution(control, folder, known)
            refuse(findings)
            champions = champions_of(control, declaration)
            plan = training(
                declaration,
                arguments=arguments,
                champions=champions,
                counts=counts_of(control, declaration),
                past=past_loads(control, declaration, folder),
                purpose=purpose,
                refreshed=_lookup(declaration, only),
            )
            check_arguments(declaration, arguments or {})
        except UnshelveError as error:
            if queued is not None:
                with control.database.write() as connection:
                    end(connection, queued.run.id, RunState.FAILED, now=control.clock.now(), error=str(error)[:500])
                if only is not None:
                    keep_failure(control, queued.run.solution, only, queued.run.id, error)
            raise
        if queued is None:
            queued = begin_run(control, folder, declaration.name, cause, arguments, only=only)
            control = stack.enter_context(holding(control, queued.job, stop))
        run = queued.run
        wanted = None if only is None else frozenset(tasks_of(plan, declaration, only))
        executor = Processes(control.pool, program_of(declaration.code, folder), clock=control.clock)
        try:
            outcome = execute(
                plan.graph,
                request_for(control, declaration, run.id, wanted),
                database=control.database,
                blobs=control.blobs,
                executor=executor,
                clock=control.clock,
                listener=listener,
                stop=stop,
            )
        finally:
            executor.close()
        decisions: tuple[Decision, ...] = ()
        keep_schedules(control, declaration)
        keep_loads(control, declaration, outcome)
        if outcome.state is not RunState.STOPPED:
            keep_results(control, declaration, plan, outcome)
            keep_expectations(control, declaration, plan, outcome)
            keep_copies(control, declaration, outcome, refresh=only is not None)
            if only is None:
                decisions = decide(control, declaration, plan, outcome, cause, progress, purpose=purpose)
                if outcome.state is RunState.DONE and purpose is Purpose.RELEASE:
                    order_after_run(control, declaration, run.id, cause)
        with control.database.read() as connection:
            finished = get_run(connection, run.id)
        return RunResult(
            run=finished,
            findings=findings,
            decisions=decisions,
            failures=tuple(step.error for step in outcome.failures if step.error is not None),
            steps={state.value: outcome.count(state) for state in StepState},
            seconds=control.clock.monotonic() - started,
        )


def _lookup(declaration: Declaration, only: str | None) -> str | None:
    """The lookup that a run is to refresh: the one step it is of, if that is one."""
    return next((step.name for step in declaration.lookups if step.name == only), None)


def begin_run(
    control: Control,
    folder: Path,
    solution: str,
    cause: Cause,
    arguments: Mapping[str, Mapping[str, object]] | None,
    *,
    only: str | None = None,
) -> QueuedRun:
    """A new run whose job this process takes at once."""
    with control.database.write() as connection:
        queued = queue_run(connection, control, folder, solution, cause, arguments, only=only)
        take(connection, queued.job, control.worker, now=control.clock.now(), lasts=control.lease)
    return queued


def request_for(control: Control, declaration: Declaration, run_id: str, only: frozenset[str] | None) -> RunRequest:
    """What is asked of the pipeline: in which environment, and since when a source's rows count as fresh."""
    with control.database.read() as connection:
        fresh_since = resume_point(connection, declaration.name, now=control.clock.now())
    return RunRequest(
        run_id=run_id,
        solution=declaration.name,
        environment={name: declaration.environment[name] for name in EVERY_KEY if name in declaration.environment},
        only=only,
        fresh_since=fresh_since,
    )


EVERY_KEY = ("python", "numpy", "pandas", "pyarrow", "unshelve")
"""What every step depends on: Python, and what reads and writes the tables between steps."""


def program_of(code: str, folder: Path) -> Program:
    """What the workers load: a worker that has read other files is not used again."""
    return Program(
        folder=folder,
        loader="unshelve.solution.loading:load_functions",
        operations="unshelve.solution.operations:OPERATIONS",
        revision=code,
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


def champions_of(control: Control, declaration: Declaration) -> dict[str, Mapping[str, object]]:
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
        found[step.name] = {"version": number, "manifest": version.manifest}
    return found
