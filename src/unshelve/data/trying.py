"""Holding a table against checks by hand, as a test or a notebook does: only the sentences of what does not hold."""

from __future__ import annotations

from collections.abc import Sequence

from unshelve.clock import SystemClock
from unshelve.data.checking import facts, holds
from unshelve.data.checks import Check, RefersTo
from unshelve.data.tables import as_frame
from unshelve.data.timely import judge
from unshelve.errors import Refused


def sentences(table: object, checks: Sequence[object], others: Sequence[object]) -> tuple[str, ...]:
    """What does not hold. `others` are the tables that the checks refer to, in the order in which they name them."""
    known = [check for check in checks if isinstance(check, Check)]
    names = list(dict.fromkeys(check.table for check in known if isinstance(check, RefersTo)))
    if len(names) != len(others):
        raise Refused(
            f"{len(others)} tables were given beside the first, and the checks refer to {len(names)}: {names}."
        )
    frame = as_frame(table)
    found = holds(frame, known, {name: as_frame(one) for name, one in zip(names, others, strict=True)})
    late = judge(known, facts(frame, known), now=SystemClock().now(), zone="UTC", counts=())
    said = [(one.held, one.says, one.message) for one in found] + [(one.held, one.says, one.message) for one in late]
    return tuple(f"{says}: {message}" for held, says, message in said if not held)
