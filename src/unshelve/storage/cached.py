"""Blobs of a remote store, with those that were used last in a folder of this machine."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from unshelve.clock import Clock, SystemClock
from unshelve.errors import Damaged, NotFound, StorageFull
from unshelve.storage.blobs import BlobProblem, BlobStore, FolderBlobs

SPARED_SECONDS: Final = 60.0
"""What was used in this time is not removed: somebody may be about to open it."""
_SMALL_BYTES: Final = 8 << 20
"""Up to here a blob is fetched into memory and kept from there; larger ones go to the disk first."""


class CachedBlobs:
    """A remote store behind a folder that holds copies of what was used last, up to `limit_bytes`.

    What is put is in the remote store before `put` returns. Whether a blob is there, only the remote store can say.
    What is read from the folder is checked as it is everywhere; a damaged copy is fetched again. Several processes
    share one folder: each may pass the bound by a thirty-second of it before it notices.
    """

    def __init__(self, remote: BlobStore, folder: Path, *, limit_bytes: int, clock: Clock | None = None) -> None:
        self.remote = remote
        self.cache = FolderBlobs(folder)
        self.limit_bytes = limit_bytes
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._room = 0
        """How many bytes may be added before the folder is looked through again."""

    def put(self, data: bytes | bytearray | memoryview) -> str:
        digest = self.remote.put(data)
        size = memoryview(data).nbytes
        if size <= self.limit_bytes:
            with suppress(StorageFull):  # the blob is safe; a copy of it is only a convenience
                self.cache.put(data)
                self._added(size)
        return digest

    def put_file(self, path: Path) -> str:
        if path.stat().st_size > self.limit_bytes:
            return self.remote.put_file(path)
        try:
            digest = self.cache.put_file(path)
        except StorageFull:
            return self.remote.put_file(path)
        copy = self.cache.path(digest)
        size = self.cache.size(digest)
        stored = self.remote.put_file(copy or path)
        self._added(size)
        return stored

    def get(self, digest: str) -> bytes:
        try:
            data = self.cache.get(digest)
        except NotFound:
            pass
        except Damaged:
            self.cache.delete(digest)
        else:
            self._used(digest)
            return data
        data = self.remote.get(digest)
        if len(data) <= min(_SMALL_BYTES, self.limit_bytes):
            with suppress(StorageFull):
                self.cache.put(data)
                self._added(len(data))
        return data

    def copy_to(self, digest: str, path: Path) -> None:
        try:
            self.cache.copy_to(digest, path)
        except NotFound:
            self.remote.copy_to(digest, path)
        except Damaged:
            self.cache.delete(digest)
            self.remote.copy_to(digest, path)
        else:
            self._used(digest)

    def path(self, digest: str) -> Path | None:
        found = self.cache.path(digest)
        if found is None:
            return self._fetched(digest)
        self._used(digest)
        return found

    def has(self, digest: str) -> bool:
        return self.remote.has(digest)

    def has_many(self, digests: Iterable[str]) -> set[str]:
        return self.remote.has_many(digests)

    def size(self, digest: str) -> int:
        try:
            return self.cache.size(digest)
        except NotFound:
            return self.remote.size(digest)

    def delete(self, digest: str) -> bool:
        self.cache.delete(digest)
        return self.remote.delete(digest)

    def digests(self, *, before: float | None = None) -> Iterator[str]:
        return self.remote.digests(before=before)

    def verify(self) -> Iterator[BlobProblem]:
        return self.remote.verify()

    def sweep(self) -> int:
        """Removes what was used longest ago until the folder is within its bound; gives how many bytes it holds."""
        self.cache.remove_stale()
        found = sorted(
            ((stat.st_mtime, stat.st_size, entry.path) for _, entry in self.cache.stored() if (stat := _stat(entry))),
        )
        held = sum(size for _, size, _ in found)
        newest = self._clock.now().timestamp() - SPARED_SECONDS
        for moment, size, path in found:
            if held <= self.limit_bytes or moment > newest:
                break
            Path(path).unlink(missing_ok=True)
            held -= size
        return held

    def _fetched(self, digest: str) -> Path | None:
        """A copy of a blob in the folder, fetched without holding it in memory."""
        target = self.cache.temporary()
        try:
            self.remote.copy_to(digest, target)
        except NotFound:
            return None
        place = self.cache.adopt(target, digest)
        self._added(place.stat().st_size)
        return place

    def _used(self, digest: str) -> None:
        with suppress(NotFound, FileNotFoundError):
            self.cache.touch(digest)

    def _added(self, size: int) -> None:
        with self._lock:
            self._room -= size
            if self._room < 0:
                left = self.limit_bytes - self.sweep()
                self._room = max(left // 2, self.limit_bytes // 32)


def _stat(entry: os.DirEntry[str]) -> os.stat_result | None:
    """What the disk says of a file; None where another process has just removed it."""
    try:
        return entry.stat()
    except FileNotFoundError:
        return None
