"""Blobs of a store that is far away, with those that were used last in a folder of this machine."""

from __future__ import annotations

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
    """A store that is far away, behind a folder that holds copies of what was used last, up to `most_bytes`.

    What is put is in the far store before `put` returns. Whether a blob is there, only the far store can say.
    What is read from the folder is checked as it is everywhere; a damaged copy is fetched again. Several processes
    share one folder: each may pass the bound by a thirty-second of it before it notices.
    """

    def __init__(self, far: BlobStore, folder: FolderBlobs, *, most_bytes: int, clock: Clock | None = None) -> None:
        self.far = far
        self.folder = folder
        self.most_bytes = most_bytes
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._room = 0
        """How many bytes may be added before the folder is looked through again."""

    def put(self, data: bytes | bytearray | memoryview) -> str:
        digest = self.far.put(data)
        size = memoryview(data).nbytes
        if size <= self.most_bytes:
            with suppress(StorageFull):  # the blob is safe; a copy of it is only a convenience
                self.folder.put(data)
                self._added(size)
        return digest

    def put_file(self, path: Path) -> str:
        if path.stat().st_size > self.most_bytes:
            return self.far.put_file(path)
        try:
            digest = self.folder.put_file(path)
        except StorageFull:
            return self.far.put_file(path)
        copy = self.folder.path(digest)
        size = self.folder.size(digest)
        stored = self.far.put_file(copy or path)
        self._added(size)
        return stored

    def get(self, digest: str) -> bytes:
        try:
            data = self.folder.get(digest)
        except NotFound:
            pass
        except Damaged:
            self.folder.delete(digest)
        else:
            self._used(digest)
            return data
        data = self.far.get(digest)
        if len(data) <= min(_SMALL_BYTES, self.most_bytes):
            with suppress(StorageFull):
                self.folder.put(data)
                self._added(len(data))
        return data

    def copy_to(self, digest: str, path: Path) -> None:
        try:
            self.folder.copy_to(digest, path)
        except NotFound:
            self.far.copy_to(digest, path)
        except Damaged:
            self.folder.delete(digest)
            self.far.copy_to(digest, path)
        else:
            self._used(digest)

    def path(self, digest: str) -> Path | None:
        found = self.folder.path(digest)
        if found is None:
            return self._fetched(digest)
        self._used(digest)
        return found

    def has(self, digest: str) -> bool:
        return self.far.has(digest)

    def has_many(self, digests: Iterable[str]) -> set[str]:
        return self.far.has_many(digests)

    def size(self, digest: str) -> int:
        try:
            return self.folder.size(digest)
        except NotFound:
            return self.far.size(digest)

    def delete(self, digest: str) -> bool:
        self.folder.delete(digest)
        return self.far.delete(digest)

    def sweep(self, digest: str, *, before: float) -> int | None:
        freed = self.far.sweep(digest, before=before)
        if freed is not None:
            self.folder.delete(digest)
        return freed

    def digests(self, *, before: float | None = None) -> Iterator[str]:
        return self.far.digests(before=before)

    def verify(self) -> Iterator[BlobProblem]:
        return self.far.verify()

    def trim(self) -> int:
        """Removes what was used longest ago until the folder is within its bound; gives how many bytes it holds."""
        self.folder.remove_stale()
        found = sorted(self.folder.files())
        held = sum(size for _, size, _ in found)
        newest = self._clock.now().timestamp() - SPARED_SECONDS
        for moment, size, path in found:
            if held <= self.most_bytes or moment > newest:
                break
            path.unlink(missing_ok=True)
            held -= size
        return held

    def _fetched(self, digest: str) -> Path | None:
        """A copy of a blob in the folder, fetched without holding it in memory."""
        target = self.folder.temporary()
        try:
            self.far.copy_to(digest, target)
        except NotFound:
            return None
        place = self.folder.adopt(target, digest)
        self._added(place.stat().st_size)
        return place

    def _used(self, digest: str) -> None:
        with suppress(NotFound, FileNotFoundError):
            self.folder.touch(digest)

    def _added(self, size: int) -> None:
        with self._lock:
            self._room -= size
            if self._room < 0:
                left = self.most_bytes - self.trim()
                self._room = max(left // 2, self.most_bytes // 32)
