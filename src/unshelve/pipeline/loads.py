"""Loads: carrying out what a declared source says, all of it or only what is new, and saying what was done.

Worker side. What earlier loads left is handed in (`Past`) and is not touched: a load that breaks off anywhere leaves
the rows, the mark and the parts as they were. What comes back is the table and a record of the load, which control
keeps; the next load begins from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from unshelve.clock import SystemClock
from unshelve.data.batches import cast, fits
from unshelve.data.connections import Connection
from unshelve.data.dataset import stored_dataset
from unshelve.data.dataset_parts import Part as DatasetPart
from unshelve.data.engines.reading import Lowest, read_query
from unshelve.data.joining import Rules, is_deleted, join
from unshelve.data.loaded import LoadRecord, Part, SavedMark, Sketch
from unshelve.data.marks import bound_of, is_time_text, later, mark_of
from unshelve.data.parts import Noted, PartWriter, columns_differ, read_parts
from unshelve.data.placeholders import Query, parse
from unshelve.data.sketch import sketch_of
from unshelve.errors import Refused, SolutionInvalid
from unshelve.ids import digest_json
from unshelve.pipeline.connecting import connection
from unshelve.pipeline.file_loads import load_files
from unshelve.pipeline.load_outcome import Loaded, Past, Told, columns_of, schema_text
from unshelve.storage.blobs import BlobStore

Options = Mapping[str, Any]  # what a declared source says, as JSON
Values = Mapping[str, Any]  # its parameters, as JSON

MOST_WHOLE: Final = 256 << 20
"""Rows that need more memory than this are kept as a dataset and not as one table."""

MOST_JOINED: Final = 5_000_000
"""More new rows than these are not joined in memory with what is there; all is loaded anew instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A source while it is asked: what it says, and how its rows are fetched from a value of the mark on."""

    name: str
    options: Options
    values: Values
    asked: str
    place: str
    told: Told
    ties: bool
    union: bool = False
    """Whether a row may lack columns, which are missing then: an object of JSON may."""
    fetch: Callable[[object], Iterator[pa.RecordBatch]]
    """Given the value of the mark: a bound, or Lowest."""

    @property
    def watermark(self) -> str | None:
        found: str | None = self.options.get("watermark")
        return found

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(self.options.get("key") or ())

    @property
    def noted(self) -> Noted:
        return Noted(self.key[0] if self.key and self.watermark else None, self.watermark)

    @property
    def digest(self) -> str:
        """What must be as it was for a load to go on from the one before."""
        kept = {name: self.options.get(name) for name in _ASKED}
        return digest_json({**kept, "values": dict(self.values), "place": self.place})


def load(
    name: str, options: Options, values: Values, past: Past, blobs: BlobStore, *, folder: Path | None = None
) -> Loaded:
    """Loads a declared source: what is new if that can be told, else all of it. `folder` is where its files are."""
    began = SystemClock().monotonic()
    if options["way"] in _BY_FILES:
        loaded = load_files(options, past, blobs, folder or Path.cwd())
    else:
        loaded = _load_rows(_asking(name, options, values), past, blobs)
    if not loaded.record.rows:
        raise SolutionInvalid(
            f"{name} brought no rows.",
            code="empty-source",
            hint="Nothing can be learned from it; what was loaded before is untouched.",
        )
    sketch = _sketched(loaded, past, blobs)
    seconds = round(SystemClock().monotonic() - began, 3)
    return replace(loaded, record=msgspec.structs.replace(loaded.record, seconds=seconds, sketch=sketch))


def _sketched(loaded: Loaded, past: Past, blobs: BlobStore) -> tuple[Sketch, ...]:
    """The sketch of the rows; the one before where few of them are others."""
    before, record = past.load, loaded.record
    other = record.added + record.changed + record.removed
    if before is not None and before.sketch and not record.full and other * 50 < record.rows:
        return before.sketch
    return sketch_of(blobs, loaded.parts)


def load_all(options: Options, values: Values) -> Any:
    """All rows of a declared source as a pandas table, kept nowhere: what calling one in a test gives."""
    from tempfile import TemporaryDirectory

    from unshelve.storage.blobs import FolderBlobs

    with TemporaryDirectory() as folder:
        blobs = FolderBlobs(Path(folder))
        loaded = load("the source", options, values, Past(now=SystemClock().now()), blobs)
        return table_of(loaded, blobs).to_pandas()


def value_of(loaded: Loaded, blobs: BlobStore) -> Any:
    """What is kept of a load: its rows as a pandas table, or, where they are many, as a dataset of the parts.

    A table is the same bytes however its rows were loaded, and a dataset is not stored again.
    """
    parts = [DatasetPart(each.digest, each.rows, each.size_bytes) for each in loaded.parts]
    dataset = stored_dataset(loaded.schema, parts, blobs)
    return dataset.to_pandas() if dataset.memory_bytes() <= MOST_WHOLE else dataset


def table_of(loaded: Loaded, blobs: BlobStore) -> pa.Table:
    """All rows of a load as one Arrow table."""
    return pa.Table.from_batches(list(read_parts(blobs, loaded.parts)), schema=loaded.schema)


def _load_rows(asking: Asking, past: Past, blobs: BlobStore) -> Loaded:
    """A query or an API: what is beyond the mark, joined with what is there, or everything."""
    why = _why_full(asking, past, blobs)
    if why is None:
        found = _load_new(asking, past, blobs)
        if not isinstance(found, str):
            return found
        why = found
    return _load_whole(asking, past, blobs, why)


def _why_full(asking: Asking, past: Past, blobs: BlobStore) -> str | None:
    """Why all is loaded; None where it is enough to load what is new."""
    before = past.load
    if asking.watermark is None:
        return "it has no watermark"
    if before is None or past.schema is None:
        return "it is the first load"
    if before.asked_digest != asking.digest:
        return "what is asked changed"
    if before.mark is None:
        return "nothing was marked before"
    full = asking.options.get("full")
    if full is not None:
        age = (past.now - datetime.fromisoformat(before.last_full)).total_seconds()
        if age >= full:
            return "the last complete load is as old as full= allows"
    wanted = {part.digest for part in before.parts}
    if blobs.has_many(wanted) != wanted:
        return "rows of earlier loads are gone from the store"
    return None


def _load_whole(asking: Asking, past: Past, blobs: BlobStore, why: str) -> Loaded:
    mark: SavedMark | None = None
    read = 0
    deleted = asking.options.get("deleted")
    with PartWriter(blobs, asking.noted, union=asking.union) as writer:
        for batch in asking.fetch(_start(asking)):
            _check_named(asking, batch.schema.names)
            read += batch.num_rows
            if asking.watermark is not None and batch.num_rows:
                column = batch.column(asking.watermark)
                mark = later(mark, mark_of(column, asking.watermark, past.now))
                _check_watermark(asking, column)
            if deleted is not None and batch.num_rows:
                batch = batch.filter(pc.invert(is_deleted(batch.column(deleted))))
            writer.add(batch)
        schema, parts = writer.finish()
    before = past.load
    record = _record(asking, past, schema, parts, full=True, why=why)
    record = msgspec.structs.replace(
        record,
        mark=mark,
        mark_before=before.mark if before is not None else None,
        read=read,
        added=record.rows,
        removed=before.rows if before is not None else 0,
        last_full=past.now.isoformat(),
        notes=_notes(asking, mark),
    )
    return Loaded(schema=schema, parts=tuple(parts), record=record)


def _load_new(asking: Asking, past: Past, blobs: BlobStore) -> Loaded | str:
    """What lies beyond the mark, joined with what is there; a sentence where all has to be loaded after all."""
    before, schema, watermark = past.load, past.schema, asking.watermark
    if before is None or before.mark is None or schema is None or watermark is None:
        raise ValueError("there is nothing to go on from")
    bound = bound_of(before.mark, late=asking.options.get("late"), zone=asking.options.get("zone"), ties=asking.ties)
    batches: list[pa.RecordBatch] = []
    rows = 0
    for batch in asking.fetch(bound.value):
        _check_named(asking, batch.schema.names)
        now, then = set(batch.schema.names), set(schema.names)
        other = now - then if asking.union else now ^ then
        if other:
            return _other_columns(asking, schema, batch.schema)
        if not fits(batch.schema, pa.schema([schema.field(name) for name in batch.schema.names])):
            return _other_types(asking, schema, batch.schema)
        rows += batch.num_rows
        if rows > MOST_JOINED:
            return f"more than {MOST_JOINED:,} rows are new"
        batches.append(cast(batch, schema))
    came = pa.Table.from_batches(batches, schema=schema)
    mark = later(before.mark, mark_of(came.column(watermark), watermark, past.now))
    rules = Rules(watermark=watermark, bound=bound, key=asking.key, deleted=asking.options.get("deleted"))
    joined = join(blobs, schema, before.parts, came, rules, asking.noted)
    record = _record(asking, past, schema, joined.parts, full=False, why="only what is new was asked for")
    record = msgspec.structs.replace(
        record,
        mark=mark,
        mark_before=before.mark,
        read=rows,
        added=joined.added,
        changed=joined.changed,
        removed=joined.removed,
        last_full=before.last_full,
        notes=_notes(asking, mark),
    )
    return Loaded(schema=schema, parts=joined.parts, record=record)


def _record(
    asking: Asking, past: Past, schema: pa.Schema, parts: Sequence[Part], *, full: bool, why: str
) -> LoadRecord:
    return LoadRecord(
        way=asking.options["way"],
        at=past.now.isoformat(),
        full=full,
        why=why,
        asked=asking.asked,
        asked_digest=asking.digest,
        place=asking.place,
        values=dict(asking.values),
        connection=asking.options.get("connection"),
        rows=sum(part.rows for part in parts),
        size_bytes=sum(part.size_bytes for part in parts),
        columns=columns_of(schema),
        schema=schema_text(schema),
        result=digest_json([part.digest for part in parts]),
        parts=tuple(parts),
    )


def _start(asking: Asking) -> object:
    start = asking.options.get("start")
    return Lowest(asking.watermark or "") if start is None else start


def _check_named(asking: Asking, names: Sequence[str]) -> None:
    """Refused when a column that the source names does not come."""
    wanted = {"watermark": [asking.watermark], "key": asking.key, "deleted": [asking.options.get("deleted")]}
    for option, columns in wanted.items():
        for column in columns:
            if column is not None and column not in names:
                raise Refused(
                    f"{asking.name} has {option}={column!r}, and no column of that name comes.",
                    code="source-column-missing",
                    near=[each for each in names if each.lower() == column.lower()],
                    hint=f"What comes has {', '.join(names[:12])}.",
                )


def _check_watermark(asking: Asking, column: Any) -> None:
    if column.null_count:
        asking.told(
            f"Some rows have no {asking.watermark}: they come with a complete load only, when the query lets them."
        )


def _other_columns(asking: Asking, before: pa.Schema, now: pa.Schema) -> str:
    if asking.options.get("columns") == "same":
        error = columns_differ(f"The rows of {asking.name}", before.names, now.names)
        raise Refused(
            error.message,
            code="source-columns-changed",
            near=error.near,
            hint='What was loaded before is untouched. With columns="reload" all is loaded anew.',
        )
    return "the columns changed"


def _other_types(asking: Asking, before: pa.Schema, now: pa.Schema) -> str:
    odd = next(each for each in now if not fits(pa.schema([each]), pa.schema([before.field(each.name)])))
    said = f"column {odd.name} changed from {before.field(odd.name).type} to {odd.type}"
    if asking.options.get("columns") == "same":
        raise Refused(
            f"In {asking.name} {said}.",
            code="source-columns-changed",
            hint='What was loaded before is untouched. With columns="reload" all is loaded anew.',
        )
    return said


def _notes(asking: Asking, mark: SavedMark | None) -> tuple[str, ...]:
    overlapping = asking.options.get("zone") or asking.options.get("late") is not None
    if mark is not None and mark.type == "local" and not overlapping:
        asking.told(
            f'{asking.watermark} has no time zone. If it is a local time, say zone=…, or late="1h": when clocks are '
            "put back, later rows bear earlier times."
        )
    if mark is not None and mark.type == "text" and not asking.ties and not is_time_text(str(mark.value)):
        asking.told(
            f"{asking.watermark} is a text: a row that comes later with an equal one is not seen. Ask for >= :mark."
        )
    return tuple(asking.told.notes)


# -- the ways ----------------------------------------------------------------------------------------------------


def _asking(name: str, options: Options, values: Values) -> Asking:
    return _WAYS[options["way"]](name, options, values)


def _asking_sql(name: str, options: Options, values: Values) -> Asking:
    query = parse(options["query"])
    _check_values(name, query, options, values)
    found = connection(options["connection"])
    told = Told()

    def fetch(mark: object) -> Iterator[pa.RecordBatch]:
        bound = {**values, "mark": mark} if "mark" in query.parameters else values
        return read_query(found, query, bound, what=name, tell=told)

    return Asking(
        name=name,
        options=options,
        values=values,
        asked=options["query"],
        place=place_of(found),
        told=told,
        ties=query.takes_ties("mark"),
        fetch=fetch,
    )


def place_of(found: Connection) -> str:
    """Where a connection leads, as a short digest: another place is another table."""
    return digest_json(found.redacted)[:16]


def _check_values(name: str, query: Query, options: Options, values: Values) -> None:
    known = {*values, *(["mark"] if options.get("watermark") else [])}
    for wanted in query.parameters:
        if wanted not in known:
            raise Refused(
                f"The query of {name} takes :{wanted}, which has no value.",
                code="query-parameter-missing",
                near=[each for each in known if each.lower() == wanted.lower()],
                hint='Give it: parameters={"' + wanted + '": …}.'
                if wanted != "mark"
                else 'Say which column is marked: watermark="updated".',
            )
    if options.get("watermark") and "mark" not in query.parameters:
        raise Refused(
            f"{name} has a watermark, and its query does not ask for what is beyond :mark.",
            code="query-without-mark",
            hint=f"Add a condition: where {options['watermark']} > :mark.",
        )


def _asking_http(name: str, options: Options, values: Values) -> Asking:
    from unshelve.pipeline.asking_http import api_of  # it alone brings the fetcher

    told = Told()
    opened = connection(options["connection"]) if options.get("connection") else None
    api = api_of(name, options, opened, told)

    def fetch(mark: object) -> Iterator[pa.RecordBatch]:
        return api.batches({**values, "mark": mark})

    return Asking(
        name=name,
        options=options,
        values=values,
        asked=options["address"],
        place="" if opened is None else place_of(opened),
        told=told,
        ties=False,
        union=True,
        fetch=fetch,
    )


_BY_FILES: Final = ("files", "objects")
_ASKED: Final = ("way", "query", "address", "rows", "pages", "watermark", "key", "deleted", "start", "zone")
_WAYS: Final[Mapping[str, Callable[[str, Options, Values], Asking]]] = {"sql": _asking_sql, "http": _asking_http}
