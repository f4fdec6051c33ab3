from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline_shop import Shop, call
from unshelve.clock import SystemClock
from unshelve.errors import Unavailable
from unshelve.pipeline.artifacts import read_artifact
from unshelve.pipeline.graph import Graph
from unshelve.pipeline.outcome import RunEventKind, RunOutcome, StepError
from unshelve.pipeline.pool import PoolLimits, WorkerPool
from unshelve.pipeline.processes import Processes
from unshelve.pipeline.run import execute
from unshelve.pipeline.task import Task
from unshelve.pipeline.worker_process import Program

TESTS = Path(__file__).parents[2]


@pytest.fixture
def pool(shop: Shop) -> Iterator[WorkerPool]:
    opened = open_pool(shop)
    yield opened
    opened.close()


@pytest.fixture
def processes(shop: Shop, pool: WorkerPool) -> Iterator[Processes]:
    shop.clock = SystemClock()
    executor = Processes(pool, program(shop))
    yield executor
    executor.close()


def open_pool(shop: Shop, **limits: Any) -> WorkerPool:
    environment = {"PYTHONPATH": str(TESTS), "UNSHELVE_HOME": "/a/home"}
    return WorkerPool(str(shop.blobs.root), limits=PoolLimits(**limits), environment=environment)


def program(shop: Shop, revision: str = "") -> Program:
    return Program(
        folder=shop.folder,
        loader="pipeline_solution:load",
        operations="pipeline_solution:OPERATIONS",
        revision=revision,
    )


def value(shop: Shop, outcome: RunOutcome, task: str) -> Any:
    return read_artifact(outcome.artifact(task), shop.blobs, trusted=lambda _: True)


def error(outcome: RunOutcome, task: str) -> StepError:
    found = outcome.steps[task].error
    assert found is not None
    return found


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_tasks_run_in_workers_that_stay_warm(shop: Shop, processes: Processes, pool: WorkerPool) -> None:
    first = shop.run([call("one"), call("add", "one"), call("pid", "add")], executor=processes)
    again = shop.run([call("pid", cacheable=False)], executor=processes)
    assert value(shop, first, "add") == 2
    assert value(shop, first, "pid") == value(shop, again, "pid") == pool.pids()[0] != os.getpid()


def test_independent_tasks_run_at_the_same_time(shop: Shop, processes: Processes, pool: WorkerPool) -> None:
    shop.run([call("one"), replace(call("pid"), name="other")], executor=processes)
    nap = Task(name="x", function="sleep", parameters={"seconds": 0.5})
    outcome = shop.run([nap, replace(nap, name="y")], executor=processes)
    starts = [step.started_at for step in outcome.steps.values() if step.started_at is not None]
    assert abs(starts[0] - starts[1]) < timedelta(seconds=0.5)
    assert len(pool.pids()) == 2


def test_a_time_limit_ends_the_step_and_says_where_it_was(shop: Shop, processes: Processes, pool: WorkerPool) -> None:
    outcome = shop.run([call("sleep", timeout_seconds=0.2), call("one")], executor=processes)
    assert error(outcome, "sleep").message == "Step sleep took longer than its limit of 0.2 s and was ended."
    assert error(outcome, "sleep").code == "step-timed-out"
    assert (
        "pipeline_solution.py" in error(outcome, "sleep").traceback and "in sleep" in error(outcome, "sleep").traceback
    )
    assert "/unshelve/" not in error(outcome, "sleep").traceback
    assert outcome.steps["one"].state.value == "ran"
    assert value(shop, shop.run([call("pid")], executor=processes), "pid") in pool.pids()


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("leave", "Step leave ended its process (exit code 7)."),
        ("crash", "Step crash crashed its process (segmentation fault)."),
        ("kill", "Step kill was killed, perhaps because the machine ran out of memory."),
    ],
)
def test_a_step_that_ends_its_process_is_reported(shop: Shop, processes: Processes, step: str, said: str) -> None:
    outcome = shop.run([call(step), call("one"), call("add", "one")], executor=processes)
    assert (error(outcome, step).message, error(outcome, step).code) == (said, "step-exited")
    assert outcome.steps["add"].state.value == "ran"


