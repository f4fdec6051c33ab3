"""Says of statements that nothing wanted needs why they can go: `dead`."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Final

from unshelve.notebook.flow import Flow, Touch
from unshelve.notebook.notebook import Notebook
from unshelve.notebook.tracing import FIGURE

_FITS: Final = ("fit", "fit_predict", "partial_fit")


def dead(notebook: Notebook, flow: Flow, wanted: Iterable[int]) -> dict[int, str]:
    """For each statement that is not in the slice of `wanted`, why: "other model", "settings of looks", "looks only"
    or "never used"."""
    kept = flow.slice(wanted)
    left = [number for number in range(len(flow.needs)) if number not in kept]
    others = _of_other_models(notebook, flow, left)
    return {number: _why(notebook, flow.touches[number], number, others) for number in left}


def _why(notebook: Notebook, touch: Touch, number: int, others: frozenset[int]) -> str:
    node = notebook.statements[number].node
    made = touch.binds | touch.may_bind | touch.changes
    if made and all(name.startswith("settings:") for name in made):
        return "settings of looks"
    if FIGURE in made and not touch.binds - {FIGURE}:
        return "looks only"
    if number in others:
        return "other model"
    if isinstance(node, ast.Expr) and not (made - {FIGURE}):
        return "looks only"
    return "never used"


def _of_other_models(notebook: Notebook, flow: Flow, left: list[int]) -> frozenset[int]:
    """Statements that fit a model that is not wanted, lead only to one, or look at one."""
    found: set[int] = set()
    for number in left:
        fits = any(
            isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr in _FITS
            for each in ast.walk(notebook.statements[number].node)
        )
        if fits or any(makers & found for makers in flow.needs[number].values()):
            found.add(number)
    return frozenset(found) | (flow.slice(found) & frozenset(left))
