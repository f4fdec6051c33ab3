"""A place to run graphs in, shared by the tests of the pipeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from databases import open_database
from unshelve.clock import Clock, FakeClock
from unshelve.pipeline.executor import Executor
from unshelve.pipeline.graph import Graph
from unshelve.pipeline.in_process import InProcess
from unshelve.pipeline.outcome import RunEvent, RunOutcome, RunRequest
from unshelve.pipeline.outputs import Operation, call_function
from unshelve.pipeline.plan import Explanation
from unshelve.pipeline.run import execute, explain
from unshelve.pipeline.task import Task
from unshelve.registry import runs
from unshelve.storage.blobs import FolderBlobs
from unshelve.storage.database import Database
from unshelve.storage.migration import migrate

START = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Shop:
    """A database, a blob store and a way to run graphs in this process."""

    folder: Path
    database: Database
    blobs: FolderBlobs
    clock: Clock = field(default_factory=lambda: FakeClock(START))
    events: list[RunEvent] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=lambda: {"python": "3.11"})

    def request(self, **options: object) -> RunRequest:
        with self.database.write() as connection:
            queued = runs.queue(
                connection, solution="flights", cause="test", actor="test", parameters={}, now=self.clock.now()
            )
        return RunRequest(run_id=queued.id, solution="flights", environment=self.environment, **options)  # type: ignore[arg-type]  # passed on

    def run(
        self,
        tasks: list[Task],
        functions: dict[str, Callable[..., object]] | None = None,
        *,
        executor: Executor | None = None,
        operations: dict[str, Operation] | None = None,
        **options: object,
    ) -> RunOutcome:
        chosen = executor or InProcess(
            functions or {}, self.blobs, operations={"call": call_function, **(operations or {})}, folder=self.folder
        )
        return execute(
            Graph(tasks),
            self.request(**options),
            database=self.database,
            blobs=self.blobs,
            executor=chosen,
            clock=self.clock,
            listener=self.events.append,
        )

    def explain(self, tasks: list[Task], **options: object) -> list[Explanation]:
        request = self.request(**options)
        return explain(Graph(tasks), request, database=self.database, blobs=self.blobs, clock=self.clock)


def open_shop(folder: Path) -> Shop:
    """A shop in a folder, with an empty database or the one that is there."""
    database = open_database(folder / "unshelve.db")
    migrate(database)
    return Shop(folder, database, FolderBlobs(folder / "blobs"))


def call(name: str, *needs: str, **options: object) -> Task:
    """A task that calls the function of its name, with inputs that are named after what they come from."""
    inputs = {need.replace(".", "_"): need for need in needs}
    return Task(name=name, function=name, inputs=inputs, **options)  # type: ignore[arg-type]  # passed on
