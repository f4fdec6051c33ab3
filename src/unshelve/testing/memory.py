"""Doubles that keep everything in memory. They pass the same suites as what they stand for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from unshelve.clock import SystemClock
from unshelve.storage.blobs import BlobProblem, check_digest, missing_blob, written_whole


class MemoryBlobs:
    """A blob store in a dictionary (`storage.blobs.BlobStore`)."""

    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}
        self._put_at: dict[str, float] = {}

    def put(self, data: bytes | bytearray | memoryview) -> str:
        digest = hashlib.sha256(data).hexdigest()
        self._data[digest] = bytes(data)
        self._put_at[digest] = SystemClock().now().timestamp()
        return digest

    def put_file(self, path: Path) -> str:
        return self.put(path.read_bytes())

    def get(self, digest: str) -> bytes:
        if not self.has(digest):
            raise missing_blob(digest)
        return self._data[digest]

    def copy_to(self, digest: str, path: Path) -> None:
        with written_whole(path) as target:
            target.write(self.get(digest))

    def path(self, digest: str) -> Path | None:
        check_digest(digest)
        return None

    def has(self, digest: str) -> bool:
        check_digest(digest)
        return digest in self._data

    def has_many(self, digests: Iterable[str]) -> set[str]:
        return {digest for digest in digests if self.has(digest)}

    def size(self, digest: str) -> int:
        return len(self.get(digest))

    def delete(self, digest: str) -> bool:
        check_digest(digest)
        self._put_at.pop(digest, None)
        return self._data.pop(digest, None) is not None

    def sweep(self, digest: str, *, before: float) -> int | None:
        if not self.has(digest) or self._put_at[digest] >= before:
            return None
        size = len(self._data[digest])
        self.delete(digest)
        return size

    def digests(self, *, before: float | None = None) -> Iterator[str]:
        for digest, moment in list(self._put_at.items()):
            if before is None or moment < before:
                yield digest

    def verify(self) -> Iterator[BlobProblem]:
        for digest, data in list(self._data.items()):
            if hashlib.sha256(data).hexdigest() != digest:
                yield BlobProblem(digest, digest, "the bytes are not what was written")
