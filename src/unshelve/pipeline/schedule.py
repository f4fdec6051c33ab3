"""Schedules: when a run is due, in the solution's own time zone. Pure; the loop that fires is in `solution`.

An expression has five fields as in cron ("0 4 * * 1": Mondays at four) or is one of the names in NAMES. Clock
changes follow Debian's cron: a run at a fixed hour that the clock skips happens right after the gap, one in an
hour that comes twice happens once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from unshelve.errors import Refused

NAMES: Final[Mapping[str, str]] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 1",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
"""Names and what they stand for. A week begins on Monday here (in cron, on Sunday)."""

_MOST_MISSED: Final = 1000
_SOME_DAY: Final = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Whether a schedule fires now, and when it is to be looked at next.

    After a gap it fires once, however many times it was due: `missed` tells how many were left out (1,000 at most).
    """

    fires: bool
    next_at: datetime
    missed: int = 0


def check_expression(expression: str) -> str | None:
    """What is wrong with a schedule, in one sentence; None when it is sound."""
    text = expression.strip()
    if text.startswith("@") and text not in NAMES:
        return f"{text} is not one of {', '.join(NAMES)}."
    fields = NAMES.get(text, text).split()
    if len(fields) != 5:
        return f"It has {len(fields)} {'field' if len(fields) == 1 else 'fields'}, not five."
    try:
        first = next(CronSim(" ".join(fields), _SOME_DAY), None)
    except CronSimError as error:
        return f"{str(error).replace('Bad', 'Not a valid')}."
    return "There is no such day." if first is None else None


def next_after(expression: str, moment: datetime, zone: str) -> datetime:
    """The first time after a moment at which a schedule is due, in UTC. Raises Refused for what is no schedule."""
    return next(_times(expression, moment, zone))


def due(expression: str, zone: str, *, next_at: datetime, now: datetime) -> Due:
    """Whether a schedule that was to fire at `next_at` fires now."""
    if now < next_at:
        return Due(fires=False, next_at=next_at)
    missed = 0
    for moment in islice(_times(expression, next_at, zone), _MOST_MISSED):
        if moment > now:
            return Due(fires=True, next_at=moment, missed=missed)
        missed += 1
    return Due(fires=True, next_at=next_after(expression, now, zone), missed=missed)


def in_words(expression: str) -> str:
    """A schedule as a person says it: "At 04:00 on Monday". Raises Refused for what is no schedule."""
    return str(CronSim(_fields(expression), _SOME_DAY).explain())


def _times(expression: str, moment: datetime, zone: str) -> Iterator[datetime]:
    """The times after a moment at which a schedule is due, in UTC."""
    fields = _fields(expression)
    try:
        local = moment.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Refused(f"There is no time zone {zone!r}.", code="zone-unknown") from error
    return (time.astimezone(UTC) for time in CronSim(fields, local))


def _fields(expression: str) -> str:
    problem = check_expression(expression)
    if problem is not None:
        raise Refused(
            f"{expression!r} is no schedule: {problem}",
            code="schedule-invalid",
            hint='Write "@daily", "@weekly", or five cron fields such as "0 4 * * 1".',
        )
    text = expression.strip()
    return NAMES.get(text, text)
