"""A hundred times `kill -9` in the middle of a run: no finished step is repeated, and the store verifies."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline_shop import open_shop
from unshelve.registry.results import newest_results

TESTS = Path(__file__).parents[1]
WITH_WORKERS = 10


@dataclass
class Control:
    """The process that forks one child per round (pipeline_kill.py)."""

    process: subprocess.Popen[str]
    folder: Path
    revision: int = 0
    finished: set[str] = field(default_factory=set)

    def round(self, how: str, seconds: float) -> bool:
        """One run, killed after so many seconds if it still goes on; whether it was."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"r{self.revision} {how} {seconds}\n")
        self.process.stdin.flush()
        lines = [self.process.stdout.readline().strip()]
        while lines[-1] != "over":
            assert lines[-1] != ""
            lines.append(self.process.stdout.readline().strip())
        self.repeated_nothing()
        self.finished |= {f"r{self.revision} {line.split()[1]}" for line in lines if line.startswith("ended")}
        if "done" in lines:
            self.revision += 1
            self.finished.clear()
        assert "done" in lines or "killed" in lines
        return "killed" in lines

    def repeated_nothing(self) -> None:
        """Nothing ran in this round that an earlier round had finished."""
        path = self.folder / "ran"
        if path.exists():
            ran = path.read_text(encoding="utf-8").splitlines()
            path.write_text("", encoding="utf-8")
            assert self.finished.isdisjoint(ran)


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    open_shop(tmp_path).database.close()  # its database is this process's, and the others find it
    process = subprocess.Popen(
        [sys.executable, str(TESTS / "pipeline_kill.py"), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    with process:
        yield Control(process, tmp_path)


def verify(folder: Path) -> None:
    """The database is sound, every blob is what its name says, and every stored result has its blobs."""
    with sqlite3.connect(folder / "unshelve.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    shop = open_shop(folder)
    assert list(shop.blobs.verify()) == []
    with shop.database.read() as rows:
        results = newest_results(rows, "flights", limit=10_000)
    wanted = {artifact["digest"] for result in results for artifact in json.loads(result.outputs).values()}
    assert wanted and shop.blobs.has_many(wanted) == wanted
    shop.database.close()


def test_a_hundred_kills_repeat_no_finished_step_and_leave_a_sound_store(control: Control) -> None:
    rng = random.Random(2026)
    for how, kills in (("here", 100 - WITH_WORKERS), ("processes", WITH_WORKERS)):
        control.round(how, 60)
        began = time.monotonic()
        control.round(how, 60)
        whole = time.monotonic() - began
        killed = 0
        while killed < kills:
            killed += control.round(how, rng.uniform(0.0, whole))
        assert not control.round(how, 60)
        verify(control.folder)
    assert control.revision >= 5
