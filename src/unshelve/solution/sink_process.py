"""The process that carries one batch of a sink out: orders on standard input, what came of them as lines of JSON.

Run as `python -m unshelve.solution.sink_process`. It answers the rows part by part into a spool, and then writes the
spool to the target; ended at any moment, it is started again with the same orders and goes on where it was. It loads no
code of the solution: answers come from the answer processes, which log them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from unshelve.clock import SystemClock
from unshelve.data.frames import records
from unshelve.data.seen_keys import SeenKeys
from unshelve.data.spool import SetAside, Spool, Written, column_of, infinite
from unshelve.data.target import FileTarget, TableTarget, Target, target_from
from unshelve.data.write_files import write_file
from unshelve.data.write_table import Writer
from unshelve.errors import Refused, SchemaMismatch, UnshelveError
from unshelve.ids import milliseconds_of
from unshelve.pipeline.artifacts import read_artifact
from unshelve.pipeline.connecting import connection
from unshelve.pipeline.kinds import ArtifactKind, artifact_from_json
from unshelve.registry.releases import champion_of
from unshelve.registry.versions import get_version, unknown_model
from unshelve.schema.decoder import Decoder, decoder
from unshelve.schema.near import near
from unshelve.security.delegation import Delegation
from unshelve.security.secrets import redact
from unshelve.serving.proof import flat
from unshelve.serving.request_table import schema_from
from unshelve.solution.row_answers import Answered, Asks, AskThere, Row, answer_some
from unshelve.solution.sink_orders import SinkDone, SinkOrders, SinkSaid
from unshelve.solution.sink_rows import SinkRows
from unshelve.solution.stored import Stored, stored
from unshelve.storage.home import Home

ASKED_AT_A_TIME: Final = 500
PART: Final = 5_000
"""Rows of one part of the spool: what is asked again at most when the process is killed."""
_KEYS_AT_A_TIME: Final = 100_000
MOST_SHOWN: Final = 200
"""Rows that were set aside and are kept with the batch; all of them are counted."""

Progress = Callable[[int, int], None]


def main() -> None:
    """Carry out the orders on standard input and say what came of them."""
    words = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints is no word of ours

    def say(said: SinkSaid) -> None:
        os.write(words, msgspec.json.encode(said) + b"\n")

    orders = msgspec.json.decode(sys.stdin.buffer.read(), type=SinkOrders)
    try:
        done = carry_out(orders, lambda done, of: say(SinkSaid(done=done, of=of)))
    except UnshelveError as error:
        say(
            SinkSaid(
                message=redact(error.message),
                status=error.status,
                code=error.subject_code,
                near=error.near,
                hint=None if error.hint is None else redact(error.hint),
            )
        )
    else:
        say(SinkSaid(finished=done))


def carry_out(orders: SinkOrders, progress: Progress) -> SinkDone:
    """Answer the rows that are not answered yet, and write them all. Raises what stands against the whole batch."""
    target = target_from(orders.to)
    home = Home.open(Path(orders.home))
    with stored(home) as opened, _writer(target) as writer:
        if writer is not None:
            writer.check(tuple(target.columns.values()))
        reader = _reader(opened, orders.model)
        rows = _rows(opened, orders)
        spool = Spool(home.sinks / "batches" / orders.batch)
        asks = AskThere(
            address=orders.address,
            delegation=Delegation.load_or_create(home.keys),
            actor=orders.actor,
            model=orders.model,
            version=None,
            route="sink",
        )
        _Answering(orders, target, reader, asks, spool).answer(rows, progress)
        aside, refused = spool.set_aside(MOST_SHOWN)
        if len(rows) and refused == len(rows):
            spool.remove()  # another try is to ask again: it may find another version
            raise SchemaMismatch(
                f"None of the {len(rows):,} rows of {orders.rows_of} could be written; row 1: {aside[0].problem}.",
                code="sink-nothing-left",
            )
        batch = spool.batch(sink=orders.sink, batch=orders.batch, key=target.key, changed=orders.changed)
        written = _write(writer, target, batch, orders, home)
        return SinkDone(
            rows=len(rows),
            written=written.written,
            unchanged=written.unchanged,
            refused=refused,
            versions=_versions(spool),
            set_aside=tuple(aside),
            where=_where(target, orders),
            again=written.again,
        )


def _write(writer: Writer | None, target: Target, batch: Any, orders: SinkOrders, home: Home) -> Written:
    if writer is not None:
        return writer.write(batch, now=SystemClock().now())
    assert isinstance(target, FileTarget)
    place = _where(target, orders)
    memory = home.sinks / "files" / orders.sink
    if target.is_object:
        from unshelve.data.write_objects import write_object  # it needs obstore, which is an extra

        return write_object(batch, place, connection(target.connection) if target.connection else None, memory)
    return write_file(batch, Path(orders.folder) / place, memory)


def _where(target: Target, orders: SinkOrders) -> str:
    if isinstance(target, FileTarget):
        return target.path_at(datetime.fromisoformat(orders.ordered_at), orders.batch)
    return target.words


@contextmanager
def _writer(target: Target) -> Iterator[Writer | None]:
    if isinstance(target, TableTarget):
        with Writer(target, connection(target.connection)) as writer:
            yield writer
    else:
        yield None


def _reader(opened: Stored, model: str) -> Decoder:
    with opened.database.read() as link:
        number = champion_of(link, model)
        if number is None:
            raise unknown_model(link, model)
        version = get_version(link, model, number)
    file = opened.manifest(version).files["schema.json"]
    return decoder(schema_from(msgspec.json.decode(opened.blobs.get(file.digest))))


def _rows(opened: Stored, orders: SinkOrders) -> SinkRows:
    artifact = artifact_from_json(orders.rows)
    if artifact.kind not in _TABLES:
        raise Refused(
            f"{orders.rows_of} gave {artifact.words}, and a sink needs a table.",
            code="sink-rows-no-table",
            hint="Return a pandas, polars or Arrow table.",
        )
    return SinkRows.of(read_artifact(artifact, opened.blobs, trusted=lambda _digest: False))


_TABLES: Final = (ArtifactKind.TABLE, ArtifactKind.POLARS, ArtifactKind.ARROW, ArtifactKind.DATASET)


def _versions(spool: Spool) -> tuple[int, ...]:
    found: set[int] = set()
    for path in spool.paths():
        if "version" in pq.read_schema(path).names:
            found.update(pq.read_table(path, columns=["version"]).column(0).unique().to_pylist())
    return tuple(sorted(found))


@dataclass(slots=True)
class _Answering:
    """Answers the rows of a batch into its spool."""

    orders: SinkOrders
    target: Target
    reader: Decoder
    asks: Asks
    spool: Spool
    _seen: SeenKeys = field(default_factory=SeenKeys)

    def answer(self, rows: SinkRows, progress: Progress) -> None:
        """Answer what the spool does not hold yet."""
        self._check(rows)
        start = self.spool.next_row
        if start and self.target.key:
            before = 0
            for part in rows.parts(0, _KEYS_AT_A_TIME, end=start, columns=self.target.key):
                self._keys(part, before)
                before += len(part)
        progress(start, len(rows))
        for part in rows.parts(start, PART):
            self._answer_part(part, start)
            start += len(part)
            progress(start, len(rows))

    def _check(self, rows: SinkRows) -> None:
        there = rows.columns
        needed = (*self.target.key, *(one.name for one in self.reader.schema.fields if not one.missing))
        gone = [name for name in needed if name not in there]
        if gone:
            what = "the key" if gone[0] in self.target.key else f"{self.orders.model} asks for it"
            raise Refused(
                f"{self.orders.rows_of} has no column {gone[0]!r}, and {what}.",
                code="column-gone",
                near=near(gone[0], there),
            )

    def _answer_part(self, rows: pd.DataFrame, start: int) -> None:
        keys, problems = self._keys(rows, start)
        sent = records(rows, self.reader.schema)
        found = Answered.of(len(rows))
        wanted = [place for place, problem in enumerate(problems) if not problem]
        for first in range(0, len(wanted), ASKED_AT_A_TIME):
            answer_some(wanted[first : first + ASKED_AT_A_TIME], sent, self.reader, self.asks, found)
        problems = [problem or other for problem, other in zip(problems, found.problems, strict=True)]
        values = self._values(rows, found)
        for place, problem in enumerate(problems):
            if not problem:
                problems[place] = self._unfit([*keys[place], *(column[place] for column in values.values())])
        aside = [
            SetAside(row=start + place + 1, key=self._key_text(keys[place]), problem=problem[:400])
            for place, problem in enumerate(problems)
            if problem
        ]
        left = [place for place, problem in enumerate(problems) if not problem]
        self.spool.add(start, start + len(rows), self._columns(rows, values, found, left), aside)

    def _keys(self, rows: pd.DataFrame, start: int) -> tuple[list[tuple[Any, ...]], list[str]]:
        """The key of each row, and what is wrong with it."""
        if not self.target.key:
            return [()] * len(rows), [""] * len(rows)
        columns = [rows[name] for name in self.target.key]
        keys = list(zip(*(column.tolist() for column in columns), strict=True))
        problems = [""] * len(rows)
        first = self._seen.first_rows(columns, start)
        for place in np.flatnonzero(first != np.arange(start, start + len(rows))):
            problems[place] = f"its key stands in row {first[place] + 1} already"
        for name, column in zip(reversed(self.target.key), reversed(columns), strict=True):
            for place in np.flatnonzero(column.isna()):
                problems[place] = f"the key {name} is missing"
        return keys, problems

    def _key_text(self, key: Sequence[object]) -> str:
        return ", ".join(f"{name} = {value}" for name, value in zip(self.target.key, key, strict=True))

    def _unfit(self, values: Sequence[object]) -> str:
        if infinite(values):
            return "it holds an infinity, which most databases cannot keep"
        if isinstance(self.target, TableTarget) and any(isinstance(one, str) and "\0" in one for one in values):
            return "it holds a text with a NUL character, which databases do not take"
        return ""

    def _values(self, rows: pd.DataFrame, found: Answered) -> dict[str, list[Any]]:
        """The columns that hold the answer, under the names they have in the target; one value for each row."""
        answers = [{} if answer is None else flat(answer) for answer in found.answers]
        names = dict.fromkeys(name for answer in answers for name in answer)
        told = {name.removeprefix("value."): name for name in names if not name.startswith("scores.")}
        wanted: Mapping[str, str] = self.target.columns or {name: name for name in told}
        every = {**told, **{name: name for name in names}}
        columns: dict[str, list[Any]] = {}
        for source, name in wanted.items():
            if source in every:
                columns[name] = [answer.get(every[source]) for answer in answers]
            elif source == "warnings":
                columns[name] = [text or None for text in found.warnings]
            elif source in rows.columns:
                columns[name] = _cells(rows[source])
            elif names:
                raise Refused(
                    f"Sink {self.orders.sink} writes {source!r}, and neither {self.orders.rows_of} nor the answer of "
                    f"{self.orders.model} has it.",
                    code="sink-column-unknown",
                    near=near(source, [*every, *map(str, rows.columns)]),
                    hint=f"The answer has {', '.join(every)}.",
                )
        return columns

    def _columns(
        self, rows: pd.DataFrame, values: Mapping[str, list[Any]], found: Answered, left: Sequence[int]
    ) -> dict[str, pa.Array]:
        answers: list[Row] = [answer for place in left if (answer := found.answers[place]) is not None]
        kept = rows.iloc[list(left)]
        ids = [str(answer["id"]) for answer in answers]
        times = [datetime.fromtimestamp(milliseconds_of(one) / 1000, UTC) for one in ids]
        return {
            **{name: _key_column(kept[name]) for name in self.target.key},
            **{name: column_of([column[place] for place in left]) for name, column in values.items()},
            "version": pa.array([answer["version"] for answer in answers], pa.int64()),
            "answer_id": pa.array(ids, pa.string()),
            "answered_at": pa.array(times, pa.timestamp("ms", tz="UTC")),
        }


def _key_column(series: Any) -> pa.Array:
    """A column of the key. Whole numbers that pandas made floats of, because one was missing, are whole again."""
    if pd.api.types.is_float_dtype(series.dtype) and (series == series.round()).all() and series.abs().max() < 2**53:
        return pa.array([int(one) for one in series], pa.int64())
    return _array(series)


def _array(series: Any) -> pa.Array:
    """A column of the rows, of its own type; categories become what they stand for."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.dtype.categories.dtype)
    try:
        return pa.Array.from_pandas(series)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return column_of([None if one is None else str(one) for one in series.tolist()])


def _cells(series: Any) -> list[Any]:
    return [None if one is pd.NaT or one is pd.NA else one for one in _array(series).to_pylist()]


if __name__ == "__main__":
    main()
