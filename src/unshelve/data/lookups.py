"""What a lookup is: a table that rows are joined with by key, as of the time of each row's event.

The value alone, light enough for processes that never read a table. The table with its index is in `lookup_table.py`,
what joins rows with it in `lookup_copy.py`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """How rows find their entry in a table.

    `key` are columns that both have. `at` is the table's column that says from when on an entry holds, `event` the
    rows' column with the moment that counts: the newest entry that holds by then is taken, never a later one. An
    entry that is older than `stale_seconds` at that moment counts as missing. Without `at` the table holds the
    present state only. `zone` says in which zone times without one are read.
    """

    key: tuple[str, ...]
    at: str | None = None
    event: str | None = None
    stale_seconds: float | None = None
    zone: str | None = None
