"""What a run is asked for, what it tells while it goes, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import msgspec

from unshelve.errors import NotFound, UserCodeFailed
from unshelve.pipeline.kinds import Artifact
from unshelve.pipeline.outputs import WHOLE
from unshelve.registry.states import RunState, StepState


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """Which run is to be executed. Its row is in the registry already (`registry.runs.queue`).

    `environment` enters every key ("python" -> "3.11"). `only` limits the run to some tasks and what they need.
    `fresh_since` lets results of sources count that were made since then: a run that resumes a broken one
    passes the start of the broken one (`registry.runs.resume_point`).
    """

    run_id: str
    solution: str
    environment: Mapping[str, str] = field(default_factory=dict)
    only: frozenset[str] | None = None
    fresh_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepError:
    """Why a step failed, as its author should read it.

    `code` is that of the error class: `user-code-failed`, `step-timed-out`, `step-exited`, `storage-full`, ….
    `traceback` holds the author's own frames only; `inputs` says what each input was ("1,200 x 7 table").
    """

    step: str
    message: str
    code: str = "user-code-failed"
    traceback: str = ""
    place: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """The error as JSON values."""
        return {
            "step": self.step,
            "message": self.message,
            "code": self.code,
            "traceback": self.traceback,
            "place": self.place,
            "inputs": dict(self.inputs),
        }


class StepOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one task in one run. `reason` says in one sentence why it ran or did not."""

    task: str
    state: StepState
    reason: str
    key: str | None = None
    outputs: Mapping[str, Artifact] = {}
    started_at: datetime | None = None
    seconds: float | None = None
    peak_bytes: int | None = None
    attempts: int = 0
    log: str | None = None
    error: StepError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What became of a run: done (all tasks ran or were cached), failed, or stopped."""

    run_id: str
    state: RunState
    steps: Mapping[str, StepOutcome]
    seconds: float

    @property
    def failures(self) -> tuple[StepOutcome, ...]:
        """The tasks that failed themselves, without those skipped for their sake."""
        return tuple(step for step in self.steps.values() if step.state is StepState.FAILED)

    def count(self, state: StepState) -> int:
        """How many tasks ended in a state."""
        return sum(1 for step in self.steps.values() if step.state is state)

    def artifact(self, task: str, output: str = WHOLE) -> Artifact:
        """An output of a task of this run. Raises NotFound when the task did not make it."""
        step = self.steps.get(task)
        if step is None or output not in step.outputs:
            name = f"{task}.{output}" if output else task
            raise NotFound(f"Run {self.run_id} made no {name}.", code="artifact-not-found")
        return step.outputs[output]

    def raise_for_failure(self) -> None:
        """Raises UserCodeFailed for the first task that failed; does nothing when none did."""
        for step in self.failures:
            if step.error is not None:
                raise UserCodeFailed(step.error.message, code=step.error.code, details=step.error.to_json())


class RunEventKind(StrEnum):
    """What a run tells its listener."""

    PLANNED = "planned"  # how many tasks there are: `of`
    STARTED = "started"  # a task began
    PROGRESSED = "progressed"  # a long task said how far it is: `done` of `of`
    RETRYING = "retrying"  # a task failed and will be tried again: `text` says why
    ENDED = "ended"  # a task came to an end: `outcome`
    CLOSED = "closed"  # the run came to an end: `text` is its state


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """One thing that happened in a run, for progress bars and pages. `task` is empty for the run itself."""

    run_id: str
    kind: RunEventKind
    at: datetime
    task: str = ""
    done: int = 0
    of: int = 0
    text: str = ""
    outcome: StepOutcome | None = None


Listener = Callable[[RunEvent], None]
"""Called in the thread that executes the run; it should return at once and must not raise."""
