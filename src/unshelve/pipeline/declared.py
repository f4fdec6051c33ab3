"""Declared sources: what a solution file says of a query, of files or of an API, as a value that is a source step.

`customers = sql("select …", connection="crm")` at the top of a solution is the step `customers`. Importing the file
asks nothing and loads no driver; the value can be called in a unit test, and then it loads all of its rows.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Literal

from unshelve.data.lookups import Lookup
from unshelve.errors import Refused
from unshelve.pipeline.step import Kind, Mark, lookup_of, seconds

Plain = bool | int | float | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredSource:
    """A source that is told and not programmed. `options` say how it is read, as JSON; `parameters` are its values."""

    options: Mapping[str, object]
    parameters: Mapping[str, Plain] = field(default_factory=dict)
    mark: Mark
    title: str = ""
    place: tuple[str, int] = field(default=("", 0), compare=False, repr=False)

    @property
    def __unshelve__(self) -> Mark:
        return self.mark

    def __call__(self, **values: object) -> Any:
        """All of its rows as a pandas table, read now."""
        from unshelve.pipeline.loads import load_all  # what reads is loaded when something is read

        unknown = sorted(values.keys() - self.parameters.keys())
        if unknown:
            raise TypeError(
                f"the source has no parameter {unknown[0]!r}; it has {', '.join(self.parameters) or 'none'}"
            )
        return load_all(self.options, {**self.parameters, **values})


@dataclass(frozen=True, slots=True, kw_only=True)
class ByLink:
    """The next page is where a field of the answer, or the header Link, says."""

    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByPage:
    """Pages are numbered by a parameter of the address; the first without rows is behind the last."""

    parameter: str = "page"
    first: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ByCursor:
    """A field of the answer holds what a parameter of the next page's address is to be; missing on the last one."""

    parameter: str = "cursor"
    at: str = "next_cursor"


def by_link(at: str = "") -> ByLink:
    """The next page's address stands in a field of the answer, such as "links.next"; without it, in the header Link."""
    return ByLink(at=at)


def by_page(parameter: str = "page", *, first: int = 1) -> ByPage:
    """Pages have numbers, from `first` on; the last one is behind which a page has no rows."""
    return ByPage(parameter=parameter, first=first)


def by_cursor(parameter: str = "cursor", *, at: str = "next_cursor") -> ByCursor:
    """A field of the answer holds the cursor of the next page."""
    return ByCursor(parameter=parameter, at=at)


def sql(
    query: str,
    /,
    *,
    connection: str,
    parameters: Mapping[str, Plain | date | datetime] | None = None,
    watermark: str | None = None,
    key: str | Sequence[str] | None = None,
    start: Plain | date | datetime = None,
    late: str | float | None = None,
    zone: str | None = None,
    deleted: str | None = None,
    full: str | float | None = None,
    columns: Literal["reload", "same"] = "reload",
    lookup: bool = False,
    at: str | None = None,
    event: str | None = None,
    stale: str | float | None = None,
    fresh: str | float | None = None,
    known_later: Sequence[str] = (),
    title: str = "",
    retries: int = 0,
    retry_delay: str | float = 1,
    timeout: str | float | None = None,
) -> DeclaredSource:
    """The rows of a query. `connection` names a secret that holds the address: `unshelve secret set NAME`.

    `:name` in the query is a parameter: its value is bound by the driver and never becomes text of the query. With a
    `watermark`, the query asks for what is beyond `:mark`, and only that is read after the first load. `key` names the
    columns that tell rows apart: a row that comes again takes the place of the one before. `late` is how long after
    its watermark a row may still turn up, `zone` the zone of a watermark that is a local time, `deleted` a column that
    says that a row is gone, `full` how often all is loaded anew, `start` where the first load begins. `columns` says
    what is done when the query gives other columns than before: "reload" everything, or refuse and keep the "same".

    With `lookup=True` it is a table that rows are joined with, by `key`, `at`, `event`, `stale` and `zone` as `source`
    has them. Rows are told apart by key and time then, and a row that comes again takes the place of the one before.
    """
    how = _lookup(lookup, key, at, event, stale, zone)
    options: dict[str, object] = {
        "way": "sql",
        "query": _text(query, "query"),
        "connection": _text(connection, "connection"),
        **_incremental(watermark, _rows_by(how, key), start, late, zone, deleted, full, columns, looked_up=lookup),
    }
    mark = _mark(fresh, known_later, retries, retry_delay, timeout, how)
    return DeclaredSource(options=options, parameters=_parameters(parameters), mark=mark, title=title, place=_place())


