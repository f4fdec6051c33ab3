"""Every blob store passes the one suite of testing/blobs.py, object stores on real servers."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from object_servers import SERVERS
from unshelve.storage.blobs import BlobStore, FolderBlobs
from unshelve.storage.cached import CachedBlobs
from unshelve.storage.objects import ObjectBlobs, open_objects
from unshelve.testing.blobs import CHECKS
from unshelve.testing.memory import MemoryBlobs

STORES: dict[str, Callable[[Path], BlobStore]] = {
    "folder": lambda folder: FolderBlobs(folder / "blobs"),
    "durable folder": lambda folder: FolderBlobs(folder / "blobs", durable=True),
    "memory": lambda folder: MemoryBlobs(),
    "objects in memory": lambda folder: ObjectBlobs(MemoryStore(), "memory"),
    "cached": lambda folder: CachedBlobs(MemoryBlobs(), FolderBlobs(folder / "cache"), most_bytes=1 << 20),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("store", STORES)
def test_a_blob_store(store: str, check: Callable[[BlobStore], None], tmp_path: Path) -> None:
    check(STORES[store](tmp_path))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("server", SERVERS)
def test_an_object_store(server: str, check: Callable[[BlobStore], None], monkeypatch: pytest.MonkeyPatch) -> None:
    running = SERVERS[server]()
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    check(open_objects(running.address.format(name=uuid.uuid4().hex)))
