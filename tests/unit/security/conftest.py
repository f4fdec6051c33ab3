"""A database with the tables of security, a clock that stands still, and an owner."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection

from databases import open_database
from unshelve.clock import FakeClock
from unshelve.security import tables
from unshelve.security.actors import LOCAL, Role
from unshelve.security.users import User, create_user
from unshelve.storage.database import Database
from unshelve.storage.tables import METADATA


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "security.db")
    own = [tables.USERS, tables.SIGN_IN_LINKS, tables.SESSIONS, tables.API_KEYS, tables.AUDIT, tables.TRUSTED]
    with opened.write() as connection:
        METADATA.create_all(connection, tables=own)
    yield opened
    opened.close()


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as opened:
        yield opened


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture
def ada(database: Database, clock: FakeClock) -> User:
    """The first owner."""
    with database.write() as connection:
        return create_user(connection, "ada", Role.OWNER, actor=LOCAL, now=clock.now())
