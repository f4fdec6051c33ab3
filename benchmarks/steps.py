"""What a step costs: against plain calls that write one small file each, from the cache, and in a warm worker.

    python benchmarks/steps.py [--repeats 5]

Everything is on tmpfs (/dev/shm), where files cost the same each time. The floor and the steps take turns in one
process, and their ratio is taken of each turn, so that it survives a busy machine. CPU is that of this process;
medians and the range are printed. The goals are those of docs/pipeline.md.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import pickle
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from unshelve.clock import SystemClock
from unshelve.pipeline.executor import Executor
from unshelve.pipeline.graph import Graph
from unshelve.pipeline.in_process import InProcess
from unshelve.pipeline.outcome import RunOutcome, RunRequest
from unshelve.pipeline.outputs import Operation, call_function
from unshelve.pipeline.pool import WorkerPool
from unshelve.pipeline.processes import Processes
from unshelve.pipeline.run import execute
from unshelve.pipeline.task import Task
from unshelve.pipeline.worker_process import Program
from unshelve.registry import runs
from unshelve.registry.runs import StepState
from unshelve.storage.blobs import FolderBlobs
from unshelve.storage.database import Database
from unshelve.storage.migration import migrate

FRESH = 5_000
CACHED = 10_000
WARM = 100
ENVIRONMENT = {"python": "3.11", "pandas": "3.1.1", "numpy": "2.4.6", "pyarrow": "26.0.1", "unshelve": "0.1.0"}
OPERATIONS: dict[str, Operation] = {"call": call_function}


def increase(x: int = 0, k: int = 0) -> int:
    """The step: almost nothing."""
    return x + 1 + k


def load(_folder: Path) -> dict[str, Callable[..., object]]:
    """The functions of the graphs."""
    return {"increase": increase}


class Shop:
    """A database, blobs and runs on tmpfs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Database.open(folder / "unshelve.db")
        migrate(self.database)
        self.blobs = FolderBlobs(folder / "blobs")
        self.clock = SystemClock()

    def run(self, graph: Graph, executor: Executor | None = None) -> RunOutcome:
        """One run of a graph, in this process unless an executor is given."""
        with self.database.write() as connection:
            queued = runs.queue(
                connection, solution="bench", cause="bench", actor="bench", parameters={}, now=self.clock.now()
            )
        return execute(
            graph,
            RunRequest(run_id=queued.id, solution="bench", environment=ENVIRONMENT),
            database=self.database,
            blobs=self.blobs,
            executor=executor or InProcess(load(self.folder), self.blobs, folder=self.folder),
        )


def task(name: str, before: str | None, k: int) -> Task:
    """A step as a solution has it: with its code, its libraries and a parameter."""
    return Task(
        name=name,
        function="increase",
        inputs={"x": before} if before else {},
        parameters={"k": k},
        code={"function increase in solution.py": "0123456789abcdef0123456789abcdef"},
        libraries={"scikit-learn": "1.9.1"},
    )


def chain(n: int, k: int = 0) -> list[Task]:
    """Tasks that each take the value of the one before."""
    return [task(f"s{place}", f"s{place - 1}" if place else None, k) for place in range(n)]


def chains(n: int, length: int, k: int = 0) -> list[Task]:
    """Chains of some length, n tasks in all; each chain has a parameter of its own, k and more."""
    return [task(f"s{place}", f"s{place - 1}" if place % length else None, k + place // length) for place in range(n)]


def floor(folder: Path, n: int) -> int:
    """Plain calls, each value in a small file that is written beside its place and renamed into it."""
    value = 0
    for place in range(n):
        value = increase(value)
        path = f"{folder}/{place}"
        with open(f"{path}.new", "wb") as file:  # noqa: PTH123 - the least that a file costs
            file.write(pickle.dumps(value))
        os.rename(f"{path}.new", path)  # noqa: PTH104 - as above
    return value


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of CPU and of the clock."""
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def in_tmpfs(work: Callable[[Path], object]) -> object:
    """Does something in a new folder on tmpfs."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm", prefix="unshelve-bench-"))
    try:
        return work(folder)
    finally:
        shutil.rmtree(folder)


