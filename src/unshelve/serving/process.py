"""Answer processes as control keeps them: started, waited for, started again when they die, and stopped.

Control owns the listening socket and lends it to them, so a connection that arrives while one of them is started
again waits for the next. This module imports nothing that models need.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from unshelve.errors import Unavailable
from unshelve.predictions.log import LogSettings
from unshelve.serving import hash_seed
from unshelve.serving.limits import Limits
from unshelve.serving.listening import listen
from unshelve.serving.orders import Orders, Running, running

_LOGGER: Final = logging.getLogger("unshelve.serving")
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0
_HEALTHY_LIFE: Final = 10
"""A process that lived this many pauses long is no reason for a longer one."""
_SMALL: Final = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
"""One row is too little work to share, and threads that wait for each other cost more than they save; the memory
that Arrow's own pool sets aside (6 MB) is of use to whoever reads large tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSettings:
    """How the answer processes of a home are run."""

    home: Path
    database: str
    blobs: str
    control: Path
    """Control's Unix socket."""
    releases: str
    """`module:function` that makes the Releases from the home, the database and the blobs, in the answer process."""
    host: str = "127.0.0.1"
    port: int = 8000
    processes: int = 1
    start_seconds: float = 120.0
    grace_seconds: float = 10.0
    """How long an answer process goes on without control."""
    log: LogSettings = LogSettings()  # noqa: RUF009  frozen
    limits: Limits = Limits()  # noqa: RUF009  frozen
    hash_seed: str | None = None
    """See hash_seed.py; without it Python chooses one for each process."""


class State(StrEnum):
    """What an answer process is doing."""

    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting to be started again"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerProcess:
    """One answer process as pages show it."""

    pid: int | None
    state: State
    restarts: int
    error: str | None


