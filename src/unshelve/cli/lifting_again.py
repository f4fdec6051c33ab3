"""Notebooks lifted again while their home is served, each by a `unshelve lift` of its own: what web.site.Lifts does.

Nothing is written that is not proven, and no packages are installed. Once a lift is in its place, a run takes it over.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Final, Literal

import msgspec

from unshelve.errors import Conflict
from unshelve.registry.runs import RunState, runs_of
from unshelve.registry.solutions import get_solution
from unshelve.security.actors import Actor
from unshelve.security.audit import append
from unshelve.solution.control import Cause, Control
from unshelve.solution.runner import Runner
from unshelve.web.site import LiftingAgain

_LOGGER = logging.getLogger("unshelve.lifts")
_LIFT: Final = (sys.executable, "-P", "-m", "unshelve.cli.main", "lift")
_STOP_SECONDS: Final = 10
_MOST_PROBLEMS: Final = 60
_LONGEST_LINE: Final = 300


class LiftsAgain:
    """One lift at a time. What is going on, and what came of the last one, is known until the server is stopped."""

    def __init__(self, control: Control, runner: Runner, command: Sequence[str] = _LIFT) -> None:
        self._control = control
        self._runner = runner
        self._command = tuple(command)
        self._lock = threading.Lock()
        self._states: dict[str, LiftingAgain] = {}
        self._child: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._closing = False

    def state(self, solution: str) -> LiftingAgain | None:
        """How it stands; None where nothing was begun since the server was started."""
        with self._lock:
            return self._states.get(solution)

    def start(self, solution: str, notebook: Path, *, keep: Literal["mine", "notebook"] | None, actor: Actor) -> None:
        """Begin to lift a notebook into a solution's folder. Raises Conflict while another lift, or a run, goes on."""
        with self._control.database.read() as connection:
            folder = Path(get_solution(connection, solution).folder)
            last = next(iter(runs_of(connection, solution, limit=1)), None)
        if last is not None and last.state in (RunState.QUEUED, RunState.RUNNING):
            raise Conflict(
                f"Run {last.number} of {solution} reads the folder that would be written.",
                code="lift-during-run",
                hint="Wait until it has ended, or stop it; then lift again.",
            )
        with self._lock:
            busy = next((name for name, state in self._states.items() if state.going_on), None)
            if busy is not None or self._closing:
                said = f"The notebook of {busy} is being lifted." if busy else "The server is being stopped."
                raise Conflict(said, code="lift-going-on", hint="Wait until that is done.")
            self._states[solution] = LiftingAgain(going_on=True, said="Reading the notebook")
        with self._control.database.write() as connection:
            details = {"notebook": notebook.name, "keep": keep or ""}
            append(connection, actor, "lift again", solution, details, now=self._control.clock.now())
        order = [*self._command, str(notebook), "-o", str(folder), "--only-proven", "--no-install", "--json"]
        order += ["--keep", keep] if keep else []
        cause = Cause(actor, f"{actor.name} lifted {notebook.name} again")
        self._thread = threading.Thread(target=self._work, args=(solution, folder, order, cause), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop what is going on; nothing of it is written."""
        with self._lock:
            self._closing = True
            child = self._child
        if child is not None and child.poll() is None:
            child.send_signal(signal.SIGINT)  # it ends the notebook's own process first
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_STOP_SECONDS)
            child.kill()
        self.wait(_STOP_SECONDS)

    def wait(self, seconds: float) -> None:
        """Wait until what is going on has ended, at most so long."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _work(self, solution: str, folder: Path, order: Sequence[str], cause: Cause) -> None:
        try:
            state = _came_of(self._carried_out(solution, order))
            if not state.failed and not self._closing:
                run = self._runner.enqueue(folder, solution, cause)
                state = replace(state, run=run.id)
        except Exception as problem:  # the edge of the thread: said and logged
            _LOGGER.exception("the notebook of %s was not lifted", solution)
            said = f"The lift failed inside unshelve: {type(problem).__name__}."
            state = LiftingAgain(going_on=False, said=said, failed=True)
        with self._lock:
            self._states[solution] = state

    def _carried_out(self, solution: str, order: Sequence[str]) -> Mapping[str, Any]:
        """What `unshelve lift` gives as JSON; its progress is told meanwhile."""
        with tempfile.TemporaryFile("w+") as out:
            with self._lock:
                if self._closing:
                    return {"error": {"message": "The server was stopped before it began."}}
                child = self._child = subprocess.Popen(
                    order, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, text=True, errors="replace"
                )
            assert child.stderr is not None
            with child.stderr as told:
                self._follow(solution, told)
            code = child.wait()
            out.seek(0)
            lines = out.read().splitlines()
        if not lines:
            return {"error": {"message": f"The process that lifts ended with {code}."}}
        found: dict[str, Any] = msgspec.json.decode(lines[-1])
        return found

    def _follow(self, solution: str, told: IO[str]) -> None:
        """Tell what is being done, up to the error where one ends it."""
        ended = False
        for line in told:  # to its end, so that the child never waits for a reader
            ended = ended or line.startswith("unshelve:")
            if line.startswith("  ") and line.strip() and not ended:
                with self._lock:
                    self._states[solution] = LiftingAgain(going_on=True, said=line.strip()[:_LONGEST_LINE])


def _came_of(found: Mapping[str, Any]) -> LiftingAgain:
    """What a page says of the result of a lift."""
    error = found.get("error")
    if isinstance(error, dict):
        details = error.get("details")
        problems = details.get("problems", ()) if isinstance(details, dict) else ()
        return LiftingAgain(
            going_on=False,
            said=str(error.get("message", "It came to nothing.")),
            problems=tuple(str(each)[:_LONGEST_LINE] for each in problems)[:_MOST_PROBLEMS],
            conflict=error.get("code") == "lift-merge-conflict",
            failed=True,
        )
    if found.get("outcome") != "proven":
        return LiftingAgain(going_on=False, said=f"{found.get('reason') or 'It is not proven.'}", failed=True)
    return LiftingAgain(going_on=False, said="It is proven, and in its place.")
