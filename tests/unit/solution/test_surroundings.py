"""What code asks of the world beyond its rows is told from its text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from unshelve.solution.declaration import Declaration

Declare = Callable[[str], Declaration]

HEAD = """
import os, random, time, uuid
import datetime as dt
from datetime import datetime
from os import environ
import numpy as np
import pandas as pd
NAMES = {"a", "b"}
def helper(): return datetime.now().year
@source
def rows(): ...
@transform
def features(rows):
    return BODY
@model
def groups(features): ...
"""

CLOCK, RANDOM, MACHINE = "what time it is", "random numbers", "the machine's environment"


def leans(declared: Declare, body: str) -> set[str]:
    step = declared(HEAD.replace("BODY", body)).step("features")
    return {said.partition(" (solution.py:")[0] for said in step.leans_on}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("datetime.now()", CLOCK),
        ("dt.datetime.utcnow()", CLOCK),
        ("date.today()", CLOCK),
        ("pd.Timestamp.now()", CLOCK),
        ("pd.Timestamp('now')", CLOCK),
        ("pd.to_datetime('today')", CLOCK),
        ("time.time()", CLOCK),
        ("time.localtime()", CLOCK),
        ("helper()", CLOCK),
        ("random.random()", RANDOM),
        ("np.random.normal(size=3)", RANDOM),
        ("np.random.default_rng().normal()", RANDOM),
        ("uuid.uuid4()", RANDOM),
        ("os.environ['X']", MACHINE),
        ("environ.get('X')", MACHINE),
        ("os.getenv('X')", MACHINE),
        ("rows['a'].map(hash)", "hash(), which differs from process to process"),
        ("rows[list({'a', 'b'})]", "the order of a set, which differs from process to process"),
        ("[name for name in set(rows)]", "the order of a set, which differs from process to process"),
    ],
)
def test_it_is_found(declared: Declare, body: str, said: str) -> None:
    assert leans(declared, body) == {said}


@pytest.mark.parametrize(
    "body",
    [
        "rows['at'].dt.hour",
        "time.localtime(0)",
        "pd.Timestamp('2024-01-01')",
        "pd.to_datetime(rows['at'])",
        "np.random.default_rng(0).normal(size=3)",
        "random.Random(1).random()",
        "uuid.uuid5(uuid.NAMESPACE_DNS, 'x')",
        "rows['kind'].isin({'x', 'y'})",
        "sorted({'a', 'b'})",
        "os.path.join('a', 'b')",
    ],
)
def test_what_is_the_same_each_time_is_not(declared: Declare, body: str) -> None:
    assert leans(declared, body) == set()


def test_the_line_is_told(declared: Declare) -> None:
    step = declared(HEAD.replace("BODY", "datetime.now()")).step("features")
    assert step.leans_on == ("what time it is (solution.py:18)",)


def test_training_may_ask_for_the_time(declared: Declare) -> None:
    text = HEAD.replace("BODY", "rows").replace("def groups(features): ...", "def groups(features): return helper()")
    assert declared(text).step("groups").leans_on == ()
