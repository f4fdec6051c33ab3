"""Checks that depend on the moment or on earlier runs: decided from facts about a table, without the table. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any, Final
from zoneinfo import ZoneInfo

from unshelve.data.checks import Check, Fresh, RowCount, span

MOST_COUNTS: Final = 10
"""How many earlier runs say what is usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What came of one thing that was said of a table as a whole."""

    says: str
    held: bool
    message: str = ""


def is_timely(check: Check) -> bool:
    """Whether a check may come out otherwise tomorrow though the table is the same."""
    return isinstance(check, Fresh) or (isinstance(check, RowCount) and check.against_history is not None)


def judge(
    checks: Sequence[Check], facts: Mapping[str, Any], *, now: datetime, zone: str, counts: Sequence[int]
) -> list[Said]:
    """What came of the checks of age and of row counts.

    `facts` are those of `checking.facts`; `counts` are the rows of earlier runs that held, the newest first.
    A moment without a zone is one of `zone`.
    """
    found: list[Said] = []
    for check in checks:
        if isinstance(check, Fresh) and check.column in facts["newest"]:
            found.append(_fresh(check, facts["newest"][check.column], now, zone))
        elif isinstance(check, RowCount):
            found.extend(_row_count(check, int(facts["rows"]), counts))
    return found


def _fresh(check: Fresh, newest: str | None, now: datetime, zone: str) -> Said:
    says = f"{check.column} is at most {span(check.within)} old"
    if newest is None:
        return Said(says=says, held=False, message=f"{check.column} holds no moment.")
    moment = datetime.fromisoformat(newest)
    if moment.tzinfo is None:
        # Of an hour that comes twice the later one is meant: rows are not called old because of the clock.
        moment = moment.replace(tzinfo=ZoneInfo(zone), fold=1)
    age = (now - moment).total_seconds()
    held = age <= check.within
    return Said(says=says, held=held, message="" if held else f"The newest is of {moment:%Y-%m-%d %H:%M}, {_age(age)}.")


def _row_count(check: RowCount, rows: int, counts: Sequence[int]) -> Iterator[Said]:
    for end, word, held in (
        (check.at_least, "at least", check.at_least is None or rows >= check.at_least),
        (check.at_most, "at most", check.at_most is None or rows <= check.at_most),
    ):
        if end is not None:
            said = "" if held else f"There are {rows:,}."
            yield Said(says=f"there are {word} {end:,} rows", held=held, message=said)
    share = check.against_history
    if share is None:
        return
    says = f"there are {100 * share:.3g} % to {100 / share:.3g} % of the usual rows"
    if not counts:
        yield Said(says=says, held=True, message="No earlier run to compare with.")
        return
    usual = median(counts[:MOST_COUNTS])
    held = usual * share <= rows <= usual / share
    yield Said(says=says, held=held, message="" if held else f"There are {rows:,}; usual are {usual:,.0f}.")


def _age(seconds: float) -> str:
    for size, word in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {word} ago"
    return f"{seconds:.0f} seconds ago"