def http(
    address: str,
    /,
    *,
    connection: str | None = None,
    pages: ByLink | ByPage | ByCursor | None = None,
    rows: str = "",
    most_pages: int = 1_000,
    parameters: Mapping[str, Plain | date | datetime] | None = None,
    watermark: str | None = None,
    key: str | Sequence[str] | None = None,
    start: Plain | date | datetime = None,
    late: str | float | None = None,
    zone: str | None = None,
    deleted: str | None = None,
    full: str | float | None = None,
    columns: Literal["reload", "same"] = "reload",
    lookup: bool = False,
    at: str | None = None,
    event: str | None = None,
    stale: str | float | None = None,
    fresh: str | float | None = None,
    known_later: Sequence[str] = (),
    title: str = "",
    retries: int = 0,
    retry_delay: str | float = 1,
    timeout: str | float | None = None,
) -> DeclaredSource:
    """The rows that an API gives as JSON: a list of objects, or the list in its field `rows` ("data.items").

    `{name}` in the address is a parameter, `{mark}` the mark of a watermark (see `sql`). `connection` names a secret
    that is an address such as `https://:TOKEN@api.example.com`: what it holds goes to that host and to no other.
    With `lookup=True` it is a table that rows are joined with, as with `sql`.
    """
    how = _lookup(lookup, key, at, event, stale, zone)
    options: dict[str, object] = {
        "way": "http",
        "address": _text(address, "address"),
        "connection": connection,
        "rows": rows,
        "pages": None if pages is None else _pages(pages),
        "most_pages": most_pages,
        **_incremental(watermark, _rows_by(how, key), start, late, zone, deleted, full, columns, looked_up=lookup),
    }
    mark = _mark(fresh, known_later, retries, retry_delay, timeout, how)
    return DeclaredSource(options=options, parameters=_parameters(parameters), mark=mark, title=title, place=_place())


def files(
    *patterns: str,
    columns: Literal["same", "union"] = "same",
    texts: Sequence[str] = (),
    sheet: str | None = None,
    lookup: bool = False,
    key: str | Sequence[str] | None = None,
    at: str | None = None,
    event: str | None = None,
    stale: str | float | None = None,
    zone: str | None = None,
    fresh: str | float | None = None,
    known_later: Sequence[str] = (),
    title: str = "",
    retries: int = 0,
    retry_delay: str | float = 1,
    timeout: str | float | None = None,
) -> DeclaredSource:
    """The rows of CSV, Parquet, JSON-lines or Excel files: names, patterns such as "data/*.csv", or folders.

    Files are read in the order of their names. A file whose content is unchanged is not read again. `texts` names
    columns that are kept as texts, as a postcode 00123 must be. All files have the "same" columns, or with "union"
    what a file lacks is missing. With `lookup=True` it is a table that rows are joined with, as `source` has it.
    """
    options = {
        "way": "files",
        "patterns": [_text(each, "a pattern") for each in patterns],
        "columns": _one_of(columns, ("same", "union"), "columns"),
        "texts": _names(texts, "texts"),
        "sheet": sheet,
    }
    if not patterns:
        raise Refused("files() names no file.", hint='Write files("data/*.csv").')
    how = _lookup(lookup, key, at, event, stale, zone, only_lookups=True)
    mark = _mark(fresh, known_later, retries, retry_delay, timeout, how)
    return DeclaredSource(options=options, mark=mark, title=title, place=_place())


def objects(
    *addresses: str,
    connection: str | None = None,
    columns: Literal["same", "union"] = "same",
    texts: Sequence[str] = (),
    sheet: str | None = None,
    lookup: bool = False,
    key: str | Sequence[str] | None = None,
    at: str | None = None,
    event: str | None = None,
    stale: str | float | None = None,
    zone: str | None = None,
    fresh: str | float | None = None,
    known_later: Sequence[str] = (),
    title: str = "",
    retries: int = 0,
    retry_delay: str | float = 1,
    timeout: str | float | None = None,
) -> DeclaredSource:
    """The rows of files in an object store: "s3://bucket/prefix/*.parquet", az:// or gs://; see `files`.

    `connection` names a secret such as `s3://KEY:SECRET@?endpoint=https://…&region=…`; without one, the credentials
    of the environment count.
    """
    options = {
        "way": "objects",
        "patterns": [_text(each, "an address") for each in addresses],
        "connection": connection,
        "columns": _one_of(columns, ("same", "union"), "columns"),
        "texts": _names(texts, "texts"),
        "sheet": sheet,
    }
    if not addresses:
        raise Refused("objects() names no object.", hint='Write objects("s3://bucket/prefix/*.parquet").')
    how = _lookup(lookup, key, at, event, stale, zone, only_lookups=True)
    mark = _mark(fresh, known_later, retries, retry_delay, timeout, how)
    return DeclaredSource(options=options, mark=mark, title=title, place=_place())


