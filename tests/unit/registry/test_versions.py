"""Versions are numbered in turn, never twice for one package; what is attested of them can be replaced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from databases import open_database
from unshelve.errors import NotFound
from unshelve.registry.versions import (
    Attestation,
    Version,
    add_version,
    attest,
    attestations_of,
    get_version,
    newest_versions,
    set_state,
    set_summary,
    versions_of,
    versions_of_run,
)
from unshelve.storage.database import Database
from unshelve.storage.migration import migrate

NOON = "2026-11-23T12:00:00+00:00"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "unshelve.db")
    migrate(opened)
    yield opened
    opened.close()


def added(database: Database, model: str, manifest: str, run: str = "run1") -> tuple[Version, bool]:
    with database.write() as connection:
        return add_version(
            connection,
            model=model,
            kind="model",
            manifest=manifest,
            signature="ed25519:k:s",
            run_id=run,
            summary={"identity": manifest},
            now=NOON,
        )


def test_numbers_count_up_for_each_model_by_itself(database: Database) -> None:
    numbers = [
        added(database, model, manifest)[0].number for model, manifest in [("s.a", "m1"), ("s.a", "m2"), ("s.b", "m3")]
    ]
    assert numbers == [1, 2, 1]


def test_an_equal_package_is_the_version_it_was(database: Database) -> None:
    first, new = added(database, "s.a", "m1")
    again, newer = added(database, "s.a", "m1", run="run2")
    assert (new, newer) == (True, False)
    assert again == first


def test_a_version_comes_back_as_it_went_in(database: Database) -> None:
    version, _ = added(database, "shop.returns", "m1")
    with database.read() as connection:
        assert get_version(connection, "shop.returns", 1) == version
    assert (version.solution, version.name, version.state, version.summary) == (
        "shop",
        "returns",
        "candidate",
        {"identity": "m1"},
    )


def test_lists_show_the_newest_first(database: Database) -> None:
    for manifest in ("m1", "m2", "m3"):
        added(database, "s.a", manifest)
    added(database, "t.b", "m4", run="run2")
    with database.read() as connection:
        assert [each.number for each in versions_of(connection, "s.a")] == [3, 2, 1]
        assert [each.number for each in versions_of(connection, "s.a", limit=1)] == [3]
        assert [(each.model, each.number) for each in newest_versions(connection)] == [("s.a", 3), ("t.b", 1)]
        assert [each.model for each in newest_versions(connection, "t")] == ["t.b"]
        assert [each.model for each in versions_of_run(connection, "run2")] == ["t.b"]


def test_state_and_summary_change_and_nothing_else(database: Database) -> None:
    version, _ = added(database, "s.a", "m1")
    with database.write() as connection:
        set_state(connection, "s.a", 1, "accepted")
        set_summary(connection, "s.a", 1, {"proof": "proven"})
    with database.read() as connection:
        now = get_version(connection, "s.a", 1)
    assert (now.state, now.summary) == ("accepted", {"proof": "proven"})
    assert (now.manifest, now.signature, now.run_id) == (version.manifest, version.signature, version.run_id)


def test_the_newest_attestation_of_a_kind_counts(database: Database) -> None:
    def made(outcome: str, kind: str = "proof") -> Attestation:
        return Attestation(
            manifest="m1",
            kind="proof" if kind == "proof" else "gates",
            blob=outcome,
            signature="s",
            outcome=outcome,
            made_at=NOON,
        )

    with database.write() as connection:
        for one in (made("not-proven"), made("proven"), made("passed", "gates")):
            attest(connection, one)
    with database.read() as connection:
        found = attestations_of(connection, ["m1", "m2"])
    assert {key: one.outcome for key, one in found.items()} == {("m1", "proof"): "proven", ("m1", "gates"): "passed"}


def test_an_unknown_version_says_which_there_are(database: Database) -> None:
    added(database, "s.returns", "m1")
    added(database, "s.returns", "m2")
    with database.read() as connection:
        with pytest.raises(NotFound, match=r"s\.returns has no version 7; it has 1 to 2"):
            get_version(connection, "s.returns", 7)
        with pytest.raises(NotFound, match=r"There is no model 's\.return'") as near:
            versions_of(connection, "s.return")
        assert near.value.near == ("s.returns",)
        with pytest.raises(NotFound) as bare:
            versions_of(connection, "returns")
        assert bare.value.near == ("s.returns",)
