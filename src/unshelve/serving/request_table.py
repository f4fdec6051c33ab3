"""From accepted rows to the table that transforms take: training dtypes, fillers, the entry's order of columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from unshelve.data.frames import frame
from unshelve.data.tables import Table, like
from unshelve.schema.decoder import decoder
from unshelve.schema.rows import Rows
from unshelve.schema.schema import FieldType, Schema


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


def told(schema: Schema, names: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Those of some fields whose column holds every value as it was sent, and their places in a row.

    Of the others the table must be asked: categories that lack a value, floats that stand for large whole numbers, and
    times of whole seconds hold something else.
    """
    wanted = set(names)
    return tuple(
        (one.name, place)
        for place, one in enumerate(schema.fields)
        if one.name in wanted and _HOLDS.get(one.type, _NOTHING).fullmatch(one.dtype)
    )


_NOTHING: Final = re.compile(r"(?!)")
_HOLDS: Final = {
    FieldType.BOOLEAN: re.compile("bool(ean)?"),
    FieldType.INTEGER: re.compile("[iI]nt64"),
    FieldType.STRING: re.compile(r"(str|string|object)(\[\w+\])?"),
    FieldType.CATEGORY: re.compile(r"(str|string|object)(\[\w+\])?"),
    FieldType.TIMESTAMP: re.compile(r"datetime64\[[un]s(, [^\]]+)?\]"),
}


def schema_from(described: Mapping[str, Any]) -> Schema:
    """The Schema inside schema.json."""
    return Schema.from_json({key: described[key] for key in ("format", "fields")})
