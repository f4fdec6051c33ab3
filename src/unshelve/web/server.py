"""The control process as a server: pages and API on a Unix socket, answer processes on the port, runs, schedules.

Everything that a home needs while it is served is put together here, and ended here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol

import uvicorn

from unshelve.errors import Refused, Unavailable
from unshelve.pipeline.outcome import Listener, RunEvent
from unshelve.predictions.parquet_process import ParquetProcess
from unshelve.predictions.query import PredictionLog
from unshelve.predictions.sealing import Sealer
from unshelve.security.actors import LOCAL, Actor
from unshelve.security.audit import renew_head
from unshelve.security.authenticate import Doorkeeper
from unshelve.security.delegation import Delegation
from unshelve.security.keys import remove_prover_keys
from unshelve.security.last_use import LastUse
from unshelve.security.links import start_link
from unshelve.security.sessions import SessionRules, sweep
from unshelve.security.sign_in import SignIn
from unshelve.serving.asker import ReleaseAsker
from unshelve.serving.process import AnswerProcesses
from unshelve.serving.relay import control_socket
from unshelve.serving.settling import settle
from unshelve.solution.control import Control, Progress, answer_settings
from unshelve.solution.delivering import Deliverer, tidy_deliveries, url_rules
from unshelve.solution.runner import Finished, Runner
from unshelve.solution.scheduling import queue_due_refreshes, queue_due_runs
from unshelve.solution.scoring import ScoreOrders, score_file
from unshelve.solution.sink_runner import SinkRunner
from unshelve.storage.probing import probe
from unshelve.upkeep.keeper import Keeper
from unshelve.web.live import LiveRuns
from unshelve.web.render import environment
from unshelve.web.site import JsonObject, Lifts, Site, WebSettings

_LOGGER: Final = logging.getLogger("unshelve.control")
_SCHEDULE_SECONDS: Final = 15.0
_SEALING_SECONDS: Final = 60.0
_UPKEEP_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What is said when a home is served: where, and the link that lets its first owner in."""

    url: str
    sign_in: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How a home is served."""

    port: int = 8000
    host: str = "127.0.0.1"
    processes: int = 1


class RunningLifts(Lifts, Protocol):
    """What lifts notebooks again for as long as a home is served."""

    def close(self) -> None:
        """Stop what is going on."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: control decides when it ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    control: Control,
    serving: Serving,
    *,
    on_ready: Callable[[Ready, Runner], Awaitable[None]],
    lifts: Callable[[Control, Runner], RunningLifts] | None = None,
    finished: Finished | None = None,
    listener: Listener | None = None,
    progress: Progress = lambda _what, _done, _of: None,
) -> None:
    """Serve a home until SIGTERM or Ctrl-C. `on_ready` is awaited once pages and answers are there.

    What it raises ends the server, and is raised. `lifts` makes what lifts notebooks again.
    """
    live = LiveRuns()
    probe(control.blobs)

    def told(event: RunEvent) -> None:
        live.listen(event)
        if listener is not None:
            listener(event)

    runner = Runner(control, told, finished, progress)
    files = ParquetProcess(control.home.predictions)
    lifting = None if lifts is None else lifts(control, runner)
    keeper = Keeper(control)
    site = replace(site_for(control, runner, live, files, lifting), keeper=keeper)
    sinks = SinkRunner(control, told)
    deliverer = Deliverer(control, site.predictions)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    answers = AnswerProcesses(
        answer_settings(control, port=serving.port, host=serving.host, processes=serving.processes)
    )
    starting = asyncio.ensure_future(answers.start())
    await asyncio.sleep(0)  # the answer processes begin, and load their models while the pages are loaded here
    pages: _Pages | None = None
    background: list[asyncio.Task[None]] = []
    try:
        pages = await _start_pages(control, site)
        await starting
        control.address = f"http://{_reachable(serving.host)}:{answers.port}"
        runner.begin()
        sinks.begin()
        deliverer.begin()
        background = [
            asyncio.create_task(_repeat(_SCHEDULE_SECONDS, lambda: _fire(control, runner))),
            asyncio.create_task(_repeat(_SEALING_SECONDS, lambda: _tidy(control, site, files))),
            asyncio.create_task(_repeat(_UPKEEP_SECONDS, lambda: _look_after(keeper))),
        ]
        with control.database.write() as connection:
            secret = start_link(connection, now=control.clock.now())
        settle()
        sign_in = f"{control.address}/sign-in/link/{secret}"
        await _until(stopping, on_ready(Ready(url=control.address, sign_in=sign_in, pid=os.getpid()), runner))
    finally:
        keeper.close()
        for task in background:
            task.cancel()
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        if lifting is not None:
            await asyncio.to_thread(lifting.close)
        await asyncio.to_thread(sinks.close)
        await asyncio.to_thread(runner.close)
        await asyncio.to_thread(deliverer.close)
        await answers.stop()
        if pages is not None:
            pages.server.should_exit = True
            await pages.task
        await asyncio.to_thread(_tidy, control, site, files)
        files.close()


