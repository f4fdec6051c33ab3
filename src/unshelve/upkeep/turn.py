"""One at a time: a sweep must not remove what a backup is copying, on whichever server either goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from unshelve.errors import Conflict
from unshelve.security.actors import Actor
from unshelve.solution.control import Control
from unshelve.solution.leasing import Holding
from unshelve.storage import jobs
from unshelve.storage.jobs import Order

KIND: Final = "upkeep"


@contextmanager
def alone(control: Control, actor: Actor) -> Iterator[None]:
    """The right to remove or to copy blobs for as long as the block lasts. Raises Conflict while another has it."""
    with control.database.write() as connection:
        now = control.clock.now()
        order = Order(kind=KIND, payload={}, actor=actor.name, unique=KIND)
        job = jobs.enqueue(connection, order, now=now)
        try:
            jobs.take(connection, job, control.worker, now=now, lasts=control.lease)
        except Conflict:
            raise Conflict(
                "Another sweep, backup or move of this store goes on.",
                code="upkeep-going-on",
                hint="Wait until it is done. The turn of a process that was killed ends by itself within a minute.",
            ) from None
    holding = Holding(
        control.database, job, control.worker, lasts=control.lease, clock=control.clock, stop=threading.Event()
    )
    try:
        with holding:
            yield
    finally:
        with control.database.write() as connection:
            jobs.finish(connection, job, control.worker, result=None, now=control.clock.now())
