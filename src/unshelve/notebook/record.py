"""What became of each statement of a notebook, as `lift.json` keeps it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping

import msgspec

from unshelve.ids import digest as digest_of
from unshelve.notebook.choosing import Choice
from unshelve.notebook.dead import dead
from unshelve.notebook.draft import Draft
from unshelve.notebook.notebook import Notebook
from unshelve.notebook.repairs import Repaired
from unshelve.notebook.secrets_in_text import Secrets
from unshelve.notebook.seen import Seen
from unshelve.notebook.writing import Written
from unshelve.solution.origin import AuthorsRow, Lift, LiftedCell, LiftedStatement, LiftedStep, NotebookFinding


def lift_record(
    notebook: Notebook,
    *,
    seen: Seen,
    choice: Choice,
    draft: Draft,
    written: Written,
    findings: tuple[NotebookFinding, ...],
    repaired: Repaired,
    own: Notebook,
    secrets: Secrets,
    digest: str,
    code: str,
    base: str,
    files: Mapping[str, str],
    examples: tuple[AuthorsRow, ...],
) -> Lift:
    """The record of a lift. It says nothing of when and where.

    `notebook` is as it ran, `own` as the author wrote it. `written` is what lies in the folder, `base` what the lift
    wrote before people's changes were taken over, `files` the digests of what else it wrote. Nothing in it shows one
    of the `secrets`.
    """
    where: dict[int, list[str]] = {number: [""] for number in draft.top}
    for step in written.steps:
        for number in step.statements:
            where.setdefault(number, []).append(step.name)
    others = seen.flow.slice({each.statement for each in choice.others}) if choice.others else frozenset()
    why = dead(notebook, seen.flow, draft.statements)
    texts = _authored(own, repaired)
    return Lift(
        notebook=notebook.path.name,
        digest=digest,
        code=code,
        model=draft.model,
        entry=draft.entry,
        entry_reason=None if draft.entry_reason is None else secrets.blot(draft.entry_reason),
        cells=tuple(
            LiftedCell(
                number=cell.number,
                kind=cell.kind,
                source=secrets.blot(cell.source),
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
                source=secrets.blot(texts.get(each.number, each.source)),
                steps=tuple(dict.fromkeys(where.get(each.number, ()))),
                dropped=None if each.number in where else _why(seen, draft, each.number, others, why),
                repaired=_mended(repaired, each.number, secrets),
                ran_as=secrets.blot(each.source) if texts.get(each.number, each.source) != each.source else None,
                origin=repaired.origins[each.number],
            )
            for each in notebook.statements
        ),
        steps=tuple(_with_code(step, written.text) for step in written.steps),
        findings=findings,
        examples=examples,
        written=base,
        files=dict(sorted(files.items())),
    )


def _authored(own: Notebook, repaired: Repaired) -> dict[int, str]:
    """Statements as the author wrote them, where one of the notebook as it ran is all that became of one of theirs."""
    times = Counter(repaired.origins)
    return {
        number: own.statements[origin].source
        for number, origin in enumerate(repaired.origins)
        if origin is not None and times[origin] == 1 and origin < len(own.statements)
    }


def _with_code(step: LiftedStep, text: str) -> LiftedStep:
    lines = text.splitlines()[step.first_line - 1 : step.last_line]
    return msgspec.structs.replace(step, code=digest_of("\n".join(lines).encode())[:16])


def _mended(repaired: Repaired, number: int, secrets: Secrets) -> str | None:
    """What was changed in a statement so that it runs."""
    said = secrets.blot(repaired.reasons.get(number, "")) or None
    return f"left out: {said}" if number in repaired.left_out and said else said


def _why(seen: Seen, draft: Draft, number: int, others: frozenset[int], unneeded: Mapping[int, str]) -> str:
    """Why a statement was dropped, in few words."""
    said = draft.left_out.get(number)
    if said is not None:
        return said
    if number in draft.statements:
        return "removed by hand"
    tree = seen.trees[number]
    run = seen.watched.run_of(number)
    if isinstance(tree, ast.Import | ast.ImportFrom):
        return "not needed"
    if run is not None and run.figures:
        return "a picture"
    why = unneeded.get(number, "never used")
    if why == "never used" and number in others:
        return "other model"
    return "looks only" if why == "never used" and isinstance(tree, ast.Expr) else why
