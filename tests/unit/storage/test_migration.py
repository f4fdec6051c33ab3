"""Migrations: end at the declared tables, whole or not at all, and never touch a newer database."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

import unshelve
from unshelve.errors import Refused
from unshelve.storage import migration
from unshelve.storage.database import Database
from unshelve.storage.migration import MIGRATIONS, NEWEST, migrate, stored_revision
from unshelve.storage.migrations import m0001
from unshelve.storage.tables import METADATA

SOURCE = Path(unshelve.__file__).parent


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "test.db")
    yield opened
    opened.close()


def tables(database: Database) -> list[str]:
    with database.read() as connection:
        return inspect(connection).get_table_names()


def declare_all() -> None:
    for path in sorted(SOURCE.glob("*/tables.py")):
        if "METADATA" in path.read_text(encoding="utf-8"):
            importlib.import_module(f"unshelve.{path.parent.name}.tables")


def test_a_migrated_database_has_exactly_the_declared_tables(database: Database) -> None:
    declare_all()
    migrate(database)
    with database.read() as connection:
        differences = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), METADATA)
    assert differences == [], "a migration is missing; docs/storage.md says how to write it"
    assert set(tables(database)) == set(METADATA.tables)


def test_foreign_keys_and_unique_constraints_are_the_declared_ones(database: Database, tmp_path: Path) -> None:
    declare_all()
    migrate(database)
    declared = Database.open(tmp_path / "declared.db")
    with declared.write() as connection:
        METADATA.create_all(connection)
    found = []
    for each in (database, declared):
        with each.read() as connection:
            look = inspect(connection)
            found.append(
                {
                    name: (
                        sorted(map(str, look.get_foreign_keys(name))),
                        sorted(map(str, look.get_unique_constraints(name))),
                        sorted(map(str, look.get_indexes(name))),
                        look.get_pk_constraint(name)["constrained_columns"],
                    )
                    for name in look.get_table_names()
                }
            )
    declared.close()
    assert found[0] == found[1]


def test_there_is_one_file_for_each_number() -> None:
    files = sorted(path.stem for path in (SOURCE / "storage" / "migrations").glob("m*.py"))
    assert files == [f"m{number:04}" for number in MIGRATIONS]


def test_a_second_migration_changes_nothing(database: Database) -> None:
    migrate(database)
    before = database.change_token()
    migrate(database)
    assert database.change_token() == before


def test_alembic_is_not_imported_when_there_is_nothing_to_do(database: Database) -> None:
    migrate(database)
    script = (
        "import sys; from pathlib import Path; from unshelve.storage.database import Database\n"
        "from unshelve.storage.migration import migrate\n"
        "migrate(Database.open(Path(sys.argv[1])))\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('alembic', 'mako', 'numpy', 'pandas')])"
    )
    said = subprocess.run(
        [sys.executable, "-c", script, database.address], capture_output=True, text=True, check=True
    ).stdout
    assert said == "[]\n"


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(op: Operations) -> None:
        op.execute("create table half (id integer)")
        raise ZeroDivisionError

    monkeypatch.setattr(m0001, "upgrade", half)
    with pytest.raises(ZeroDivisionError):
        migrate(database)
    assert tables(database) == []


def test_a_newer_database_is_refused_and_not_touched(database: Database) -> None:
    migrate(database)
    with database.write() as connection:
        connection.exec_driver_sql("update schema_revision set number = ?", (NEWEST + 1,))
    before = Path(database.address).read_bytes(), database.change_token()
    with pytest.raises(Refused, match=f"revision {NEWEST + 1}; this one knows {NEWEST}"):
        migrate(database)
    assert (Path(database.address).read_bytes(), database.change_token()) == before


def test_somebody_elses_database_is_refused_and_not_touched(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("create table customers (id integer)")
    with pytest.raises(Refused, match="customers"):
        migrate(database)
    assert tables(database) == ["customers"]


def test_a_later_migration_runs_on_what_the_earlier_ones_left(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(database)

    class Later:
        @staticmethod
        def upgrade(op: Operations) -> None:
            op.execute("alter table jobs add column priority integer")

    monkeypatch.setattr(migration, "NEWEST", NEWEST + 1)
    monkeypatch.setattr(migration, "MIGRATIONS", (*MIGRATIONS, NEWEST + 1))
    monkeypatch.setitem(sys.modules, f"unshelve.storage.migrations.m{NEWEST + 1:04}", Later)
    migrate(database)
    with database.read() as connection:
        assert stored_revision(connection) == NEWEST + 1
        assert "priority" in {column["name"] for column in inspect(connection).get_columns("jobs")}
