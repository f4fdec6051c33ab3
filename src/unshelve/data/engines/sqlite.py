"""SQLite by Python's own driver. A column may hold values of any type, so types are those of the values that come."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from unshelve.data.batches import CHUNK_ROWS, Tell, batches_of_rows, check_columns, empty_batch
from unshelve.data.connections import Connection
from unshelve.data.engines.reading import Lowest
from unshelve.data.placeholders import Query
from unshelve.errors import NotFound


def read(connection: Connection, query: Query, values: Mapping[str, Any], tell: Tell) -> Iterator[pa.RecordBatch]:
    """See engines.reading.Reader."""
    path = Path(connection.path)
    if not path.is_file():
        raise NotFound(f"There is no SQLite file {path}.", code="database-not-found")
    bound = {name: _bound(values[name]) for name in query.parameters}
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as session:
        session.text_factory = _Text(tell)
        cursor = session.execute(query.written(lambda name: f":{name}"), bound)
        names = check_columns([each[0] for each in cursor.description or ()], "The query's result")
        yield empty_batch(names)
        yield from batches_of_rows(names, _rows(cursor), tell)


def _rows(cursor: sqlite3.Cursor) -> Iterator[Any]:
    while rows := cursor.fetchmany(CHUNK_ROWS):
        yield from rows


def _bound(value: object) -> object:
    if isinstance(value, Lowest):
        # Numbers are below texts; and as a text it begins with a sign, which is below any digit and letter.
        return _LOWEST
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else value


class _Text:
    """Texts of a file: UTF-8; bytes that are none are replaced, which is said."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def __call__(self, data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError:
            self._tell("Some texts are not UTF-8; what could not be read in them stands as �.")
            return data.decode("utf-8", "replace")


_LOWEST: Final = -1e308
