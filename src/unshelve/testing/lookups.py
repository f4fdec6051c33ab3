"""Lookups in the unit tests of a solution: what a transform gets of one, without a platform."""

from __future__ import annotations

from collections.abc import Callable

from unshelve.data.lookup_copy import LookupCopy
from unshelve.data.lookup_table import sorted_copy
from unshelve.data.tables import Table
from unshelve.errors import Refused
from unshelve.pipeline.step import mark_of


def joined(lookup: Callable[[], Table], rows: Table) -> Table:
    """The entries of a `source(lookup=True)` for some rows, as a transform gets them with these rows.

    Raises Refused for a function that is no lookup, and what a run would raise of its table.
    """
    mark = mark_of(lookup)
    name = getattr(lookup, "__name__", "it")
    if mark is None or mark.lookup is None:
        raise Refused(f"{name} is no lookup.", hint="Mark it with @source(lookup=True, key=…).")
    return LookupCopy(sorted_copy(lookup(), mark.lookup, name), mark.lookup, name=name).join(rows)
