"""Blobs: bytes stored under the sha256 of their content."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, NoReturn, Protocol, runtime_checkable

from unshelve.clock import SystemClock
from unshelve.errors import Damaged, NotFound, Refused, StorageFull
from unshelve.storage.space import is_full

_CHUNK_BYTES: Final = 1 << 20
DIGEST: Final = re.compile(r"[0-9a-f]{64}")
"""The name of a blob."""
_MARK: Final = re.compile(r"[a-z][a-z0-9-]{0,59}\.json")
_TEMPORARY_PREFIX: Final = ".new-"
_SWEPT_PREFIX: Final = ".swept-"


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
        """Writes the bytes to a file, whole or not at all, in little memory. Raises NotFound or Damaged as `get`."""

    def path(self, digest: str) -> Path | None:
        """The local file that holds the bytes, for mapping or sending; None where there is no such file."""

    def has(self, digest: str) -> bool:
        """Whether the bytes of a digest are stored."""

    def has_many(self, digests: Iterable[str]) -> set[str]:
        """Those of the digests whose bytes are stored."""

    def size(self, digest: str) -> int:
        """How many bytes a digest stands for. Raises NotFound."""

    def delete(self, digest: str) -> bool:
        """Forgets the bytes of a digest; tells whether there were any."""

    def sweep(self, digest: str, *, before: float) -> int | None:
        """Forgets bytes that were last put before a time (seconds since 1970), and gives how many; None otherwise.

        Bytes that are put again while this goes on stay.
        """

    def digests(self, *, before: float | None = None) -> Iterator[str]:
        """Every stored digest, or those last put before a time (seconds since 1970), in no stated order."""

    def verify(self) -> Iterator[BlobProblem]:
        """Reads every blob and gives those that are not what their name says, and files that do not belong."""


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
    """A blob that is not what its name says, or a file that is no blob."""

    digest: str | None
    """None for a file that is no blob."""
    place: str
    """Where it lies, for people."""
    problem: str


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
                _write_all(handle, view)
                if self.durable:
                    os.fsync(handle)
            finally:
                os.close(handle)
            self._settle(temporary, place)
        except OSError as error:
            _give_up(temporary, error, self.root)
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
                        _write_all(handle, chunk)
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
                _give_up(temporary, error, self.root)
        return digest

    def get(self, digest: str) -> bytes:
        try:
            data = Path(self._place(digest)).read_bytes()
        except FileNotFoundError:
            raise missing_blob(digest) from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise damaged_blob(digest)
        return data

    def copy_to(self, digest: str, path: Path) -> None:
        hasher = hashlib.sha256()
        place = self.path(digest)
        if place is None:
            raise missing_blob(digest)
        with place.open("rb", buffering=0) as source, written_whole(path) as target:
            while chunk := source.read(_CHUNK_BYTES):
                hasher.update(chunk)
                target.write(chunk)
            if hasher.hexdigest() != digest:
                raise damaged_blob(digest)

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
            raise missing_blob(digest) from None

    def delete(self, digest: str) -> bool:
        try:
            Path(self._place(digest)).unlink()
        except FileNotFoundError:
            return False
        return True

    def sweep(self, digest: str, *, before: float) -> int | None:
        place = self.place(digest)
        aside = place.with_name(f"{_SWEPT_PREFIX}{place.name}")
        try:
            if place.stat().st_mtime >= before:
                return None
            # Who puts the bytes again now renews the time of this file before it is moved, and then it comes back,
            # or finds nothing here, and then they are written anew.
            place.rename(aside)
            found = aside.stat()
            if found.st_mtime >= before:
                aside.rename(place)
                return None
            aside.unlink()
        except FileNotFoundError:
            return None
        return found.st_size

    def digests(self, *, before: float | None = None) -> Iterator[str]:
        for entry in self._entries():
            if before is not None and entry.name.startswith(_SWEPT_PREFIX):
                self._take_back(Path(entry.path))
                continue
            name = Path(entry.path).parent.name + entry.name
            if DIGEST.fullmatch(name) and (before is None or entry.stat().st_mtime < before):
                yield name

    def verify(self) -> Iterator[BlobProblem]:
        """Reads every blob and gives those that are not what their name says, and files that do not belong.

        What a killed process left half-written is not a problem: it is removed once it is an hour old.
        """
        self.remove_stale()
        for entry in self._entries():
            path = Path(entry.path)
            if entry.name.startswith(_SWEPT_PREFIX):
                continue
            if entry.name.startswith(_TEMPORARY_PREFIX):
                continue
            name = path.parent.name + entry.name
            if not DIGEST.fullmatch(name):
                yield BlobProblem(None, str(path), "a file that is no blob")
            elif _digest_of_file(path) != name:
                yield BlobProblem(name, str(path), "the bytes are not what was written")

    def place(self, digest: str) -> Path:
        """Where the bytes of a digest lie, or would."""
        return Path(self._place(digest))

    def files(self) -> Iterator[tuple[float, int, Path]]:
        """Every blob with the time of its last use (seconds since 1970) and its size."""
        for entry in self._entries():
            if not entry.name.startswith((_TEMPORARY_PREFIX, _SWEPT_PREFIX)):
                with suppress(FileNotFoundError):
                    found = entry.stat()
                    yield found.st_mtime, found.st_size, Path(entry.path)

    def mark(self, name: str, data: bytes) -> bool:
        temporary = self._temporary(str(self.root))
        try:
            handle = self._create(temporary)
            try:
                _write_all(handle, data)
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

    def touch(self, digest: str) -> None:
        """Makes a blob new, as a `put` of the same bytes does. Raises NotFound."""
        try:
            os.utime(self._place(digest))
        except FileNotFoundError:
            raise missing_blob(digest) from None

    def temporary(self) -> Path:
        """A name beside the blobs for a file that will be one of them."""
        return Path(self._temporary(str(self._folder)))

    def adopt(self, path: Path, digest: str) -> Path:
        """Takes a file of this disk whose bytes were checked as the blob of a digest; it is moved, not copied."""
        place = self.place(digest)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        path.chmod(0o400)
        self._settle(str(path), str(place))
        return place

    def remove_stale(self) -> None:
        """Removes what killed processes left half-written an hour ago or longer."""
        stale = SystemClock().now().timestamp() - 3600
        for entry in self._entries():
            if entry.name.startswith(_TEMPORARY_PREFIX):
                with suppress(FileNotFoundError):
                    if entry.stat().st_mtime < stale:
                        Path(entry.path).unlink()

    def _place(self, digest: str) -> str:
        check_digest(digest)
        return f"{self._prefix}{digest[:2]}{os.sep}{digest[2:]}"

    def _take_back(self, aside: Path) -> None:
        """Puts a blob in its place that a sweep had moved aside when its process ended."""
        with suppress(FileNotFoundError):
            aside.rename(aside.with_name(aside.name.removeprefix(_SWEPT_PREFIX)))

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
        return f"{folder}{os.sep}{_TEMPORARY_PREFIX}{os.getpid()}-{id(self):x}-{next(self._numbers)}"

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


def _write_all(handle: int, data: bytes | memoryview) -> None:
    written = os.write(handle, data)
    if written < len(data):
        view = memoryview(data)[written:]
        while view:
            view = view[os.write(handle, view) :]


def _give_up(temporary: str, error: OSError, root: Path) -> NoReturn:
    """Removes what was half-written and raises."""
    with suppress(FileNotFoundError):
        Path(temporary).unlink()
    if is_full(error):
        raise StorageFull(
            f"There is no room left for blobs under {root}; nothing was stored.",
            hint="Free some space, then try again.",
        ) from error
    raise error


def check_digest(digest: str) -> None:
    """Raises Refused for what cannot be the name of a blob."""
    if not DIGEST.fullmatch(digest):
        raise Refused(f"{digest[:80]!r} is not a sha256 in 64 hexadecimal digits.", code="digest-invalid")


def check_mark(name: str) -> str:
    """The name of a note itself. Raises Refused for what cannot be one."""
    if not _MARK.fullmatch(name):
        raise Refused(f"{name[:80]!r} is no name of a note beside blobs.", code="mark-invalid")
    return name


def missing_blob(digest: str) -> NotFound:
    """The error for bytes that are not stored."""
    return NotFound(f"No bytes are stored under {digest[:12]}….", code="blob-not-found", details={"digest": digest})


def damaged_blob(digest: str) -> Damaged:
    """The error for bytes that are not what their name says."""
    return Damaged(
        f"The stored bytes {digest[:12]}… are not what was written.",
        code="blob-damaged",
        hint="`unshelve fsck` lists what else is damaged.",
        details={"digest": digest},
    )


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A new file beside its place, which takes it when the block ends and is gone when the block raises."""
    temporary = path.with_name(f"{_TEMPORARY_PREFIX}{os.getpid()}-{threading.get_ident()}-{path.name}")
    try:
        with temporary.open("wb") as target:
            yield target
        temporary.replace(path)
    except OSError as error:
        _give_up(str(temporary), error, path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
