"""For all tests: databases that a test made and opened are closed and gone after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import databases


@pytest.fixture(autouse=True)
def databases_go_with_their_test() -> Iterator[None]:
    """Those that fixtures of a wider scope made stay."""
    with databases.of_one_test():
        yield
