"""The same program in plainer statements, once a run has shown what it does.

Lifting reads statements. Where a notebook keeps its rows in a bundle of arrays, or fits its models in a loop or in a
function, other statements that compute the same let it see more. What was restated is run again before it is used.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from unshelve.notebook.column_loops import loops_parted
from unshelve.notebook.inlining import inlined
from unshelve.notebook.joined import files_joined
from unshelve.notebook.named_columns import columns_named
from unshelve.notebook.notebook import Statement
from unshelve.notebook.pairs import parted
from unshelve.notebook.positions import by_names
from unshelve.notebook.repairs import Repaired
from unshelve.notebook.row_naming import rows_named
from unshelve.notebook.table_loops import tables_unrolled
from unshelve.notebook.tabling import tabled
from unshelve.notebook.unrolling import unrolled
from unshelve.notebook.watched import Call, Watched

_DEEP: Final = 3
"""How many functions that call one another are looked through."""


def restated(repaired: Repaired, watched: Watched) -> Repaired:
    """The notebook restated, its statements with numbers anew; the same object where there is nothing to restate."""
    found: Mapping[int, tuple[str, ...]] = {
        **tables_unrolled(repaired.notebook, watched),
        **tabled(repaired.notebook, watched),
        **rows_named(repaired.notebook, watched),
        **unrolled(repaired.notebook, watched),
        **loops_parted(repaired.notebook, watched),
        **files_joined(repaired.notebook, watched),
    }
    found = by_names(repaired.notebook, watched, found)
    if found:
        repaired = _with_texts(repaired, found)
    for _ in range(_DEEP):
        found = inlined(repaired.notebook)
        if not found:
            break
        repaired = _with_texts(repaired, found)
    for plainer in (parted, columns_named):
        found = plainer(repaired.notebook)
        if found:
            repaired = _with_texts(repaired, found)
    return repaired


def same_calls(repaired: Repaired, before: Watched, plainer: Repaired, after: Watched) -> bool:
    """Whether a restated notebook made the same calls as the notebook itself, with values of the same shapes.

    Those of one statement may be made in another order by those that stand for it: an encoder for each column may be
    fitted before the first of them is used. Up to the first statement that draws random numbers the values are the
    same too. What calls do inside is their own: how many trees are grown may be left to chance.
    """
    first, second = ([each for each in run.calls if not each.inside] for run in (before, after))
    if not after.ran or len(first) != len(second):
        return False
    draws = next((run.number for run in before.statements if run.drew), len(before.statements))
    left = Counter((repaired.origins[call.statement], _told(call, whole=call.statement < draws)) for call in first)
    for call in second:
        origin = plainer.origins[call.statement]
        told = next((each for whole in (True, False) if left[each := (origin, _told(call, whole=whole))]), None)
        if told is None:
            return False
        left[told] -= 1
    return True


def _told(call: Call, *, whole: bool) -> tuple[tuple[object, ...], ...]:
    """What was called, what it was given and what it gave: whole values, or shapes where what was drawn may differ."""
    return (
        (call.kind, call.name, len(call.arguments), whole),
        *(
            (each.kind, each.rows, each.width, each.columns, each.dtype, each.fingerprint if whole else "")
            for each in (*call.arguments, *([] if call.result is None else [call.result]))
        ),
    )


def _with_texts(repaired: Repaired, found: Mapping[int, tuple[str, ...]]) -> Repaired:
    made: list[Statement] = []
    origins: list[int | None] = []
    texts: dict[int, str] = {}
    reasons: dict[int, str] = {}
    left_out: set[int] = set()
    for statement, origin in zip(repaired.notebook.statements, repaired.origins, strict=True):
        sources = found.get(statement.number, (statement.source,))
        for place, source in enumerate(sources):
            number = len(made)
            if source == statement.source:
                made.append(replace(statement, number=number))
                if statement.number in repaired.texts:
                    texts[number] = source
                if statement.number in repaired.reasons:
                    reasons[number] = repaired.reasons[statement.number]
                if statement.number in repaired.left_out:
                    left_out.add(number)
            else:
                texts[number] = source
                comments = statement.comments if place == 0 else ()
                node = ast.parse(source).body[0]
                made.append(replace(statement, number=number, source=source, node=node, comments=comments, shown=False))
            origins.append(origin)
    return replace(
        repaired,
        notebook=replace(repaired.notebook, statements=tuple(made)),
        texts=texts,
        reasons=reasons,
        left_out=frozenset(left_out),
        origins=tuple(origins),
    )
