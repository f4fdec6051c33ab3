"""Copies of remote blobs in a folder: fetched once, bounded, never trusted more than the store."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from unshelve.errors import NotFound
from unshelve.storage.blobs import FolderBlobs
from unshelve.storage.cached import CachedBlobs
from unshelve.testing.memory import MemoryBlobs


class Counted(MemoryBlobs):
    """A remote store that counts what is fetched from it."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched = 0

    def get(self, digest: str) -> bytes:
        self.fetched += 1
        return super().get(digest)


@pytest.fixture
def remote() -> Counted:
    return Counted()


def cached(remote: Counted, folder: Path, most_bytes: int = 1_000_000) -> CachedBlobs:
    return CachedBlobs(remote, FolderBlobs(folder / "cache"), most_bytes=most_bytes)


def used_long_ago(blobs: CachedBlobs, *digests: str) -> None:
    """Makes copies old, the first one oldest."""
    for number, digest in enumerate(digests):
        path = blobs.folder.path(digest)
        assert path is not None
        os.utime(path, (1000 + number, 1000 + number))


def test_what_was_put_or_fetched_is_read_from_the_folder(remote: Counted, tmp_path: Path) -> None:
    put = cached(remote, tmp_path).put(b"put here")
    fetched = remote.put(b"put elsewhere")
    blobs = cached(remote, tmp_path)
    for _ in range(3):
        assert (blobs.get(put), blobs.get(fetched)) == (b"put here", b"put elsewhere")
    assert remote.fetched == 1


def test_a_blob_has_a_path_once_it_was_asked_for(remote: Counted, tmp_path: Path) -> None:
    digest = remote.put(b"mapped")
    blobs = cached(remote, tmp_path)
    for _ in range(2):
        path = blobs.path(digest)
        assert path is not None
        assert path.read_bytes() == b"mapped"
        assert path.stat().st_mode & 0o777 == 0o400
    assert remote.fetched == 1


def test_a_damaged_copy_is_fetched_again(remote: Counted, tmp_path: Path) -> None:
    blobs = cached(remote, tmp_path)
    digest = blobs.put(b"good")
    reads: tuple[Callable[[], bytes], ...] = (
        lambda: blobs.get(digest),
        lambda: _copied(blobs, digest, tmp_path / "copy"),
    )
    for read in reads:
        path = blobs.path(digest)
        assert path is not None
        path.chmod(0o600)
        path.write_bytes(b"evil")
        assert read() == b"good"


def _copied(blobs: CachedBlobs, digest: str, path: Path) -> bytes:
    blobs.copy_to(digest, path)
    return path.read_bytes()


def test_what_was_used_longest_ago_goes_first(remote: Counted, tmp_path: Path) -> None:
    blobs = cached(remote, tmp_path, 2_500)
    first, second, third = (blobs.put(bytes([number]) * 1_000) for number in range(3))
    used_long_ago(blobs, first, second, third)
    blobs.get(first)  # is now the newest
    assert blobs.trim() == 2_000
    assert set(blobs.folder.digests()) == {first, third}
    assert blobs.get(second) == b"\x01" * 1_000


def test_the_folder_stays_within_its_bound_by_itself(remote: Counted, tmp_path: Path) -> None:
    blobs = cached(remote, tmp_path, 100_000)
    for number in range(500):
        digest = blobs.put(number.to_bytes(2, "big") * 1_000)
        used_long_ago(blobs, digest)
    held = sum(size for _, size, _ in blobs.folder.files())
    assert 50_000 < held <= 100_000 + 100_000 // 32 + 2_000
    assert len(list(blobs.digests())) == 500


def test_what_was_used_just_now_is_spared(remote: Counted, tmp_path: Path) -> None:
    blobs = cached(remote, tmp_path, 1_500)
    one, other = blobs.put(b"1" * 1_000), blobs.put(b"2" * 1_000)
    assert blobs.trim() == 2_000
    assert set(blobs.folder.digests()) == {one, other}


def test_what_is_larger_than_the_bound_is_not_kept(remote: Counted, tmp_path: Path) -> None:
    blobs = cached(remote, tmp_path, 10)
    digest = blobs.put(b"x" * 11)
    (tmp_path / "file").write_bytes(b"y" * 11)
    other = blobs.put_file(tmp_path / "file")
    assert (blobs.get(digest), blobs.get(other)) == (b"x" * 11, b"y" * 11)
    assert list(blobs.folder.digests()) == []


def test_only_the_remote_store_says_what_is_there(remote: Counted, tmp_path: Path) -> None:
    blobs = cached(remote, tmp_path)
    digest = blobs.put(b"swept by another server")
    remote.delete(digest)
    assert (blobs.has(digest), blobs.has_many([digest]), list(blobs.digests())) == (False, set(), [])


def test_what_is_deleted_is_gone_from_both(remote: Counted, tmp_path: Path) -> None:
    blobs = cached(remote, tmp_path)
    digest = blobs.put(b"gone")
    assert (blobs.delete(digest), blobs.delete(digest)) == (True, False)
    with pytest.raises(NotFound):
        blobs.get(digest)


def test_what_a_killed_process_was_fetching_goes_after_an_hour(remote: Counted, tmp_path: Path) -> None:
    blobs = cached(remote, tmp_path)
    stale, fresh = blobs.folder.temporary(), blobs.folder.temporary()
    for path in (stale, fresh):
        path.write_bytes(b"ha")
    os.utime(stale, (0, 0))
    blobs.trim()
    assert (stale.exists(), fresh.exists()) == (False, True)
