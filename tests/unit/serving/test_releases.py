"""What a process answers with follows the database, one model's trouble is not another's, and nothing is trusted
that was changed after it was signed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from databases import open_database
from serving_package import CODE, pack
from unshelve.errors import Damaged, NotFound, Untrusted, UserCodeFailed
from unshelve.models.package import Manifest
from unshelve.registry.releases import set_champion, withdraw
from unshelve.registry.versions import add_version, set_state
from unshelve.security.actors import LOCAL
from unshelve.security.signing import Signer
from unshelve.serving.releases import MOST_UNRELEASED, LiveReleases
from unshelve.storage.blobs import FolderBlobs
from unshelve.storage.migration import migrate

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Shelf:
    """Signed packages in a database, and the releases that a process makes of them."""

    def __init__(self, folder: Path) -> None:
        self.database = open_database(folder / "unshelve.db")
        migrate(self.database)
        (folder / "keys").mkdir()
        self.signer = Signer.load_or_create(folder / "keys")
        self.blobs = FolderBlobs(folder / "blobs")
        self.live = LiveReleases(self.database, self.blobs, self.signer.verifier())

    def add(self, manifest: Manifest, *, model: str | None = None, signed: bytes | None = None) -> int:
        data = manifest.to_bytes()
        with self.database.write() as connection:
            version, _ = add_version(
                connection,
                model=model or manifest.model,
                kind=manifest.kind,
                manifest=self.blobs.put(data),
                signature=self.signer.sign(signed or data),
                run_id="r",
                summary={},
                now=NOW.isoformat(),
            )
            set_state(connection, version.model, version.number, "accepted")
        return version.number

    def release(self, model: str, number: int) -> None:
        with self.database.write() as connection:
            set_champion(connection, model, number, verb="release", actor=LOCAL, reason="", now=NOW)

    def spoil(self, digest: str) -> None:
        path = self.blobs.path(digest)
        assert path is not None
        path.chmod(0o600)
        path.write_bytes(path.read_bytes() + b" ")


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    yield made
    made.database.close()


def test_a_release_is_taken_over_at_the_next_refresh(shelf: Shelf) -> None:
    shelf.add(pack(shelf.blobs))
    second = shelf.add(pack(shelf.blobs, title="Other"))
    with pytest.raises(NotFound, match=r"shop\.amounts has 2 versions, and none of them is released"):
        shelf.live.release_for("shop.amounts")
    shelf.release("shop.amounts", 1)
    shelf.live.refresh()
    assert shelf.live.release_for("shop.amounts").version == 1
    shelf.release("shop.amounts", second)
    assert shelf.live.release_for("shop.amounts").version == 1
    shelf.live.refresh()
    assert shelf.live.release_for("shop.amounts").version == 2


def test_what_is_withdrawn_answers_no_more(shelf: Shelf) -> None:
    shelf.release("shop.amounts", shelf.add(pack(shelf.blobs)))
    shelf.live.refresh()
    with shelf.database.write() as connection:
        withdraw(connection, "shop.amounts", actor=LOCAL, reason="", now=NOW)
    shelf.live.refresh()
    with pytest.raises(NotFound):
        shelf.live.release_for("shop.amounts")


def test_an_unknown_model_names_near_ones(shelf: Shelf) -> None:
    shelf.add(pack(shelf.blobs))
    with pytest.raises(NotFound) as caught:
        shelf.live.release_for("shop.amount")
    assert caught.value.near == ("shop.amounts",)


def test_a_version_is_loaded_once_and_a_few_are_held(shelf: Shelf) -> None:
    numbers = [shelf.add(pack(shelf.blobs, title=f"v{i}")) for i in range(MOST_UNRELEASED + 3)]
    first = shelf.live.version("shop.amounts", 1)
    assert shelf.live.version("shop.amounts", 1) is first
    shelf.release("shop.amounts", 1)
    shelf.live.refresh()
    for number in numbers:
        shelf.live.version("shop.amounts", number)
    held = [number for number in numbers if shelf.live.loaded("shop.amounts", number) is not None]
    assert 1 in held
    assert len(held) <= MOST_UNRELEASED + 1


def test_a_manifest_that_was_changed_after_it_was_signed_is_not_trusted(shelf: Shelf) -> None:
    shelf.add(pack(shelf.blobs), signed=pack(shelf.blobs, title="what was signed").to_bytes())
    with pytest.raises(Untrusted, match=r"shop\.amounts v1 is not loaded: The signature does not belong"):
        shelf.live.version("shop.amounts", 1)


def test_a_manifest_under_another_models_name_is_damaged(shelf: Shelf) -> None:
    shelf.add(pack(shelf.blobs), model="shop.other")
    with pytest.raises(Damaged, match=r"The manifest of shop\.other v1 is that of shop\.amounts"):
        shelf.live.version("shop.other", 1)


def test_a_spoilt_file_names_the_version_and_what_to_do(shelf: Shelf) -> None:
    manifest = pack(shelf.blobs)
    shelf.add(manifest)
    shelf.spoil(manifest.files["estimator"].digest)
    with pytest.raises(Damaged, match=r"shop\.amounts v1 is not loaded") as caught:
        shelf.live.version("shop.amounts", 1)
    assert caught.value.hint


def test_one_models_trouble_is_not_anothers(shelf: Shelf) -> None:
    bad = pack(shelf.blobs, name="shop.bad", code=f"{CODE}\nBAD = True\n")
    shelf.release("shop.bad", shelf.add(bad))
    shelf.release("shop.amounts", shelf.add(pack(shelf.blobs)))
    shelf.spoil(bad.files["code/solution.py"].digest)
    with pytest.raises(Damaged):
        shelf.live.refresh()
    assert shelf.live.release_for("shop.amounts").version == 1
    with pytest.raises(Damaged, match=r"shop\.bad v1 is not loaded"):
        shelf.live.release_for("shop.bad")


def test_where_the_new_release_cannot_be_loaded_the_former_one_goes_on(shelf: Shelf) -> None:
    shelf.release("shop.amounts", shelf.add(pack(shelf.blobs)))
    shelf.live.refresh()
    shelf.release("shop.amounts", shelf.add(pack(shelf.blobs, code=f"import nothing_like_it\n{CODE}")))
    with pytest.raises(UserCodeFailed, match="nothing_like_it"):
        shelf.live.refresh()
    assert shelf.live.release_for("shop.amounts").version == 1
