"""Scores a file: its rows are answered and come back in the same kind of file, with columns added.

Runs as a process of its own (`python -m unshelve.solution.scoring`, orders on standard input), so that control
needs no table library and a file that breaks a reader breaks nothing else. With an address it asks an answer
process, and the answers are logged; without one it loads the released version itself.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from unshelve.errors import Refused, SchemaMismatch, UnshelveError, UserCodeFailed

BATCH = 500
TIMEOUT_SECONDS = 3600.0


class ScoreOrders(msgspec.Struct, kw_only=True, frozen=True):
    """What is to be scored, by which model, and where the result goes."""

    home: str
    model: str
    source: str
    target: str
    name: str
    """What the sender calls the file; its ending tells the kind."""
    address: str | None = None
    bearer: str | None = None
    version: int | None = None


class Scored(msgspec.Struct, kw_only=True, frozen=True):
    """What came of it: how many rows, how many of them could not be answered; or the error."""

    rows: int = 0
    refused: int = 0
    version: int | None = None
    problems: tuple[str, ...] = ()
    message: str | None = None
    code: str = "refused"
    near: tuple[str, ...] = ()
    hint: str | None = None


def score_file(orders: ScoreOrders) -> Scored:
    """Score a file in a process of its own; Refused when it cannot be read or the model is not there."""
    done = subprocess.run(
        [sys.executable, "-m", "unshelve.solution.scoring"],
        input=msgspec.json.encode(orders),
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    try:
        scored = msgspec.json.decode(done.stdout.rpartition(b"\n\x00")[2], type=Scored)
    except msgspec.DecodeError as error:
        raise UserCodeFailed(
            f"Scoring {orders.name} ended the process with {done.returncode}.", code="scoring-exited"
        ) from error
    if scored.message is not None:
        Path(orders.target).unlink(missing_ok=True)
        raise Refused(scored.message, code=scored.code, near=scored.near, hint=scored.hint)
    return scored


def main() -> None:
    """Carry out the orders on standard input and print what came of them."""
    orders = msgspec.json.decode(sys.stdin.buffer.read(), type=ScoreOrders)
    try:
        scored = _score(orders)
    except UnshelveError as error:
        scored = Scored(message=error.message, code=error.subject_code, near=error.near, hint=error.hint)
    sys.stdout.flush()
    sys.stdout.buffer.write(b"\n\x00" + msgspec.json.encode(scored))
    sys.stdout.buffer.flush()


def _score(orders: ScoreOrders) -> Scored:
    from unshelve.data.files import read_file
    from unshelve.data.frames import records
    from unshelve.data.scored import write_scored
    from unshelve.serving.asker import ReleaseAsker
    from unshelve.serving.releases import live_releases
    from unshelve.storage.database import Database
    from unshelve.storage.home import Home

    home = Home.open(Path(orders.home))
    database = Database.open(home.database_file, read_only=True)
    releases = live_releases(home, database)
    if orders.version is None:
        releases.refresh()
        predictor = releases.release_for(orders.model)
    else:
        predictor = releases.version(orders.model, orders.version)
    reader = predictor.decoder
    source = Path(orders.source)
    table = read_file(source, name=orders.name)
    missing = [field.name for field in reader.schema.fields if field.name not in table.columns and not field.missing]
    if missing:
        raise SchemaMismatch(
            f"{orders.name} has no column {', '.join(repr(name) for name in missing[:10])}.",
            code="column-missing",
            near=tuple(str(name) for name in table.columns[:5]),
            hint=f"{orders.model} asks for {', '.join(reader.schema.names)}.",
        )
    rows = records(table, reader.schema)
    answers: list[Mapping[str, Any] | None] = [None] * len(rows)
    problems: list[str] = [""] * len(rows)
    accepted = []
    for i, row in enumerate(rows):
        try:
            reader.decode_rows([row])
            accepted.append(i)
        except SchemaMismatch as error:
            problems[i] = _problem(error)
    asker = None
    if orders.address is not None and orders.bearer is not None:
        asker = ReleaseAsker(orders.address, orders.bearer, orders.model, orders.version)
    for start in range(0, len(accepted), BATCH):
        group = accepted[start : start + BATCH]
        given = [rows[i] for i in group]
        said: Sequence[Mapping[str, Any]]
        said = asker(given) if asker is not None else predictor.answer(reader.decode_rows(given))
        for i, answer in zip(group, said, strict=True):
            answers[i] = {"version": predictor.version, **answer}
    write_scored(source, Path(orders.target), _columns(orders.model, answers, problems), name=orders.name)
    bad = [f"row {i + 2}: {text}" for i, text in enumerate(problems) if text]
    return Scored(rows=len(rows), refused=len(bad), version=predictor.version, problems=tuple(bad[:20]))


def _problem(error: SchemaMismatch) -> str:
    found = error.details.get("problems")
    if not isinstance(found, list):
        return error.message
    return "; ".join(f"{each['field']}: {each['problem']}" for each in found[:5])


def _columns(model: str, answers: Sequence[Mapping[str, Any] | None], problems: Sequence[str]) -> dict[str, list[Any]]:
    from unshelve.serving.proof import flat

    name = model.partition(".")[2]
    flattened = [flat(answer) if answer is not None else {} for answer in answers]
    names = list(dict.fromkeys(key for row in flattened for key in row))
    columns: dict[str, list[Any]] = {}
    for key in names:
        short = key.removeprefix("value.") or key
        columns[f"{name}_{short.replace('scores.', '')}"] = [row.get(key) for row in flattened]
    columns[f"{name}_version"] = [answer.get("version") if answer else None for answer in answers]
    if any(answer and answer.get("id") for answer in answers):
        columns[f"{name}_answer_id"] = [answer.get("id") if answer else None for answer in answers]
    if any(problems):
        columns[f"{name}_problem"] = [text or None for text in problems]
    return columns


if __name__ == "__main__":
    main()
