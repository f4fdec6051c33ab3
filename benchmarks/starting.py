"""How fast things start, and what they hold when idle: import, --help, `up` from nothing and again, rollback, memory.

    python benchmarks/starting.py [--solution examples/flights] [--home FOLDER]

Prints one line for each figure of docs/figures.md. Ratios are against a bare `python -c pass` of the same sitting;
memory is the sum over all processes that `up` started: PSS counts shared pages once, RSS counts them in each.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 7
IDLE_SECONDS = 75
"""Workers and the reader of sealed predictions end after 60 idle seconds."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--solution", type=Path, default=ROOT / "examples" / "flights")
    parser.add_argument("--home", type=Path)
    given = parser.parse_args()
    bare = seconds([sys.executable, "-c", "pass"])
    for name, command in {
        "import unshelve": [sys.executable, "-c", "import unshelve"],
        "unshelve --help": [sys.executable, "-m", "unshelve.cli.main", "--help"],
    }.items():
        found = seconds(command)
        print(f"{name}: {1000 * (found - bare):.0f} ms beyond a bare python ({found / bare:.1f} x)")
    loaded = subprocess.run(
        [sys.executable, "-c", "import unshelve, sys; print('numpy' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    print(f"numpy loaded by import unshelve: {loaded.stdout.strip()}")
    with tempfile.TemporaryDirectory() as folder:
        home = given.home or Path(folder) / "home"
        print(f"up from nothing: ready after {bring_up(given.solution, home):.1f} s")
        print(f"up again, all cached: ready after {bring_up(given.solution, home, measure=True):.1f} s")


def seconds(command: Sequence[str]) -> float:
    """The median wall time of a command."""
    found = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def bring_up(solution: Path, home: Path, *, measure: bool = False) -> float:
    """Seconds until `up` says that it is ready; with `measure`, its idle memory is printed."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "unshelve.cli.main", "up", str(solution), "--home", str(home), "--port", "0"]
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as up:
        try:
            said = json.loads((up.stdout.readline() if up.stdout else "") or "{}")
            took = time.perf_counter() - start
            if not said.get("ready"):
                raise SystemExit(f"It did not become ready: {said}")
            if measure:
                time.sleep(IDLE_SECONDS)
                print_memory(up.pid)
        finally:
            up.terminate()
            up.wait(timeout=60)
    return took


def print_memory(pid: int) -> None:
    """The memory of a process and all below it, in MB."""
    parent = psutil.Process(pid)
    processes = [parent, *parent.children(recursive=True)]
    held = [process.memory_full_info() for process in processes]
    pss, rss = (sum(getattr(each, kind) for each in held) / 2**20 for kind in ("pss", "rss"))
    each = ", ".join(f"{info.pss / 2**20:.0f}" for info in held)
    print(f"idle memory of {len(processes)} processes: {pss:.0f} MB PSS ({each}), {rss:.0f} MB RSS")


if __name__ == "__main__":
    main()
