"""The process that scores a file: orders on standard input, what came of them as lines of JSON on standard output.

Run as `python -m unshelve.solution.scoring_process`; `scoring.py` starts it and says what it is for.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from unshelve.data.files import FileTable, read_table
from unshelve.data.formats import FileKind
from unshelve.data.frames import records
from unshelve.data.scored import write_scored
from unshelve.errors import SchemaMismatch, UnshelveError
from unshelve.registry.releases import champion_of
from unshelve.registry.versions import Version, get_version
from unshelve.schema.decoder import Decoder, decoder
from unshelve.schema.near import near
from unshelve.schema.rows import Rows
from unshelve.schema.schema import NUMBERS, TEXTS, Schema
from unshelve.security.actors import LOCAL
from unshelve.security.delegation import Delegation
from unshelve.security.paths import file_name
from unshelve.serving.predictor import Predictor
from unshelve.serving.proof import flat
from unshelve.serving.releases import LiveReleases
from unshelve.serving.request_table import schema_from
from unshelve.solution.row_answers import Answered, Asks, AskThere, Row, answer_some, short
from unshelve.solution.scoring import Said, Scored, ScoreOrders
from unshelve.solution.stored import Stored, stored
from unshelve.storage.home import Home

BATCH: Final = 500
"""Rows that are asked at a time."""
MOST_PROBLEMS: Final = 20
"""Problems that are told; all of them are in the file."""

_NUMBER: Final = re.compile(r"\s*[+-]?\d{1,300}(\.\d*)?([eE][+-]?\d{1,3})?\s*")


def main() -> None:
    """Carry out the orders on standard input and say what came of them."""
    words = os.dup(1)
    os.dup2(2, 1)  # whatever the version's own code prints is no word of ours

    def say(said: Said) -> None:
        os.write(words, msgspec.json.encode(said) + b"\n")

    orders = msgspec.json.decode(sys.stdin.buffer.read(), type=ScoreOrders)
    try:
        scored = score(orders, lambda done, of: say(Said(done=done, of=of)))
    except UnshelveError as error:
        code, near, hint = error.subject_code, error.near, error.hint
        say(Said(message=error.message, status=error.status, code=code, near=near, hint=hint))
    else:
        say(Said(scored=scored))


def score(orders: ScoreOrders, progress: Callable[[int, int], None]) -> Scored:
    """Answer the rows of the file and write it anew with what was answered."""
    with stored(Home.open(Path(orders.home))) as opened:
        releases = LiveReleases(opened.database, opened.blobs, opened.verifier)
        version = _version(opened, releases, orders)
        reader = decoder(_schema(opened, version))
        asks = _asks(orders, opened, releases, version)
        with _under_its_name(Path(orders.source), orders.name) as source:
            file = read_table(source, texts=[one.name for one in reader.schema.fields if one.type in TEXTS])
            answered = _answer(_rows(file, reader.schema, orders.name), reader, asks, progress)
            problems = [f"{_place(file.kind, i)}: {text}" for i, text in enumerate(answered.problems) if text]
            if len(problems) == len(answered.problems):
                raise SchemaMismatch(
                    f"None of the {len(problems)} rows of {orders.name} could be answered; {problems[0]}.",
                    details={"problems": problems[:MOST_PROBLEMS]},
                )
            written = write_scored(source, Path(orders.target), _columns(answered, version))
    return Scored(
        rows=len(answered.problems),
        refused=len(problems),
        version=version.number,
        columns=tuple(written.names.values()),
        problems=tuple(problems[:MOST_PROBLEMS]),
        findings=(*file.findings, *written.findings),
    )


def _columns(found: Answered, version: Version) -> dict[str, list[Any]]:
    """The columns to be added, each beginning with the model's name."""
    name = version.name
    flattened = [flat(answer) if answer is not None else {} for answer in found.answers]
    columns: dict[str, list[Any]] = {}
    for key in dict.fromkeys(key for row in flattened for key in row):
        columns[f"{name}_{short(key)}"] = [row.get(key) for row in flattened]
    columns[f"{name}_version"] = [
        None if answer is None else answer.get("version", version.number) for answer in found.answers
    ]
    if any(answer is not None and "id" in answer for answer in found.answers):
        columns[f"{name}_answer_id"] = [None if answer is None else answer.get("id") for answer in found.answers]
    for key, texts in (("warnings", found.warnings), ("problem", found.problems)):
        if any(texts):
            columns[f"{name}_{key}"] = [text or None for text in texts]
    return columns


