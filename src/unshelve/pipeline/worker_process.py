"""WorkerProcess: a worker as control sees it: its process, its socket, and the file that it prints into."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from unshelve.pipeline.channel import Inbox, Message, Setup, send

_MOST_LOG_BYTES: Final = 1_000_000
_GOING_SECONDS: Final = 2.0
"""How long a worker whose socket has closed may take to end."""

_SHARED: Final = Path("/dev/shm")  # noqa: S108 - only named here, and only what is of one process is removed

_SETTINGS: Final[Mapping[str, str]] = {
    "PYTHONHASHSEED": "0",  # sets of texts come in one order, so that equal values give equal bytes
    "MPLBACKEND": "Agg",
    "PYTHONIOENCODING": "utf-8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Which code a worker runs: a solution folder, and how it is loaded.

    `loader` and `operations` are "module:name"; the loader takes the folder and gives the functions by name.
    `revision` is anything that changes when the code does: a worker of another revision is not used again.
    """

    folder: Path
    loader: str
    operations: str
    revision: str = ""


class WorkerProcess:
    """A started worker. It is told its program at once, and can be sent orders from then on."""

    def __init__(self, program: Program, *, store_opener: str, store: str, environment: Mapping[str, str]) -> None:
        self.program = program
        ours, theirs = socket.socketpair()
        self._log = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - open as long as the worker is
        fcntl.fcntl(self._log, fcntl.F_SETFL, os.O_APPEND)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "unshelve.pipeline.worker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                env={**os.environ, **_SETTINGS, **environment},
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self.socket = ours
        self.ended = os.pidfd_open(self._process.pid)
        self._inbox = Inbox(ours, patient=False)
        self._mark = 0
        self.send(
            Setup(
                folder=str(program.folder),
                loader=program.loader,
                operations=program.operations,
                store_opener=store_opener,
                store=store,
            )
        )

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def send(self, message: Message) -> None:
        """Sends a message; to a dead worker it is lost, which `receive` tells."""
        with suppress(BrokenPipeError, ConnectionResetError):
            send(self.socket, message)

    def receive(self) -> list[Message] | None:
        """What the worker said since the last call; None when it is gone and has said all."""
        said = self._inbox.receive()
        return said if said or self.alive else None

    def mark_log(self) -> None:
        """Lets `log` begin here."""
        if os.fstat(self._log.fileno()).st_size > _MOST_LOG_BYTES:
            os.ftruncate(self._log.fileno(), 0)
        self._mark = os.fstat(self._log.fileno()).st_size

    def log(self) -> bytes:
        """What the worker wrote to its output since `mark_log`, the last megabyte of it."""
        end = os.fstat(self._log.fileno()).st_size
        start = max(self._mark, end - _MOST_LOG_BYTES)
        return os.pread(self._log.fileno(), end - start, start)

    def exit_code(self) -> int:
        """How a worker that is gone, or going, ended: negative for a signal."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout=_GOING_SECONDS)
        return self.close()

    def close(self) -> int:
        """Ends the worker and its children at once, and gives back what it held."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        code = self._process.wait()
        forget_shared(self._process.pid)
        if not self._log.closed:
            self.socket.close()
            os.close(self.ended)
            self._log.close()
        return code


def forget_shared(number: int) -> None:
    """Remove what joblib keeps in shared memory for a process, which a process that is killed leaves behind."""
    for kept in (*_SHARED.glob(f"sem.loky-{number}-*"), *_SHARED.glob(f"joblib_memmapping_folder_{number}_*")):
        if kept.is_dir():
            shutil.rmtree(kept, ignore_errors=True)
        else:
            kept.unlink(missing_ok=True)
