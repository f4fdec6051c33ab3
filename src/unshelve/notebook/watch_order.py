"""What the parent tells the process that runs a notebook, and what that process writes down, line by line, as JSON."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from unshelve.notebook.watched import Call, StatementRun


class OrderedStatement(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    cell: int
    line: int
    source: str
    shown: bool = False
    failed: str | None = None
    """The kind of error with which the author's run of its cell ended."""
    skipped: bool = False
    """Whether it is not run: it does not belong to the slice, or nothing needs it and it cannot run."""


class KeepOrder(msgspec.Struct, frozen=True, kw_only=True):
    folder: str
    names: Mapping[int, tuple[str, ...]] = {}
    calls: Mapping[int, int] = {}
    random: bool = False


class WatchOrder(msgspec.Struct, frozen=True, kw_only=True):
    """All that a run needs. It comes in a file, since notebooks may be long."""

    statements: tuple[OrderedStatement, ...]
    scratch: str
    """The copy of the notebook's folder."""
    writable: tuple[str, ...]
    records: str
    memory_bytes: int
    output_bytes: int
    processes: int
    outputs: Mapping[int, tuple[str, ...]] = {}
    """The saved outputs of the cells of a notebook that asks a person."""
    keep: KeepOrder | None = None
    repair: bool = False
    partly: bool = False
    """Whether what fails is left out with all that needs it, once a model was fitted."""
    modules: tuple[str, ...] = ()
    """The author's own modules in the copy of the folder, which may be repaired too."""


class Begun(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    number: int


class Ran(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    run: StatementRun
    calls: tuple[Call, ...]
    """The calls that it made, in order."""


class Rewritten(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A statement that failed and was repaired, or left out."""

    number: int
    source: str | None
    """Its new text; None where it was left out."""
    rule: str
    """The number of the finding; "" where another one speaks of it too."""
    message: str
    error: str


class RewrittenModule(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A module beside the notebook in which something failed and was repaired: its new text."""

    module: str
    line: int
    text: str
    rule: str
    message: str


class Closed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    python: str
    libraries: Mapping[str, str]
    ended: str | None
    again: bool = False
    """Whether the last statement was repaired after it had done a part of its work: a fresh run is to begin."""


Record = Begun | Ran | Rewritten | RewrittenModule | Closed
