"""The rows that the author typed in, asked of the served version through HTTP; what is answered becomes an example."""

from __future__ import annotations

from collections.abc import Sequence

from unshelve.notebook.compare_order import TypedAsk
from unshelve.notebook.comparing import compare_plain, shown, worst
from unshelve.notebook.outcome import GOOD
from unshelve.serving.proof import Ask
from unshelve.solution.origin import AuthorsRow, ProvenValue, Verdict


def ask_typed(ask: Ask, typed: Sequence[TypedAsk], step: str) -> tuple[list[ProvenValue], tuple[AuthorsRow, ...]]:
    """The verdict on each row, and the rows that are answered as the notebook did, each once."""
    values: list[ProvenValue] = []
    examples: list[AuthorsRow] = []
    for each in typed:
        value = _asked(ask, each, step)
        values.append(value)
        if value.verdict in GOOD and all(other.row != each.row for other in examples):
            examples.append(AuthorsRow(cell=each.cell, row=each.row))
    return values, tuple(examples)


def _asked(ask: Ask, typed: TypedAsk, step: str) -> ProvenValue:
    if typed.why:
        return ProvenValue(
            what=typed.what,
            part="request",
            verdict=Verdict.NOT_COVERED,
            statement=typed.statement,
            step=step,
            detail=f"it was not asked: {typed.why}",
        )
    status, body = ask([typed.row])
    answers = body.get("answers")
    found = answers[0] if status == 200 and isinstance(answers, list) and answers else {}
    names = [name for name, wanted in typed.answer.items() if compare_plain(wanted, found.get(name)) not in GOOD]
    main = names[0] if names else list(typed.answer)[-1]  # a score, where the notebook asked for it
    return ProvenValue(
        what=typed.what,
        part="request",
        verdict=worst(compare_plain(wanted, found.get(name)) for name, wanted in typed.answer.items()),
        statement=typed.statement,
        step=step,
        notebook=shown(typed.answer[main]),
        solution=shown(found.get(main)) if found else f"{status}: {str(body.get('detail') or body)[:200]}",
        detail="asked through HTTP",
    )
