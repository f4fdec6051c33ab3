"""The same program in plainer statements, once a run has shown what it does.

Lifting reads statements. Where a notebook keeps its rows in a bundle of arrays, or fits its models in a loop or in a
function, other statements that compute the same let it see more. What was restated is run again before it is used.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from unshelve.notebook.inlining import inlined
from unshelve.notebook.notebook import Statement
from unshelve.notebook.repairs import Repaired
from unshelve.notebook.row_naming import rows_named
from unshelve.notebook.tabling import tabled
from unshelve.notebook.unrolling import unrolled
from unshelve.notebook.watched import Watched

_DEEP: Final = 3
"""How many functions that call one another are looked through."""


def restated(repaired: Repaired, watched: Watched) -> Repaired:
    """The notebook restated, its statements with numbers anew; the same object where there is nothing to restate."""
    found: Mapping[int, tuple[str, ...]] = {
        **tabled(repaired.notebook, watched),
        **rows_named(repaired.notebook, watched),
        **unrolled(repaired.notebook, watched),
    }
    if found:
        repaired = _with_texts(repaired, found)
    for _ in range(_DEEP):
        found = inlined(repaired.notebook)
        if not found:
            break
        repaired = _with_texts(repaired, found)
    return repaired


def same_calls(before: Watched, after: Watched) -> bool:
    """Whether a restated notebook made the same calls with the same outcomes as the notebook itself."""
    one, two = ([(each.kind, each.name, each.inside) for each in run.calls] for run in (before, after))
    return after.ran and one == two


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
