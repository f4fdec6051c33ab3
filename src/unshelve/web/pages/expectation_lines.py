"""One line on what became of an expectation in a run, for the page of the run and for that of all expectations."""

from __future__ import annotations

from unshelve.registry.expectations import ExpectationResult
from unshelve.web import states
from unshelve.web.frame import Link
from unshelve.web.views.run import ExpectationLine
from unshelve.web.wording import NOTHING, count, size


def expectation_line(one: ExpectationResult, *, may_see_rows: bool) -> ExpectationLine:
    """What became of an expectation in a run."""
    return ExpectationLine(
        name=one.name,
        table=one.table,
        state=states.expectation(one.outcome.value),
        sentence=one.message,
        rows=count(one.rows) if one.rows is not None else NOTHING,
        failing=count(one.failing) if one.failing is not None else NOTHING,
        downloads=downloads_of(one) if may_see_rows else (),
    )


def downloads_of(one: ExpectationResult) -> tuple[Link, ...]:
    """Where the rows that were set aside are fetched from, as a spreadsheet reads them and as they were."""
    root = f"/runs/{one.run_id}/expectations/{one.name}/aside"
    names = {"csv": "CSV", "parquet": "Parquet"}
    return tuple(
        Link(f"{word} ({size(one.aside[kind]['size_bytes'])})", f"{root}.{kind}")
        for kind, word in names.items()
        if one.aside and kind in one.aside
    )
