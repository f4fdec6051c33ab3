"""`unshelve serve`: a home's pages, answers, schedules and log, until it is stopped."""

from __future__ import annotations

from unshelve.cli.bringing import Listening, serve_home, tell_ready
from unshelve.cli.output import HomeOption, HostOption, JsonOption, PortOption, ProcessesOption
from unshelve.cli.places import existing_home
from unshelve.cli.progress import RunProgress
from unshelve.solution.control import Control
from unshelve.solution.runner import Runner
from unshelve.web.server import Ready


def command(
    port: PortOption = None,
    host: HostOption = None,
    processes: ProcessesOption = 1,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Serve what a home knows already: like `up`, without running anything first."""

    async def ready(at: Ready, _runner: Runner) -> None:
        tell_ready(at, json=json)

    with Control.open(existing_home(home).root) as control, RunProgress() as shown:
        serve_home(control, Listening(port, host, processes), shown, ready)
