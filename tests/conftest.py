"""For all tests: one worker for each home, and databases that a test made and opened are closed and gone after it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import databases

os.environ.setdefault(
    "UNSHELVE_WORKERS", "1"
)  # each loads the libraries first, and the suite runs on all cores already


@pytest.fixture(autouse=True)
def databases_go_with_their_test() -> Iterator[None]:
    """Those that fixtures of a wider scope made stay."""
    with databases.of_one_test():
        yield
