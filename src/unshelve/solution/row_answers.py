"""Answers to many rows: some hundred at a time, and where one row stands against it, down to that row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from unshelve.clock import SystemClock
from unshelve.errors import SchemaMismatch, UnshelveError
from unshelve.schema.decoder import Decoder
from unshelve.schema.rows import Rows
from unshelve.security.actors import Actor
from unshelve.security.delegation import Delegation
from unshelve.serving.asker import ReleaseAsker

# Any: what a JSON object holds.
Row = Mapping[str, Any]


class Asks(Protocol):
    """One answer for each accepted row."""

    def __call__(self, rows: Rows) -> Sequence[Row]: ...


@dataclass(slots=True)
class Answered:
    """What became of each row: its answer, or why it has none."""

    answers: list[Row | None]
    problems: list[str]
    warnings: list[str]

    @classmethod
    def of(cls, rows: int) -> Answered:
        """As many rows, none of them answered yet."""
        return cls([None] * rows, [""] * rows, [""] * rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskThere:
    """Asks the answer processes at an address, in the name of whoever sent the rows."""

    address: str
    delegation: Delegation
    actor: Actor
    model: str
    version: int | None
    route: str

    def __call__(self, rows: Rows) -> Sequence[Row]:
        # A delegation lasts a minute, and many rows longer.
        bearer = self.delegation.issue(self.actor, SystemClock().now())
        ask = ReleaseAsker(self.address, bearer, self.model, self.version, route=self.route)
        return ask([rows.raw(i) for i in range(rows.n)])


def answer_some(places: Sequence[int], sent: Sequence[Row], reader: Decoder, asks: Asks, found: Answered) -> None:
    """Answer these rows; when something stands against them, their halves, down to the row that it is about."""
    try:
        rows = reader.decode_rows([sent[i] for i in places])
        answers = asks(rows)
    except UnshelveError as error:
        if error.status != SchemaMismatch.status:
            raise
        if len(places) == 1:
            found.problems[places[0]] = _problem(error)
            return
        middle = len(places) // 2
        for half in (places[:middle], places[middle:]):
            answer_some(half, sent, reader, asks, found)
        return
    for position, (i, answer) in enumerate(zip(places, answers, strict=True)):
        found.answers[i] = answer
        found.warnings[i] = "; ".join(f"{one.field}: {one.problem}" for one in rows.warnings(position))


def short(name: str) -> str:
    """The dotted name of a value of an answer as the name of a column."""
    return name.removeprefix("value.").replace("scores.", "")


def _problem(error: UnshelveError) -> str:
    listed = error.details.get("problems")
    if not isinstance(listed, list) or not listed:
        return error.message
    return "; ".join(f"{each.get('field') or 'the row'}: {each.get('problem')}" for each in listed[:5])
