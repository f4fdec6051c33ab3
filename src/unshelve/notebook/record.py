"""What became of each statement of a notebook, as `lift.json` keeps it."""

from __future__ import annotations

import ast

from unshelve.notebook.choosing import Choice
from unshelve.notebook.draft import Draft
from unshelve.notebook.notebook import Notebook
from unshelve.notebook.repairs import Repaired
from unshelve.notebook.secrets_in_text import blotted
from unshelve.notebook.seen import Seen
from unshelve.notebook.writing import Written
from unshelve.solution.origin import Lift, LiftedCell, LiftedStatement, NotebookFinding


def lift_record(
    notebook: Notebook,
    *,
    seen: Seen,
    choice: Choice,
    draft: Draft,
    written: Written,
    findings: tuple[NotebookFinding, ...],
    repaired: Repaired,
    digest: str,
    code: str,
) -> Lift:
    """The record of a lift. It says nothing of when and where."""
    where: dict[int, list[str]] = {number: [""] for number in draft.top}
    for step in written.steps:
        for number in step.statements:
            where.setdefault(number, []).append(step.name)
    others = seen.flow.slice({each.statement for each in choice.others}) if choice.others else frozenset()
    return Lift(
        notebook=notebook.path.name,
        digest=digest,
        code=code,
        model=draft.model,
        entry=draft.entry,
        entry_reason=draft.entry_reason,
        cells=tuple(
            LiftedCell(
                number=cell.number,
                kind=cell.kind,
                source=blotted(cell.source),
                execution_count=cell.execution_count,
            )
            for cell in notebook.cells
        ),
        statements=tuple(
            LiftedStatement(
                number=each.number,
                cell=each.cell,
                line=each.line,
                end_line=each.end_line,
                source=blotted(each.source),
                steps=tuple(dict.fromkeys(where.get(each.number, ()))),
                dropped=None if each.number in where else _why(seen, draft, each.number, others),
                repaired=_mended(repaired, each.number),
            )
            for each in notebook.statements
        ),
        steps=written.steps,
        findings=findings,
    )


def _mended(repaired: Repaired, number: int) -> str | None:
    """What was changed in a statement so that it runs."""
    if number in repaired.left_out:
        return "left out: it cannot run today, and nothing needs it"
    return repaired.reasons.get(number)


def _why(seen: Seen, draft: Draft, number: int, others: frozenset[int]) -> str:
    """Why a statement was dropped, in few words."""
    said = draft.left_out.get(number)
    if said is not None:
        return said
    tree = seen.trees[number]
    run = seen.watched.run_of(number)
    if isinstance(tree, ast.Import | ast.ImportFrom):
        return "not needed"
    if run is not None and run.figures:
        return "a picture"
    if number in others:
        return "other model"
    if isinstance(tree, ast.Expr):
        return "looks only"
    return "never used"
