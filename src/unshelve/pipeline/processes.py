"""Processes: carries out tasks in the warm workers of a pool.

A task that takes longer than its limit, ends its process or crashes it costs that worker and nothing else.
"""

from __future__ import annotations

import selectors
import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from unshelve.clock import Clock, SystemClock
from unshelve.pipeline.channel import LoadFailed, Message
from unshelve.pipeline.executor import Ended, Order, Progressed, Report, Started
from unshelve.pipeline.hung import cut_stack
from unshelve.pipeline.outcome import StepError
from unshelve.pipeline.pool import WorkerPool
from unshelve.pipeline.worker_process import Program, WorkerProcess

LOAD_SECONDS: Final = 300.0
"""How long loading a solution may take."""

_GRACE_SECONDS: Final = 0.3
"""How much later than the limit a worker is ended: in between it writes down where it was."""

_SIGNALS: Final = {
    signal.SIGSEGV: "crashed its process (segmentation fault)",
    signal.SIGABRT: "aborted its process",
    signal.SIGKILL: "was killed, perhaps because the machine ran out of memory",
}


@dataclass(slots=True)
class _Job:
    """An order at work. Until the task has begun, the deadline is that of loading the solution."""

    order: Order
    worker: WorkerProcess
    deadline: float | None
    submitted: float
    began: float | None = None


class Processes:
    """An executor over a pool, for one program. Use it in one thread."""

    def __init__(self, pool: WorkerPool, program: Program, *, clock: Clock | None = None) -> None:
        self._pool = pool
        self._program = program
        self._clock = clock or SystemClock()
        self._jobs: dict[WorkerProcess, _Job] = {}
        self._waiting: list[Order] = []
        self._selector = selectors.DefaultSelector()

    @property
    def free(self) -> int:
        if self._waiting:
            return 0
        # One order may wait where all workers are busy with other runs: whoever has nothing running waits for it.
        return max(self._pool.can_lease(), 0 if self._jobs else 1)

    def submit(self, order: Order) -> None:
        worker = self._pool.lease(self._program)
        if worker is None:
            self._waiting.append(order)
        else:
            self._hand_over(order, worker)

    def wait(self, timeout_seconds: float | None) -> Sequence[Report]:
        if self._waiting and not self._jobs:
            worker = self._pool.lease(
                self._program, timeout_seconds=1.0 if timeout_seconds is None else timeout_seconds
            )
            if worker is None:
                return []
            self._hand_over(self._waiting.pop(0), worker)
        reports: list[Report] = []
        for key, _ in self._selector.select(self._patience(timeout_seconds)):
            worker = key.data
            if worker in self._jobs:
                reports.extend(self._heard(worker))
        now = self._clock.monotonic()
        late = [job for job in self._jobs.values() if job.deadline is not None and now >= job.deadline]
        reports.extend(self._out_of_time(job) for job in late)
        return reports

    def stop(self) -> None:
        self._waiting.clear()
        for worker in list(self._jobs):
            self._forget(worker)
            self._pool.discard(worker)

    def close(self) -> None:
        self.stop()
        self._selector.close()

    def _hand_over(self, order: Order, worker: WorkerProcess) -> None:
        now = self._clock.monotonic()
        self._jobs[worker] = _Job(order, worker, now + LOAD_SECONDS, now)
        self._selector.register(worker.socket, selectors.EVENT_READ, worker)
        self._selector.register(worker.ended, selectors.EVENT_READ, worker)
        worker.mark_log()
        worker.send(order)

    def _patience(self, timeout_seconds: float | None) -> float | None:
        deadlines = [job.deadline for job in self._jobs.values() if job.deadline is not None]
        if not deadlines:
            return timeout_seconds
        left = max(0.0, min(deadlines) - self._clock.monotonic())
        return left if timeout_seconds is None else min(left, timeout_seconds)

    def _heard(self, worker: WorkerProcess) -> list[Report]:
        """What a worker said. Its end counts only after all that it had said before."""
        job = self._jobs[worker]
        said = worker.receive()
        reports: list[Report] = []
        for message in said or ():
            report = self._understood(job, message)
            if report is not None:
                reports.append(report)
        if said is None and worker in self._jobs:
            reports.append(self._gone(job))
        return reports

    def _understood(self, job: _Job, message: Message) -> Report | None:
        if isinstance(message, Started):
            job.began = self._clock.monotonic()
            limit = job.order.task.timeout_seconds
            job.deadline = None if limit is None else job.began + limit + _GRACE_SECONDS
            return message
        if isinstance(message, Progressed):
            return message
        if isinstance(message, Ended):
            log = job.worker.log()
            if job.order.task.timeout_seconds is not None:
                log, _ = cut_stack(log)  # written at the limit, when the task ended in the moment of grace after it
            self._forget(job.worker)
            self._pool.give_back(job.worker)
            return msgspec.structs.replace(message, log=log)
        if isinstance(message, LoadFailed):
            return self._failed(job, replace(message.error, step=job.order.task.title))
        return None

    def _gone(self, job: _Job) -> Ended:
        code = job.worker.exit_code()
        title = job.order.task.title
        if job.began is None:
            message = f"The worker ended while it loaded the solution ({code})."
        elif code >= 0:
            message = f"Step {title} ended its process (exit code {code})."
        else:
            number = -code
            known = _SIGNALS.get(signal.Signals(number)) if number in set(signal.Signals) else None
            message = f"Step {title} {known or f'was ended by signal {number}'}."
        return self._failed(job, StepError(step=title, message=message, code="step-exited"))

    def _out_of_time(self, job: _Job) -> Ended:
        title, limit = job.order.task.title, job.order.task.timeout_seconds
        if job.began is None:
            message, code = f"The solution took longer than {LOAD_SECONDS:g} s to load.", "solution-load-timed-out"
        else:
            message, code = f"Step {title} took longer than its limit of {limit:g} s and was ended.", "step-timed-out"
        return self._failed(job, StepError(step=title, message=message, code=code))

    def _failed(self, job: _Job, error: StepError) -> Ended:
        """The end of an order whose worker is of no use any more."""
        log, stack = cut_stack(job.worker.log())
        if stack and not error.traceback:
            error = replace(error, traceback=stack)
        began = job.submitted if job.began is None else job.began
        self._forget(job.worker)
        self._pool.discard(job.worker)
        return Ended(job.order.number, {}, error, self._clock.monotonic() - began, None, log)

    def _forget(self, worker: WorkerProcess) -> None:
        del self._jobs[worker]
        self._selector.unregister(worker.socket)
        self._selector.unregister(worker.ended)
