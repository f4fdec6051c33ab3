"""The forms that a solution may have, from the best to the plainest, as drafts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from unshelve.notebook.adding_back import needed_too
from unshelve.notebook.answering import answer_step
from unshelve.notebook.draft import CannotShape, Draft
from unshelve.notebook.gating import with_gates
from unshelve.notebook.measuring import metric_steps
from unshelve.notebook.numbered import remark
from unshelve.notebook.picturing import chart_steps
from unshelve.notebook.script_form import at_end, script_draft
from unshelve.notebook.seen import Seen
from unshelve.notebook.shaping import Shaper
from unshelve.notebook.table_form import table_draft
from unshelve.notebook.understanding import Work, keep_answers, keep_results

REQUESTS: Final = {"raw": "raw rows", "table": "rows of the prepared table", "script": "nothing: it was not sliced"}

_ADDED: Final = 3
"""How many dropped statements are looked for that mattered."""
LEAKS: Final = ("transform-reads-hidden", "target-given-away")
"""Codes of failures that no other form may hide: what is known only afterwards helped to predict."""


def forms(work: Work) -> Iterator[Draft]:
    """Drafts from the best form to the plainest."""
    yield from _sliced(work)
    for _ in range(_ADDED):
        if work.code in LEAKS or not _add_back(work):
            break
        yield from _sliced(work)
    if work.code in LEAKS:
        return
    try:
        draft = script_draft(work.seen, work.choice, at_end(work.watched))
    except CannotShape as error:
        work.reasons.append(f"not sliced: {_placed(work, error)}")
        return
    draft.entry_reason = work.reasons[0].partition(": ")[2] if work.reasons else None
    keep_results(work, draft.results)
    yield draft


def _sliced(work: Work) -> Iterator[Draft]:
    """The forms that hold the statements which the model needs, and no others."""
    try:
        from_source = False
        draft = _with_metrics(work, *_raw(work, from_source=from_source))
        yield draft
        if work.code == "cycle" or work.step in {each.name for each in draft.steps if each.kind == "target"}:
            from_source = True
            draft = _with_metrics(work, *_raw(work, from_source=from_source))
            yield draft
        if work.step in {each.name for each in draft.steps if each.kind == "chart"}:
            work.pictures = False
            yield _with_metrics(work, *_raw(work, from_source=from_source))
        while work.required:
            required, work.required = work.required, ()
            yield _requiring(_with_metrics(work, *_raw(work, from_source=from_source)), required)
    except CannotShape as error:
        if work.code is None:  # what the first try came to says more than that another cannot be written
            work.reasons.append(f"raw rows: {_placed(work, error)}")
    if work.code in LEAKS:
        return
    try:
        draft = table_draft(work.seen, work.choice)
        draft.entry_reason = work.reasons[-1].partition(": ")[2] if work.reasons else None
        yield draft
    except CannotShape as error:
        work.reasons.append(f"rows of the prepared table: {_placed(work, error)}")


def _add_back(work: Work) -> bool:
    """Let all that follows the dropped statement that mattered need it; False where there is none."""
    found = needed_too(work) if work.odd else None
    if found is None:
        return False
    statement = work.notebook.statements[found]
    work.told(f"Adding back {statement.place}: without it other values are computed")
    message = f"Without `{statement.source.splitlines()[0][:80]}` the model is another one, though no name tells of it."
    work.findings.append(remark("N122", statement, message, "Pass what it sets as a value, so that it can be seen."))
    work.flow = work.flow.with_hidden(found)
    work.seen = Seen(work.notebook, work.flow, work.seen.watched)
    work.odd, work.code, work.step = False, None, None
    return True


def _raw(work: Work, *, from_source: bool) -> tuple[Shaper, Draft]:
    """Shaped until no further version of a table has to be a step of its own."""
    cuts: set[tuple[frozenset[int], str]] = set()
    while True:
        before = len(cuts)
        shaper = Shaper(work.seen, work.choice, cuts, from_source=from_source)
        draft = shaper.shape()
        if len(cuts) == before:
            return shaper, draft


def _with_metrics(work: Work, shaper: Shaper, draft: Draft) -> Draft:
    steps, metrics = metric_steps(work.seen, work.choice, shaper.known, shaper.names, shaper.tops)
    draft.steps += steps
    draft.metrics += metrics
    answer = answer_step(work.seen, work.choice, draft.model, shaper.names, shaper.tops)
    if answer is not None:
        draft.steps.append(answer[0])
        draft.answered = answer[1]
        keep_answers(work, *answer[1])
    if work.pictures:
        draft.steps += chart_steps(shaper)
    draft.top = sorted(shaper.tops)
    with_gates(draft, work.choice)
    return draft


def _requiring(draft: Draft, required: tuple[str, ...]) -> Draft:
    """The draft with a model that refuses rows that lack one of these fields."""
    draft.required = required
    step = draft.step(draft.model)
    names = f"required=[{', '.join(json.dumps(each, ensure_ascii=False) for each in required)}]"
    step.options = f"{step.options}, {names}" if step.options else names
    return draft


def _placed(work: Work, error: CannotShape) -> str:
    if error.statement is None:
        return error.reason
    return f"{work.notebook.statements[error.statement].place}: {error.reason}"
