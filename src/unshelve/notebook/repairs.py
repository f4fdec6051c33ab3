"""Repairs a notebook so that it runs: rewrites whose meaning is certain, before a run and where a statement failed.

Findings: N200 to N222, which `numbered.py` lists.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from unshelve.notebook.drift_table import drift_table
from unshelve.notebook.leaving_out import may_be_left_out
from unshelve.notebook.module_repairs import finding_in, modules_today
from unshelve.notebook.notebook import Notebook, Statement
from unshelve.notebook.numbered import RULES
from unshelve.notebook.paths import NearbyFiles
from unshelve.notebook.rewriting import Rewriter
from unshelve.notebook.typed import Typed
from unshelve.notebook.watch_order import Rewritten, RewrittenModule
from unshelve.notebook.watched import Watched
from unshelve.solution.origin import NotebookFinding


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """A notebook that was made to run. Statements of `notebook` have numbers of their own: some may be `added`."""

    notebook: Notebook
    texts: Mapping[int, str]
    """The new text of each statement that was rewritten or added."""
    reasons: Mapping[int, str]
    """What was changed in it, in words."""
    left_out: frozenset[int]
    """Statements that cannot run and that nothing needs. Each is `pass` now."""
    findings: tuple[NotebookFinding, ...]
    origins: tuple[int | None, ...] = ()
    """For each statement its number in the notebook as it was; None for those that were added."""


def repair(notebook: Notebook, folder: Path) -> Repaired:
    """The notebook with all that can be rewritten without running it."""
    rewriter = Rewriter(table=drift_table(), files=NearbyFiles(folder))
    typed = Typed(notebook)
    made: list[Statement] = []
    origins: list[int | None] = []
    texts: dict[int, str] = {}
    reasons: dict[int, str] = {}
    findings: list[NotebookFinding] = []
    for statement in notebook.statements:
        answered, said = typed.answered(statement)
        sources, notes = rewriter.rewrite(answered)
        notes = [*said, *notes]
        findings.extend(_finding(note.rule, note.message, statement) for note in notes)
        for place, source in enumerate(sources):
            last = place == len(sources) - 1
            number = len(made)
            if source != statement.source:
                texts[number], reasons[number] = source, "; ".join(note.message for note in notes)
            made.append(_with_text(statement, source, number=number, shown=statement.shown and last))
            origins.append(statement.number if last else None)
    modules, said_of_modules = modules_today(notebook, folder, rewriter)
    return Repaired(
        notebook=replace(typed.rest(notebook), statements=tuple(made), modules=modules),
        texts=texts,
        reasons=reasons,
        left_out=frozenset(),
        findings=(*findings, *said_of_modules),
        origins=tuple(origins),
    )


def apply_rewrites(repaired: Repaired, rewrites: Sequence[Rewritten | RewrittenModule], ended: str | None) -> Repaired:
    """What was repaired before the run, with what was repaired in it, and a finding for what ended it."""
    statements = list(repaired.notebook.statements)
    texts, reasons = dict(repaired.texts), dict(repaired.reasons)
    left_out, findings = set(repaired.left_out), list(repaired.findings)
    modules = dict(repaired.notebook.modules)
    for each in rewrites:
        if isinstance(each, RewrittenModule):
            modules[each.module] = each.text
            findings.append(finding_in(each.module, each.line, each.rule, each.message))
            continue
        number, source = each.number, "pass" if each.source is None else each.source
        if each.rule:
            findings.append(_finding(each.rule, each.message, statements[number]))
        statements[number] = _with_text(statements[number], source, number=number, shown=statements[number].shown)
        texts[number] = source
        reasons[number] = "; ".join(filter(None, [reasons.get(number), each.message]))
        if each.source is None:
            left_out.add(number)
    if ended is not None:
        findings.append(_ending(ended))
    return replace(
        repaired,
        notebook=replace(repaired.notebook, statements=tuple(statements), modules=modules),
        texts=texts,
        reasons=reasons,
        left_out=frozenset(left_out),
        findings=tuple(findings),
    )


def left_out_too(repaired: Repaired, run: Watched) -> Repaired | None:
    """Without the statement that ended a run, where nothing needs it: some fail by chance. None where it is needed."""
    failed = next((each for each in run.statements if each.error is not None), None)
    if failed is None or failed.number >= len(repaired.notebook.statements):
        return None
    sources = [each.source for each in repaired.notebook.statements]
    change = may_be_left_out(sources[failed.number], sources[failed.number + 1 :], RuntimeError(failed.error))
    if change is None:
        return None
    number, said = failed.number, failed.error or ""
    rewritten = Rewritten(number=number, source=None, rule=change.rule, message=change.message, error=said)
    return apply_rewrites(repaired, [rewritten], None)


def _with_text(statement: Statement, source: str, *, number: int, shown: bool) -> Statement:
    if source == statement.source:
        return replace(statement, number=number, shown=shown)
    node = ast.parse(source).body[0]
    return replace(statement, number=number, source=source, node=node, shown=shown and isinstance(node, ast.Expr))


def _finding(rule: str, message: str, statement: Statement) -> NotebookFinding:
    return NotebookFinding(
        number=rule,
        severity=RULES[rule][0],
        cell=statement.cell,
        line=statement.line,
        message=message,
        repair=_DONE.get(rule, "It was rewritten."),
    )


def _ending(ended: str) -> NotebookFinding:
    """Why the run came to no end, as a finding with what to do."""
    place = re.match(r"cell (\d+), line (\d+)", ended)
    for pattern, rule, repair_text in _ENDINGS:
        found = re.search(pattern, ended, re.DOTALL)
        if found:
            if rule == "N211":
                repair_text = repair_text.format(drift_table().package(found["name"]))
            break
    return NotebookFinding(
        number=rule,
        severity="error",
        cell=int(place[1]) if place else None,
        line=int(place[2]) if place else None,
        message=ended,
        repair=repair_text,
    )


_DONE: Final = {
    "N205": "It was left out.",
    "N217": "It was left out; repair it if this is the model that counts.",
    "N210": "The import was added.",
    "N219": "It was left out with the rest of its cell, as in the author's run.",
    "N222": "Take it out, if what follows counts.",
    "N221": "The value was written there.",
    "N220": "Repair it if the model that counts is among these.",
}
_ENDINGS: Final = (
    (r"No module named '(?P<name>[\w.]+)'", "N211", "Install {} where unshelve runs, and lift again."),
    (r"Missing optional dependency '(?P<name>\w+)'", "N211", "Install {} where unshelve runs, and lift again."),
    (
        r"(run without network|NetworkIsOff).*(figshare|openml)|(figshare|openml).*run without network",
        "N213",
        "Let scikit-learn fetch it once outside of unshelve: it keeps the data, and reads them from there.",
    ),
    (
        r"seaborn-data.*run without network",
        "N213",
        "Let seaborn load it once outside of unshelve: it keeps the data, and reads them from there.",
    ),
    (r"run without network|NetworkIsOff", "N213", "Put the file beside the notebook, and read it from there."),
    (r"pointer of git-lfs", "N212", "Fetch the data with `git lfs pull`."),
    (r"FileNotFoundError|No such file", "N212", "Put the file beside the notebook."),
    (r"asks a person", "N214", "Write the answer into the notebook."),
    (
        r"has been removed from|InvalidParameterError",
        "N215",
        "Let it be lifted with older packages, or write what stands there today.",
    ),
    (r"longer than", "N216", "Make the statement smaller, leave it out, or give it more time with `--seconds`."),
    (r"of memory$", "N216", "Make the statement smaller, leave it out, or give it more with `--memory`."),
    (r"leaves the notebook: it calls exit", "N216", "Mend what it ends for, or leave it out."),
    (r"more than|killed by|ended", "N216", "Make the statement smaller, or leave it out."),
    (r"", "N215", "Correct the statement so that the notebook runs from top to bottom in a fresh session."),
)
