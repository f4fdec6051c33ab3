"""`unshelve serve`: a home's pages, answers, schedules and log, until it is stopped."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Annotated

import msgspec
import typer

from unshelve.cli.output import HomeOption, JsonOption
from unshelve.cli.places import existing_home
from unshelve.cli.progress import RunProgress
from unshelve.cli.run import summary
from unshelve.cli.served import Served, say_served
from unshelve.errors import UnshelveError
from unshelve.registry.runs import Run
from unshelve.solution.control import Control
from unshelve.solution.runner import Runner
from unshelve.solution.running import RunResult
from unshelve.web.server import Ready, Serving, serve

PortOption = Annotated[
    int | None,
    typer.Option(help="The port to listen on; 0 takes a free one.", min=0, max=65535, show_default="8000"),
]
HostOption = Annotated[str | None, typer.Option(help="The address to listen on.", show_default="127.0.0.1")]
ProcessesOption = Annotated[int, typer.Option(help="How many answer processes.", min=1, max=64)]

Told = Callable[[Run, RunResult | None, UnshelveError | None], None]


def command(
    port: PortOption = None,
    host: HostOption = None,
    processes: ProcessesOption = 1,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Serve what a home knows already: like `up`, without running anything first."""
    with Control.open(existing_home(home).root) as control, RunProgress() as shown:

        def ready(at: Ready, _runner: Runner) -> None:
            tell_ready(at, json=json)

        serve_home(control, serving_of(control, port, host, processes), shown, ready)


def serving_of(control: Control, port: int | None, host: str | None, processes: int) -> Serving:
    """How a home is to be served: as said here, or else in its settings."""
    settings = control.settings
    return Serving(
        port=settings.port if port is None else port,
        host=settings.host if host is None else host,
        processes=processes,
    )


def serve_home(
    control: Control,
    serving: Serving,
    shown: RunProgress,
    on_ready: Callable[[Ready, Runner], None],
    finished: Told | None = None,
) -> None:
    """Serve a home until it is told to stop. `on_ready` is called once pages and answers are there."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("unshelve").setLevel(control.settings.log_level.upper())

    def ready(at: Ready, runner: Runner) -> None:
        say_served(control.home, Served(url=at.url, pid=at.pid))
        on_ready(at, runner)

    def told(run: Run, result: RunResult | None, error: UnshelveError | None) -> None:
        for line in summary(result) if result is not None else [f"Run {run.number} of {run.solution}: {error}"]:
            shown.line(line)
        if finished is not None:
            finished(run, result, error)

    asyncio.run(serve(control, serving, on_ready=ready, finished=told, listener=shown.event))


def tell_ready(at: Ready, *, json: bool, ready: bool = True) -> None:
    """That a home is served, and how to get in: the one line on standard output that programs wait for."""
    if json:
        told = {"ready": ready, "url": at.url, "sign_in": at.sign_in, "pid": at.pid}
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    else:
        sys.stdout.write(f"Pages at {at.url}\nSign in with {at.sign_in}  (works once)\nStop with Ctrl-C.\n")
    sys.stdout.flush()
