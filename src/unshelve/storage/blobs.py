"""Blobs: bytes stored under the sha256 of their content."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from unshelve.clock import SystemClock
from unshelve.storage.checked import (
    DIGEST,
    TEMPORARY_PREFIX,
    check_digest,
    check_mark,
    damaged_blob,
    give_up,
    no_such_blob,
    write_all,
    write_checked,
)

_CHUNK_BYTES: Final = 1 << 20


class BlobStore(Protocol):
    """Keeps bytes and hands them out by the sha256 of their content, in 64 hexadecimal digits.

    Storing the same bytes twice stores them once. What a reader can see is always whole. `testing/blobs.py` is
    the suite that every store passes.
    """

    def put(self, data: bytes | bytearray | memoryview) -> str:
        """Stores bytes and gives their digest."""

    def put_file(self, path: Path) -> str:
        """Stores what a file holds, in little memory, and gives its digest."""

    def get(self, digest: str) -> bytes:
        """The bytes of a digest, checked. Raises NotFound, or Damaged when they are not what was stored."""

    def copy_to(self, digest: str, path: Path) -> None:
        """Writes the bytes into a file, checked and in little memory; what goes wrong leaves the file as it was.

        Raises as `get` does.
        """

    def path(self, digest: str) -> Path | None:
        """A local file that holds the bytes, for mapping or sending; None where there is no such file."""

    def has(self, digest: str) -> bool:
        """Whether the bytes of a digest are stored."""

    def has_many(self, digests: Iterable[str]) -> set[str]:
        """Those of the digests whose bytes are stored."""

    def size(self, digest: str) -> int:
        """How many bytes a digest stands for. Raises NotFound."""

    def delete(self, digest: str) -> bool:
        """Forgets the bytes of a digest; tells whether there were any."""

    def digests(self, *, before: float | None = None) -> Iterator[str]:
        """Every stored digest, or those last put before a time (seconds since 1970), in no stated order."""

    def verify(self) -> Iterator[BlobProblem]:
        """Reads every blob and gives those that are not what their name says, and what else does not belong."""


@runtime_checkable
class Marked(Protocol):
    """A store that also keeps a few small notes under names, beside the blobs: whose it is, what it can do."""

    create_only: bool | None
    """Whether it keeps what is there when it is told to create only; None until that was probed."""

    @property
    def name(self) -> str:
        """Where it is, for people: without a credential."""

    def mark(self, name: str, data: bytes) -> bool:
        """Writes a note where there is none of that name; tells whether it did."""

    def read_mark(self, name: str) -> bytes | None:
        """What a note says; None where there is none."""

    def drop_mark(self, name: str) -> None:
        """Removes a note."""


@dataclass(frozen=True, slots=True)
class BlobProblem:
    """A blob that is not what its name says, or something else that lies among the blobs."""

    place: str
    """Where it lies, for people: a file, or an object's address."""
    problem: str
    digest: str | None = None
    """The name of a blob; None for what is no blob."""


