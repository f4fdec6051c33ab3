"""When a batch that did not end is tried again, and when it is given up. Pure.

Three things are told apart. The target says no, or the process that writes falls over by itself: that counts, and after
a handful of such failures the batch is over. Somebody ends a process, or the whole server: that says nothing about the
batch, so it is tried again at once. But a batch may be what kills its server; so one that is broken off again and again
at the same row waits longer each time, and is given up when it has got no further for a day.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

AGAIN_AFTER: Final = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(minutes=30))
"""How long a batch waits after each failure; after the last one it is given up."""
AT_ONCE: Final = 3
"""How often in a row a batch that is broken off at the same row is taken up again without a wait."""
MOST_BREAKS: Final = 12
"""How often in a row a batch is broken off at the same row before it may be given up."""
WITHOUT_PROGRESS: Final = timedelta(days=1)
"""How long it must have stood at that row, besides: fifty kills in ten minutes are somebody's doing."""
_ENDED_BY_HAND: Final = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a batch has come: the row it stands at, since when, and how often it was broken off there."""

    row: int
    since: datetime
    breaks: int = 0


def broken_off(before: Standing, row: int, now: datetime) -> Standing:
    """Where a batch stands that was broken off at a row."""
    return Standing(row, now) if row > before.row else Standing(row, before.since, before.breaks + 1)


def is_given_up(standing: Standing, now: datetime) -> bool:
    """Whether a batch has been broken off so often, for so long, that it is itself the likely reason."""
    return standing.breaks >= MOST_BREAKS and now - standing.since >= WITHOUT_PROGRESS


def wait_after_break(standing: Standing, waits: Sequence[timedelta] = AGAIN_AFTER) -> timedelta:
    """How long a batch waits that was broken off."""
    over = standing.breaks - AT_ONCE
    return timedelta(0) if over < 1 else waits[min(over, len(waits)) - 1]


def said_of(standing: Standing, now: datetime, why: str = "") -> str:
    """What is said of a batch that is given up because it got no further."""
    hours = int((now - standing.since).total_seconds() // 3600)
    last = f" The last time: {why}" if why else ""
    return (
        f"It was broken off {standing.breaks} times in {hours:,} hours at row {standing.row + 1:,}, each time by the "
        f"end of a process, and got no further.{last} Look for what ends it: memory, the machine, or somebody. Nothing "
        "of the batch was written; run the sink again when that is mended."
    )


def was_ended(returncode: int, out_of_memory: bool) -> bool:
    """Whether somebody ended a process, where otherwise it fell over by itself."""
    return not out_of_memory and -returncode in _ENDED_BY_HAND


def how_it_ended(returncode: int, out_of_memory: bool, told: str) -> str:
    """What is said of a process that ended without a word."""
    if out_of_memory and returncode == -signal.SIGKILL:
        return "The process that wrote the batch was ended by the machine, whose memory was used up."
    if returncode < 0:
        try:
            how = f"by {signal.Signals(-returncode).name}"
        except ValueError:
            how = f"by signal {-returncode}"
    else:
        how = f"with {returncode}"
    return f"The process that wrote the batch ended {how}{': ' + told if told else ''}."
