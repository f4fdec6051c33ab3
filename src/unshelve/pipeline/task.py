"""Task: one piece of work of a run, as plain data.

A graph of tasks can be planned, drawn and stored by a process that never imports the user's code. Only the
worker that executes a task looks its function up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

CALL: Final = "call"
"""The operation that calls the solution's function with its inputs and parameters and keeps what it returns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One piece of work: what is done, to what, with which code, and under which limits.

    `inputs` maps a parameter to the task it comes from: `"features"`, or `"split.train"` for one output of a
    task that has several. `parameters` holds JSON values. `code` maps what the function reaches to its digest
    ("function clean in solution.py" -> "9f2…") and `libraries` a distribution to its version; both enter the
    key and name what changed when a step runs again.

    `fresh_seconds` marks a task that asks the outside world: its stored result counts while it is younger than
    that (0: each run asks). None is the ordinary case: the result depends on what is in the key alone.

    `streamed` names the inputs whose rows are handed over as a `Dataset`, to be read in batches; of those that
    `as_stored` names, only the ones that are kept as a dataset are.

    `past` is what control knows of earlier runs of a task that asks the outside world, as JSON values: where the last
    load of a source ended. It is no part of the key, for it decides how the rows are brought and not which they are.
    """

    name: str
    operation: str = CALL
    function: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    retries: int = 0
    retry_delay_seconds: float = 1.0
    timeout_seconds: float | None = None
    fresh_seconds: float | None = None
    streamed: tuple[str, ...] = ()
    as_stored: tuple[str, ...] = ()
    past: Mapping[str, object] = field(default_factory=dict)
    cacheable: bool = True
    may_be_none: bool = False
    label: str = ""
    kind: str = ""
    group: str = ""

    @property
    def title(self) -> str:
        """What people see: the label, or the name where there is none."""
        return self.label or self.name
