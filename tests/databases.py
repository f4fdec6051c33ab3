"""Which database the tests run on: SQLite, or PostgreSQL where UNSHELVE_TEST_DATABASE=postgresql says so.

Homes and databases of tests are made through the two functions here, so that one suite serves both.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from postgres_server import postgres_server
from unshelve.settings import read_settings
from unshelve.storage.database import Database
from unshelve.storage.home import Home

ON_POSTGRESQL: Final = os.environ.get("UNSHELVE_TEST_DATABASE") == "postgresql"

_made: dict[Path, str] = {}
_opened: list[Database] = []


def settle(home: Path) -> Path:
    """Says in a home that is about to be made which database it has; gives the home back."""
    if ON_POSTGRESQL and not (home / "settings.toml").exists():
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / "settings.toml").write_text(f"database = {json.dumps(_address(home))}\n", encoding="utf-8")
    return home


def open_database(path: Path, *, read_only: bool = False) -> Database:
    """The database that stands for the file at a path: on PostgreSQL, the same one each time the path is named."""
    return _kept(Database.open(_address(path) if ON_POSTGRESQL else path, read_only=read_only))


@contextmanager
def of_one_test() -> Iterator[None]:
    """What is made and opened inside the block is closed and gone after it; what was before stays."""
    before, open_before = len(_made), len(_opened)
    yield
    for database in _opened[open_before:]:
        database.close()
    del _opened[open_before:]
    for path in list(_made)[before:]:
        postgres_server().drop(_made.pop(path))


def await_change(database: Database, before: int) -> None:
    """Returns once a database has noticed a commit of others since its token was `before`: a file does at once."""
    until = time.monotonic() + 10
    while database.change_token() == before:
        if not ON_POSTGRESQL or time.monotonic() > until:
            raise AssertionError("the commit was not noticed")
        time.sleep(0.001)


def _kept(database: Database) -> Database:
    _opened.append(database)
    return database


def _address(path: Path) -> str:
    """The address of the database that stands for a path; processes that a test starts find it in a file beside."""
    told = path.with_name(f"{path.name}.address")
    if path not in _made and told.exists():
        return told.read_text(encoding="utf-8")
    if path not in _made:
        _made[path] = postgres_server().create()
        if path.parent.is_dir():
            told.write_text(_made[path], encoding="utf-8")
    return _made[path]


def database_of(home: Home) -> Database:
    """The database of a home that was settled."""
    return _kept(Database.open(read_settings(home.settings_file, {}).database or home.database_file))
