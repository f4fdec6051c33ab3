"""Blobs as objects, in obstore's own memory: what is sent when, and what is given out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import IO

import obstore
import pytest
from obstore.store import MemoryStore

from unshelve.clock import FakeClock, SystemClock
from unshelve.errors import Conflict, Damaged
from unshelve.storage.blobs import BlobProblem
from unshelve.storage.objects import PART_BYTES, ObjectBlobs


class Watched:
    """An object store in memory with the blobs in it and a clock that the test moves."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.clock = FakeClock(SystemClock().now())
        self.blobs = ObjectBlobs(self.store, "memory://", clock=self.clock)

    def etag(self, digest: str) -> str | None:
        """What changes each time an object is sent."""
        return obstore.head(self.store, key(digest))["e_tag"]


def key(digest: str) -> str:
    return f"sha256/{digest[:2]}/{digest[2:]}"


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.mark.parametrize("size", [5, 300_000, PART_BYTES + 1])
def test_the_same_bytes_are_sent_once_and_again_only_when_they_are_old(watched: Watched, size: int) -> None:
    data = os.urandom(size)
    digest = watched.blobs.put(data)
    first = watched.etag(digest)
    watched.blobs.put(data)
    assert watched.etag(digest) == first
    watched.clock.move(timedelta(hours=11))
    watched.blobs.put(data)
    assert watched.etag(digest) == first
    watched.clock.move(timedelta(hours=2))
    watched.blobs.put(data)
    assert watched.etag(digest) != first


def test_an_object_of_another_size_is_mended_by_the_next_put(watched: Watched) -> None:
    digest = hashlib.sha256(b"whole").hexdigest()
    obstore.put(watched.store, key(digest), b"who")
    with pytest.raises(Damaged):
        watched.blobs.get(digest)
    watched.blobs.put(b"whole")
    assert watched.blobs.get(digest) == b"whole"


def test_changed_bytes_are_not_given_out_and_no_file_of_them_is_left(watched: Watched, tmp_path: Path) -> None:
    digest = watched.blobs.put(b"good")
    obstore.put(watched.store, key(digest), b"evil")
    with pytest.raises(Damaged):
        watched.blobs.get(digest)
    with pytest.raises(Damaged):
        watched.blobs.copy_to(digest, tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_verify_names_what_is_wrong_and_nothing_else(watched: Watched) -> None:
    watched.blobs.put(b"good")
    digest = watched.blobs.put(b"bad")
    obstore.put(watched.store, key(digest), b"worse")
    obstore.put(watched.store, "sha256/note.txt", b"x")
    assert sorted(watched.blobs.verify(), key=lambda found: found.problem) == [
        BlobProblem(None, "memory:///sha256/note.txt", "a file that is no blob"),
        BlobProblem(digest, f"memory:///{key(digest)}", "the bytes are not what was written"),
    ]


def test_a_file_that_changes_while_it_is_sent_is_not_stored(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "growing"
    file.write_bytes(b"a" * (PART_BYTES + 1))
    hashed = hashlib.file_digest

    def hashed_and_changed(source: IO[bytes], name: str) -> object:
        found = hashed(source, name)  # type: ignore[arg-type]  # the kind of file that it takes
        file.write_bytes(b"b" * (PART_BYTES + 1))
        return found

    monkeypatch.setattr(hashlib, "file_digest", hashed_and_changed)
    with pytest.raises(Conflict, match="growing was changed while it was being stored"):
        watched.blobs.put_file(file)
    assert list(watched.blobs.digests()) == []


def test_a_file_that_is_none_is_said_as_it_is_by_a_folder(watched: Watched, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        watched.blobs.put_file(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        watched.blobs.put_file(tmp_path)


def objects(watched: Watched) -> Iterator[str]:
    for page in obstore.list(watched.store):
        yield from (each["path"] for each in page)


def test_a_blob_lies_under_its_digest_as_in_a_folder(watched: Watched) -> None:
    digest = watched.blobs.put(b"abc")
    assert list(objects(watched)) == [f"sha256/ba/{digest[2:]}"]