def test_where_a_step_crashed_is_told(shop: Shop, processes: Processes) -> None:
    outcome = shop.run([call("crash")], executor=processes)
    assert "in crash" in error(outcome, "crash").traceback
    assert outcome.steps["crash"].log is None


def test_output_of_every_kind_is_kept_in_order(shop: Shop, processes: Processes) -> None:
    log = shop.run([call("talk")], executor=processes).steps["talk"].log
    assert log is not None
    lines = shop.blobs.get(log).decode().splitlines()
    assert lines[:4] == ["out", "err", "from C", "from a child"]
    assert lines[4].startswith("UserWarning: careful (pipeline_solution.py:")
    again = shop.run([call("talk", cacheable=False)], executor=processes).steps["talk"].log
    assert again == log


def test_an_error_is_reported_with_the_authors_frames_only(shop: Shop, processes: Processes) -> None:
    (shop.folder / "solution.py").write_text(
        "def helper(n):\n    return n / 0\n\ndef broken(n):\n    return helper(n)\n", encoding="utf-8"
    )
    outcome = shop.run([call("one"), Task(name="b", function="broken", inputs={"n": "one"})], executor=processes)
    found = error(outcome, "b")
    assert (found.message, found.place) == ("Step b raised ZeroDivisionError: division by zero", "solution.py:2")
    assert [line.strip() for line in found.traceback.splitlines() if "File" in line] == [
        f'File "{shop.folder}/solution.py", line 5, in broken',
        f'File "{shop.folder}/solution.py", line 2, in helper',
    ]
    assert found.inputs == {"n": "int"}


def test_a_solution_that_cannot_be_loaded_fails_its_tasks(shop: Shop, processes: Processes) -> None:
    (shop.folder / "solution.py").write_text("import no_such_module\n", encoding="utf-8")
    outcome = shop.run([call("one"), call("add", "one"), call("pid")], executor=processes)
    assert (
        error(outcome, "one").message
        == "Loading the solution raised ModuleNotFoundError: No module named 'no_such_module'"
    )
    assert error(outcome, "one").place == "solution.py:1"
    assert {name: step.state.value for name, step in outcome.steps.items()} == {
        "one": "failed",
        "add": "skipped",
        "pid": "failed",
    }


def test_progress_comes_while_a_task_runs(shop: Shop, processes: Processes) -> None:
    shop.run([Task(name="a", operation="halves")], executor=processes)
    moves = [(event.done, event.of) for event in shop.events if event.kind is RunEventKind.PROGRESSED]
    assert moves == [(1, 2)]


def test_the_peak_of_memory_is_that_of_the_task(shop: Shop, processes: Processes) -> None:
    outcome = shop.run([call("big"), replace(call("one"), name="small", inputs={})], executor=processes)
    after = shop.run([call("one", cacheable=False)], executor=processes)
    assert (outcome.steps["big"].peak_bytes or 0) > 200_000_000 > (after.steps["one"].peak_bytes or 0) > 1_000_000


def test_workers_are_alike_and_work_in_the_solution_folder(shop: Shop, processes: Processes) -> None:
    found = shop.run([call("hash_order"), call("where"), call("secret")], executor=processes)
    assert value(shop, found, "where") == str(shop.folder)
    assert value(shop, found, "secret") == "/a/home"
    other = open_pool(shop)
    executor = Processes(other, program(shop))
    try:
        again = shop.run([call("hash_order", cacheable=False)], executor=executor)
    finally:
        executor.close()
        other.close()
    assert again.artifact("hash_order") == found.artifact("hash_order")


