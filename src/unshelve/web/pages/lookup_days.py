"""What lookups gave to answered rows in the last days: found, too old, nothing; in words, as a picture, by day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final

from unshelve.predictions.looked_up import LookupCount
from unshelve.web.asked import Asked
from unshelve.web.charts.small import stacked_columns
from unshelve.web.solution_facts import SolutionFacts
from unshelve.web.views.lookups import AnsweredDay, AnsweredRows
from unshelve.web.wording import count, day, duration, plural, share

_DAYS: Final = 14


def answered_rows(asked: Asked, facts: SolutionFacts) -> Mapping[str, AnsweredRows]:
    """By lookup, for those that were asked within the last days. One question to the log, bounded by the days."""
    today = asked.now.date()
    models = [facts.full(step.name) for step in facts.answering]
    found = asked.site.predictions.looked_up(today - timedelta(days=_DAYS - 1), today, models)
    sums: dict[str, dict[str, LookupCount]] = {}
    for on, one in found:
        by_day = sums.setdefault(one.lookup.rpartition("/")[2], {})
        by_day[on] = one if on not in by_day else by_day[on].plus(one)
    return {lookup: _rows(by_day, today) for lookup, by_day in sums.items()}


def _rows(by_day: Mapping[str, LookupCount], today: date) -> AnsweredRows:
    none = LookupCount(model="", lookup="")
    days = [today - timedelta(days=back) for back in range(_DAYS - 1, -1, -1)]
    counts = [by_day.get(each.isoformat(), none) for each in days]
    whole = none
    for one in counts:
        whole = whole.plus(one)
    return AnsweredRows(
        said=_said(whole),
        picture=stacked_columns([(one.rows - one.stale - one.missing, one.stale, one.missing) for one in counts]),
        rows=whole.rows,
        stale=whole.stale,
        missing=whole.missing,
        days=tuple(
            AnsweredDay(
                day=day(datetime(on.year, on.month, on.day, tzinfo=UTC)),
                rows=one.rows,
                found=one.rows - one.stale - one.missing,
                stale=one.stale,
                missing=one.missing,
                age=_age(one),
            )
            for on, one in reversed(list(zip(days, counts, strict=True)))
            if one.rows
        ),
    )


def _said(whole: LookupCount) -> str:
    found = whole.rows - whole.stale - whole.missing
    part = "all" if found == whole.rows else share(found / whole.rows)
    parts = [f"{plural(whole.rows, 'row')} answered in {_DAYS} days", f"{part} found"]
    if whole.stale:
        parts.append(f"{count(whole.stale)} too old")
    if whole.missing:
        parts.append(f"{count(whole.missing)} without an entry")
    return ", ".join(parts)


def _age(one: LookupCount) -> str:
    if not one.aged:
        return ""
    return f"{duration(one.age_seconds / one.aged)}, at most {duration(one.oldest_seconds)}"
