"""Every blob store passes the one suite of testing/blobs.py, on the servers that it is really used with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from object_servers import SERVERS
from unshelve.storage.blobs import BlobStore, FolderBlobs
from unshelve.storage.cached import CachedBlobs
from unshelve.storage.opening import open_blobs
from unshelve.testing.blobs import CHECKS
from unshelve.testing.memory import MemoryBlobs

CACHE_BYTES = 10_000_000


def cached(far: BlobStore, folder: Path, most_bytes: int) -> CachedBlobs:
    return CachedBlobs(far, FolderBlobs(folder / "cache"), most_bytes=most_bytes)


STORES: dict[str, Callable[[Path], BlobStore]] = {
    "folder": lambda folder: FolderBlobs(folder / "blobs"),
    "durable folder": lambda folder: FolderBlobs(folder / "blobs", durable=True),
    "memory": lambda folder: MemoryBlobs(),
    "objects in memory": lambda folder: open_blobs("memory://"),
    "cached": lambda folder: cached(MemoryBlobs(), folder, CACHE_BYTES),
    "cached objects": lambda folder: cached(open_blobs("memory://"), folder, CACHE_BYTES),
    "cached by nothing": lambda folder: cached(open_blobs("memory://"), folder, 0),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("store", STORES)
def test_a_blob_store(store: str, check: Callable[[BlobStore], None], tmp_path: Path) -> None:
    check(STORES[store](tmp_path))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("server", SERVERS)
def test_an_object_store(server: str, check: Callable[[BlobStore], None], monkeypatch: pytest.MonkeyPatch) -> None:
    running = SERVERS[server]()
    running.enter(monkeypatch)
    check(open_blobs(running.address()))
