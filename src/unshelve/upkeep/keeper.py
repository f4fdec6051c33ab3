"""The keeper: what pages, API and the background may ask of the upkeep of a home, and what is done each day."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import Connection, func, select

from unshelve.errors import Conflict, NotAllowed, Refused, Unavailable
from unshelve.registry.runs import time_text
from unshelve.registry.tables import run
from unshelve.security.actors import LOCAL, Actor, ActorKind
from unshelve.solution.control import Control
from unshelve.upkeep.backup import BackupDone, Keeping, back_up
from unshelve.upkeep.costs import Cost, Costs, costs
from unshelve.upkeep.records import UpkeepKind, UpkeepRecord, last, record
from unshelve.upkeep.retention import retain
from unshelve.upkeep.sweeping import Sweep, sweep

LEAST_GRACE: Final = timedelta(minutes=10)
LEAST_GRACE_AFAR: Final = timedelta(hours=13)
"""Objects of a store elsewhere are written anew, and so made young, only when they are twelve hours old."""

_DAY: Final = timedelta(days=1)
_SOON: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Places:
    """Where a home keeps things, as people are told."""

    database: str
    blobs: str
    home: str


class Keeper:
    """Looks after one home. What it counts is written down, so that a page costs one row however large the store is."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._sizes: dict[str, int] = {}
        self._closing = threading.Event()

    @property
    def places(self) -> Places:
        control = self._control
        blobs = control.settings.blobs.partition("?")[0] or str(control.home.blobs)
        return Places(control.database.name, blobs, str(control.home.root))

    def sweep(self, actor: Actor, *, grace: timedelta, dry_run: bool) -> Sweep:
        """Lets go of what is older than the settings say, and removes blobs that nothing needs.

        Raises Refused for a grace period that is shorter than what is put now may need to be written down.
        """
        least = LEAST_GRACE_AFAR if self._control.settings.blobs else LEAST_GRACE
        if grace < least:
            raise Refused(
                f"A grace period of {grace} is too short here: a run may be about to need what is that young.",
                code="grace-too-short",
                hint=f"Take at least {least}.",
            )
        if not dry_run:
            retain(self._control, actor)
        done = sweep(self._control, actor, grace=grace, dry_run=dry_run)
        if not dry_run:
            self.count(actor)
        return done

    def back_up(self, folder: Path, actor: Actor, *, keeping: Keeping) -> BackupDone:
        """Writes a backup. Only whoever is at this machine may: it writes where it is told, and holds the keys."""
        if actor.kind is not ActorKind.LOCAL:
            raise NotAllowed("A backup is made at the command line of the server itself: `unshelve backup FOLDER`.")
        return back_up(self._control, folder, actor, keeping=keeping)

    def count(self, actor: Actor) -> Costs:
        """Counts what each solution costs, and writes it down."""
        control = self._control
        with control.database.read() as connection:
            found = costs(connection, control.blobs, sizes=self._sizes)
        with control.database.write() as connection:
            details = {"solutions": [msgspec.to_builtins(cost) for cost in found.solutions], "total": found.total}
            record(connection, UpkeepKind.COSTS, details, actor=actor.name, now=control.clock.now())
        return found

    def look_after(self) -> None:
        """What is due: once a day letting go of what is old and a sweep, and counting some minutes after a run.

        Several servers may ask at once: one of them does it, and what another one does just now is asked for again.
        """
        control = self._control
        now = control.clock.now()
        with control.database.read() as connection:
            before = last(connection, UpkeepKind.DAY)
            counted = last(connection, UpkeepKind.COSTS)
            daily = before is None or now - before.at >= _DAY
            count = counted is None or now - counted.at >= _DAY or self._ran_since(connection, counted.at, now)
        if daily:
            try:
                self._day()
            except Conflict:
                return  # a sweep, a backup or a move goes on, here or on another server
        if (daily or count) and not self._closing.is_set():
            self.count(LOCAL)

    def close(self) -> None:
        """Breaks off the sweep that goes on; what it has not removed the next one does."""
        self._closing.set()

    def _day(self) -> None:
        """Lets go of what is old, and sweeps unless `sweep_daily` is off."""
        control = self._control
        done = retain(control, LOCAL)
        swept = control.settings.sweep_daily
        if swept:
            sweep(control, LOCAL, progress=self._go_on)
        with control.database.write() as connection:
            details = {"swept": swept, **asdict(done)}
            record(connection, UpkeepKind.DAY, details, actor=LOCAL.name, now=control.clock.now())

    def _go_on(self, _done: int, _of: int) -> None:
        if self._closing.is_set():
            raise Unavailable("The server ends; the next sweep goes on.", code="sweep-broken-off")

    @staticmethod
    def _ran_since(connection: Connection, at: datetime, now: datetime) -> bool:
        newest = connection.execute(select(func.max(run.c.ended_at))).scalar()
        return newest is not None and newest > time_text(at) and now - at > _SOON


@dataclass(frozen=True, slots=True)
class Counted:
    """What solutions cost when it was last counted; `at` is None where it never was."""

    at: datetime | None = None
    solutions: Sequence[Cost] = ()
    total: int = 0


def counted_costs(connection: Connection) -> Counted:
    """What solutions cost when it was last counted."""
    found = last(connection, UpkeepKind.COSTS)
    if found is None:
        return Counted()
    return Counted(found.at, msgspec.convert(found.details["solutions"], list[Cost]), int(found.details["total"]))


def cost_of(connection: Connection, solution: str) -> Cost | None:
    """What one solution cost when it was last counted; None where it was not counted yet."""
    return next((cost for cost in counted_costs(connection).solutions if cost.solution == solution), None)


def latest(connection: Connection) -> dict[UpkeepKind, UpkeepRecord]:
    """The last of each kind of upkeep."""
    found = {kind: last(connection, kind) for kind in UpkeepKind}
    return {kind: one for kind, one in found.items() if one is not None}
