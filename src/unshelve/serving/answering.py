"""An answer process: what control starts with `python -m unshelve.serving.answering`.

The first line of standard input says what to do, and its end that control has died: then the process goes on
for a while, so that nobody is refused while control is started again, and ends by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

import msgspec
import uvicorn
import uvloop

from unshelve.clock import SystemClock
from unshelve.errors import UnshelveError
from unshelve.predictions.log import LogWriter
from unshelve.security.authenticate import Doorkeeper
from unshelve.security.delegation import Delegation
from unshelve.serving.app import AnswerApp, Parts
from unshelve.serving.doors import Doors
from unshelve.serving.limits import Limits
from unshelve.serving.listening import BACKLOG
from unshelve.serving.messages import App
from unshelve.serving.orders import Orders, say_alive
from unshelve.serving.predictor import Releases
from unshelve.serving.protocol import limited
from unshelve.serving.relay import Relay
from unshelve.serving.release_watch import ReleaseWatch
from unshelve.serving.settling import settle
from unshelve.storage.blobs import BlobStore
from unshelve.storage.database import Database
from unshelve.storage.home import Home
from unshelve.storage.opening import open_blobs

_LOGGER: Final = logging.getLogger("unshelve.serving")


class HttpServer(uvicorn.Server):
    """uvicorn without its signal handlers: who runs it decides when it ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """Takes no more connections and ends what is under way; at the second call without waiting for it."""
        self.force_exit = self.should_exit
        self.should_exit = True


def http_server(app: App, limits: Limits) -> HttpServer:
    """A server for an application, with the limits kept by its protocol."""
    config = uvicorn.Config(
        app,
        http=limited(limits),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        limit_concurrency=limits.connections,
        timeout_keep_alive=limits.keep_alive_seconds,
        timeout_graceful_shutdown=limits.drain_seconds,
    )
    return HttpServer(config)


async def answer(orders: Orders) -> None:
    """Answers until SIGTERM, or until control has been gone for a while."""
    loop = asyncio.get_running_loop()
    home = Home.open(Path(orders.home))
    alive = say_alive(home.root, orders.port)
    database = Database.open(orders.database, read_only=True)
    clock = SystemClock()
    relay = Relay(Path(orders.control))
    parts = Parts(
        doors=Doors(Doorkeeper(database, Delegation.load_or_create(home.keys)), clock),
        releases=ReleaseWatch(_releases(orders.releases, home, database, open_blobs(orders.blobs)), database),
        log=LogWriter(home.predictions / "open", orders.log, clock),
        control=relay,
        limits=orders.limits,
        clock=clock,
    )
    app = AnswerApp(parts, on_hang=_end_hanging)
    server = http_server(app, orders.limits)
    loop.add_signal_handler(signal.SIGTERM, server.stop)
    loop.add_signal_handler(signal.SIGINT, server.stop)
    loop.add_reader(sys.stdin.fileno(), _control_died, loop, server, orders.grace_seconds)
    await app.start()
    settle()
    saying = asyncio.ensure_future(_say_ready(server, orders))
    try:
        await server.serve(sockets=[socket.socket(fileno=orders.listening)])
    finally:
        saying.cancel()
        await app.close()
        await relay.close()
        database.close()
        os.close(alive)


def main() -> int:
    """Runs an answer process and gives its exit status."""
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=Orders)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s answer %(process)d %(levelname)s %(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    os.dup2(2, 1)  # standard output is control's: what versions print goes to the log
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(answer(orders))
    except UnshelveError as error:
        _say(orders, {"error": str(error)})
        return 1
    except Exception as error:  # the edge of the process
        _LOGGER.exception("the answer process could not go on")
        _say(orders, {"error": f"{type(error).__name__}: {error}"})
        return 1
    return 0


def _releases(name: str, home: Home, database: Database, blobs: BlobStore) -> Releases:
    module, _, function = name.partition(":")
    make: Callable[[Home, Database, BlobStore], Releases] = getattr(import_module(module), function)
    return make(home, database, blobs)


async def _say_ready(server: HttpServer, orders: Orders) -> None:
    while not server.started:
        await asyncio.sleep(0.01)
    _say(orders, {"ready": True})


def _say(orders: Orders, line: dict[str, object]) -> None:
    with contextlib.suppress(OSError):  # control has gone, or has been told already
        os.write(orders.ready, msgspec.json.encode(line) + b"\n")
        os.close(orders.ready)


def _control_died(loop: asyncio.AbstractEventLoop, server: HttpServer, grace_seconds: float) -> None:
    if os.read(sys.stdin.fileno(), 1024):
        return
    loop.remove_reader(sys.stdin.fileno())
    _LOGGER.warning("control has died; answers go on for %g seconds", grace_seconds)
    loop.call_later(grace_seconds, server.stop)


def _end_hanging(names: list[str]) -> None:
    """Ends the process at once: its thread cannot be ended, and draining would wait for it."""
    _LOGGER.error("%s hangs; the process ends and is started again", ", ".join(names))
    logging.shutdown()
    os._exit(3)


if __name__ == "__main__":
    sys.exit(main())
