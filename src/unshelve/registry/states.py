"""Where runs and their steps stand. Apart from runs.py, so that workers know the words without the database."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"  # by a person
    INTERRUPTED = "interrupted"  # its process ended; running again resumes it


class StepState(StrEnum):
    """What became of a task in a run."""

    RAN = "ran"
    CACHED = "cached"
    FAILED = "failed"
    SKIPPED = "skipped"  # something that it needs failed
    STOPPED = "stopped"
