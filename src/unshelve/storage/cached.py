"""A local folder in front of a store that is far away: what was read once is read from the disk the next time."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from unshelve.storage.blobs import BlobProblem, BlobStore, FolderBlobs

_LOOKED_AFTER: Final = 0.05
"""The share of the limit that may be added before the folder is measured again."""
_LEFT: Final = 0.9
"""The share of the limit that is left when it was passed."""


class CachedBlobs:
    """A store (`storage.blobs.BlobStore`) that keeps what passes through it in a folder of bounded size.

    Whether bytes are stored, the far store alone says. Of the folder, what was not used for longest goes first.
    Several processes may share a folder; each looks after its size for what it adds itself.
    """

    def __init__(self, far: BlobStore, folder: FolderBlobs, *, most_bytes: int) -> None:
        self.far = far
        self.folder = folder
        self.most_bytes = most_bytes
        self._added = 0
        self._lock = threading.Lock()

    def put(self, data: bytes | bytearray | memoryview) -> str:
        digest = self.far.put(data)
        self.folder.put(data)
        self._count(len(memoryview(data).cast("B")))
        return digest

    def put_file(self, path: Path) -> str:
        digest = self.far.put_file(path)
        size = path.stat().st_size
        if size <= self.most_bytes // 2:
            self.folder.put_file(path)
            self._count(size)
        return digest

    def get(self, digest: str) -> bytes:
        if self._here(digest) is not None:
            return self.folder.get(digest)
        data = self.far.get(digest)
        self.folder.put(data)
        self._count(len(data))
        return data

    def copy_to(self, digest: str, path: Path) -> None:
        near = self.folder if self._here(digest) is not None else self.far
        near.copy_to(digest, path)

    def path(self, digest: str) -> Path | None:
        """The file in the folder, fetched first if need be; None when the bytes are nowhere, or too many."""
        here = self._here(digest)
        if here is not None:
            return here
        if not self.far.has(digest) or self.far.size(digest) > self.most_bytes // 2:
            return None
        place = self.folder.place(digest)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        self.far.copy_to(digest, place)
        self._count(place.stat().st_size)
        return place

    def has(self, digest: str) -> bool:
        return self.far.has(digest)

    def has_many(self, digests: Iterable[str]) -> set[str]:
        return self.far.has_many(digests)

    def size(self, digest: str) -> int:
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

    def _here(self, digest: str) -> Path | None:
        path = self.folder.path(digest)
        if path is not None:
            os.utime(path)
        return path

    def _count(self, size: int) -> None:
        with self._lock:
            self._added += size
            if self._added < self.most_bytes * _LOOKED_AFTER:
                return
            self._added = 0
        self._shrink()

    def _shrink(self) -> None:
        """Removes what was not used for longest, when there is more than there may be."""
        files = sorted(self.folder.files())
        total = sum(size for _, size, _ in files)
        if total <= self.most_bytes:
            return
        for _, size, path in files:
            if total <= self.most_bytes * _LEFT:
                return
            path.unlink(missing_ok=True)
            total -= size
