"""Origins: kept for each state of a solution's code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from databases import open_database
from unshelve.registry.origins import KnownOrigin, drop_origin, origin_of, put_origin
from unshelve.storage.migration import migrate


def test_an_origin_is_kept_for_each_state_of_the_code(tmp_path: Path) -> None:
    database = open_database(tmp_path / "test.db")
    migrate(database)
    one = KnownOrigin(solution="s", code="a", notebook="n.ipynb", model="m", state="unproven", blob="b")
    other = replace(one, code="c", state="edited")
    with database.write() as connection:
        for known in (one, other, replace(one, state="proven")):
            put_origin(connection, known)
        assert origin_of(connection, "s", "a") == replace(one, state="proven")
        drop_origin(connection, "s", "a")
        assert (origin_of(connection, "s", "a"), origin_of(connection, "s", "c")) == (None, other)
    database.close()