def test_a_worker_of_another_revision_is_not_used_again(shop: Shop, pool: WorkerPool) -> None:
    def run(revision: str) -> RunOutcome:
        executor = Processes(pool, program(shop, revision))
        try:
            return shop.run([call("one", cacheable=False)], executor=executor)
        finally:
            executor.close()

    (shop.folder / "solution.py").write_text("def one():\n    return 10\n", encoding="utf-8")
    first = run("1")
    (shop.folder / "solution.py").write_text("def one():\n    return 20\n", encoding="utf-8")
    assert [value(shop, outcome, "one") for outcome in (first, run("1"), run("2"))] == [10, 10, 20]
    assert len(pool.pids()) == 2


def test_chance_begins_at_the_same_place_for_each_step(shop: Shop, processes: Processes, pool: WorkerPool) -> None:
    text = "import random\nimport numpy as np\n\ndef draw():\n    return [random.random(), np.random.random()]\n"
    (shop.folder / "solution.py").write_text(text, encoding="utf-8")
    tasks = [Task(name=name, function="draw", cacheable=False) for name in "xy"]
    first, second = (shop.run(tasks, executor=processes) for _ in range(2))
    assert value(shop, first, "x") == value(shop, second, "x") != value(shop, first, "y")
    (shop.folder / "solution.py").write_text(f"{text}\nnp.random.seed(42)\n", encoding="utf-8")
    executor = Processes(pool, program(shop, "seeded"))
    seeded = shop.run(tasks, executor=executor)
    executor.close()
    assert value(shop, seeded, "x")[1] == value(shop, seeded, "y")[1] == pytest.approx(0.3745401188473625, abs=0)
    assert value(shop, seeded, "x")[0] == value(shop, first, "x")[0]


def test_what_a_step_leaves_behind_does_not_reach_the_next(shop: Shop, processes: Processes) -> None:
    text = "import os\n\ndef stray():\n    os.chdir('/')\n    return 1\n"
    (shop.folder / "solution.py").write_text(text, encoding="utf-8")
    shop.run([call("stray")], executor=processes)
    assert value(shop, shop.run([call("where")], executor=processes), "where") == str(shop.folder)


def test_an_edited_method_of_a_pickled_object_runs_what_uses_it(shop: Shop, pool: WorkerPool) -> None:
    text = "import sys\nsys.path.insert(0, '.')\nfrom scaler import Scaler\n\ndef fit():\n    return Scaler()\n\n"
    (shop.folder / "solution.py").write_text(f"{text}def use(fit):\n    return fit.apply(3)\n", encoding="utf-8")
    outcomes = []
    for factor in (2, 5):
        body = f"class Scaler:\n    def apply(self, x):\n        return x * {factor}\n"
        (shop.folder / "scaler.py").write_text(body, encoding="utf-8")
        executor = Processes(pool, program(shop, str(factor)))
        code = {"class Scaler in scaler.py": str(factor)}
        outcomes.append(shop.run([call("fit", code=code), call("use", "fit")], executor=executor))
        executor.close()
    assert [value(shop, outcome, "use") for outcome in outcomes] == [6, 15]
    assert outcomes[0].artifact("fit").digest == outcomes[1].artifact("fit").digest
    assert outcomes[1].steps["use"].reason == "input fit changed"


def test_a_solution_that_exits_while_it_is_loaded_is_reported(shop: Shop, processes: Processes) -> None:
    path = shop.folder / "solution.py"
    path.write_text("import sys\nsys.exit(3)\n", encoding="utf-8")
    assert error(shop.run([call("one")], executor=processes), "one").message == (
        "Loading the solution ended its process: exit(3)."
    )
    path.write_text("import os\nprint('half-way')\nos._exit(3)\n", encoding="utf-8")
    outcome = shop.run([call("one")], executor=processes)
    assert error(outcome, "one").message == "The worker ended while it loaded the solution (3)."
    log = outcome.steps["one"].log
    assert log is not None and shop.blobs.get(log) == b"half-way\n"


def test_a_closed_pool_gives_no_worker(shop: Shop, pool: WorkerPool) -> None:
    pool.close()
    with pytest.raises(Unavailable):
        shop.run([call("one")], executor=Processes(pool, program(shop)))


