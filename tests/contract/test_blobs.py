"""Every blob store passes the one suite of testing/blobs.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from unshelve.storage.blobs import BlobStore, FolderBlobs
from unshelve.testing.blobs import CHECKS
from unshelve.testing.memory import MemoryBlobs

STORES: dict[str, Callable[[Path], BlobStore]] = {
    "folder": lambda folder: FolderBlobs(folder / "blobs"),
    "durable folder": lambda folder: FolderBlobs(folder / "blobs", durable=True),
    "memory": lambda folder: MemoryBlobs(),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("store", STORES)
def test_a_blob_store(store: str, check: Callable[[BlobStore], None], tmp_path: Path) -> None:
    check(STORES[store](tmp_path))
