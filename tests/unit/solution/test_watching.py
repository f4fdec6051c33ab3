"""What code reaches for while it runs is heard: files, addresses, programs, random numbers, its own variables."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from unshelve.solution.watching import variables, watched


def heard(work: Callable[[], object]) -> list[str]:
    with watched() as found:
        work()
    return list(found)


def test_a_file_that_is_read_is_heard_and_one_that_is_written_is_not(tmp_path: Path) -> None:
    path = tmp_path / "rates.txt"
    assert heard(lambda: path.write_text("2.0", encoding="utf-8")) == []
    assert heard(lambda: path.read_text(encoding="utf-8")) == [f"reads {path}"]


def test_files_of_python_and_its_libraries_are_not(tmp_path: Path) -> None:
    assert heard(lambda: Path(json.__file__).read_text(encoding="utf-8")) == []
    assert heard(lambda: Path(np.__file__).with_name("py.typed").read_bytes()) == []


def test_addresses_and_programs_are_heard() -> None:
    def call() -> None:
        with socket.socket() as one, suppress(OSError):
            one.settimeout(0.1)
            one.connect(("127.0.0.1", 9))

    assert heard(call) == ["asks 127.0.0.1"]
    assert heard(lambda: subprocess.run(["true"], check=True)) == ["starts true"]


@pytest.mark.parametrize("draw", [random.random, lambda: np.random.normal(), lambda: np.random.permutation(3)])
def test_random_numbers_without_a_generator_are_heard(draw: Callable[[], object]) -> None:
    assert heard(draw) == ["draws random numbers that no seed of its own fixes"]


def test_a_generator_of_ones_own_is_not(tmp_path: Path) -> None:
    assert heard(lambda: np.random.default_rng(0).normal()) == []
    assert heard(lambda: random.Random(0).random()) == []


def test_other_threads_and_other_times_are_not_heard(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("x", encoding="utf-8")

    def elsewhere() -> None:
        thread = threading.Thread(target=lambda: path.read_text(encoding="utf-8"))
        thread.start()
        thread.join()

    assert heard(elsewhere) == []
    path.read_text(encoding="utf-8")
    assert heard(lambda: None) == []


CODE = """
import os, threading
SEEN = []
LIMIT = 3
LOCAL = threading.local()
def plain(): ...
def counting(): ...
counting.calls = 0
class Box:
    held = {}
class Adder:
    total = 0
    def __call__(self): self.total += 1
ADD = Adder()
def make():
    total = 0
    def add():
        nonlocal total
        total += 1
    return add
RUN = make()
"""


def test_whatever_a_module_can_remember_in_is_compared_by_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("remembering")
    monkeypatch.setitem(sys.modules, "remembering", module)
    exec(CODE, module.__dict__)
    before = variables({"remembering": module})
    module.SEEN.append(1)
    module.LOCAL.n = 1
    module.counting.calls += 1
    module.Box.held["x"] = 1
    module.ADD()
    module.RUN()
    after = variables({"remembering": module})
    assert {name.partition(" (")[0] for name in before if before[name] != after[name]} == {
        "SEEN",
        "LOCAL",
        "counting.calls",
        "Box.held",
        "ADD",
        "RUN",
    }
    assert "LIMIT (remembering.py)" in before