async def _until(stopping: asyncio.Event, beginning: Awaitable[None]) -> None:
    """Waits until it is time to stop; what is begun meanwhile is cancelled then, and its failure is raised."""
    begun = asyncio.ensure_future(beginning)
    stop = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((begun, stop), return_when=asyncio.FIRST_COMPLETED)
        if begun.done():
            begun.result()
        await stop
    finally:
        for task in (begun, stop):
            task.cancel()
        await asyncio.gather(begun, stop, return_exceptions=True)


def _reachable(host: str) -> str:
    """The host of an address at which this machine reaches what listens on `host`."""
    if host in ("0.0.0.0", "::"):  # noqa: S104  only compared with
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def site_for(
    control: Control, runner: Runner, live: LiveRuns, files: ParquetProcess, lifts: Lifts | None = None
) -> Site:
    """What pages and API stand on, over an opened home."""
    delegation = Delegation.load_or_create(control.home.keys)

    def ask(
        model: str,
        rows: Sequence[JsonObject],
        *,
        actor: Actor,
        route: str,
        version: int | None = None,
        copies: Mapping[str, str] | None = None,
    ) -> Sequence[JsonObject]:
        bearer = delegation.issue(actor, control.clock.now())
        return ReleaseAsker(str(control.address), bearer, model, version, route=route, copies=copies)(rows)

    def look_up(
        model: str,
        rows: Sequence[JsonObject],
        *,
        actor: Actor,
        version: int | None = None,
        copies: Mapping[str, str] | None = None,
    ) -> Sequence[JsonObject]:
        bearer = delegation.issue(actor, control.clock.now())
        return ReleaseAsker(str(control.address), bearer, model, version, copies=copies).lookups(rows)

    def score(model: str, source: Path, target: Path, *, name: str, actor: Actor) -> int:
        orders = ScoreOrders(
            home=str(control.home.root),
            model=model,
            source=str(source),
            target=str(target),
            name=name,
            address=control.address,
            actor=actor,
        )
        return score_file(orders).rows

    return Site(
        database=control.database,
        blobs=control.blobs,
        predictions=PredictionLog(control.database, control.home.predictions, files, blobs=control.blobs),
        doorkeeper=Doorkeeper(control.database, delegation),
        sign_in=SignIn(
            control.database,
            control.clock,
            SessionRules(
                idle=timedelta(hours=control.settings.session_idle_hours),
                absolute=timedelta(days=control.settings.session_days),
            ),
        ),
        last_use=LastUse(),
        templates=environment(),
        clock=control.clock,
        keys=control.home.keys,
        verifier=control.signer.verifier(),
        ask=ask,
        look_up=look_up,
        score=score,
        runs=runner,
        keeper=Keeper(control),
        keep=control.settings,
        lifts=lifts,
        live=live,
        settings=WebSettings(most_file_bytes=control.settings.file_bytes, webhooks=url_rules(control.settings)),
    )


@dataclass(frozen=True, slots=True)
class _Pages:
    """The server of pages and API, and the task it runs in."""

    server: uvicorn.Server
    task: asyncio.Task[None]


async def _start_pages(control: Control, site: Site) -> _Pages:
    """The pages on control's own socket, which only this account can reach."""
    path = control_socket(control.home.root)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    found = path.parent.stat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise Refused(
            f"{path.parent} is open to others on this machine, and control would listen there.",
            code="socket-folder-open",
            hint=f"Remove it, or run: chmod 700 {path.parent}",
        )
    path.unlink(missing_ok=True)
    application = await asyncio.to_thread(import_module, "unshelve.web.app")
    config = uvicorn.Config(
        application.build(site),
        uds=str(path),
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,  # the answer process that passes a page on says the date
        ws="none",
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        if task.done():
            await task
        await asyncio.sleep(0.01)
    path.chmod(0o600)
    return _Pages(server, task)


async def _repeat(seconds: float, what: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await asyncio.to_thread(what)
        except Exception:  # the edge of the background work: logged, and tried again at the next turn
            _LOGGER.exception("what is done in the background failed")


def _fire(control: Control, runner: Runner) -> None:
    if queue_due_runs(control) + queue_due_refreshes(control):
        runner.wake()


def _look_after(keeper: Keeper) -> None:
    try:
        keeper.look_after()
    except Unavailable as error:
        _LOGGER.warning("the store was not looked after: %s", error)


def _tidy(control: Control, site: Site, files: ParquetProcess) -> None:
    Sealer(
        control.database,
        control.home.predictions,
        files,
        actor=LOCAL,
        clock=control.clock,
        blobs=control.blobs if control.settings.blobs else None,
    ).seal()
    site.last_use.write(control.database)
    tidy_deliveries(control)
    with control.database.write() as connection:
        sweep(connection, now=control.clock.now())
        remove_prover_keys(connection, now=control.clock.now())
    with control.database.read() as connection:
        renew_head(connection, control.home.keys, control.signer)