class FolderBlobs:
    """A store in a local folder: `sha256/ab/cdef…`.

    A blob is written beside its place and renamed into it, so that it is either there and whole or not there.
    By default nothing is forced to the disk: after a power failure a blob written in the last seconds may be
    missing or short, which `get` notices and the next `put` mends. `durable=True` waits for the disk each time
    (milliseconds instead of microseconds).
    """

    def __init__(self, root: Path, *, durable: bool = False) -> None:
        self.root = root
        self.durable = durable
        self.create_only: bool | None = True
        self._folder = root / "sha256"
        self._prefix = f"{self._folder}{os.sep}"
        self._numbers = itertools.count()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def name(self) -> str:
        return str(self.root)

    def put(self, data: bytes | bytearray | memoryview) -> str:
        digest = hashlib.sha256(data).hexdigest()
        place = f"{self._prefix}{digest[:2]}{os.sep}{digest[2:]}"
        view = memoryview(data).cast("B") if not isinstance(data, bytes) else data
        if self._already(place, len(view)):
            return digest
        temporary = self._temporary(f"{self._prefix}{digest[:2]}")
        try:
            handle = self._create(temporary)
            try:
                write_all(handle, view)
                if self.durable:
                    os.fsync(handle)
            finally:
                os.close(handle)
            self._settle(temporary, place)
        except OSError as error:
            give_up(temporary, error, self.root)
        return digest

    def put_file(self, path: Path) -> str:
        temporary = self._temporary(str(self._folder))
        hasher = hashlib.sha256()
        size = 0
        with path.open("rb", buffering=0) as source:
            try:
                handle = self._create(temporary)
                try:
                    while chunk := source.read(_CHUNK_BYTES):
                        hasher.update(chunk)
                        size += len(chunk)
                        write_all(handle, chunk)
                    if self.durable:
                        os.fsync(handle)
                finally:
                    os.close(handle)
                digest = hasher.hexdigest()
                place = self._place(digest)
                if self._already(place, size):
                    Path(temporary).unlink()
                else:
                    Path(place).parent.mkdir(mode=0o700, exist_ok=True)
                    self._settle(temporary, place)
            except OSError as error:
                give_up(temporary, error, self.root)
        return digest

    def get(self, digest: str) -> bytes:
        try:
            data = Path(self._place(digest)).read_bytes()
        except FileNotFoundError:
            raise no_such_blob(digest) from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise damaged_blob(digest)
        return data

    def copy_to(self, digest: str, path: Path) -> None:
        write_checked(digest, self._chunks(digest), path)

    def path(self, digest: str) -> Path | None:
        path = Path(self._place(digest))
        return path if path.exists() else None

    def has(self, digest: str) -> bool:
        return os.access(self._place(digest), os.F_OK)

    def has_many(self, digests: Iterable[str]) -> set[str]:
        access, place = os.access, self._place
        return {digest for digest in digests if access(place(digest), os.F_OK)}

    def size(self, digest: str) -> int:
        try:
            return Path(self._place(digest)).stat().st_size
        except FileNotFoundError:
            raise no_such_blob(digest) from None

    def delete(self, digest: str) -> bool:
        try:
            Path(self._place(digest)).unlink()
        except FileNotFoundError:
            return False
        return True

    def digests(self, *, before: float | None = None) -> Iterator[str]:
        for digest, found in self.stored():
            if before is None or found.stat().st_mtime < before:
                yield digest

    def stored(self) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Every blob with its file."""
        for entry in self._entries():
            name = Path(entry.path).parent.name + entry.name
            if DIGEST.fullmatch(name):
                yield name, entry

    def touch(self, digest: str) -> None:
        """Makes a blob new, as a `put` of the same bytes does. Raises NotFound."""
        try:
            os.utime(self._place(digest))
        except FileNotFoundError:
            raise no_such_blob(digest) from None

    def adopt(self, path: Path, digest: str) -> Path:
        """Takes a file of this disk whose bytes were checked as the blob of a digest; it is moved, not copied."""
        place = Path(self._place(digest))
        place.parent.mkdir(mode=0o700, exist_ok=True)
        path.chmod(0o400)
        self._settle(str(path), str(place))
        return place

    def verify(self) -> Iterator[BlobProblem]:
        """Reads every blob and gives those that are not what their name says, and files that do not belong.

        What a killed process left half-written is not a problem: it is removed once it is an hour old.
        """
        self.remove_stale()
        for entry in self._entries():
            path = Path(entry.path)
            if entry.name.startswith(TEMPORARY_PREFIX):
                continue
            name = path.parent.name + entry.name
            if not DIGEST.fullmatch(name):
                yield BlobProblem(entry.path, "a file that is no blob")
            elif _digest_of_file(path) != name:
                yield BlobProblem(entry.path, "the bytes are not what was written", name)

    def mark(self, name: str, data: bytes) -> bool:
        temporary = self._temporary(str(self.root))
        try:
            handle = self._create(temporary)
            try:
                write_all(handle, data)
            finally:
                os.close(handle)
            os.link(temporary, self.root / check_mark(name))  # whole or not at all, and never over another one
        except FileExistsError:
            return False
        finally:
            Path(temporary).unlink(missing_ok=True)
        return True

    def read_mark(self, name: str) -> bytes | None:
        try:
            return (self.root / check_mark(name)).read_bytes()
        except FileNotFoundError:
            return None

    def drop_mark(self, name: str) -> None:
        (self.root / check_mark(name)).unlink(missing_ok=True)

    def _chunks(self, digest: str) -> Iterator[bytes]:
        try:
            with Path(self._place(digest)).open("rb", buffering=0) as source:
                while chunk := source.read(_CHUNK_BYTES):
                    yield chunk
        except FileNotFoundError:
            raise no_such_blob(digest) from None

    def remove_stale(self) -> None:
        """Removes what killed processes left half-written an hour ago or longer."""
        stale = SystemClock().now().timestamp() - 3600
        for entry in self._entries():
            if entry.name.startswith(TEMPORARY_PREFIX):
                with suppress(FileNotFoundError):
                    if entry.stat().st_mtime < stale:
                        Path(entry.path).unlink()

    def temporary(self) -> Path:
        """A name beside the blobs for a file that will be one of them."""
        return Path(self._temporary(str(self._folder)))

    def _place(self, digest: str) -> str:
        check_digest(digest)
        return f"{self._prefix}{digest[:2]}{os.sep}{digest[2:]}"

    def _already(self, place: str, size: int) -> bool:
        """Whether the bytes are there; their time is renewed, so that a sweep of old blobs spares them."""
        try:
            if os.stat(place).st_size != size:  # noqa: PTH116 - a Path object costs more than the call
                return False
            os.utime(place)
        except FileNotFoundError:
            return False
        return True

    def _temporary(self, folder: str) -> str:
        return f"{folder}{os.sep}{TEMPORARY_PREFIX}{os.getpid()}-{id(self):x}-{next(self._numbers)}"

    def _create(self, temporary: str) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            return os.open(temporary, flags, 0o400)
        except FileNotFoundError:
            Path(temporary).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(temporary, flags, 0o400)

    def _settle(self, temporary: str, place: str) -> None:
        os.rename(temporary, place)  # noqa: PTH104 - as above
        if self.durable:
            folder = os.open(os.path.dirname(place), os.O_RDONLY)  # noqa: PTH120 - as above
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        """Every file under `sha256/`, blobs and others."""
        for entry in os.scandir(self._folder):
            if entry.is_dir(follow_symlinks=False):
                yield from os.scandir(entry.path)
            else:
                yield entry


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
