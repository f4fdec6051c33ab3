"""From accepted rows to the table that transforms take: training dtypes, fillers, the entry's order of columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from unshelve.data.frames import frame
from unshelve.data.tables import Table, like
from unshelve.schema.decoder import decoder
from unshelve.schema.rows import Rows
from unshelve.schema.schema import Schema


@dataclass(frozen=True, slots=True, eq=False)
class RequestTable:
    """How a request's table is made.

    Columns that no answer depends on are filled with the values of one training row: `constants`, as part of
    `whole`, or, where no Schema can describe them, `fillers`, a table of one row.
    """

    order: tuple[str, ...]
    polars: bool
    whole: Schema
    constants: Mapping[str, Any]
    fillers: pd.DataFrame | None

    @classmethod
    def build(cls, schema: Schema, described: Mapping[str, Any], fillers: Any) -> RequestTable:
        """From what packing wrote: `described` is schema.json, `fillers` a one-row table or nothing."""
        order = tuple(described["order"])
        constant = described.get("constants") or {"fields": [], "row": {}}
        added = Schema.from_json({"format": described["format"], "fields": constant["fields"]})
        fields = {field.name: field for field in (*schema.fields, *added.fields)}
        row = decoder(added).decode_rows([constant["row"]]).columns() if added.fields else {}
        some = isinstance(fillers, pd.DataFrame) and len(fillers.columns) > 0
        return cls(
            order=order,
            polars=bool(described.get("polars")),
            whole=Schema(tuple(fields[name] for name in order if name in fields)),
            constants={name: values[0] for name, values in row.items()},
            fillers=fillers if some else None,
        )

    def of(self, rows: Rows) -> Table:
        """The table of these rows."""
        given = rows.columns()
        count = rows.n
        columns = {name: given[name] if name in given else [self.constants[name]] * count for name in self.whole.names}
        table = frame(columns, self.whole)
        if self.fillers is not None:
            repeated = self.fillers.take(np.zeros(count, dtype=np.int64)).set_axis(table.index)
            table = pd.concat([table, repeated], axis=1)[list(self.order)]
        return like(table, self.polars)


def schema_from(described: Mapping[str, Any]) -> Schema:
    """The Schema inside schema.json."""
    return Schema.from_json({key: described[key] for key in ("format", "fields")})
