"""A tiny solution for the tests of the command line, and the command line as a person calls it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from unshelve.cli.main import main

SOLUTION = '''"""Parcels: will a parcel come late?"""
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

from unshelve import at_random, endpoint, model, source, target, transform


@source
def parcels():
    """Parcels of one winter. weight: kg."""
    rows = range(240)
    return pd.DataFrame({
        "weight": [0.5 + (7 * i % 40) / 4 for i in rows],
        "service": pd.Series(["road", "air", "sea"][i % 3] for i in rows),
        "postcode": [f"{i % 7:05d}" for i in rows],
        "days": [1 + (7 * i % 40) // 8 + 2 * (i % 3 == 2) for i in rows],
    })


@target
def late(parcels):
    """Came after more than four days."""
    return parcels["days"] > 4


@transform
def features(parcels):
    """Weight and way."""
    sea = (parcels["service"] == "sea").astype(float)
    return pd.DataFrame({"weight": parcels["weight"], "sea": sea, "near": (parcels["postcode"] == "00003") * 1.0})


@model(split=at_random(test=0.25))
def lateness(features_train, late_train, depth=4):
    """Will it come late?"""
    return DecisionTreeClassifier(max_depth=depth, random_state=0).fit(features_train, late_train)
'''
MODEL = "parcels.lateness"
ROW = {"weight": 9.5, "service": "sea", "postcode": "00003"}
CSV = "weight,service,postcode,note\n9.5,sea,00003,first\n0.5,air,00001,\n"


def write_solution(folder: Path, text: str = SOLUTION) -> Path:
    """A solution folder with that solution.py."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "solution.py").write_text(text, encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The last line of standard output."""
        return json.loads(self.out.splitlines()[-1])


def unshelve(*words: object, stdin: str = "", cwd: Path | None = None, timeout: float = 120) -> Said:
    """A command in a process of its own, to its end."""
    done = subprocess.run(
        command(*words),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd,
        env=environment(),
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def unshelve_here(*words: object) -> Said:
    """A command in this process, to its end: for what loads no solution."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["unshelve", *map(str, words)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as ended:
        return Said(int(ended.code or 0), out.getvalue(), err.getvalue())
    finally:
        sys.argv = before
    raise AssertionError("the command did not end by itself")


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "unshelve.cli.main", *map(str, words)]


def environment() -> dict[str, str]:
    """The environment without what is set of unshelve, but for the number of workers."""
    kept = "UNSHELVE_WORKERS"
    return {name: value for name, value in os.environ.items() if name == kept or not name.startswith("UNSHELVE_")}


@dataclass(frozen=True)
class Trained:
    """A trained solution: its folder, a copy of its home, and what its last run said."""

    folder: Path
    copy: Path
    said: Said


class Up:
    """`unshelve up` or `serve` in a process of its own, from its ready line to its end."""

    def __init__(self, *words: object, errors: IO[str]) -> None:
        self._errors = errors
        self.process = subprocess.Popen(
            command(*words, "--port", "0", "--json"),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment(),
        )
        assert self.process.stdout is not None
        self.first = self.process.stdout.readline()

    @property
    def ready(self) -> Any:
        """The ready line."""
        return json.loads(self.first)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Tells it to end; gives its exit code. What it still wrote to standard output is in `rest`."""
        self.process.send_signal(number)
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.rest = self.process.stdout.read()
        self.process.stdout.close()
        return code

    def __enter__(self) -> Up:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.end()


def eventually(condition: Any, seconds: float = 20.0) -> None:
    """Returns once a condition of another process holds."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.02)
