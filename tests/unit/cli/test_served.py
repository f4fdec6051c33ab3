"""Where a home is served."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unshelve.cli.served import Served, address_of, say_served, served_at
from unshelve.storage.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.create_or_open(tmp_path / "home")


def test_a_home_is_served_while_the_process_that_said_so_holds_it(home: Home) -> None:
    say_served(home, Served(url="http://127.0.0.1:8123", pid=os.getpid()))
    with home.lock():
        assert served_at(home) == "http://127.0.0.1:8123"
    assert served_at(home) is None
    assert address_of(home) == "http://127.0.0.1:8123"


def test_a_home_that_another_process_holds_is_not_served_at_an_old_address(home: Home) -> None:
    say_served(home, Served(url="http://127.0.0.1:8123", pid=1))
    with home.lock():
        assert served_at(home) is None


def test_a_note_that_cannot_be_read_is_none(home: Home) -> None:
    assert address_of(home) is None
    (home.root / "run").mkdir()
    (home.root / "run" / "served.json").write_text("{", encoding="utf-8")
    assert address_of(home) is None
