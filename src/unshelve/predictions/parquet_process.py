"""Sealed files worked on in a process of their own, so that control stays small.

pyarrow alone takes some 60 MB. The process is started by the first call and ends when it has been idle for a
while, when its owner closes it, or when its owner is gone (its standard input ends). Calls and results are
MessagePack with a length of four bytes, little-endian, before each.
"""

from __future__ import annotations

import errno
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import IO, Final, TypeVar

import msgspec

from unshelve.errors import Damaged, StorageFull, Unavailable
from unshelve.predictions.record import Record
from unshelve.predictions.sealed import SealedFiles, SealedSegment

_LENGTH: Final = struct.Struct("<I")
_T = TypeVar("_T")


class _Call(msgspec.Struct, kw_only=True):
    verb: str
    path: str
    model: str | None = None
    before: str | None = None
    limit: int = 0
    record_id: str = ""


class _Result(msgspec.Struct, kw_only=True):
    value: bytes = b""
    error: str | None = None
    full: bool = False


class ParquetProcess:
    """The sealed files below one folder. Calls from several threads take turns."""

    def __init__(self, folder: Path, *, idle_seconds: float = 30.0) -> None:
        self.folder = folder
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._timer: threading.Timer | None = None

    def seal(self, segment: Path) -> SealedSegment:
        """Writes the files of a segment; the same segment gives the same files, however often."""
        return self._ask(_Call(verb="seal", path=str(segment)), SealedSegment)

    def recent(self, path: str, *, model: str | None, before: str | None, limit: int) -> list[Record]:
        """The newest answers of a file, newest first: of one model or of all, with ids below `before`."""
        call = _Call(verb="recent", path=path, model=model, before=before, limit=limit)
        return self._ask(call, list[Record])

    def find(self, path: str, record_id: str) -> Record | None:
        """One answer of a file."""
        found = self._ask(_Call(verb="find", path=path, record_id=record_id), list[Record])
        return found[0] if found else None

    def close(self) -> None:
        """Ends the process; the next call starts another one."""
        with self._lock:
            self._end()

    def _ask(self, call: _Call, kind: type[_T]) -> _T:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            try:
                result = self._exchange(call)
            finally:
                self._timer = threading.Timer(self._idle_seconds, self.close)
                self._timer.daemon = True
                self._timer.start()
        if result.error is not None:
            if result.full:
                raise StorageFull(f"There is no room left to seal predictions in {self.folder}.")
            raise Damaged(f"{call.path} of the prediction log cannot be read or written: {result.error}")
        return msgspec.msgpack.decode(result.value, type=kind)

    def _exchange(self, call: _Call) -> _Result:
        process = self._started()
        try:
            if process.stdin is None or process.stdout is None:
                raise EOFError
            _send(process.stdin, msgspec.msgpack.encode(call))
            return msgspec.msgpack.decode(_receive(process.stdout), type=_Result)
        except (OSError, EOFError):
            self._end()
            raise Unavailable(
                f"The process that reads the prediction log in {self.folder} ended; it is started again when asked."
            ) from None
        except BaseException:
            # Half a result may be under way: nothing more can be asked of this process.
            self._end()
            raise

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                # -P: the folder that control was started in is no place to import from.
                [sys.executable, "-P", "-m", __name__, str(self.folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                process_group=0,  # a Ctrl-C in the terminal is for control
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def serve(files: SealedFiles, calls: IO[bytes], results: IO[bytes]) -> None:
    """Does what is asked until the caller is gone."""
    while True:
        try:
            call = msgspec.msgpack.decode(_receive(calls), type=_Call)
        except EOFError:
            return
        try:
            value = _VERBS[call.verb](files, call)
            result = _Result(value=msgspec.msgpack.encode(value))
        except OSError as error:
            result = _Result(error=str(error), full=error.errno in (errno.ENOSPC, errno.EDQUOT))
        except ValueError as error:  # what pyarrow raises for a file that is not whole
            result = _Result(error=str(error))
        _send(results, msgspec.msgpack.encode(result))


def _send(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(_LENGTH.pack(len(data)) + data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes:
    (length,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size))
    return _exactly(pipe, length)


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return data


_VERBS: Final[dict[str, Callable[[SealedFiles, _Call], object]]] = {
    "seal": lambda files, call: files.seal(Path(call.path)),
    "recent": lambda files, call: files.recent(call.path, model=call.model, before=call.before, limit=call.limit),
    "find": lambda files, call: [found] if (found := files.find(call.path, call.record_id)) else [],
}


if __name__ == "__main__":
    _files: SealedFiles = import_module("unshelve.predictions.parquet").ParquetFiles(Path(sys.argv[1]))
    _results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not land between the results
    serve(_files, sys.stdin.buffer, _results)