def _incremental(
    watermark: str | None,
    key: str | Sequence[str] | None,
    start: object,
    late: str | float | None,
    zone: str | None,
    deleted: str | None,
    full: str | float | None,
    columns: str,
    *,
    looked_up: bool,
) -> dict[str, object]:
    """What is said of loading only what is new. A lookup has a zone also where it has no watermark."""
    keys = [] if key is None else [key] if isinstance(key, str) else list(key)
    for name, value in (("late", late), ("start", start), ("zone", zone), ("full", full)):
        if value is not None and watermark is None and not (looked_up and name == "zone"):
            raise Refused(f"{name}= is said without a watermark.", hint='Say which column grows: watermark="updated".')
    if deleted is not None and watermark is not None and not keys:
        raise Refused(
            "deleted= is said without a key, so that it is not known which row is gone.", hint='Say key="id".'
        )
    return {
        "watermark": watermark,
        "key": keys,
        "start": _plain(start, "start"),
        "late": seconds(late),
        "zone": zone,
        "deleted": deleted,
        "full": seconds(full),
        "columns": _one_of(columns, ("reload", "same"), "columns"),
    }


def _lookup(
    lookup: bool,
    key: str | Sequence[str] | None,
    at: str | None,
    event: str | None,
    stale: str | float | None,
    zone: str | None,
    *,
    only_lookups: bool = False,
) -> Lookup | None:
    """How rows find their entries, for a lookup. `only_lookups` says that key and zone mean nothing else."""
    if lookup:
        return lookup_of(key or (), at, event, stale, zone)
    said = {"at": at, "event": event, "stale": stale, **({"key": key, "zone": zone} if only_lookups else {})}
    for name, value in said.items():
        if value:
            raise Refused(f"{name}= is for lookups.", hint=f"Say lookup=True, {name}=….")
    return None


def _rows_by(lookup: Lookup | None, key: str | Sequence[str] | None) -> str | Sequence[str] | None:
    """The columns by which rows of two loads are told apart: of a lookup its key, and the time where it has one."""
    if lookup is None:
        return key
    return [*lookup.key, *((lookup.at,) if lookup.at is not None and lookup.at not in lookup.key else ())]


def _mark(
    fresh: str | float | None,
    known_later: Sequence[str],
    retries: int,
    retry_delay: str | float,
    timeout: str | float | None,
    lookup: Lookup | None,
) -> Mark:
    return Mark(
        kind=Kind.SOURCE,
        lookup=lookup,
        fresh_seconds=seconds(fresh),
        known_later=tuple(_names(known_later, "known_later")),
        retries=retries,
        retry_delay_seconds=seconds(retry_delay) or 0.0,
        timeout_seconds=seconds(timeout),
    )


def _pages(pages: ByLink | ByPage | ByCursor) -> dict[str, object]:
    if isinstance(pages, ByLink):
        return {"by": "link", "at": pages.at}
    if isinstance(pages, ByPage):
        return {"by": "page", "parameter": pages.parameter, "first": pages.first}
    return {"by": "cursor", "parameter": pages.parameter, "at": pages.at}


def _parameters(given: Mapping[str, Any] | None) -> dict[str, Plain]:
    found = {name: _plain(value, f"the parameter {name}") for name, value in (given or {}).items()}
    if "mark" in found:
        raise Refused("A parameter is named mark.", hint="That is the name of the mark; choose another one.")
    return found


def _plain(value: object, what: str) -> Plain:
    """A value as JSON has it; a secret, which is a text of its own kind, is none."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if value is None or type(value) in (bool, int, float, str):
        return value  # type: ignore[return-value]  # looked at by its very type
    raise Refused(
        f"{what} is {value!r}, which is no plain value.",
        code="source-parameter",
        hint="Give a text, a number, a date or None. What nobody should see belongs into the connection.",
    )


def _text(value: object, what: str) -> str:
    if type(value) is not str or not value.strip():
        raise Refused(f"{what} is {value!r}, not a text.", code="source-parameter")
    return value


def _names(names: Sequence[str], option: str) -> list[str]:
    if isinstance(names, str):
        raise Refused(f"{option}={names!r} is one text.", hint=f"Give a list of column names: {option}=[{names!r}].")
    return list(names)


def _one_of(value: str, choices: tuple[str, ...], option: str) -> str:
    if value not in choices:
        raise Refused(f"{option}={value!r} is not known.", hint=f"It is {' or '.join(map(repr, choices))}.")
    return value


def _place() -> tuple[str, int]:
    """Where the caller of the caller stands: the file and line of the solution."""
    frame = sys._getframe(_CALLER)
    return frame.f_code.co_filename, frame.f_lineno


_CALLER: Final = 2
