"""The runner: queued runs of a home, carried out one after the other by a thread of control."""

from __future__ import annotations

import logging
import queue as queues
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from unshelve.errors import Conflict, NotFound, UnshelveError
from unshelve.pipeline.outcome import Listener
from unshelve.registry.runs import Run, RunState, end, get_run
from unshelve.registry.solutions import get_solution
from unshelve.security.actors import Actor
from unshelve.security.audit import append
from unshelve.solution.control import Cause, Control, Progress
from unshelve.solution.declaration import Declaration
from unshelve.solution.running import RunResult, check_arguments, queue_run, run_solution

_LOGGER = logging.getLogger("unshelve.runs")

Finished = Callable[[Run, RunResult | None, UnshelveError | None], None]


@dataclass(frozen=True, slots=True)
class _Order:
    run: Run
    folder: Path
    cause: Cause
    arguments: Mapping[str, Mapping[str, object]]
    known: Declaration | None = None


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
        self._orders: queues.Queue[_Order | None] = queues.Queue()
        self._stops: dict[str, threading.Event] = {}
        self._thread = threading.Thread(target=self._work, name="runs", daemon=True)
        self._closing = False

    def begin(self) -> None:
        """Begin to carry out runs."""
        self._thread.start()

    def start(self, solution: str, *, parameters: Mapping[str, object], actor: Actor, cause: str) -> str:
        """Queue a run and give its id; `parameters` are "step.name" -> value. Raises Refused for unknown ones."""
        with self._control.database.read() as connection:
            known = get_solution(connection, solution)
        arguments = by_step(parameters)
        check_arguments(Declaration.from_json(known.declaration), arguments)
        return self.enqueue(Path(known.folder), solution, Cause(actor, cause), arguments).id

    def enqueue(
        self,
        folder: Path,
        solution: str,
        cause: Cause,
        arguments: Mapping[str, Mapping[str, object]] | None = None,
        *,
        known: Declaration | None = None,
    ) -> Run:
        """Queue a run of a solution folder; `known` is what was read from it a moment ago."""
        run = queue_run(self._control, solution, cause, arguments)
        self._stops[run.id] = threading.Event()
        self._orders.put(_Order(run, folder, cause, arguments or {}, known))
        return run

    def stop(self, run_id: str, *, actor: Actor) -> None:
        """Stop a run that is queued or going on. Raises Conflict for one that has ended."""
        with self._control.database.read() as connection:
            run = get_run(connection, run_id)
        stop = self._stops.get(run_id)
        if stop is None or run.state not in (RunState.QUEUED, RunState.RUNNING):
            raise Conflict(f"Run {run.number} of {run.solution} has ended: {run.state}.", code="run-ended")
        with self._control.database.write() as connection:
            now = self._control.clock.now()
            append(connection, actor, "stop run", f"{run.solution}#{run.number}", {}, now=now)
        stop.set()

    def close(self) -> None:
        """Stop what is going on and end the thread."""
        self._closing = True
        for stop in list(self._stops.values()):
            stop.set()
        self._orders.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout=20)

    def _work(self) -> None:
        while True:
            order = self._orders.get()
            if order is None:
                return
            if self._closing:
                self._end(order.run, "The server was stopped before it began.", RunState.STOPPED)
                continue
            result, error = None, None
            try:
                result = self._carry_out(order)
            except UnshelveError as problem:
                error = problem
            except Exception as problem:  # the edge of the worker thread: said and logged, the next run goes on
                _LOGGER.exception("run %s failed", order.run.id)
                error = UnshelveError(f"The run failed inside unshelve: {type(problem).__name__}.")
                self._end(order.run, str(error))
            finally:
                self._stops.pop(order.run.id, None)
            if self._finished is not None:
                self._finished(order.run, result, error)

    def _carry_out(self, order: _Order) -> RunResult | None:
        stop = self._stops[order.run.id]
        if stop.is_set():
            self._end(order.run, "stopped before it began", RunState.STOPPED)
            return None
        return run_solution(
            self._control,
            order.folder,
            order.cause,
            queued=order.run,
            known=order.known,
            arguments=order.arguments,
            listener=self._listener,
            progress=self._progress,
            stop=stop,
        )

    def _end(self, run: Run, why: str, state: RunState = RunState.FAILED) -> None:
        with self._control.database.write() as connection:
            end(connection, run.id, state, now=self._control.clock.now(), error=why)


def by_step(parameters: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """ "step.name" -> value as step -> name -> value. Raises NotFound for a name without a step."""
    found: dict[str, dict[str, object]] = {}
    for full, value in parameters.items():
        step, dot, name = full.partition(".")
        if not dot:
            raise NotFound(f"{full!r} names no parameter.", hint="Write step.name.", code="parameter-not-found")
        found.setdefault(step, {})[name] = value
    return found
