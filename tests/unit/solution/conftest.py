"""Solution files as short texts, declared in this process and forgotten afterwards."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from unshelve.solution.declaration import Declaration
from unshelve.solution.loading import declare

Declare = Callable[[str], Declaration]

IMPORTS = (
    "from dataclasses import dataclass\n"
    "from datetime import date\n"
    "from typing import Literal\n"
    "from unshelve import (Dataset, answer, at_least, at_random, best, by_time, chart, endpoint, expect, fit, keep, "
    "metric, model, source, split, step, target, transform, worth, "
    "column, fresh, key, refers_to, row_count, unique)\n"
)


@pytest.fixture
def declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Declare]:
    """Gives the declaration of a solution file whose imports are there already."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    count = 0

    def read(text: str) -> Declaration:
        nonlocal count
        count += 1
        sys.modules.pop("solution", None)
        folder = tmp_path / f"shop{count}"
        folder.mkdir()
        (folder / "solution.py").write_text(IMPORTS + text, encoding="utf-8")
        return declare(folder)

    yield read
    sys.modules.pop("solution", None)
