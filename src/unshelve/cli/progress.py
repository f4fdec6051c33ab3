"""Progress on standard error: one bar for the whole, what is being done, the time that is left.

Where standard error is no terminal, a plain line for each step is written instead.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from unshelve.cli.output import say
from unshelve.pipeline.outcome import RunEvent, RunEventKind, StepError
from unshelve.registry.runs import StepState

_INDENT: Final = "      "


class RunProgress:
    """Shows runs as they go. A context manager; `event` and `proof` are given to `run_solution`.

    `usual_seconds` says how long each task took before: what is left is told from it.
    """

    def __init__(self, usual_seconds: Mapping[str, float] | None = None) -> None:
        self._usual = dict(usual_seconds or {})
        self._bars = Bars()
        self._started: dict[str, float] = {}
        self._ended: set[str] = set()

    def __enter__(self) -> RunProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.close()

    def event(self, event: RunEvent) -> None:
        """Something happened in a run."""
        if event.kind is RunEventKind.PLANNED:
            self._started, self._ended = {}, set()
            self._bars.show("Steps", 0, event.of)
            self._bars.plain(f"{event.of} steps")
        elif event.kind is RunEventKind.STARTED:
            self._started[event.task] = time.monotonic()
            self._describe()
        elif event.kind is RunEventKind.RETRYING:
            self._bars.line(f"  again    {event.task}: {event.text}")
        elif event.kind is RunEventKind.ENDED:
            self._end(event)
        elif event.kind is RunEventKind.CLOSED:
            self._bars.remove("Steps")

    def proof(self, what: str, done: int, of: int) -> None:
        """A Proof got further."""
        self._bars.show(what, done, of)
        if done >= of:
            self._bars.remove(what)
            self._bars.line(f"  {what}: {of:,} answers compared")

    def line(self, text: str) -> None:
        """A line for people, above the bars."""
        self._bars.line(text)

    def _end(self, event: RunEvent) -> None:
        self._started.pop(event.task, None)
        self._ended.add(event.task)
        self._bars.advance("Steps")
        self._describe()
        outcome = event.outcome
        if outcome is None:
            return
        took = f" in {outcome.seconds:.1f} s" if outcome.seconds and outcome.state is StepState.RAN else ""
        text = f"  {outcome.state.value:<8} {event.task}{took}"
        if outcome.state is StepState.CACHED:
            self._bars.plain(text)  # a bar says enough of hundreds of them
        elif outcome.state is not StepState.STOPPED:
            self._bars.line(text)
        if outcome.error is not None:
            for each in error_lines(outcome.error):
                self._bars.line(_INDENT + each)

    def _describe(self) -> None:
        """What is being done now, and how long the rest should take."""
        now = time.monotonic()
        left = sum(
            max(0.0, seconds - (now - self._started.get(name, now)))
            for name, seconds in self._usual.items()
            if name not in self._ended
        )
        self._bars.describe("Steps", ", ".join(list(self._started)[:2]), left)


class Bars:
    """Bars by name on a terminal; nothing elsewhere. They take no time while there is none of them."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._ids: dict[str, TaskID] = {}
        self._progress: Progress | None = None

    def show(self, name: str, done: int, of: int) -> None:
        """A bar of that name, made if it is not there, at `done` of `of`."""
        if not self._live:
            return
        if self._progress is None:
            self._progress = _progress()
            self._progress.start()
        if name not in self._ids:
            self._ids[name] = self._progress.add_task(name, total=of, left="")
        self._progress.update(self._ids[name], completed=done, total=of)

    def advance(self, name: str) -> None:
        """One step further."""
        if self._progress is not None and name in self._ids:
            self._progress.advance(self._ids[name])

    def describe(self, name: str, what: str, seconds_left: float) -> None:
        """What is being done, and how long the rest should take."""
        if self._progress is not None and name in self._ids:
            left = f"about {seconds_left:.0f} s left" if seconds_left >= 1 else ""
            self._progress.update(self._ids[name], description=what or name, left=left)

    def remove(self, name: str) -> None:
        """Takes a bar away."""
        found = self._ids.pop(name, None)
        if self._progress is not None and found is not None:
            self._progress.remove_task(found)
        if not self._ids:
            self.close()

    def line(self, text: str) -> None:
        """A line for people, above the bars."""
        if self._progress is not None:
            self._progress.console.print(text, highlight=False, markup=False, soft_wrap=True)
        else:
            say(text)

    def plain(self, text: str) -> None:
        """A line for people where there are no bars."""
        if not self._live:
            say(text)

    def close(self) -> None:
        """Takes all bars away."""
        self._ids.clear()
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def error_lines(error: StepError) -> list[str]:
    """Why a step failed, as its author should read it: what, where, with what, and the author's own frames."""
    lines = [error.message]
    if error.place and error.place not in error.message:
        lines.append(f"at {error.place}")
    lines += [f"{name}: {what}" for name, what in error.inputs.items()]
    return lines + error.traceback.rstrip().splitlines()


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        console=Console(stderr=True),
        transient=True,
    )
