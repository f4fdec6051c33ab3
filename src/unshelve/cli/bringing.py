"""Serving a home, with or without solutions to be brought up first."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from unshelve.cli.lifting_again import LiftsAgain
from unshelve.cli.progress import RunProgress
from unshelve.cli.run import summary
from unshelve.cli.served import Served, say_served
from unshelve.errors import NotFound, UnshelveError
from unshelve.pipeline.step import Kind
from unshelve.registry.releases import releases
from unshelve.registry.runs import Run, RunState, runs_of, usual_seconds
from unshelve.registry.solutions import get_solution, solutions
from unshelve.security.actors import LOCAL
from unshelve.solution.check import check
from unshelve.solution.control import Cause, Control
from unshelve.solution.declaration import Declaration
from unshelve.solution.declaring import Reading
from unshelve.solution.findings import refuse
from unshelve.solution.runner import Runner
from unshelve.solution.running import RunResult, keep_solution, known_declarations
from unshelve.storage.home import Home
from unshelve.web.server import Ready, Serving, serve

Told = Callable[[Run, RunResult | None, UnshelveError | None], None]


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen, and with how many answer processes; None where the home's settings say."""

    port: int | None = None
    host: str | None = None
    processes: int = 1


def bring_up(place: Path, folders: Sequence[Path], listening: Listening, *, json: bool) -> bool:
    """Run and serve solutions until it is told to stop. False when one of them never came to answer.

    Where there is no home yet, everything that can be wrong with the files is found before it is made; otherwise
    the answer processes start while the files are read.
    """
    readings: Sequence[Reading] = ()
    if not Home(place.absolute()).version_file.exists():
        readings = [Reading(folder) for folder in folders]
        for reading in readings:
            _checked(reading)
    with Control.open(place) as control, RunProgress(_usual(control)) as shown:
        readings = readings or _readings(control, folders)
        first = _FirstRuns(control, readings, shown, json=json)
        serve_home(control, listening, shown, first.begin, first.finished)
        return first.all_answer


def serve_home(
    control: Control,
    listening: Listening,
    shown: RunProgress,
    on_ready: Callable[[Ready, Runner], Awaitable[None]],
    finished: Told | None = None,
) -> None:
    """Serve a home until it is told to stop. `on_ready` is awaited once pages and answers are there."""
    settings = control.settings
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("unshelve").setLevel(settings.log_level.upper())
    serving = Serving(
        port=settings.port if listening.port is None else listening.port,
        host=settings.host if listening.host is None else listening.host,
        processes=listening.processes,
    )

    async def ready(at: Ready, runner: Runner) -> None:
        say_served(control.home, Served(url=at.url, pid=at.pid))
        await on_ready(at, runner)

    def told(run: Run, result: RunResult | None, error: UnshelveError | None) -> None:
        ended = [f"Run {run.number} of {run.solution}: {error or 'stopped before it began'}"]
        for line in ended if result is None else summary(result):
            shown.line(line)
        if finished is not None:
            finished(run, result, error)

    asyncio.run(
        serve(
            control,
            serving,
            on_ready=ready,
            lifts=LiftsAgain,
            finished=told,
            listener=shown.event,
            progress=shown.proof,
        )
    )


def tell_ready(at: Ready, *, json: bool, ready: bool = True) -> None:
    """That a home is served, and how to get in: what programs wait for on standard output."""
    if json:
        told = {"ready": ready, "url": at.url, "sign_in": at.sign_in, "pid": at.pid}
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    else:
        sys.stdout.write(f"Pages at {at.url}\nSign in with {at.sign_in}  (works once)\nStop with Ctrl-C.\n")
    sys.stdout.flush()


