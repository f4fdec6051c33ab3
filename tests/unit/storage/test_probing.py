"""What is found out about a store when a server starts: what it honours, and whose it is."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from unshelve.errors import Conflict, Damaged
from unshelve.storage.blobs import FolderBlobs
from unshelve.storage.cached import CachedBlobs
from unshelve.storage.opening import open_blobs
from unshelve.storage.probing import OWNER_MARK, Standing, claim, probe, standing
from unshelve.testing.memory import MemoryBlobs


class Careless(MemoryBlobs):
    """A store that overwrites when it is told to create only, as some servers do."""

    name = "s3://careless/x"

    def __init__(self) -> None:
        super().__init__()
        self.create_only: bool | None = None
        self.marks: dict[str, bytes] = {}

    def mark(self, name: str, data: bytes) -> bool:
        self.marks[name] = data
        return True

    def read_mark(self, name: str) -> bytes | None:
        return self.marks.get(name)

    def drop_mark(self, name: str) -> None:
        self.marks.pop(name, None)


def test_a_careless_store_is_found_out_and_nothing_of_the_probe_stays(caplog: pytest.LogCaptureFixture) -> None:
    store = Careless()
    with caplog.at_level(logging.WARNING):
        found = probe(store)
    assert (found.create_only, store.marks, standing(store)) == (False, {}, found)
    assert caplog.messages == [found.remark]


def test_a_careful_store_is_not_spoken_of(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    with caplog.at_level(logging.WARNING):
        assert probe(open_blobs("memory://")).create_only
        assert probe(FolderBlobs(tmp_path)).create_only
    assert caplog.messages == []


def test_a_page_is_told_of_the_store_and_of_the_copies_in_front(tmp_path: Path) -> None:
    store = CachedBlobs(Careless(), FolderBlobs(tmp_path / "cache"), most_bytes=1000)
    probe(store)
    assert standing(store) == Standing(
        name="s3://careless/x",
        remote=True,
        create_only=False,
        cache=str(tmp_path / "cache"),
        cache_limit_bytes=1000,
    )
    assert standing(FolderBlobs(tmp_path)) == Standing(name=str(tmp_path), remote=False, create_only=True)


def test_a_store_has_one_owner_and_the_refusal_names_both(tmp_path: Path) -> None:
    for store in (FolderBlobs(tmp_path), Careless(), open_blobs("memory://")):
        claim(store, "database-1")
        claim(store, "database-1")
        with pytest.raises(Conflict, match="belong to the database database-1, and this home's is database-2"):
            claim(store, "database-2")


def test_an_owner_that_came_in_between_is_noticed() -> None:
    class Late(Careless):
        def mark(self, name: str, data: bytes) -> bool:
            return super().mark(name, json.dumps({"owner": "somebody-else"}).encode())

    with pytest.raises(Conflict, match="somebody-else"):
        claim(Late(), "me")


@pytest.mark.parametrize("said", [b"", b"{", b"[]", b'{"owner": 1}'])
def test_a_note_that_cannot_be_read_is_not_taken_for_nobodys(said: bytes, tmp_path: Path) -> None:
    (tmp_path / OWNER_MARK).write_bytes(said)
    with pytest.raises(Damaged):
        claim(FolderBlobs(tmp_path), "me")
