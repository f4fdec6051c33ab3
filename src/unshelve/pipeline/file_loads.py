"""Loading files and objects: in the order of their names, and none again whose content is what it was.

Files are read in groups, each of some megabytes; a group whose files are unchanged keeps the parts that they became.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from unshelve.data.globs import matched
from unshelve.data.loaded import Group, LoadRecord, Part
from unshelve.data.parts import PartWriter, columns_differ
from unshelve.data.streams import Wish, file_batches
from unshelve.errors import Refused
from unshelve.ids import digest_json
from unshelve.pipeline.connecting import connection
from unshelve.pipeline.load_outcome import Loaded, Past, Told, columns_of, schema_from, schema_text
from unshelve.storage.blobs import BlobStore

Options = Mapping[str, Any]  # what a declared source says, as JSON

GROUP_BYTES: Final = 64 << 20
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file that a source means: what people call it, how large it is, its content's digest, and how it is opened."""

    name: str
    size_bytes: int
    digest: str
    open: Callable[[], Any]
    """Gives a context manager of a local path."""


def load_files(options: Options, past: Past, blobs: BlobStore, folder: Path) -> Loaded:
    """Loads what changed among the files of a source, and keeps the rest."""
    told = Told()
    place = ""
    if options["way"] == "objects":
        from unshelve.data.buckets import listed  # it needs obstore, which is an extra

        opened = connection(options["connection"]) if options.get("connection") else None
        place = digest_json(opened.redacted)[:16] if opened is not None else ""
        found = [
            Found(name=one.name, size_bytes=one.size_bytes, digest=one.digest, open=one.opened)
            for one in listed(options["patterns"], opened)
        ]
    else:
        found = [_local(path, folder) for path in matched(options["patterns"], folder)]
    asked_digest = digest_json([{each: options.get(each) for each in _ASKED}, place])
    before = past.load if past.load is not None and past.load.asked_digest == asked_digest else None
    known = {group.files: group.parts for group in before.groups} if before is not None else {}
    wish = Wish(frozenset(options.get("texts") or ()), options.get("sheet"))
    reading = _Reading(blobs, wish, options["columns"] == "union", told)
    for group in _groups(found):
        names = tuple((each.name, each.digest) for each in group)
        parts = known.get(names)
        stored = parts is not None and blobs.has_many({part.digest for part in parts}) == {p.digest for p in parts}
        if parts is not None and stored and before is not None:
            reading.keep(names, schema_from(before.schema), parts)
        else:
            reading.read(names, group)
    schema, groups = reading.finish()
    parts_now = tuple(part for group in groups for part in group.parts)
    rows = sum(part.rows for part in parts_now)
    was = past.load.rows if past.load is not None else 0
    record = LoadRecord(
        way=options["way"],
        at=past.now.isoformat(),
        full=before is None,
        why=_why(past, before, reading.files_read, len(found)),
        asked="\n".join(options["patterns"]),
        asked_digest=asked_digest,
        place=place,
        connection=options.get("connection"),
        read=reading.rows_read,
        added=max(rows - was, 0),
        removed=max(was - rows, 0),
        rows=rows,
        size_bytes=sum(part.size_bytes for part in parts_now),
        columns=columns_of(schema),
        schema=schema_text(schema),
        result=digest_json([part.digest for part in parts_now]),
        parts=parts_now,
        groups=groups,
        last_full=past.now.isoformat() if before is None else before.last_full,
        notes=tuple(told.notes),
    )
    return Loaded(schema=schema, parts=parts_now, record=record)


def _why(past: Past, before: LoadRecord | None, read: int, files: int) -> str:
    if past.load is None:
        return "it is the first load"
    return "what is asked changed" if before is None else f"{read} of {files} files are new or changed"


class _Reading:
    """The groups of files while they are read: each with its own columns, which are brought together at the end."""

    def __init__(self, blobs: BlobStore, wish: Wish, union: bool, told: Told) -> None:
        self._blobs = blobs
        self._wish = wish
        self._union = union
        self._told = told
        self._groups: list[tuple[tuple[tuple[str, str], ...], pa.Schema, tuple[Part, ...]]] = []
        self._first: tuple[str, list[str]] | None = None
        self.rows_read = 0
        self.files_read = 0

    def keep(self, names: tuple[tuple[str, str], ...], schema: pa.Schema, parts: tuple[Part, ...]) -> None:
        """Takes a group as an earlier load left it."""
        if self._first is None:
            self._first = (names[0][0], schema.names)
        self._groups.append((names, schema, parts))

    def read(self, names: tuple[tuple[str, str], ...], files: Sequence[Found]) -> None:
        """Reads a group."""
        with PartWriter(self._blobs, union=True) as writer:
            for file in files:
                self._file(file, writer)
            schema, parts = writer.finish()
        self._groups.append((names, schema, tuple(parts)))

    def _file(self, file: Found, writer: PartWriter) -> None:
        columns: dict[str, None] = {}
        self.files_read += 1
        with file.open() as path:
            for batch in file_batches(path, file.name, self._wish, self._told):
                columns.update(dict.fromkeys(batch.schema.names))
                self.rows_read += batch.num_rows
                writer.add(batch)
        if self._first is None:
            self._first = (file.name, list(columns))
        first, before = self._first
        if columns.keys() == set(before):
            return
        if not self._union:
            error = columns_differ(f"The rows of {file.name}", before, list(columns))
            raise Refused(
                f"{error.message} The first file is {first}.", code="columns-differ", near=error.near, hint=error.hint
            )
        self._told(f"{file.name} has other columns than {first}; what a file lacks is missing in its rows.")

    def finish(self) -> tuple[pa.Schema, tuple[Group, ...]]:
        """The schema of all, and the groups with parts of that schema; parts of a narrower one are written anew."""
        schema, _ = self._together([(own, ()) for _, own, _ in self._groups])
        groups = []
        for names, own, parts in self._groups:
            _, whole = self._together([(schema, ()), (own, parts)])
            groups.append(Group(files=names, parts=tuple(whole)))
        return schema, tuple(groups)

    def _together(self, given: Sequence[tuple[pa.Schema, Sequence[Part]]]) -> tuple[pa.Schema, list[Part]]:
        with PartWriter(self._blobs, union=True) as writer:
            for schema, parts in given:
                writer.keep(schema, parts)
            return writer.finish()


def _groups(found: Sequence[Found]) -> Iterator[list[Found]]:
    """Neighbours together, up to some megabytes."""
    group: list[Found] = []
    size = 0
    for file in found:
        if group and size + file.size_bytes > GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size_bytes
    if group:
        yield group


def _local(path: Path, folder: Path) -> Found:
    @contextmanager
    def opened() -> Iterator[Path]:
        yield path

    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
    return Found(name=name, size_bytes=path.stat().st_size, digest=digest.hexdigest(), open=opened)


_ASKED: Final = ("way", "patterns", "columns", "texts", "sheet")
