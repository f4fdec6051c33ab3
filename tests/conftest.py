"""For all tests: one worker for each home, and databases that a test made and opened are closed and gone after it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import databases

# The suite uses all cores already. A worker loads the libraries before it does anything, and threads that wait for each
# other spin.
for name in ("UNSHELVE_WORKERS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")


@pytest.fixture(autouse=True)
def databases_go_with_their_test() -> Iterator[None]:
    """Those that fixtures of a wider scope made stay."""
    with databases.of_one_test():
        yield
