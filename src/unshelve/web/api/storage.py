"""The store, for programs: what it holds, sweeping it, backing it up."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
from starlette.responses import Response

from unshelve.errors import Refused
from unshelve.upkeep.backup import Keeping
from unshelve.upkeep.keeper import counted_costs, latest
from unshelve.web.api.changing import order_of
from unshelve.web.api.reading import answered
from unshelve.web.api.shapes import BackupOrder, BackupShape, CostShape, StorageShape, SweepOrder, SweepShape
from unshelve.web.asked import Asked


def storage(asked: Asked) -> Response:
    """What is stored, by solution, as it was last counted."""
    with asked.site.database.read() as connection:
        counted = counted_costs(connection)
        done = latest(connection)
    places = asked.keeper.places
    return answered(
        StorageShape(
            database=places.database,
            blobs=places.blobs,
            counted_at=counted.at,
            total=counted.total,
            solutions=[msgspec.convert(cost, CostShape, from_attributes=True) for cost in counted.solutions],
            last={kind.value: one.at for kind, one in done.items()},
        )
    )


def sweep(asked: Asked) -> Response:
    """Removes what nothing needs."""
    order = order_of(asked, SweepOrder)
    if order.grace_seconds < 0:
        raise Refused("The grace period is negative.", code="grace-negative")
    grace = timedelta(seconds=order.grace_seconds)
    done = asked.keeper.sweep(asked.who, grace=grace, dry_run=order.dry_run)
    return answered(msgspec.convert(done, SweepShape, from_attributes=True))


def back_up(asked: Asked) -> Response:
    """Writes a backup into a folder of this server; for its own command line alone."""
    order = order_of(asked, BackupOrder)
    keeping = Keeping(newest=order.keep, days=order.keep_days)
    done = asked.keeper.back_up(Path(order.folder), asked.who, keeping=keeping)
    return answered(msgspec.convert(done, BackupShape, from_attributes=True))
