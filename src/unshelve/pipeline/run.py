"""Running a graph: each task when its inputs are there, from the store where its key is known.

Tasks that do not wait for each other run at the same time. A failed task fails those that stand on it; others go
on. Running again repeats no finished task: that is also how a broken run is resumed.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event

from unshelve.clock import Clock, SystemClock
from unshelve.errors import UnshelveError
from unshelve.pipeline.executor import Ended, Executor, Order, Progressed, Report, Started
from unshelve.pipeline.graph import Graph
from unshelve.pipeline.kinds import Artifact
from unshelve.pipeline.known import KnownResults
from unshelve.pipeline.outcome import (
    Listener,
    RunEventKind,
    RunOutcome,
    RunRequest,
    StepError,
    StepOutcome,
)
from unshelve.pipeline.plan import Action, Decision, Explanation, after_running, decide, explain_all
from unshelve.pipeline.recorder import Recorder
from unshelve.registry import runs
from unshelve.registry.states import RunState, StepState
from unshelve.storage.blobs import BlobStore
from unshelve.storage.database import Database


def execute(
    graph: Graph,
    request: RunRequest,
    *,
    database: Database,
    blobs: BlobStore,
    executor: Executor,
    clock: Clock | None = None,
    listener: Listener | None = None,
    stop: Event | None = None,
) -> RunOutcome:
    """Runs a graph to its end and records it. The run must have been queued (`registry.runs.queue`).

    A task's failure is part of the outcome. What is raised are mistakes of the caller (NotFound), the store's own
    failures (StorageFull) and KeyboardInterrupt; the run is then recorded as failed or stopped, if it can be.
    When `stop` is set, work at hand ends at once and the outcome is `stopped`.
    """
    wanted = graph if request.only is None else graph.needed_for(request.only)
    engine = _Engine(database=database, blobs=blobs, executor=executor, clock=clock or SystemClock())
    return _Execution(wanted, request, engine, listener, stop or Event()).run()


def explain(
    graph: Graph, request: RunRequest, *, database: Database, blobs: BlobStore, clock: Clock | None = None
) -> list[Explanation]:
    """What `execute` would do with each task, and why, in the order of running. Runs and records nothing."""
    wanted = graph if request.only is None else graph.needed_for(request.only)
    memory = KnownResults(database, blobs, request.solution, tasks=len(wanted))
    return explain_all(wanted, request, memory, (clock or SystemClock()).now())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Engine:
    """What a run needs: where it is recorded, where artifacts are, and who carries tasks out."""

    database: Database
    blobs: BlobStore
    executor: Executor
    clock: Clock


@dataclass(slots=True)
class _Job:
    """A task that has to run: its decision, and what happened so far."""

    task: str
    decision: Decision
    inputs: Mapping[str, Artifact]
    started_at: datetime | None = None
    attempts: int = 0
    logs: list[bytes] = field(default_factory=list)


class _Execution:
    """One run on its way."""

    def __init__(
        self, graph: Graph, request: RunRequest, engine: _Engine, listener: Listener | None, stop: Event
    ) -> None:
        self.graph = graph
        self.request = request
        self.engine = engine
        self.clock = engine.clock
        self.stop = stop
        self.recorder = Recorder(engine.database, request, engine.clock, listener)
        self.steps: dict[str, StepOutcome] = {}
        self.missing = {name: len(graph.needs(name)) for name in graph.order}
        self.ready = deque(name for name in graph.order if not self.missing[name])
        self.queue: deque[_Job] = deque()
        self.delayed: list[tuple[float, int, _Job]] = []
        self.running: dict[int, _Job] = {}
        self.orders = 0
        self.began = engine.clock.now()

    def run(self) -> RunOutcome:
        began = self.clock.monotonic()
        self._begin()
        try:
            self._go_on()
            state = self._state()
        except KeyboardInterrupt:
            self._break_off(RunState.STOPPED, "Stopped from the keyboard.")
            raise
        except BaseException as error:
            self._break_off(RunState.FAILED, str(error) or type(error).__name__)
            raise
        self._end(state)
        seconds = self.clock.monotonic() - began
        return RunOutcome(run_id=self.request.run_id, state=state, steps=self.steps, seconds=seconds)

    # -- the loop ------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Decides, submits and listens until nothing is left to do."""
        executor = self.engine.executor
        self.memory = KnownResults(
            self.engine.database, self.engine.blobs, self.request.solution, tasks=len(self.graph)
        )
        while self.ready or self.queue or self.delayed or self.running:
            if self.stop.is_set():
                self._stop_all()
                return
            while self.ready:
                self._settle(self.ready.popleft())
                self.recorder.flush_if_due()
            self._wake()
            while self.queue and executor.free > 0:
                self._submit(self.queue.popleft())
            if self.running:
                self.recorder.flush_if_due()
                for report in executor.wait(self._patience()):
                    self._hear(report)
            elif self.delayed and not self.queue:
                self.stop.wait(self._patience())
        self.recorder.flush()

    def _patience(self) -> float:
        """How long to wait for a report: not past the next record, the next retry, or a request to stop."""
        times = [_STOP_SECONDS]
        due = self.recorder.due_in()
        if due is not None:
            times.append(due)
        if self.delayed:
            times.append(max(0.0, self.delayed[0][0] - self.clock.monotonic()))
        return min(times)

    def _settle(self, name: str) -> None:
        """Uses the stored result of a task whose inputs are there, or queues it to run."""
        task = self.graph.tasks[name]
        references = self.graph.references
        inputs: dict[str, Artifact] = {}
        for parameter, text in task.inputs.items():
            owner, output = references[text]
            artifact = self.steps[owner].outputs.get(output)
            if artifact is None:
                self._refuse(name, parameter, owner, output)
                return
            inputs[parameter] = artifact
        now = self.began if task.fresh_seconds is None else self.clock.now()
        decision = decide(task, inputs, self.request, self.memory, now)
        if decision.action is Action.REUSE and decision.known is not None:
            outcome = StepOutcome(
                task=name,
                state=StepState.CACHED,
                reason=decision.reason,
                key=decision.key.digest,
                outputs=decision.known.outputs,
            )
            self._finish(outcome)
        else:
            self.queue.append(_Job(name, decision, inputs))

    def _submit(self, job: _Job) -> None:
        self.orders += 1
        job.attempts += 1
        self.running[self.orders] = job
        self.engine.executor.submit(Order(self.orders, self.graph.tasks[job.task], job.inputs))

    def _wake(self) -> None:
        now = self.clock.monotonic()
        while self.delayed and self.delayed[0][0] <= now:
            self.queue.append(heapq.heappop(self.delayed)[2])

    # -- what tasks report ---------------------------------------------------------------------------------

    def _hear(self, report: Report) -> None:
        job = self.running[report.number]
        if isinstance(report, Started):
            job.started_at = self.clock.now()
            self.recorder.tell(RunEventKind.STARTED, task=job.task)
        elif isinstance(report, Progressed):
            self.recorder.tell(RunEventKind.PROGRESSED, task=job.task, done=report.done, of=report.of)
        else:
            del self.running[report.number]
            self._ended(job, report)

    def _ended(self, job: _Job, report: Ended) -> None:
        task = self.graph.tasks[job.task]
        if report.log:
            job.logs.append(report.log)
        if report.error is not None and job.attempts <= task.retries:
            self.recorder.tell(RunEventKind.RETRYING, task=job.task, text=report.error.message)
            due = self.clock.monotonic() + task.retry_delay_seconds
            heapq.heappush(self.delayed, (due, report.number, job))
            return
        failed = report.error is not None
        decision = job.decision
        outcome = StepOutcome(
            task=job.task,
            state=StepState.FAILED if failed else StepState.RAN,
            reason=decision.reason if failed else after_running(decision.reason, task, decision.known, report.outputs),
            key=decision.key.digest,
            outputs=report.outputs,
            started_at=job.started_at,
            seconds=report.seconds,
            peak_bytes=report.peak_bytes,
            attempts=job.attempts,
            log=self._kept_log(job),
            error=report.error,
        )
        if failed:
            self._fail(outcome)
        else:
            self._finish(outcome, job)

    def _kept_log(self, job: _Job) -> str | None:
        """The digest of what the attempts of a task printed."""
        if not job.logs:
            return None
        text = job.logs[0] if len(job.logs) == 1 else b"--- next attempt ---\n".join(job.logs)
        return self.engine.blobs.put(text)

    # -- ends of tasks -------------------------------------------------------------------------------------

    def _finish(self, outcome: StepOutcome, job: _Job | None = None) -> None:
        self.steps[outcome.task] = outcome
        stored = job is not None and self.graph.tasks[outcome.task].cacheable
        self.recorder.add(outcome, job.decision.key if job is not None and stored else None)
        for user in self.graph.wanted_by(outcome.task):
            self.missing[user] -= 1
            if self.missing[user] == 0 and user not in self.steps:
                self.ready.append(user)

    def _fail(self, outcome: StepOutcome) -> None:
        """Records a failure, and that what stands on it is skipped."""
        self.steps[outcome.task] = outcome
        self.recorder.add(outcome)
        title = self.graph.tasks[outcome.task].title
        standing = self.graph.descendants([outcome.task])
        for name in self.graph.order if standing else ():
            if name in standing and name not in self.steps:
                reason = f"it needs {title}, which failed"
                self.steps[name] = StepOutcome(task=name, state=StepState.SKIPPED, reason=reason)
                self.recorder.add(self.steps[name])

    def _refuse(self, name: str, parameter: str, owner: str, output: str) -> None:
        """Fails a task that asks for an output which the task before it did not make."""
        made = ", ".join(sorted(filter(None, self.steps[owner].outputs))) or "one value without a name"
        what = f"output {output} of {owner}" if output else f"{owner} as one value"
        error = StepError(
            step=self.graph.tasks[name].title,
            message=f"Step {name} takes {parameter} from {what}, but {owner} made {made}.",
            code="step-output-unknown",
        )
        self._fail(StepOutcome(task=name, state=StepState.FAILED, reason="an input is missing", error=error))

    def _stop_all(self) -> None:
        """Ends the work at hand and records what is not done as stopped."""
        self.engine.executor.stop()
        at_hand = {job.task for job in self.running.values()}
        self.running.clear()
        for name in self.graph.order:
            if name not in self.steps:
                reason = "it was ended while it ran" if name in at_hand else "the run was stopped before it"
                self.steps[name] = StepOutcome(task=name, state=StepState.STOPPED, reason=reason)
                self.recorder.add(self.steps[name])
        self.recorder.flush()

    # -- begin and end of the run --------------------------------------------------------------------------

    def _begin(self) -> None:
        drawn = [
            {
                "name": name,
                "title": task.title,
                "kind": task.kind,
                "group": task.group,
                "needs": self.graph.needs(name),
            }
            for name, task in ((name, self.graph.tasks[name]) for name in self.graph.order)
        ]
        with self.engine.database.write() as connection:
            runs.start(
                connection,
                self.request.run_id,
                environment=self.request.environment,
                graph=drawn,
                now=self.clock.now(),
            )
        self.recorder.tell(RunEventKind.PLANNED, of=len(self.graph))

    def _state(self) -> RunState:
        states = {step.state for step in self.steps.values()}
        if StepState.STOPPED in states:
            return RunState.STOPPED
        return RunState.FAILED if StepState.FAILED in states else RunState.DONE

    def _end(self, state: RunState, error: str | None = None) -> None:
        failed = [step.error.message for step in self.steps.values() if step.error is not None]
        if error is None and failed:
            error = failed[0] if len(failed) == 1 else f"{failed[0]} And {len(failed) - 1} more failed."
        with self.engine.database.write() as connection:
            runs.end(connection, self.request.run_id, state, now=self.clock.now(), error=error)
        self.recorder.tell(RunEventKind.CLOSED, text=state.value)

    def _break_off(self, state: RunState, error: str) -> None:
        """Records as much as can be recorded of a run that something larger ended."""
        self.engine.executor.stop()
        try:
            self._stop_all()
            self._end(state, error)
        except UnshelveError:
            # The database is full or locked, which is most likely what ended the run. It stays `running`, and
            # the next start marks it interrupted.
            return


_STOP_SECONDS = 0.2
"""How soon a request to stop is noticed while tasks run."""
