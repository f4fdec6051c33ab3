"""What a sink's process is told, and what it says: values that control and the process share."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from unshelve.data.spool import SetAside
from unshelve.security.actors import Actor


class SinkOrders(msgspec.Struct, kw_only=True, frozen=True):
    """One batch: whose answers, over which rows, and where they go."""

    home: str
    sink: str
    """Its full name: solution.sink."""
    batch: str
    model: str
    """The full name of the model or endpoint that answers."""
    rows: Mapping[str, object]
    """The artifact with the rows, as JSON."""
    rows_of: str
    """What the rows are called: the step's name."""
    to: Mapping[str, object]
    changed: bool
    folder: str
    """The solution's folder, from which paths count."""
    ordered_at: str
    """When the batch was ordered, in the solution's zone."""
    address: str
    actor: Actor


class SinkDone(msgspec.Struct, kw_only=True, frozen=True):
    """What became of a batch."""

    rows: int
    written: int
    unchanged: int
    refused: int
    versions: tuple[int, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
    """The first rows that were not written, each with why."""
    where: str = ""
    again: bool = False


class SinkSaid(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One line of what the process says: how far it is, what came of it, or the error that stopped it."""

    done: int = 0
    of: int = 0
    finished: SinkDone | None = None
    message: str | None = None
    status: int = 422
    code: str = "refused"
    near: tuple[str, ...] = ()
    hint: str | None = None
