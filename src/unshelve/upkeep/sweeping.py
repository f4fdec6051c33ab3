"""Sweeping: blobs that nothing needs go, once they are old enough that no run can be about to need them.

The order makes it safe beside runs. Candidates are listed first, what is needed is read afterwards, and a blob that
was put again in between is spared by its time, which `BlobStore.sweep` looks at once more. Killed at any point, a
sweep has removed some of what nothing needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final

from unshelve.security.actors import Actor
from unshelve.security.audit import append
from unshelve.solution.control import Control
from unshelve.upkeep.marking import needed
from unshelve.upkeep.records import UpkeepKind, record
from unshelve.upkeep.turn import alone

GRACE: Final = timedelta(hours=24)
"""How long a blob that nothing needs is left alone: longer than any step of a run takes."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What a sweep found, and what it removed (would remove, with `dry_run`)."""

    blobs: int
    """How many there are."""
    needed: int
    young: int
    """Not needed, and left alone because they are younger than the grace period."""
    removed: int
    freed_bytes: int
    dry_run: bool


def sweep(
    control: Control,
    actor: Actor,
    *,
    grace: timedelta = GRACE,
    dry_run: bool = False,
    progress: Progress = lambda _done, _of: None,
) -> Sweep:
    """Removes what nothing needs. Raises Conflict while another sweep or a backup goes on."""
    with alone(control, actor):
        before = (control.clock.now() - grace).timestamp()
        old = sorted(set(control.blobs.digests(before=before)))
        everything = set(control.blobs.digests())
        with control.database.read() as connection:
            wanted = needed(connection, control.blobs)
        doomed = [digest for digest in old if digest not in wanted]
        removed = freed = 0
        for number, digest in enumerate(doomed, start=1):
            size = control.blobs.size(digest) if dry_run else control.blobs.sweep(digest, before=before)
            removed += size is not None
            freed += size or 0
            progress(number, len(doomed))
        done = Sweep(
            blobs=len(everything),
            needed=len(everything & wanted),
            young=len(everything - wanted) - len(doomed),
            removed=removed,
            freed_bytes=freed,
            dry_run=dry_run,
        )
        if not dry_run:
            now = control.clock.now()
            with control.database.write() as connection:
                record(connection, UpkeepKind.SWEEP, asdict(done), actor=actor.name, now=now)
                append(connection, actor, "sweep", "blobs", {"removed": removed, "freed_bytes": freed}, now=now)
        return done
