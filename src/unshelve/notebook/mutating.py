"""Rows with one field spoiled: each must be answered where the Schema allows it, else refused with the field's name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from unshelve.notebook.comparing import shown
from unshelve.schema.schema import Field, FieldType, Schema
from unshelve.serving.proof import Ask
from unshelve.solution.origin import ProvenValue, Verdict

MOST_ROWS: Final = 20
MOST_REQUESTS: Final = 600
UNSEEN: Final = "a value nobody has seen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A row with one field spoiled. `allowed` says whether the Schema lets it be answered."""

    field: str
    how: str
    """In words: "absent", "null", "an unseen category", "of another type"."""
    row: Mapping[str, Any]
    allowed: bool


def mutations(rows: Sequence[Mapping[str, Any]], schema: Schema) -> Iterator[Mutation]:
    """Every field of up to 20 rows, left out, emptied, given an unseen category, and given another type."""
    per_row = max(1, 4 * len(schema.fields))
    for row in rows[: max(1, min(MOST_ROWS, MOST_REQUESTS // per_row))]:
        for one in schema.fields:
            without = {name: value for name, value in row.items() if name != one.name}
            yield Mutation(field=one.name, how="absent", row=without, allowed=one.missing)
            yield Mutation(field=one.name, how="null", row={**row, one.name: None}, allowed=one.missing)
            if one.type is FieldType.CATEGORY:
                allowed = one.unseen == "allow"
                yield Mutation(field=one.name, how="an unseen category", row={**row, one.name: UNSEEN}, allowed=allowed)
            yield Mutation(
                field=one.name, how="of another type", row={**row, one.name: _of_another_type(one)}, allowed=False
            )


def ask_mutations(ask: Ask, rows: Sequence[Mapping[str, Any]], schema: Schema, step: str) -> ProvenValue:
    """Ask a version about spoiled rows. DIFFERENT at the first that it takes as it must not, or fails at."""
    tried = answered = 0
    for each in mutations(rows, schema):
        tried += 1
        status, body = ask([each.row])
        problem = _problem(each, status, body)
        if problem is not None:
            return ProvenValue(
                what="requests with one field spoiled",
                part="mutation",
                verdict=Verdict.DIFFERENT,
                step=step,
                notebook="an answer or a refusal" if each.allowed else "a refusal",
                solution=problem,
                detail=f"{each.field} {each.how}",
            )
        answered += status == 200
    return ProvenValue(
        what=f"{tried:,} requests with one field spoiled",
        part="mutation",
        verdict=Verdict.PROVEN if tried else Verdict.NOT_COVERED,
        step=step,
        detail=f"{tried - answered:,} refused with the field's name, {answered:,} answered as the Schema allows"
        if tried
        else "there was no row to spoil",
    )


def _problem(each: Mutation, status: int, body: Mapping[str, Any]) -> str | None:
    """What is wrong with the way a spoiled row was taken; None where nothing is."""
    if status == 200:
        return None if each.allowed else "an answer"
    said = shown(str(body.get("detail") or body.get("title") or body)[:200])
    if not 400 <= status < 500:
        return f"{status}: {said}"
    named = {str(problem.get("field")) for problem in body.get("problems") or ()}
    return None if each.field in named else f"{status} without the field's name: {said}"


def _of_another_type(one: Field) -> object:
    return "a text" if one.type is FieldType.FLOATS else [1]
