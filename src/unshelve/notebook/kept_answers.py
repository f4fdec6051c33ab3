"""What a lifted solution answered to the notebook's test rows, kept in few letters for the next lift and for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from unshelve.ids import digest_json
from unshelve.notebook.asking import TestRow
from unshelve.notebook.comparing import compare_plain
from unshelve.notebook.expected import Expected
from unshelve.notebook.lift_run import LiftRun
from unshelve.notebook.outcome import GOOD
from unshelve.solution.origin import AnsweredRow, AnswersBefore, Example, LiftAnswers

MOST_EXAMPLES: Final = 5
_LETTERS: Final = 12
_MAIN: Final = ("label", "value")
"""What counts of an answer; else all that the notebook predicted."""


def answers_of(
    ran: LiftRun,
    expected: Expected,
    rows: Sequence[TestRow],
    heard: Mapping[int, Mapping[str, Any]],
    *,
    about_people: bool,
) -> LiftAnswers | None:
    """The answers that were heard; None for none. Rows that may be about people are not kept whole."""
    answered = [row for row in rows if row.position in heard]
    if not answered:
        return None
    return LiftAnswers(
        model=expected.model,
        entry=str(ran.inputs[ran.parameters["entry"]]["digest"]),
        repeatable=not expected.random and expected.model_stable and expected.predictions_stable,
        rows=tuple(
            AnsweredRow(row.number, digest_json(row.row)[:_LETTERS], _main(heard[row.position], row))
            for row in answered
        ),
        examples=() if about_people else tuple(_examples(answered, heard)),
    )


def answers_before(before: LiftAnswers | None, now: LiftAnswers | None) -> AnswersBefore | None:
    """How many answers are others than before, of the rows that both lifts asked; None where there are none."""
    if before is None or now is None:
        return None
    same_table = before.entry == now.entry
    known = {each.number if same_table else each.row: each.answer for each in before.rows}
    pairs = [
        (known[key], each.answer) for each in now.rows if (key := each.number if same_table else each.row) in known
    ]
    if not pairs:
        return None
    return AnswersBefore(
        rows=len(pairs), changed=sum(1 for one, other in pairs if compare_plain(one, other) not in GOOD)
    )


def _main(answer: Mapping[str, Any], row: TestRow) -> object:
    for name in _MAIN:
        if name in answer:
            return answer[name]
    return {name: answer.get(name) for name in row.answer}


def _examples(answered: Sequence[TestRow], heard: Mapping[int, Mapping[str, Any]]) -> list[Example]:
    """A few rows from all over."""
    chosen = answered[:: -(-len(answered) // MOST_EXAMPLES)]
    return [Example(row=row.row, answer={name: heard[row.position].get(name) for name in row.answer}) for row in chosen]
