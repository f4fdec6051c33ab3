"""What `fsck` finds: each kind of damage, done to a small real home."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from databases import settle
from predictions_log_files import NOON, closed, record
from unshelve.ids import canonical_json, digest_json
from unshelve.models.package import File, Manifest
from unshelve.predictions.parquet import ParquetFiles
from unshelve.predictions.sealing import Sealer
from unshelve.registry.releases import set_champion
from unshelve.registry.results import StoredResult, keep_results
from unshelve.registry.versions import Attestation, add_version, attest, set_state
from unshelve.security.actors import LOCAL
from unshelve.security.audit import renew_head
from unshelve.solution.control import Control
from unshelve.solution.stored import stored
from unshelve.storage.home import Home
from unshelve.upkeep.damage import examine

MODEL = "parcels.lateness"
NOW = "2026-01-01T00:00:00.000000+00:00"


@dataclass
class House:
    """A home with one released version, its Proof, one stored result and a signed audit head."""

    control: Control
    estimator: str
    manifest: str
    proof: str
    result: str

    @property
    def home(self) -> Home:
        return self.control.home

    def found(self) -> list[tuple[str, str]]:
        """What is found: code and sentence."""
        with stored(self.home) as opened:
            parts = list(examine(opened))
        assert all(damage.hint for part in parts for damage in part.damages)
        return [(damage.subject_code, damage.message) for part in parts for damage in part.damages]

    def hints(self) -> list[str]:
        """What is to be done about it."""
        with stored(self.home) as opened:
            return [str(damage.hint) for part in examine(opened) for damage in part.damages]

    def blob(self, digest: str) -> Path:
        path = self.control.blobs.path(digest)
        assert path is not None
        return path

    def spoil(self, digest: str) -> None:
        """Other bytes in the place of a blob."""
        path = self.blob(digest)
        path.chmod(0o600)
        path.write_bytes(b"other bytes")

    def execute(self, statement: str) -> None:
        with self.control.database.write() as connection:
            connection.execute(text(statement))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with Control.open(settle(tmp_path / "home")) as control:
        yield furnished(control)


def furnished(control: Control) -> House:
    estimator = control.blobs.put(b"an estimator")
    manifest = Manifest(
        model=MODEL,
        kind="model",
        title="",
        description="",
        files={"estimator": File(digest=estimator, size=12, kind="bytes")},
    )
    data = manifest.to_bytes()
    digest = control.blobs.put(data)
    proof = canonical_json({"manifest": digest, "outcome": "proven"})
    made = House(control, estimator, digest, control.blobs.put(proof), control.blobs.put(b"a result"))
    outputs = canonical_json({"": {"digest": made.result, "kind": "bytes", "size_bytes": 8}}).decode()
    with control.database.write() as connection:
        add_version(
            connection,
            model=MODEL,
            kind="model",
            manifest=digest,
            signature=control.signer.sign(data),
            run_id="r",
            summary={},
            now=NOW,
        )
        set_state(connection, MODEL, 1, "accepted")
        attest(
            connection,
            Attestation(
                manifest=digest,
                kind="proof",
                blob=made.proof,
                signature=control.signer.sign(proof),
                outcome="proven",
                made_at=NOW,
            ),
        )
        set_champion(connection, MODEL, 1, verb="release", actor=LOCAL, reason="test", now=control.clock.now())
        keep_results(
            connection,
            "parcels",
            [StoredResult(key="k", task="rows", outputs=outputs, parts="{}", run_id="r", made_at=NOW)],
        )
    with control.database.read() as connection:
        renew_head(connection, control.home.keys, control.signer)
    return made


def test_a_sound_home_has_no_damage(house: House) -> None:
    assert house.found() == []


def test_a_changed_file_of_a_version_is_named_with_the_version(house: House) -> None:
    house.spoil(house.estimator)
    assert house.found() == [
        (
            "blob-damaged",
            f"The bytes {house.estimator[:12]}… are not what was written; they are estimator of {MODEL} v1.",
        )
    ]


def test_a_changed_result_can_be_made_again(house: House) -> None:
    house.spoil(house.result)
    assert [code for code, _ in house.found()] == ["blob-damaged"]
    assert house.hints() == [f"Delete {house.blob(house.result)}: the next run makes it again."]


def test_a_result_that_is_gone_is_made_again(house: House) -> None:
    house.control.blobs.delete(house.result)
    assert house.found() == [("result-gone", f"A result of rows in parcels is gone ({house.result[:12]}…).")]


def test_a_file_of_a_version_that_is_gone_is_named_and_who_answers_is_told_to_roll_back(house: House) -> None:
    house.control.blobs.delete(house.estimator)
    assert house.found() == [("version-damaged", f"{MODEL} v1: its file estimator is gone.")]
    assert house.hints()[0].startswith(f"It answers now: `unshelve rollback {MODEL}`")


def test_a_version_that_another_key_signed_is_found(house: House, tmp_path: Path) -> None:
    with Control.open(settle(tmp_path / "other")) as other:
        foreign = other.signer.sign(house.control.blobs.get(house.manifest))
    house.execute(f"UPDATE version SET signature = '{foreign}'")
    found = house.found()
    assert [code for code, _ in found] == ["version-damaged"]
    assert "signature was made by a key that is not known here" in found[0][1]


def test_a_proof_that_was_written_anew_is_found(house: House) -> None:
    forged = house.control.blobs.put(canonical_json({"manifest": house.manifest, "outcome": "proven", "rows": 1000}))
    house.execute(f"UPDATE attestation SET blob = '{forged}'")
    assert ["its proof does not hold" in said for _, said in house.found()] == [True]


def test_a_changed_audit_entry_is_found(house: House) -> None:
    house.execute("UPDATE audit SET actor_name = 'nobody' WHERE number = 1")
    assert house.found() == [("audit-damaged", "Entry 1 of the audit was changed after it was written.")]


def test_an_audit_without_its_end_is_found(house: House) -> None:
    house.execute("DELETE FROM audit WHERE number = (SELECT max(number) FROM audit)")
    assert [code for code, _ in house.found()] == ["audit-damaged"]


def test_a_file_that_does_not_belong_is_found(house: House) -> None:
    strange = house.home.blobs / "sha256" / "ab"
    strange.mkdir(exist_ok=True)
    (strange / "notes.txt").write_text("mine")
    assert [code for code, _ in house.found()] == ["strange-file"]


def sealed(house: House) -> None:
    closed(house.home.predictions, [record(NOON)], name="s1")
    files = ParquetFiles(house.home.predictions)
    Sealer(house.control.database, house.home.predictions, files, actor=LOCAL).seal()


def test_sealed_predictions_that_were_changed_are_found(house: House) -> None:
    sealed(house)
    assert house.found() == []
    (house.home.predictions / "day=2026-03-01/s1.parquet").unlink()
    assert [code for code, _ in house.found()] == ["predictions-gone"]


def test_a_segment_that_was_replaced_with_all_its_digests_is_found_by_the_audit(house: House) -> None:
    sealed(house)
    file = house.home.predictions / "day=2026-03-01/s1.parquet"
    file.write_bytes(b"")
    empty = hashlib.sha256(b"").hexdigest()
    whole = digest_json([["day=2026-03-01/s1.parquet", empty]])
    house.execute(f"UPDATE segment_file SET digest = '{empty}'")
    house.execute(f"UPDATE segment SET digest = '{whole}'")
    assert house.found() == [
        ("segment-not-audited", "The audit does not say that segment s1 was sealed into these files.")
    ]
