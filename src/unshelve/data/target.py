"""Target: where a sink's answers go, as the solution says it: a table of a database, or files. Pure.

Importing this loads nothing: a solution file is written with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final

from unshelve.errors import Refused

STAMPS: Final = ("version", "answer_id", "answered_at")
"""Columns that each written row has, after its key and its answer."""
FILE_ENDINGS: Final = (".csv", ".parquet", ".jsonl", ".xlsx")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableTarget:
    """A table of a database: rows are put in by key, and a row whose key is there already is replaced.

    `columns` says which columns of the row or of the answer are written, and under which name; empty: the answer's.
    """

    table: str
    connection: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    create: bool = False

    @property
    def words(self) -> str:
        return f"table {self.table} of {self.connection}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTarget:
    """Files: each batch is one, which appears whole or not at all. `path` may hold {day}, {time} and {batch}.

    `path` may be the address of an object: then `connection` says how the store is reached, or the environment does.
    """

    path: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    connection: str = ""

    @property
    def is_object(self) -> bool:
        """Whether it lies in an object store."""
        return "://" in self.path

    @property
    def words(self) -> str:
        return self.path

    def path_at(self, moment: datetime, batch: str) -> str:
        """The path of the batch that was ordered at a moment, which has the solution's zone."""
        values = {"day": moment.strftime("%Y-%m-%d"), "time": moment.strftime("%Y-%m-%dT%H%M%S"), "batch": batch}
        return _PLACE.sub(lambda found: values[found[1]], self.path)


Target = TableTarget | FileTarget


def to_table(
    table: str,
    *,
    connection: str,
    key: str | Sequence[str],
    columns: Sequence[str] | Mapping[str, str] = (),
    create: bool = False,
) -> TableTarget:
    """A table of a database. `key` names the columns by which a row is found again; the table must be unique by them.

    `columns` chooses columns of the row or of the answer, and with a mapping also their names in the table; without
    it the answer's columns are written. `create` makes the table when it is not there.
    """
    if not _TABLE.fullmatch(table):
        raise Refused(
            f"{table[:80]!r} cannot be the name of a table.",
            code="sink-target-odd",
            hint='Write "scores", or "schema.scores".',
        )
    keys = _names(key, "key")
    if not keys:
        raise Refused(
            f"The table {table} has no key.",
            code="sink-without-key",
            hint='Name the columns that a row is found again by: key="flight_id" or key=["carrier", "flight"].',
        )
    return TableTarget(table=table, connection=connection, key=keys, columns=_columns(columns, keys), create=create)


def to_files(
    path: str,
    *,
    key: str | Sequence[str] = (),
    columns: Sequence[str] | Mapping[str, str] = (),
    connection: str = "",
) -> FileTarget:
    """Files: CSV, Parquet, JSON lines or Excel, by the ending of `path`, which counts from the solution's folder.

    `{day}`, `{time}` and `{batch}` in it are filled in; a path without them is written anew each time. An address such
    as `s3://bucket/prefix/{day}.parquet` (`az://`, `gs://`) is that of an object; its store is reached by a
    `connection`, or as the environment says.
    """
    if "://" in path:
        _check_object(path)
    elif connection:
        raise Refused(
            f"connection={connection!r} is for an object store, and {path[:200]!r} is a path.",
            code="sink-target-odd",
            hint='Write "s3://bucket/prefix/{day}.parquet", az:// or gs://, or leave the connection out.',
        )
    if PurePosixPath(path).suffix.lower() not in FILE_ENDINGS:
        raise Refused(
            f"{path[:200]!r} does not say which kind of file is meant.",
            code="sink-target-odd",
            hint=f"Let it end in {', '.join(FILE_ENDINGS[:-1])} or {FILE_ENDINGS[-1]}.",
        )
    for name in _ANY_PLACE.findall(path):
        if not _PLACE.fullmatch(name):
            raise Refused(
                f"{name} in {path[:200]!r} is not filled in.",
                code="sink-target-odd",
                hint="What can be filled in is {day}, {time} and {batch}.",
            )
    keys = _names(key, "key")
    return FileTarget(path=path, key=keys, columns=_columns(columns, keys), connection=connection)


def _check_object(path: str) -> None:
    """Refuse what is no address of an object, without repeating it: it may hold a key."""
    if not _OBJECT.fullmatch(path):
        raise Refused(
            "That is not the address of an object that can be written.",
            code="sink-target-odd",
            hint='Write "s3://bucket/prefix/{day}.parquet", az:// or gs://. Keys, endpoint and region belong into the '
            'connection: `unshelve secret set lake`, connection="lake".',
        )


def target_from(value: Mapping[str, object]) -> Target:
    """The target that a declaration holds as JSON."""
    fields = {name: item for name, item in value.items() if name != "type"}
    fields["key"] = tuple(fields["key"])  # type: ignore[arg-type]  # a list in JSON
    kind: type[TableTarget] | type[FileTarget] = TableTarget if value["type"] == "TableTarget" else FileTarget
    return kind(**fields)  # type: ignore[arg-type]  # as `msgspec.to_builtins` wrote them


def _names(names: str | Sequence[str], option: str) -> tuple[str, ...]:
    found = (names,) if isinstance(names, str) else tuple(names)
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice is not None:
        raise Refused(f"{option} names {twice!r} twice.", code="sink-target-odd")
    return found


def _columns(columns: Sequence[str] | Mapping[str, str], keys: tuple[str, ...]) -> dict[str, str]:
    if isinstance(columns, str):
        raise Refused(f"columns={columns!r} is one text.", hint=f"Give a list: columns=[{columns!r}].")
    found = dict(columns) if isinstance(columns, Mapping) else {name: name for name in columns}
    written = [*keys, *found.values(), *STAMPS]
    twice = next((name for name in written if written.count(name) > 1), None)
    if twice is not None:
        raise Refused(
            f"Two columns would be written as {twice!r}.",
            code="sink-target-odd",
            hint=f"The key and {', '.join(STAMPS)} are written by themselves; give the other one another name: "
            f'columns={{"{twice}": "own_{twice}"}}.',
        )
    return found


_TABLE: Final = re.compile(r"[^\W\d]\w{0,62}(\.[^\W\d]\w{0,62})?")
_OBJECT: Final = re.compile(r"(?:s3|az|gs)://[A-Za-z0-9][A-Za-z0-9._-]{1,221}/[^?#@]+")
_PLACE: Final = re.compile(r"\{(day|time|batch)\}")
_ANY_PLACE: Final = re.compile(r"\{[^}]*\}?")
