"""What an operation may return beside a plain value: several outputs, each an artifact of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from unshelve.storage.blobs import BlobStore

WHOLE = ""
"""The name of the only output of a task that has one."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Several outputs of one task, by name: later tasks take them as `task.name`."""

    values: Mapping[str, object]


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What an operation may know and say beyond its inputs and parameters.

    `functions` are all functions of the solution, for operations that need more than one; `blobs` is where
    earlier versions' packages are found. `progress(done, of)`
    moves the bar of a long task. `identities` are the identities of the inputs (see `Artifact.identity`), by
    parameter. `past` is the task's (see `Task.past`).
    """

    task: str
    folder: Path
    functions: Mapping[str, Callable[..., object]]
    blobs: BlobStore
    identities: Mapping[str, str] = {}
    progress: Callable[[int, int], None] = lambda _done, _of: None
    past: Mapping[str, object] = {}


class Operation(Protocol):
    """What a task does: `call` is the task's own function, or a function that refuses when it names none.

    It returns the task's value, or `Outputs`.
    """

    def __call__(
        self,
        call: Callable[..., object],
        inputs: dict[str, object],
        parameters: dict[str, object],
        context: Context,
        /,
    ) -> object: ...


def call_function(
    call: Callable[..., object], inputs: dict[str, object], parameters: dict[str, object], _context: Context
) -> object:
    """The operation "call": the function with its inputs and parameters by name."""
    return call(**inputs, **parameters)