def test_idle_workers_end(shop: Shop) -> None:
    pool = open_pool(shop, idle_seconds=0.2)
    executor = Processes(pool, program(shop))
    try:
        pid = value(shop, shop.run([call("pid")], executor=executor), "pid")
        wait_until(lambda: pool.pids() == [])
        assert not is_alive(pid)
        assert value(shop, shop.run([call("pid", cacheable=False)], executor=executor), "pid") != pid
    finally:
        executor.close()
        pool.close()


def test_two_runs_share_a_pool(shop: Shop) -> None:
    shop.clock = SystemClock()
    pool = open_pool(shop, workers=1)
    found: list[RunOutcome] = []

    def run(name: str) -> None:
        executor = Processes(pool, program(shop))
        nap = Task(name=name, function="sleep", parameters={"seconds": 0.1})
        try:
            found.append(shop.run([nap, replace(nap, name=f"{name}2")], executor=executor))
        finally:
            executor.close()

    threads = [threading.Thread(target=run, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [outcome.state.value for outcome in found] == ["done", "done"]
    assert len(pool.pids()) == 1
    pool.close()


def test_a_stopped_run_ends_its_workers_and_their_children(shop: Shop, processes: Processes, pool: WorkerPool) -> None:
    (shop.folder / "solution.py").write_text(
        "import subprocess, pathlib\n"
        "def long():\n"
        "    child = subprocess.Popen(['sleep', '60'])\n"
        "    pathlib.Path('child').write_text(str(child.pid))\n"
        "    child.wait()\n",
        encoding="utf-8",
    )
    stop = threading.Event()
    child = shop.folder / "child"

    def watch() -> None:
        wait_until(lambda: child.is_file() and child.read_text() != "")
        stop.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    outcome = execute(
        Graph([call("long")]), shop.request(), database=shop.database, blobs=shop.blobs, executor=processes, stop=stop
    )
    watcher.join()
    assert outcome.state.value == "stopped"
    assert outcome.steps["long"].reason == "it was ended while it ran"
    assert pool.pids() == []
    wait_until(lambda: not is_alive(int(child.read_text())))


CONTROL = """
import sys
from pathlib import Path
from pipeline_shop import call, open_shop
from unshelve.pipeline.outcome import RunEventKind
from unshelve.pipeline.graph import Graph
from unshelve.pipeline.pool import WorkerPool
from unshelve.pipeline.processes import Processes
from unshelve.pipeline.run import execute
from unshelve.pipeline.worker_process import Program
shop = open_shop(Path(sys.argv[1]))
pool = WorkerPool(str(shop.blobs.root))
program = Program(folder=shop.folder, loader="pipeline_solution:load", operations="pipeline_solution:OPERATIONS")
def say(event):
    if event.kind is RunEventKind.STARTED:
        print(*pool.pids(), flush=True)
try:
    execute(Graph([call("sleep")]), shop.request(), database=shop.database, blobs=shop.blobs,
            executor=Processes(pool, program), listener=say)
except KeyboardInterrupt:
    pool.close()
    print("stopped", flush=True)
    sys.exit(130)
"""


@pytest.fixture
def control(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CONTROL), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    with process:
        yield process
        process.kill()


def test_workers_end_when_control_is_killed(control: subprocess.Popen[str]) -> None:
    assert control.stdout is not None
    worker = int(control.stdout.readline())
    assert is_alive(worker)
    control.kill()
    control.wait()
    wait_until(lambda: not is_alive(worker))


def test_an_interrupt_ends_the_run_and_its_workers(control: subprocess.Popen[str]) -> None:
    assert control.stdout is not None
    worker = int(control.stdout.readline())
    control.send_signal(signal.SIGINT)
    assert control.stdout.read() == "stopped\n"
    assert control.wait() == 130
    assert not is_alive(worker)


def test_a_worker_that_was_started_ahead_is_the_one_that_is_leased(shop: Shop, pool: WorkerPool) -> None:
    pool.warm(program(shop))
    pool.warm(program(shop))
    (ahead,) = pool.pids()
    worker = pool.lease(program(shop))
    assert worker is not None and worker.pid == ahead
    pool.give_back(worker)