class AnswerProcesses:
    """The answer processes of a home. Used from control's event loop."""

    def __init__(self, settings: AnswerSettings) -> None:
        self.settings = settings
        self._socket: socket.socket | None = None
        self._keepers: list[_Keeper] = []

    @property
    def port(self) -> int:
        """The port that is listened on; 0 before `start`."""
        return int(self._socket.getsockname()[1]) if self._socket else 0

    @property
    def processes(self) -> list[AnswerProcess]:
        """What each of them is doing."""
        return [keeper.process for keeper in self._keepers]

    async def start(self) -> None:
        """Returns when all of them answer, and those of a control that died have been told to end.

        Raises Conflict when the port is taken and Unavailable, with the reason, when one cannot start.
        """
        former = running(self.settings.home)
        sock = listen(self.settings.host, self.settings.port, beside=frozenset(each.port for each in former))
        self._socket = sock
        orders = self._orders(sock)
        self._keepers = [_Keeper(orders, self.settings) for _ in range(self.settings.processes)]
        for keeper in self._keepers:
            keeper.start()
        try:
            await asyncio.gather(*(keeper.first_ready() for keeper in self._keepers))
        except BaseException:
            await self.stop()
            raise
        _tell_to_end(former)

    async def stop(self) -> None:
        """Ends them: no new connection, what is under way is finished, the log is closed."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        await asyncio.gather(*(keeper.stop() for keeper in self._keepers))

    async def replace(self) -> None:
        """Starts each anew, the next one first and the former after it, so that somebody always answers."""
        if self._socket is None:
            return
        orders = self._orders(self._socket)
        for position, former in enumerate(self._keepers):
            keeper = _Keeper(orders, self.settings)
            keeper.start()
            try:
                await keeper.first_ready()
            except BaseException:
                await keeper.stop()
                raise
            self._keepers[position] = keeper
            await former.stop()

    def _orders(self, sock: socket.socket) -> Orders:
        return Orders(
            home=str(self.settings.home),
            database=self.settings.database,
            blobs=self.settings.blobs,
            listening=sock.fileno(),
            ready=-1,
            control=str(self.settings.control),
            releases=self.settings.releases,
            port=int(sock.getsockname()[1]),
            grace_seconds=self.settings.grace_seconds,
            log=self.settings.log,
            limits=self.settings.limits,
        )


class _Keeper:
    """Keeps one answer process alive."""

    def __init__(self, orders: Orders, settings: AnswerSettings) -> None:
        self._orders = orders
        self._settings = settings
        self._child: subprocess.Popen[bytes] | None = None
        self._state = State.STARTING
        self._restarts = 0
        self._error: str | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def process(self) -> AnswerProcess:
        pid = self._child.pid if self._child is not None else None
        return AnswerProcess(pid=pid, state=self._state, restarts=self._restarts, error=self._error)

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep())

    async def first_ready(self) -> None:
        await self._ready

    async def stop(self) -> None:
        self._stopping.set()
        if self._task is not None:
            await self._task
        if not self._ready.done():
            self._ready.cancel()

    async def _keep(self) -> None:
        pause = _FIRST_PAUSE
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            began = loop.time()
            self._state = State.STARTING
            await self._live()
            if self._stopping.is_set():
                break
            if not self._ready.done():
                self._ready.set_exception(Unavailable(f"The answer process could not start: {self._error}"))
                break
            if loop.time() - began > _HEALTHY_LIFE * pause:
                pause = _FIRST_PAUSE
            self._restarts += 1
            self._state = State.WAITING
            _LOGGER.error("an answer process ended (%s); it is started again in %.1f seconds", self._error, pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        self._state = State.STOPPED

    async def _live(self) -> None:
        """One life of the process, from its start to its end."""
        child, pipe = self._spawn()
        self._child = child
        ended = _ended(child)
        stopping = asyncio.ensure_future(self._stopping.wait())
        saying = asyncio.ensure_future(_said(pipe))
        try:
            await asyncio.wait(
                (saying, stopping), timeout=self._settings.start_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            said = saying.result() if saying.done() else {"error": "it took too long to start"}
            if said.get("ready"):
                self._error = None
                self._state = State.READY
                if not self._ready.done():
                    self._ready.set_result(None)
                await asyncio.wait((ended, stopping), return_when=asyncio.FIRST_COMPLETED)
            await self._end(child, ended)
            self._error = str(said.get("error") or _how_ended(child.returncode))
        finally:
            for task in (stopping, saying):
                task.cancel()
            if child.stdin is not None:
                child.stdin.close()
            self._child = None

    async def _end(self, child: subprocess.Popen[bytes], ended: asyncio.Future[None]) -> None:
        if not ended.done():
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(signal.SIGTERM)
            await asyncio.wait((ended,), timeout=self._settings.limits.drain_seconds + 2)
        if not ended.done():
            child.kill()
            await ended

    def _environment(self) -> dict[str, str]:
        seed = self._settings.hash_seed
        return {**_SMALL, **os.environ, **({hash_seed.VARIABLE: seed} if seed is not None else {})}

    def _spawn(self) -> tuple[subprocess.Popen[bytes], int]:
        reading, writing = os.pipe()
        orders = replace(self._orders, ready=writing)
        try:
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "unshelve.serving.answering"],
                stdin=subprocess.PIPE,
                stdout=sys.stderr,
                pass_fds=(orders.listening, writing),
                process_group=0,  # a Ctrl-C in the terminal is for control, which then stops them in order
                env=self._environment(),
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        if child.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it has died already, which is seen by whoever waits for it
                child.stdin.write(msgspec.json.encode(orders) + b"\n")
                child.stdin.flush()
        return child, reading


def _ended(child: subprocess.Popen[bytes]) -> asyncio.Future[None]:
    """Done when the process has ended. A thread waits for it: that works in every event loop."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def settle() -> None:
        if not future.done():
            future.set_result(None)

    def wait() -> None:
        child.wait()
        with contextlib.suppress(RuntimeError):  # the loop has ended before the process
            loop.call_soon_threadsafe(settle)

    threading.Thread(target=wait, name=f"waits for {child.pid}", daemon=True).start()
    return future


async def _said(pipe: int) -> dict[str, object]:
    """The line that an answer process says once it is ready, or when it cannot be; empty when it dies before."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    file = os.fdopen(pipe, "rb", buffering=0)  # closed with the transport
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
    try:
        line = await reader.readline()
    finally:
        transport.close()
    return msgspec.json.decode(line, type=dict[str, object]) if line else {}


def _how_ended(status: int | None) -> str:
    if status is None:
        return "it is still running"
    if status < 0:
        return f"it was ended by {signal.Signals(-status).name}"
    return f"it ended with status {status}"


def _tell_to_end(former: list[Running]) -> None:
    for each in former:
        _LOGGER.info("the answer process %d of a control that died is told to end", each.pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(each.pid, signal.SIGTERM)
