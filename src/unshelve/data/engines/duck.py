"""DuckDB by its own driver, whose results are Arrow already. `pip install 'unshelve[duckdb]'` brings it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from unshelve.data.batches import Tell, check_columns, settled
from unshelve.data.connections import Connection
from unshelve.data.engines.reading import Lowest, no_start, not_installed, type_of_start
from unshelve.data.placeholders import Query
from unshelve.errors import NotFound

try:
    import duckdb
except ImportError as missing:
    raise not_installed("DuckDB", "duckdb") from missing


def read(connection: Connection, query: Query, values: Mapping[str, Any], tell: Tell) -> Iterator[pa.RecordBatch]:
    """See engines.reading.Reader."""
    path = Path(connection.path)
    if not path.is_file():
        raise NotFound(f"There is no DuckDB file {path}.", code="database-not-found")
    text = query.written(lambda name: f"${name}")
    bound = {name: values[name] for name in query.parameters}
    with duckdb.connect(str(path), read_only=True) as session:
        session.execute("set timezone = 'UTC'")
        open_ones = {name: value for name, value in bound.items() if isinstance(value, Lowest)}
        if open_ones:
            found = session.sql(text, params={**bound, **dict.fromkeys(open_ones)})
            types = dict(zip(found.columns, map(str, found.types), strict=True))
            for name, lowest in open_ones.items():
                bound[name] = _lowest(name, type_of_start(lowest, types))
        result = session.sql(text, params=bound or None)
        check_columns(result.columns, "The query's result")
        reader = result.to_arrow_reader(_ROWS)
        yield _empty(reader.schema, tell)
        for batch in reader:
            yield settled(batch, tell)


def _empty(schema: pa.Schema, tell: Tell) -> pa.RecordBatch:
    kinds = [each.type.storage_type if isinstance(each.type, pa.BaseExtensionType) else each.type for each in schema]
    return settled(pa.RecordBatch.from_arrays([pa.array([], type=kind) for kind in kinds], names=schema.names), tell)


def _lowest(name: str, kind: str) -> object:
    for start, lowest in _LOWEST.items():
        if kind.startswith(start):
            return lowest
    raise no_start(name, kind)


_ROWS: Final = 100_000
_LOWEST: Final[Mapping[str, object]] = {
    "TIMESTAMP": "-infinity",
    "DATE": "-infinity",
    "VARCHAR": "",
    "DOUBLE": float("-inf"),
    "FLOAT": float("-inf"),
    "DECIMAL": -1e37,
    "TINYINT": -(2**7),
    "SMALLINT": -(2**15),
    "INTEGER": -(2**31),
    "BIGINT": -(2**63),
    "HUGEINT": -(2**63),
    "UTINYINT": -1,
    "USMALLINT": -1,
    "UINTEGER": -1,
    "UBIGINT": -1,
}