def fresh(repeats: int) -> dict[str, object]:
    """A chain of fresh no-op steps against the floor."""
    ratios, steps, floors, walls = [], [], [], []
    for _ in range(repeats + 1):
        least = in_tmpfs(lambda folder: measured(lambda: floor(folder, FRESH)))

        def run(folder: Path) -> tuple[float, float]:
            shop, graph = Shop(folder), Graph(chain(FRESH))
            found = measured(lambda: shop.run(graph))
            shop.database.close()
            return found

        ours = in_tmpfs(run)
        assert isinstance(least, tuple) and isinstance(ours, tuple)
        ratios.append(ours[0] / least[0])
        steps.append(ours[0] / FRESH * 1000)
        walls.append(ours[1] / FRESH * 1000)
        floors.append(least[0] / FRESH * 1000)
    return {
        "ratio by CPU": spread(ratios[1:]),
        "ms CPU per step": spread(steps[1:]),
        "ms wall per step": spread(walls[1:]),
        "floor ms CPU": spread(floors[1:]),
    }


def cached(repeats: int) -> dict[str, object]:
    """10,000 steps of the cache, and one of them changed, each time in a process of its own."""
    found = [
        json.loads(subprocess.check_output([sys.executable, __file__, "--one-cached"]).splitlines()[-1])
        for _ in range(repeats)
    ]
    return {name: spread([one[name] for one in found]) for name in found[0]}


def one_cached() -> dict[str, float]:
    """One measurement of the cached and of the changed run."""

    def work(folder: Path) -> dict[str, float]:
        tasks = chains(CACHED, 100)
        # What filled the cache is not to be seen in this process's memory.
        subprocess.run([sys.executable, __file__, "--fill", str(folder)], check=True)
        shop = Shop(folder)
        seconds: list[float] = []
        outcomes: list[RunOutcome] = []
        for edited in (tasks, [*tasks[:4_090], replace(tasks[4_090], parameters={"k": 7}), *tasks[4_091:]]):
            wall = time.perf_counter()
            outcomes.append(shop.run(Graph(edited)))
            seconds.append(time.perf_counter() - wall)
            if edited is tasks:
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        ran = outcomes[1].count(StepState.RAN)
        assert outcomes[0].count(StepState.CACHED) == CACHED and ran == 10, ran
        shop.database.close()
        return {"cached s": seconds[0], "cached RSS MB": peak, "one changed s": seconds[1], "steps that ran": ran}

    found = in_tmpfs(work)
    assert isinstance(found, dict)
    return found


def fill(folder: Path) -> None:
    """Runs the 10,000 steps once."""
    shop = Shop(folder)
    shop.run(Graph(chains(CACHED, 100)))
    shop.database.close()


def warm(repeats: int) -> dict[str, object]:
    """A chain of steps in a warm worker, one after the other, and independent ones in two."""

    def work(folder: Path) -> dict[str, object]:
        shop = Shop(folder)
        pool = WorkerPool(str(shop.blobs.root), environment={"PYTHONPATH": str(Path(__file__).parent)})
        executor = Processes(pool, Program(folder=folder, loader="steps:load", operations="steps:OPERATIONS"))
        shop.run(Graph(chains(4, 1)), executor)
        walls: dict[str, list[float]] = {"chain": [], "independent": []}
        for turn in range(repeats):
            for name, tasks in (
                ("chain", chain(WARM, 5_000 + turn)),
                ("independent", chains(WARM, 1, 9_000 * (turn + 1))),
            ):
                graph = Graph(tasks)
                walls[name].append(measured(lambda: shop.run(graph, executor))[1] / WARM * 1000)  # noqa: B023 - called here
        executor.close()
        pool.close()
        return {f"{name} ms wall per step": spread(values) for name, values in walls.items()}

    found = in_tmpfs(work)
    assert isinstance(found, dict)
    return found


def spread(values: list[float]) -> str:
    """The median and the range."""
    return f"{statistics.median(values):.3g} ({min(values):.3g}-{max(values):.3g})"


def main() -> None:
    """Measures all and prints a table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repeats", type=int, default=5)
    arguments.add_argument("--one-cached", action="store_true", help=argparse.SUPPRESS)
    arguments.add_argument("--fill", type=Path, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.fill:
        fill(chosen.fill)
        return
    if chosen.one_cached:
        print(json.dumps(one_cached()))
        return
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for title, work in (("fresh", fresh), ("cached", cached), ("warm worker", warm)):
        for name, value in work(chosen.repeats).items():
            print(f"{title:12} {name:28} {value}")


if __name__ == "__main__":
    main()
