"""Request bodies into rows: decoded, validated and put into column order in one pass.

The fast pass (`compiled.py`) is msgspec with a struct generated from the Schema. Only where it finds anything
out of order, a slow pass reads the rows again, one by one, and names every field that does not fit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from unshelve.errors import BadRequest, SchemaMismatch, TooLarge
from unshelve.schema.compiled import Compiled, quotes
from unshelve.schema.explain import MOST_PROBLEMS, Problem, explain_row, read_json
from unshelve.schema.near import near
from unshelve.schema.rows import Cell, Rows
from unshelve.schema.schema import JsonValue, Schema
from unshelve.schema.structs import layout

MOST_ROWS: Final = 100_000

_SHAPE: Final = 'Send {"rows": [{…}, …]} with one object for each row.'
_TOO_DEEP: Final = "The body is nested too deeply to be read."

# A NaN costs a slow reading of the whole body, to name its field; in a longer body its position has to do.
_MOST_BYTES_FOR_TOKENS: Final = 1_000_000


def decoder(schema: Schema, *, ignored: frozenset[str] = frozenset(), most_rows: int = MOST_ROWS) -> Decoder:
    """A decoder for rows of that Schema; making one costs about a millisecond, so keep it.

    `ignored` names fields that another recent version has: they are dropped with a warning.
    """
    return Decoder(schema, ignored=ignored, most_rows=most_rows)


class Decoder:
    """Reads rows of one Schema; safe to share between threads."""

    def __init__(self, schema: Schema, *, ignored: frozenset[str] = frozenset(), most_rows: int = MOST_ROWS) -> None:
        self.schema = schema
        self.ignored = ignored - set(schema.names)
        self.most_rows = most_rows
        types = layout(schema, self.ignored)
        self._compiled = None if types is None else Compiled(types, len(schema.fields))

    def __repr__(self) -> str:
        return f"decoder({self.schema!r}, ignored={self.ignored!r}, most_rows={self.most_rows})"

    def decode(self, body: bytes) -> Rows:
        """The rows of `{"rows": [{…}]}`.

        `BadRequest` when it is not JSON of that shape, `TooLarge` when there are more than `most_rows`,
        `SchemaMismatch` when rows do not fit: its `details["problems"]` names the first hundred fields.
        """
        found = None if self._compiled is None else self._compiled.body(body)
        if found is not None and 0 < len(found[0]) <= self.most_rows:
            return Rows(self.schema, *found)
        rows = _open(body)
        self._check_count(len(rows))
        return self._collect(self._read_each(rows, body))

    def decode_rows(self, rows: Sequence[Mapping[str, JsonValue]]) -> Rows:
        """The same for rows that were read elsewhere; dates may be values already, NaN is refused as in JSON."""
        self._check_count(len(rows))
        kept, names = self._without_dropped(rows)
        found = None if self._compiled is None else self._compiled.convert(kept)
        if found is not None:
            return Rows(self.schema, found, names)
        return self._collect(self._explain(row) for row in rows)

    def _read_each(self, rows: list[Any], body: bytes) -> Iterator[_Read]:
        """Each row of a body, quickly if it fits, slowly if not."""
        counted = 2
        for row in rows:
            if not isinstance(row, msgspec.Raw):
                yield self._explain(row)
                continue
            text = bytes(row)
            counted += quotes(text)
            found = None if self._compiled is None else self._compiled.row(text)
            if found is None:
                yield self._explain(_parse(text.decode()))
            else:
                (values,), names = found
                yield _Read(values, (), names[0] if names else ())
        if isinstance(rows[0], msgspec.Raw) and counted != quotes(body):
            raise BadRequest('The key "rows" is given twice.', hint=_SHAPE)

    def _explain(self, row: object) -> _Read:
        values, problems = explain_row(row, self.schema, ignored=self.ignored)
        dropped = self.ignored.intersection(row) if self.ignored and isinstance(row, Mapping) else ()
        return _Read(values, problems, tuple(sorted(dropped)))

    def _collect(self, reads: Iterable[_Read]) -> Rows:
        table: list[tuple[Cell, ...]] = []
        dropped: list[tuple[str, ...]] = []
        problems: list[tuple[int, Problem]] = []
        for i, read in enumerate(reads):
            problems += [(i, problem) for problem in read.problems]
            if len(problems) >= MOST_PROBLEMS:
                break
            table.append(read.values)
            dropped.append(read.dropped)
        if problems:
            raise _mismatch(problems[:MOST_PROBLEMS], cut=len(problems) >= MOST_PROBLEMS)
        return Rows(self.schema, table, dropped if any(dropped) else ())

    def _without_dropped(
        self, rows: Sequence[Mapping[str, JsonValue]]
    ) -> tuple[Sequence[Mapping[str, JsonValue]], Sequence[tuple[str, ...]]]:
        if not self.ignored or not all(isinstance(row, Mapping) for row in rows):
            return rows, ()
        names = [tuple(sorted(self.ignored.intersection(row))) for row in rows]
        kept = [{key: value for key, value in row.items() if key not in self.ignored} for row in rows]
        return kept, names if any(names) else ()

    def _check_count(self, count: int) -> None:
        if count == 0:
            raise SchemaMismatch("There are no rows.", code="no-rows", hint=_SHAPE)
        if count > self.most_rows:
            raise TooLarge(
                f"{count:,} rows were sent; at most {self.most_rows:,} are taken at once.",
                code="too-many-rows",
                hint="Send them in parts.",
            )


@dataclass(frozen=True, slots=True)
class _Read:
    """One row as the slow pass leaves it: its values, or its problems."""

    values: tuple[Cell, ...]
    problems: tuple[Problem, ...]
    dropped: tuple[str, ...]


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    """A body with its rows still unread."""

    rows: list[msgspec.Raw]


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)


def _open(body: bytes) -> list[Any]:
    """The rows of a body: unread, or as values where the body holds tokens that JSON does not have."""
    try:
        body.decode()
        return list(_ENVELOPE.decode(body).rows)
    except UnicodeDecodeError as error:
        raise BadRequest(f"The body is not valid UTF-8: byte {error.start} does not belong there.") from None
    except RecursionError:
        raise BadRequest(_TOO_DEEP, code="too-deep") from None
    except msgspec.ValidationError as error:
        raise _misshapen(str(error)) from None
    except msgspec.DecodeError as error:
        return _open_with_tokens(body, str(error))


def _open_with_tokens(body: bytes, said: str) -> list[Any]:
    """The rows of a body whose only fault may be a NaN or Infinity, so that its field can be named."""
    position = re.search(r"\(byte (\d+)\)", said)
    begin = int(position[1]) if position else 0
    if re.match(rb"NaN|Infinity", body[begin : begin + 8]):
        if len(body) > _MOST_BYTES_FOR_TOKENS:
            raise BadRequest(f"The body is not JSON: NaN or Infinity at byte {begin}. null means missing.")
        value = _parse(body.decode())
        if isinstance(value, dict) and set(value) == {"rows"} and isinstance(value["rows"], list):
            return value["rows"]
    raise BadRequest(f"The body is not JSON: {said.removeprefix('JSON is malformed: ').lower()}.", hint=_SHAPE)


def _parse(text: str) -> JsonValue:
    try:
        return read_json(text)
    except RecursionError:
        raise BadRequest(_TOO_DEEP, code="too-deep") from None
    except json.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error}.", hint=_SHAPE) from None


def _misshapen(said: str) -> BadRequest:
    """The body is JSON, and not an object with a list of rows."""
    unknown = re.search(r"unknown field `(.*)`", said)
    if unknown is not None:
        return BadRequest(
            f"The body has a key {unknown[1][:60]!r} beside its rows.", near=near(unknown[1], ["rows"]), hint=_SHAPE
        )
    if "missing required field" in said:
        return BadRequest('The body has no key "rows".', hint=_SHAPE)
    what = "body is not an object" if "$.rows" not in said else "rows are not a list"
    return BadRequest(f"The {what}.", hint=_SHAPE)


def _mismatch(problems: list[tuple[int, Problem]], *, cut: bool) -> SchemaMismatch:
    row, first = problems[0]
    said = f"{first.field} {first.problem}" if first.field else first.problem
    given = f" (given {first.given})" if first.given is not None else ""
    others = f" There are {len(problems) - 1} more problems." if len(problems) > 1 else ""
    others = " There are at least 99 more problems." if cut else others
    return SchemaMismatch(
        f"Row {row} does not fit the Schema: {said}{given}.{others}",
        near=first.near,
        details={"problems": [problem.to_json(i) for i, problem in problems], "cut": cut},
    )
