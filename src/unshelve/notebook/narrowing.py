"""Which values a request must hold, where a notebook fills those that are missing from other rows.

A row with such a gap cannot be answered by itself. Where few rows have one, they are refused by the field's name, and
all others are proven.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from unshelve.notebook.asking import TestRow
from unshelve.schema.schema import Schema

MOST: Final = 0.05
"""The share of test rows that may be refused so that the others are proven."""
_FIELDS: Final = 3
_LEANS_ON_OTHERS: Final = re.compile(r"gives another (?P<column>.+) for row \d+ ")


@dataclass(frozen=True, slots=True)
class Gaps:
    """Which test rows lack a value, for each field that training rows lack too; rows by their positions."""

    rows: int
    lacking: Mapping[str, frozenset[int]]

    def share(self, fields: Sequence[str]) -> float:
        """The share of the test rows that lack one of these fields."""
        found: frozenset[int] = frozenset().union(*(self.lacking[each] for each in fields))
        return len(found) / self.rows


def gaps_in(rows: Sequence[TestRow], schema: Schema, required: Collection[str]) -> Gaps | None:
    """The gaps of some test rows, those in fields that are `required` already too; None without rows."""
    if not rows:
        return None
    lacking = {
        one.name: frozenset(row.position for row in rows if row.row.get(one.name) is None)
        for one in schema.fields
        if one.missing or one.name in required
    }
    return Gaps(len(rows), lacking)


def to_require(failure: str | None, gaps: Gaps | None, required: Sequence[str]) -> tuple[str, ...]:
    """The fields that requests must hold so that a form may be proven that failed; none where that is no way out.

    `failure` is the platform's word for a transform that is not row-wise: it names the first column that differs.
    """
    found = _LEANS_ON_OTHERS.search(failure or "")
    if found is None or gaps is None or found["column"] in required or found["column"] not in gaps.lacking:
        return ()
    wanted = (*required, found["column"])
    return wanted if len(wanted) <= _FIELDS and gaps.share(wanted) < MOST else ()
