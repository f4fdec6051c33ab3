from __future__ import annotations

from pathlib import Path

import pytest

from web_house import House, a_house


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A furnished home for tests that change nothing another one sees."""
    return a_house(tmp_path_factory.mktemp("house"))


@pytest.fixture
def own_house(tmp_path: Path) -> House:
    """A furnished home for one test."""
    return a_house(tmp_path)


@pytest.fixture
def empty_house(tmp_path: Path) -> House:
    """A home in which nothing is yet."""
    return a_house(tmp_path, furnished=False)
