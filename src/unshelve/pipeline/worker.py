"""A worker: a process of its own that loads a solution and carries out tasks until control has no more.

Started as `python -P -m unshelve.pipeline.worker FD`, where FD is its end of a socket pair. It never touches the
database. It ends when the other end of the pair closes, however control ended, and takes its children with it.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import queue
import resource
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

from unshelve.clock import SystemClock
from unshelve.pipeline.boundary import report_of
from unshelve.pipeline.captured import Captured, CapturedText
from unshelve.pipeline.channel import Inbox, LoadFailed, Message, Ready, Setup, send
from unshelve.pipeline.executor import Ended, Order, Progressed, Started
from unshelve.pipeline.performing import Performer
from unshelve.pipeline.randomness import Chance
from unshelve.security.secrets import remember_all

_OUT: Final = 1
_LOG_FORMAT: Final = "%(levelname)s %(name)s: %(message)s"


def main(argument: str) -> None:
    """Serves the socket of a number until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable(file=_OUT)
    connection = socket.socket(fileno=int(argument))
    messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, messages), name="unshelve-control", daemon=True).start()
    home = os.environ.get("UNSHELVE_HOME")
    if home:
        remember_all(Path(home) / "keys" / "secrets")
    text = CapturedText(lambda data: os.write(_OUT, data))
    with Captured(text):
        worker = _loaded(messages.get(), connection, text)
        while worker is not None:
            message = messages.get()
            if isinstance(message, Order):
                worker.carry_out(message)


def _listen(connection: socket.socket, messages: queue.SimpleQueue[Message]) -> None:
    """Takes messages in while a task runs, so that the end of control is noticed at once."""
    inbox = Inbox(connection)
    while (received := inbox.receive()) is not None:
        for message in received:
            messages.put(message)
    if os.getpgrp() == os.getpid():
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _loaded(message: Message, connection: socket.socket, text: CapturedText) -> _Worker | None:
    """The worker with its solution, or None when it could not be loaded, which control is told."""
    if not isinstance(message, Setup):
        raise TypeError(f"the first message was {type(message).__name__}")
    folder = Path(message.folder)
    try:
        os.chdir(folder)
        operations = _named(message.operations)
        store = _called(message.store_opener)(message.store)
        chance = Chance()
        functions = _called(message.loader)(folder)
        chance.loaded()
        performer = Performer(folder, functions, operations, store)  # type: ignore[arg-type]  # plugs, by their names
    except BaseException as error:  # noqa: BLE001 - the edge around user code; it is reported, not hidden
        text.finish()
        said = report_of(error, subject="Loading the solution", step="", folder=folder, inputs={})
        send(connection, LoadFailed(said))
        return None
    if not logging.getLogger().handlers:
        logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT, stream=sys.stdout)
    send(connection, Ready())
    return _Worker(folder, performer, chance, connection, text)


@dataclass(frozen=True, slots=True)
class _Worker:
    """A worker that has loaded its solution."""

    folder: Path
    performer: Performer
    chance: Chance
    connection: socket.socket
    text: CapturedText

    def carry_out(self, order: Order) -> None:
        """Carries out a task and tells control. What an earlier task left behind in the process does not matter."""
        clock = SystemClock()
        self.text.begin()
        os.chdir(self.folder)
        self.chance.begin(order.task.name)
        limit = order.task.timeout_seconds
        if limit is not None:
            # Control ends this process at the limit; what it was doing then is written for the report.
            faulthandler.dump_traceback_later(limit, file=_OUT)
        _forget_peak()
        send(self.connection, Started(order.number))
        began = clock.monotonic()
        with warnings.catch_warnings():  # a warning that an earlier task showed is shown again
            outputs, error = self.performer.perform(
                order, lambda done, of: send(self.connection, Progressed(order.number, done, of))
            )
        seconds = clock.monotonic() - began
        if limit is not None:
            faulthandler.cancel_dump_traceback_later()
        self.text.finish()
        send(self.connection, Ended(order.number, outputs, error, seconds, _peak(), b""))


def _forget_peak() -> None:
    """Lets the kernel count the peak of memory anew (Linux: 5 in /proc/self/clear_refs)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak() -> int:
    """The most memory that this process held since the count began, in bytes."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _named(text: str) -> object:
    module, _, name = text.partition(":")
    return getattr(import_module(module), name)


def _called(text: str) -> Callable[..., object]:
    value = _named(text)
    if not callable(value):
        raise TypeError(f"{text} is not callable")
    return value


if __name__ == "__main__":
    main(sys.argv[1])
