"""From accepted rows to the table that transforms take: training dtypes, fillers, the entry's order of columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from unshelve.data.frames import frame
from unshelve.data.tables import Table, like
from unshelve.schema.rows import Rows
from unshelve.schema.schema import Schema


@dataclass(frozen=True, slots=True, eq=False)
class RequestTable:
    """How a request's table is made. `fillers` is one training row of the columns that no answer depends on."""

    schema: Schema
    order: tuple[str, ...]
    polars: bool
    fillers: pd.DataFrame | None

    @classmethod
    def build(cls, schema: Schema, described: Mapping[str, Any], fillers: Any) -> RequestTable:
        """From what packing wrote: `described` is schema.json, `fillers` a one-row table or nothing."""
        some = isinstance(fillers, pd.DataFrame) and len(fillers.columns) > 0
        return cls(schema, tuple(described["order"]), bool(described.get("polars")), fillers if some else None)

    def of(self, rows: Rows) -> Table:
        """The table of these rows."""
        table = frame(rows.columns(), self.schema)
        if self.fillers is not None:
            repeated = self.fillers if rows.n == 1 else self.fillers.take(np.zeros(rows.n, dtype=np.int64))
            table = pd.concat([table, repeated.set_axis(table.index)], axis=1)
        if tuple(table.columns) != self.order:
            table = table[[name for name in self.order if name in table.columns]]
        return like(table, self.polars)


def schema_from(described: Mapping[str, Any]) -> Schema:
    """The Schema inside schema.json."""
    return Schema.from_json({key: described[key] for key in ("format", "fields")})
