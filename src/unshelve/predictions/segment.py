"""Segments: the files that answers are written to before they leave.

Format 1, little-endian throughout:

```
8 bytes   magic: "unshlog" and the number of the format
frames    4 bytes  length of the payload
          4 bytes  crc32 of the payload, started from the length, so that both are covered
          payload  MessagePack array of records, each an array of `Record`'s fields in their order
```

A process that writes a segment holds an exclusive `flock` on it. The kernel gives the lock back however the
process ends, so a segment that can be locked is closed or orphaned, and whoever locks it may seal it.
"""

from __future__ import annotations

import fcntl
import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from unshelve.predictions.record import Record

MAGIC: Final = b"unshlog\x01"
"""The last byte is the number of the format. Raise it when older code would read new records wrongly."""

SUFFIX: Final = ".segment"
_NEW: Final = ".new"
_HEAD: Final = struct.Struct("<II")
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(list[Record])


class Ending(StrEnum):
    """How the bytes of a segment end."""

    WHOLE = "whole"
    TORN = "torn"
    """In the middle of a frame: what a process that was killed while writing leaves behind."""
    DAMAGED = "damaged"
    """With a frame that is all there and is not what was written."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Where the whole frames of some bytes lie: (start, end) of each payload, and where the last one ends."""

    payloads: tuple[tuple[int, int], ...]
    end: int
    ending: Ending


def frame(records: Sequence[Record]) -> bytes:
    """One frame with these records."""
    payload = _ENCODER.encode(records)
    length = len(payload)
    return _HEAD.pack(length, zlib.crc32(payload, length)) + payload


def scan(data: bytes | memoryview) -> Scan:
    """The whole frames in a segment's bytes.

    Costs one pass over the bytes for their checksums; no record is decoded.
    """
    view = memoryview(data)
    begin = bytes(view[: len(MAGIC)])
    if begin != MAGIC:
        return Scan((), 0, Ending.TORN if MAGIC.startswith(begin) else Ending.DAMAGED)
    return scan_frames(view, len(MAGIC))


def scan_frames(data: bytes | memoryview, position: int = 0) -> Scan:
    """The whole frames in `data` from `position` on, where a frame begins."""
    view = memoryview(data)
    payloads = []
    ending = Ending.WHOLE
    while position < len(view):
        begin = position + _HEAD.size
        if begin > len(view):
            ending = Ending.TORN
            break
        length, checksum = _HEAD.unpack_from(view, position)
        if begin + length > len(view):
            ending = Ending.TORN
            break
        if length == 0 or zlib.crc32(view[begin : begin + length], length) != checksum:
            ending = Ending.DAMAGED
            break
        position = begin + length
        payloads.append((begin, position))
    return Scan(tuple(payloads), position, ending)


def records_of(payload: bytes | memoryview) -> list[Record]:
    """The records of one frame's payload."""
    return _DECODER.decode(payload)


def read_records(data: bytes) -> tuple[list[Record], Scan]:
    """Every record of the whole frames in a segment's bytes, and where those lie."""
    found = scan(data)
    view = memoryview(data)
    records: list[Record] = []
    for begin, end in found.payloads:
        records.extend(records_of(view[begin:end]))
    return records, found


def segments(folder: Path) -> list[Path]:
    """The segments that are not sealed yet, oldest first."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}"))


def claim(path: Path) -> int | None:
    """An open handle that holds the lock of a segment nobody writes any more; None while somebody does."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between opening and locking, another process may have sealed and removed it.
        if os.stat(path).st_ino == os.fstat(handle).st_ino:  # noqa: PTH116
            return handle
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(handle)
    return None


def remove_unfinished(folder: Path) -> None:
    """Removes what processes left that died while they made a segment; such a file never held an answer."""
    for path in folder.glob(f"*{_NEW}"):
        handle = claim(path)
        if handle is not None:
            path.unlink(missing_ok=True)
            os.close(handle)


class SegmentFile:
    """A segment that this process writes."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self.size = len(MAGIC)
        self.broken = False
        """True when a frame that was cut short could not be taken back: nothing may be written behind it."""
        self._handle = handle

    @classmethod
    def create(cls, folder: Path, name: str) -> SegmentFile:
        """A new segment, locked before it can be seen under its name. Raises OSError as the system does."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = folder / f"{name}{_NEW}"
        handle = os.open(new, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write_all(handle, MAGIC)
            path = new.with_suffix(SUFFIX)
            new.rename(path)
        except BaseException:
            new.unlink(missing_ok=True)
            os.close(handle)
            raise
        return cls(path, handle)

    def write(self, data: bytes) -> None:
        """Appends bytes whole, or leaves the segment as it was and raises OSError."""
        try:
            _write_all(self._handle, data)
        except OSError:
            try:
                os.ftruncate(self._handle, self.size)
            except OSError:
                self.broken = True
            raise
        self.size += len(data)

    def sync(self) -> None:
        """Waits until what was written would survive a loss of power."""
        os.fdatasync(self._handle)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        """Lets go of the segment, so that it can be sealed."""
        os.close(self._handle)


def _write_all(handle: int, data: bytes) -> None:
    """One write; a second one, after a short write, only brings out why the system stopped."""
    written = os.write(handle, data)
    while written < len(data):
        written += os.write(handle, memoryview(data)[written:])
