"""The runner: queued runs of the database, carried out one after the other by a thread of control.

Runs wait as jobs in the database, so that they outlive the process, and any control on it can carry them out. One
that is broken off is taken up again: at once when its home is served again, or by another control once the lease of
the one that had it is over.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from unshelve.errors import Conflict, NotFound, UnshelveError
from unshelve.pipeline.outcome import Listener
from unshelve.registry.runs import Run, RunState, end, get_run, interrupt_stopped
from unshelve.registry.solutions import get_solution
from unshelve.security.actors import Actor
from unshelve.solution.control import Cause, Control, Progress
from unshelve.solution.declaration import Declaration
from unshelve.solution.queueing import (
    QueuedRun,
    RunOrder,
    close_given_up,
    holding,
    order_of,
    queue_run,
    stop_run,
    take_up,
)
from unshelve.solution.running import RunResult, check_arguments, run_solution
from unshelve.storage.jobs import Job, hand_back

_LOGGER = logging.getLogger("unshelve.runs")
_LOOK_SECONDS: Final = 1.0
_LOOK_ANYWAY: Final = 10
"""How many looks without a change of the database pass until it is asked all the same: leases run out by themselves."""

Finished = Callable[[Run, RunResult | None, UnshelveError | None], None]


class Runner:
    """Starts and stops runs; fulfils web.site.Runs. `listener` is told of everything that happens in them."""

    def __init__(
        self,
        control: Control,
        listener: Listener,
        finished: Finished | None = None,
        progress: Progress = lambda _what, _done, _of: None,
    ) -> None:
        self._control = control
        self._listener = listener
        self._finished = finished
        self._progress = progress
        self._known: dict[str, Declaration] = {}
        self._awaited: set[str] = set()
        """Runs that were queued here and have not been told of yet: another control may carry them out."""
        self._stops: dict[str, threading.Event] = {}
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="runs", daemon=True)

    def begin(self) -> None:
        """Begin to carry out runs, first those that an earlier process left."""
        self._thread.start()

    def start(
        self, solution: str, *, parameters: Mapping[str, object], actor: Actor, cause: str, only: str | None = None
    ) -> str:
        """Queue a run and give its id; `parameters` are "step.name" -> value. Raises Refused for unknown ones."""
        with self._control.database.read() as connection:
            known = get_solution(connection, solution)
        arguments = by_step(parameters)
        check_arguments(Declaration.from_json(known.declaration), arguments)
        return self.enqueue(Path(known.folder), solution, Cause(actor, cause), arguments, only=only).id

    def enqueue(
        self,
        folder: Path,
        solution: str,
        cause: Cause,
        arguments: Mapping[str, Mapping[str, object]] | None = None,
        *,
        known: Declaration | None = None,
        only: str | None = None,
    ) -> Run:
        """Queue a run of a solution folder; `known` is what was read from it a moment ago."""
        with self._control.database.write() as connection:
            queued = queue_run(connection, self._control, folder, solution, cause, arguments, only=only)
            if known is not None:
                self._known[queued.run.id] = known
            self._awaited.add(queued.run.id)
        self.wake()
        return queued.run

    def wake(self) -> None:
        """Look for runs now: some were queued."""
        self._wake.set()

    def stop(self, run_id: str, *, actor: Actor) -> None:
        """Stop a run that is queued or going on, here or elsewhere. Raises Conflict for one that has ended."""
        with self._control.database.write() as connection:
            stop_run(connection, self._control, get_run(connection, run_id), actor=actor)
        going_on = self._stops.get(run_id)
        if going_on is not None:
            going_on.set()
        self.wake()

    def close(self) -> None:
        """Stop what is going on and end the thread. Where others keep the same database, they go on with it."""
        self._closing.set()
        for stop in list(self._stops.values()):
            stop.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join(timeout=20)

    def _work(self) -> None:
        looks, token = 0, None
        while not self._closing.is_set():
            try:
                # What is queued here wakes this thread; what others queue is noticed by the change of the database.
                now = self._control.database.change_token()
                job = None
                if self._wake.is_set() or now != token or looks >= _LOOK_ANYWAY:
                    self._wake.clear()
                    looks, token = 0, now
                    job = self._look()
                if job is not None:
                    self._carry_out(job)
                    self._wake.set()
                else:
                    looks += 1
                    self._wake.wait(_LOOK_SECONDS)
            except UnshelveError as error:
                _LOGGER.error("runs cannot be looked for: %s", error)
                self._closing.wait(_LOOK_SECONDS)

    def _look(self) -> Job | None:
        """The next job, after word was given of what ended elsewhere."""
        job = take_up(self._control)
        if job is None:
            close_given_up(self._control)
        for run_id in list(self._awaited):
            with self._control.database.read() as connection:
                run = get_run(connection, run_id)
            if run.state not in _OPEN:
                self._tell(run, None, None)
        return job

    def _carry_out(self, job: Job) -> None:
        order = order_of(job.payload)
        with self._control.database.read() as connection:
            run = get_run(connection, order.run)
        stop = self._stops[run.id] = threading.Event()
        if self._closing.is_set():
            stop.set()
        result: RunResult | None = None
        error: UnshelveError | None = None
        try:
            with holding(self._control, job.id, stop) as held:
                if run.state in _OPEN:
                    result = self._run(held, order, QueuedRun(run, job.id), stop)
                    self._hand_over(held, job.id, result)
        except Conflict as problem:
            if problem.subject_code != "lease-lost":
                error = problem
        except UnshelveError as problem:
            error = problem
        except Exception as problem:  # the edge of the worker thread: said and logged, the next run goes on
            _LOGGER.exception("run %s failed", run.id)
            error = UnshelveError(f"The run failed inside unshelve: {type(problem).__name__}.")
            with self._control.database.write() as connection:
                end(connection, run.id, RunState.FAILED, now=self._control.clock.now(), error=str(error))
        finally:
            self._stops.pop(run.id, None)
        self._tell(run, result, error)

    def _run(self, control: Control, order: RunOrder, queued: QueuedRun, stop: threading.Event) -> RunResult:
        return run_solution(
            control,
            Path(order.folder),
            order.cause,
            queued=queued,
            known=self._known.pop(order.run, None),
            arguments=order.arguments,
            only=order.only,
            listener=self._listener,
            progress=self._progress,
            stop=stop,
        )

    def _hand_over(self, held: Control, job: str, result: RunResult) -> None:
        """Let another server go on with a run that was stopped only because this one is being stopped."""
        if not self._closing.is_set() or held.database.is_file or result.run.state is not RunState.STOPPED:
            return
        with held.database.write() as connection:
            now = held.clock.now()
            interrupt_stopped(connection, result.run.id)
            hand_back(connection, job, held.worker, now=now)

    def _tell(self, run: Run, result: RunResult | None, error: UnshelveError | None) -> None:
        self._awaited.discard(run.id)
        if self._finished is not None:
            self._finished(run, result, error)


def by_step(parameters: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """ "step.name" -> value as step -> name -> value. Raises NotFound for a name without a step."""
    found: dict[str, dict[str, object]] = {}
    for full, value in parameters.items():
        step, dot, name = full.partition(".")
        if not dot:
            raise NotFound(f"{full!r} names no parameter.", hint="Write step.name.", code="parameter-not-found")
        found.setdefault(step, {})[name] = value
    return found


_OPEN: Final = (RunState.QUEUED, RunState.RUNNING, RunState.INTERRUPTED)