def _version(opened: Stored, releases: LiveReleases, orders: ScoreOrders) -> Version:
    """The version that is to answer; NotFound, saying what there is, when there is none."""
    with opened.database.read() as connection:
        number = orders.version or champion_of(connection, orders.model)
        if number is not None:
            return get_version(connection, orders.model, number)
    releases.release_for(orders.model)  # knows best how to say that nothing is released
    raise AssertionError("a model without a champion is refused by its releases")


def _schema(opened: Stored, version: Version) -> Schema:
    file = opened.manifest(version).files["schema.json"]
    return schema_from(msgspec.json.decode(opened.blobs.get(file.digest)))


def _asks(orders: ScoreOrders, opened: Stored, releases: LiveReleases, version: Version) -> Asks:
    if orders.address is None:
        return _Here(releases.version(version.model, version.number))
    return AskThere(
        address=orders.address,
        delegation=Delegation.load_or_create(opened.home.keys),
        actor=orders.actor or LOCAL,
        model=orders.model,
        version=orders.version,
        route="file",
    )


@dataclass(frozen=True, slots=True)
class _Here:
    """Answers in this process; nothing is logged."""

    predictor: Predictor

    def __call__(self, rows: Rows) -> Sequence[Row]:
        return self.predictor.answer(rows)


def _answer(sent: Sequence[Row], reader: Decoder, asks: Asks, progress: Callable[[int, int], None]) -> Answered:
    found = Answered.of(len(sent))
    for start in range(0, len(sent), BATCH):
        progress(start, len(sent))
        answer_some(range(start, min(start + BATCH, len(sent))), sent, reader, asks, found)
    progress(len(sent), len(sent))
    return found


def _rows(file: FileTable, schema: Schema, name: str) -> list[dict[str, Any]]:
    """The rows as a caller would send them; SchemaMismatch naming every column that is not there."""
    there = [str(column) for column in file.table.columns]
    needed = [one.name for one in schema.fields if not one.missing]
    gone = [column for column in needed if column not in there]
    if gone:
        raise SchemaMismatch(
            f"{name} has no column {', '.join(map(repr, gone[:10]))}.",
            code="column-gone",
            near=near(gone[0], there),
            hint=f"It must have {', '.join(needed)}.",
        )
    rows = records(file.table, schema)
    if file.kind is FileKind.CSV:
        _read_numbers(rows, [one.name for one in schema.fields if one.type in NUMBERS])
    return rows


def _read_numbers(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
    """One cell that is no number makes a CSV column one of texts: the others are numbers all the same."""
    for row in rows:
        for name in names:
            value = row.get(name)
            if isinstance(value, str) and _NUMBER.fullmatch(value):
                row[name] = float(value) if set(value) & set(".eE") else int(value)


def _place(kind: FileKind, i: int) -> str:
    """Where a row stands for somebody who opens the file."""
    return f"line {i + 2}" if kind in (FileKind.CSV, FileKind.EXCEL) else f"row {i + 1}"


@contextmanager
def _under_its_name(source: Path, name: str) -> Iterator[Path]:
    """The file under the name that its sender knows, which tells its kind and stands in every message."""
    if source.name == name:
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="unshelve-scoring-") as folder:
        named = Path(folder) / file_name(name)
        named.symlink_to(source.absolute())
        yield named


if __name__ == "__main__":
    main()
