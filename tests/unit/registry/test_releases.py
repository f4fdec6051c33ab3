"""A release, its line in the history and its audit entry are one change, and every way back is known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from databases import open_database
from unshelve.errors import Conflict, NotFound
from unshelve.registry.releases import champion_of, history, releases, roll_back, set_champion, withdraw
from unshelve.registry.versions import add_version, set_state
from unshelve.security.actors import LOCAL
from unshelve.security.audit import entries, verify
from unshelve.storage.database import Database
from unshelve.storage.migration import migrate

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MODEL = "shop.returns"


class Shelf:
    """A model with four accepted versions and a refused fifth, and a clock that goes on by a minute."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.minutes = 0
        with database.write() as connection:
            for number in range(1, 6):
                add_version(
                    connection,
                    model=MODEL,
                    kind="model",
                    manifest=f"m{number}",
                    signature="s",
                    run_id="r",
                    summary={},
                    now=NOON.isoformat(),
                )
                set_state(connection, MODEL, number, "accepted" if number < 5 else "refused")

    def now(self) -> datetime:
        self.minutes += 1
        return NOON + timedelta(minutes=self.minutes)

    def release(self, number: int) -> None:
        with self.database.write() as connection:
            set_champion(connection, MODEL, number, verb="release", actor=LOCAL, reason="better", now=self.now())

    def back(self) -> None:
        with self.database.write() as connection:
            roll_back(connection, MODEL, actor=LOCAL, reason="worse", now=self.now())

    @property
    def champion(self) -> int | None:
        with self.database.read() as connection:
            return champion_of(connection, MODEL)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    opened = open_database(tmp_path / "unshelve.db")
    migrate(opened)
    yield Shelf(opened)
    opened.close()


def test_nothing_answers_before_the_first_release(shelf: Shelf) -> None:
    assert shelf.champion is None
    with shelf.database.read() as connection:
        assert releases(connection) == {}


def test_releases_are_written_into_history_and_audit_with_them(shelf: Shelf) -> None:
    shelf.release(1)
    shelf.release(2)
    with shelf.database.read() as connection:
        lines = [(line.verb, line.from_version, line.to_version) for line in history(connection, MODEL)]
        audited = [(entry.action, entry.subject) for entry in entries(connection)]
        verify(connection)
        assert releases(connection)[MODEL].champion == 2
    assert lines == [("release", 1, 2), ("release", None, 1)]
    assert audited.count(("release", MODEL)) == 2


def test_a_release_that_is_not_committed_never_was(shelf: Shelf) -> None:
    shelf.release(1)

    def broken(connection: Connection) -> None:
        set_champion(connection, MODEL, 2, verb="release", actor=LOCAL, reason="", now=shelf.now())
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError), shelf.database.write() as connection:
        broken(connection)
    with shelf.database.read() as connection:
        assert champion_of(connection, MODEL) == 1
        assert len(history(connection, MODEL)) == 1
        assert [entry.action for entry in entries(connection)] == ["release"]


def test_rolling_back_goes_back_and_back_again_never_forth(shelf: Shelf) -> None:
    for number in (1, 2, 3):
        shelf.release(number)
    shelf.back()
    assert shelf.champion == 2
    shelf.back()
    assert shelf.champion == 1
    with pytest.raises(Conflict, match="has had no champion before v1"):
        shelf.back()


def test_after_a_rollback_a_new_release_is_rolled_back_to_what_answered_before_it(shelf: Shelf) -> None:
    for number in (1, 2, 3):
        shelf.release(number)
    shelf.back()
    shelf.release(4)
    shelf.back()
    assert shelf.champion == 2


@pytest.mark.parametrize(
    ("number", "says"),
    [(1, r"shop\.returns v1 answers already"), (5, "did not pass its gates")],
)
def test_what_may_not_answer_is_refused_and_nothing_changes(shelf: Shelf, number: int, says: str) -> None:
    shelf.release(1)
    with pytest.raises(Conflict, match=says):
        shelf.release(number)
    assert shelf.champion == 1


def test_an_unknown_version_is_not_found(shelf: Shelf) -> None:
    with pytest.raises(NotFound, match="has no version 9"):
        shelf.release(9)


def test_a_withdrawn_model_answers_no_more_and_keeps_its_versions(shelf: Shelf) -> None:
    shelf.release(1)
    with shelf.database.write() as connection:
        withdraw(connection, MODEL, actor=LOCAL, reason="not needed", now=shelf.now())
    assert shelf.champion is None
    with pytest.raises(NotFound), shelf.database.write() as connection:
        withdraw(connection, MODEL, actor=LOCAL, reason="not needed", now=shelf.now())
    shelf.release(1)
    assert shelf.champion == 1
