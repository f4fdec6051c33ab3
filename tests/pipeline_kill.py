"""Control for the kill test: runs a graph in a forked child for each line it is told, and says what ended.

Told "REVISION HOW SECONDS" on standard input, it forks; the child runs the graph and writes "ended STEP" after each
step that was recorded, and "done". If it still runs after so many seconds it is killed. Forking spares each round
the time of importing. Steps append their name to a file, so that the test sees each time that one ran.
"""

from __future__ import annotations

import os
import select
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from pipeline_shop import open_shop
from unshelve.clock import SystemClock
from unshelve.pipeline.executor import Executor
from unshelve.pipeline.graph import Graph
from unshelve.pipeline.in_process import InProcess
from unshelve.pipeline.outcome import RunEvent, RunEventKind
from unshelve.pipeline.outputs import Operation, call_function
from unshelve.pipeline.pool import WorkerPool
from unshelve.pipeline.processes import Processes
from unshelve.pipeline.run import execute
from unshelve.pipeline.task import Task
from unshelve.pipeline.worker_process import Program
from unshelve.registry import runs
from unshelve.registry.runs import StepState
from unshelve.storage.blobs import FolderBlobs

OPERATIONS: dict[str, Operation] = {"call": call_function}


def graph(revision: str) -> Graph:
    """A source, two chains of five steps, and a step that joins them."""
    tasks = [step("source", revision, {}, fresh_seconds=0.0)]
    for chain in "ab":
        before = "source"
        for place in range(5):
            tasks.append(step(f"{chain}{place}", revision, {"left": before}))
            before = tasks[-1].name
    return Graph([*tasks, step("joined", revision, {"left": "a4", "right": "b4"})])


def step(name: str, revision: str, inputs: dict[str, str], fresh_seconds: float | None = None) -> Task:
    """A task of the graph."""
    parameters = {"revision": revision, "name": name}
    return Task(name=name, function="work", inputs=inputs, parameters=parameters, fresh_seconds=fresh_seconds)


def load(folder: Path) -> dict[str, Callable[..., object]]:
    """The function of the graph; it writes into `ran` in the folder."""

    def work(revision: str, name: str, left: list[str] | None = None, right: list[str] | None = None) -> list[str]:
        with (folder / "ran").open("a", encoding="utf-8") as file:
            file.write(f"{revision} {name}\n")
        time.sleep(0.004)
        return [*(left or []), *(right or []), f"{revision}-{name}"]

    return {"work": work}


def run(folder: Path, revision: str, how: str) -> None:
    """Runs the graph as a server does when it starts: broken runs are marked, and resumed."""
    shop = open_shop(folder)
    shop.clock = SystemClock()
    executor: Executor
    if how == "processes":
        pool = WorkerPool(str(shop.blobs.root))
        program = Program(folder=folder, loader="pipeline_kill:load", operations="pipeline_kill:OPERATIONS")
        executor = Processes(pool, program)
    else:
        executor = InProcess(load(folder), FolderBlobs(shop.blobs.root), folder=folder)
    now = shop.clock.now()
    with shop.database.write() as connection:
        runs.interrupt_open_runs(connection, waiting=[], now=now)
        since = runs.resume_point(connection, "flights", now=now)

    def say(event: RunEvent) -> None:
        if event.kind is RunEventKind.ENDED and event.outcome and event.outcome.state is StepState.RAN:
            os.write(1, f"ended {event.task}\n".encode())

    outcome = execute(
        graph(revision),
        shop.request(fresh_since=since),
        database=shop.database,
        blobs=shop.blobs,
        executor=executor,
        listener=say,
    )
    os.write(1, f"{outcome.state.value}\n".encode())
    executor.close()


def newest_run(folder: Path) -> tuple[int, str]:
    """Number and state of the newest run; 0 where there is none."""
    if not (folder / "unshelve.db").exists():
        return 0, ""
    with closing(sqlite3.connect(folder / "unshelve.db")) as connection:
        try:
            found = connection.execute("SELECT number, state FROM run ORDER BY number DESC LIMIT 1").fetchone()
        except sqlite3.OperationalError:  # killed before the tables were made
            found = None
    return found or (0, "")


def main(folder: Path) -> None:
    """Serves rounds until standard input ends."""
    for line in sys.stdin:
        revision, how, seconds = line.split()
        before, _ = newest_run(folder)
        child = os.fork()
        if child == 0:
            run(folder, revision, how)
            os._exit(0)
        ended = os.pidfd_open(child)
        if select.select([ended], [], [], float(seconds))[0] == []:
            os.kill(child, signal.SIGKILL)
            os.write(1, b"killed\n")
        os.waitpid(child, 0)
        os.close(ended)
        number, state = newest_run(folder)
        if number > before and state == "done":  # it may have been killed after that, and before it could say so
            os.write(1, b"done\n")
        os.write(1, b"over\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
