"""Progress of a run on a terminal: one bar for the whole, a line for what is being done, the time that is left.

Where standard error is no terminal, one plain line per step is written instead.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from unshelve.cli.output import say
from unshelve.pipeline.outcome import RunEvent, RunEventKind
from unshelve.registry.runs import StepState

_WORDS: Mapping[StepState, str] = {
    StepState.RAN: "ran",
    StepState.CACHED: "cached",
    StepState.FAILED: "failed",
    StepState.SKIPPED: "skipped",
    StepState.STOPPED: "stopped",
}


class RunProgress:
    """Shows a run as it goes. A context manager; `event` and `proof` are given to `run_solution`."""

    def __init__(self, usual_seconds: Mapping[str, float] | None = None, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._usual = dict(usual_seconds or {})
        self._live = sys.stderr.isatty() and not quiet
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._steps: TaskID | None = None
        self._proofs: dict[str, TaskID] = {}
        self._proved: dict[str, int] = {}
        self._waiting: dict[str, float] = {}
        self._running: dict[str, None] = {}

    def __enter__(self) -> RunProgress:
        if self._live:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._progress.stop()

    def event(self, event: RunEvent) -> None:
        """Something happened in the run."""
        if self._quiet:
            return
        if event.kind is RunEventKind.PLANNED:
            if self._live:
                self._steps = self._progress.add_task("Steps", total=event.of, left="")
            else:
                say(f"{event.of} steps")
        elif event.kind is RunEventKind.STARTED:
            self._running[event.task] = None
            self._describe()
        elif event.kind is RunEventKind.RETRYING:
            self._line(f"  {event.task}: trying again, {event.text}")
        elif event.kind is RunEventKind.ENDED and event.outcome is not None:
            self._running.pop(event.task, None)
            outcome = event.outcome
            took = f" in {outcome.seconds:.1f} s" if outcome.seconds and outcome.state is StepState.RAN else ""
            if outcome.state is not StepState.CACHED or not self._live:
                self._line(f"  {_WORDS[outcome.state]:<7} {event.task}{took}")
            if self._live and self._steps is not None:
                self._progress.advance(self._steps)
            self._describe()

    def proof(self, what: str, done: int, of: int) -> None:
        """A Proof got further."""
        if self._quiet:
            return
        if not self._live:
            tenth = 10 * done // max(of, 1)
            if tenth == 10 and self._proved.get(what, -1) < 10:
                say(f"  {what}: {of:,} answers compared")
            self._proved[what] = max(tenth, self._proved.get(what, -1))
            return
        if what not in self._proofs:
            self._proofs[what] = self._progress.add_task(what, total=of, left="")
        self._progress.update(self._proofs[what], completed=done, total=of)

    def _describe(self) -> None:
        if not self._live or self._steps is None:
            return
        names = ", ".join(list(self._running)[:2])
        left = sum(self._usual.get(name, 0.0) for name in self._running)
        text = f"about {left:.0f} s left" if left >= 1 else ""
        self._progress.update(self._steps, description=names or "Steps", left=text)

    def _line(self, text: str) -> None:
        if self._live:
            self._progress.console.print(text, highlight=False, markup=False)
        else:
            say(text)
