"""Executor: what carries out tasks, and the orders and reports that pass between it and the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from unshelve.pipeline.kinds import Artifact
from unshelve.pipeline.outcome import StepError
from unshelve.pipeline.task import Task


class Order(msgspec.Struct, frozen=True, tag=True):
    """A task to carry out, with the artifact of each parameter. `number` names the order in its reports."""

    number: int
    task: Task
    inputs: Mapping[str, Artifact]


class Started(msgspec.Struct, frozen=True, tag=True):
    """The task's function begins now."""

    number: int


class Progressed(msgspec.Struct, frozen=True, tag=True):
    """The task says how far it is."""

    number: int
    done: int
    of: int


class Ended(msgspec.Struct, frozen=True, tag=True):
    """The task came to an end: with outputs, whose bytes are in the blob store, or with an error.

    `log` is what it printed, warned and logged. `peak_bytes` is the most memory that its process held meanwhile.
    """

    number: int
    outputs: Mapping[str, Artifact]
    error: StepError | None
    seconds: float
    peak_bytes: int | None
    log: bytes


Report = Started | Progressed | Ended


class Executor(Protocol):
    """Carries out tasks, one run at a time. It writes blobs and never touches the database."""

    @property
    def free(self) -> int:
        """How many orders it would begin at once."""

    def submit(self, order: Order) -> None:
        """Takes an order; reports about it come out of `wait`."""

    def wait(self, timeout_seconds: float | None) -> Sequence[Report]:
        """Reports that have come in; waits for the first one, at most so long (None: without end)."""

    def stop(self) -> None:
        """Ends all work at hand at once; nothing is reported about it any more."""

    def close(self) -> None:
        """Stops, and gives back what it holds."""