class _FirstRuns:
    """The first run of each solution, and the word that all of them answer.

    A solution that answers already as it is declared is ready before its run, which then only looks for new rows.
    """

    def __init__(self, control: Control, readings: Sequence[Reading], shown: RunProgress, *, json: bool) -> None:
        self._control = control
        self._readings = readings
        self._shown = shown
        self._json = json
        self._at: Ready | None = None
        self._waited_for: set[str] = set()
        self._without_model: frozenset[str] = frozenset()
        self._silent: set[str] = set()

    @property
    def all_answer(self) -> bool:
        """Whether every solution came to answer."""
        return not self._waited_for and not self._silent

    async def begin(self, at: Ready, runner: Runner) -> None:
        """Waits for the solutions to be read, and queues their runs."""
        try:
            declared = await asyncio.to_thread(lambda: [_checked(reading) for reading in self._readings])
        except asyncio.CancelledError:
            for reading in self._readings:
                reading.close()
            raise
        self._at = at
        if not self._json:
            tell_ready(at, json=False)
        self._waited_for = {one.name for one in declared if not _answers_as_declared(self._control, one)}
        answering = Kind.MODEL, Kind.ENDPOINT
        self._without_model = frozenset(one.name for one in declared if not any(one.of_kind(*answering)))
        all_answer = not self._waited_for
        for reading, declaration in zip(self._readings, declared, strict=True):
            for finding in keep_solution(self._control, reading.folder, declaration):
                self._shown.line(str(finding))
            runner.enqueue(reading.folder, declaration.name, Cause(LOCAL, "unshelve up"), known=declaration)
        if all_answer:
            self._tell()

    def finished(self, run: Run, result: RunResult | None, _error: UnshelveError | None) -> None:
        """Takes note of a run that ended."""
        if run.solution not in self._waited_for:
            return
        with self._control.database.read() as connection:
            answers = bool(releases(connection, run.solution))
        whole = result is not None and not result.failures
        if not answers and whole and run.solution in self._without_model:
            self._shown.line(f"{run.solution} has no model, so it answers nothing. What it made is on its pages.")
        elif not answers:
            self._silent.add(run.solution)
            self._shown.line(f"Nothing of {run.solution} answers yet. Mend it and run it again from its page.")
        self._waited_for.discard(run.solution)
        if not self._waited_for:
            self._tell()

    def _tell(self) -> None:
        if self._at is None:
            return
        if self._json:
            tell_ready(self._at, json=True, ready=not self._silent)
        elif not self._silent:
            self._shown.line(f"Ready at {self._at.url}")


def _answers_as_declared(control: Control, declaration: Declaration) -> bool:
    """Whether all of a solution answers, and its newest run was one of just this code, Schemas and libraries."""
    with control.database.read() as connection:
        try:
            known = get_solution(connection, declaration.name)
        except NotFound:
            return False
        newest = next(iter(runs_of(connection, declaration.name, limit=1)), None)
        released = releases(connection, declaration.name)
    before = Declaration.from_json(known.declaration)
    same = all(getattr(before, name) == getattr(declaration, name) for name in ("code", "schemas", "environment"))
    # What was read after the newest run, by `run --explain` for one, has not been run.
    ended_at = newest.ended_at if newest is not None and newest.state is RunState.DONE else None
    ran = ended_at is not None and ended_at >= datetime.fromisoformat(known.updated_at)
    wanted = {f"{declaration.name}.{step.name}" for step in declaration.of_kind(Kind.MODEL, Kind.ENDPOINT)}
    return same and ran and wanted <= set(released)


def _readings(control: Control, folders: Sequence[Path]) -> list[Reading]:
    """Folders as they are read; one that has not changed since this home read it is known."""
    known = known_declarations(control)
    return [Reading(folder, known.get(folder)) for folder in folders]


def _checked(reading: Reading) -> Declaration:
    """The declaration of a solution that can run. Raises what stands against it."""
    declaration = reading.declaration()
    refuse(check(declaration))
    return declaration


def _usual(control: Control) -> dict[str, float]:
    """How long each step of this home took when it last ran."""
    with control.database.read() as connection:
        known = [usual_seconds(connection, one.name) for one in solutions(connection)]
    return {task: seconds for each in known for task, seconds in each.items()}
