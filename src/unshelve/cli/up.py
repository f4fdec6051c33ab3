"""`unshelve up PATH…`: run, gate, prove, release and serve solutions, until it is stopped."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from unshelve.cli.output import HomeOption, JsonOption, say
from unshelve.cli.places import home_for
from unshelve.cli.progress import RunProgress
from unshelve.cli.serve import HostOption, PortOption, ProcessesOption, serve_home, serving_of, tell_ready
from unshelve.errors import UnshelveError
from unshelve.registry.releases import releases
from unshelve.registry.runs import Run, usual_seconds
from unshelve.security.actors import LOCAL
from unshelve.solution.check import check
from unshelve.solution.control import Cause, Control
from unshelve.solution.declaration import Declaration
from unshelve.solution.declaring import declaration_of
from unshelve.solution.files import solution_folder
from unshelve.solution.findings import refuse
from unshelve.solution.runner import Runner
from unshelve.solution.running import RunResult, keep_solution
from unshelve.storage.home import Home
from unshelve.web.server import Ready


def command(
    paths: Annotated[list[Path], typer.Argument(help="Solution folders.")],
    port: PortOption = None,
    host: HostOption = None,
    processes: ProcessesOption = 1,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Bring solutions up: their pages open at once, their models answer when they have passed gates and Proof."""
    folders = list(dict.fromkeys(solution_folder(path) for path in paths))
    place = home_for(home, folders)
    _refuse_held(place)
    # Everything that can be wrong with the files is found before a home is made or a port is taken.
    declared = {folder: _declared(folder) for folder in folders}
    with Control.open(place) as control, RunProgress(_usual(control, declared.values())) as shown:
        for folder, declaration in declared.items():
            for finding in keep_solution(control, folder, declaration):
                shown.line(str(finding))
        first = _FirstRuns(control, {declaration.name: folder for folder, declaration in declared.items()}, json=json)
        serve_home(control, serving_of(control, port, host, processes), shown, first.begin, first.finished)
    if first.failed:
        raise typer.Exit(1)


def _refuse_held(place: Path) -> None:
    """Raises HomeInUse, or what else stands against a home that is there."""
    if place.is_dir():
        home = Home(place.absolute())
        if home.version_file.exists():
            Home.open(place).lock().release()


def _declared(folder: Path) -> Declaration:
    declaration = declaration_of(folder)
    refuse(check(declaration))
    return declaration


def _usual(control: Control, declared: Iterable[Declaration]) -> dict[str, float]:
    """How long each step took when it last ran."""
    with control.database.read() as connection:
        known = [usual_seconds(connection, declaration.name) for declaration in declared]
    return {task: seconds for each in known for task, seconds in each.items()}


class _FirstRuns:
    """The first run of each solution. When all are through it says, to whoever waits, whether they answer."""

    def __init__(self, control: Control, folders: dict[str, Path], *, json: bool) -> None:
        self.failed = False
        self._control = control
        self._folders = folders
        self._json = json
        self._at: Ready | None = None
        self._left: set[str] = set()

    def begin(self, at: Ready, runner: Runner) -> None:
        """Queues the runs."""
        self._at = at
        if not self._json:
            tell_ready(at, json=False)
        self._left = set(self._folders)
        for name, folder in self._folders.items():
            runner.enqueue(folder, name, Cause(LOCAL, "unshelve up"))

    def finished(self, run: Run, _result: RunResult | None, _error: UnshelveError | None) -> None:
        """Takes note of a run that ended."""
        if run.solution not in self._left or self._at is None:
            return
        self._left.discard(run.solution)
        if not self._answers(run.solution):
            self.failed = True
            say(
                f"Nothing of {run.solution} answers yet: mend it, and run it again from its page or with Ctrl-C and up."
            )
        if self._left:
            return
        if self._json:
            tell_ready(self._at, json=True, ready=not self.failed)
        elif not self.failed:
            say(f"Ready at {self._at.url}")

    def _answers(self, solution: str) -> bool:
        with self._control.database.read() as connection:
            return bool(releases(connection, solution))
