"""The author's own modules beside a notebook, written as they have to be today. The files themselves stay as they are.

The watched runs and the solution's folder get the new texts, which the notebook's value carries along.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from unshelve.notebook.notebook import Notebook
from unshelve.notebook.numbered import remark
from unshelve.notebook.own_modules import own_modules
from unshelve.notebook.rewriting import Note, Rewriter
from unshelve.solution.origin import NotebookFinding

_DONE: Final = "It was rewritten in the copy that the solution gets; the file beside the notebook is as it was."


def modules_today(
    notebook: Notebook, folder: Path, rewriter: Rewriter
) -> tuple[Mapping[str, str], tuple[NotebookFinding, ...]]:
    """The texts of the modules in which something drifted, by their path from the folder, and what was changed.

    `rewriter` is that of the notebook when it is through: it knows which files the notebook makes.
    """
    texts: dict[str, str] = {}
    findings: list[NotebookFinding] = []
    for module in own_modules(notebook, folder):
        name = module.name
        try:
            before = module.path.read_text(encoding="utf-8")
            after, notes = _rewritten(before, Rewriter(table=rewriter.table, files=rewriter.files, made=rewriter.made))
        except (SyntaxError, ValueError, OSError):
            continue  # the run says what is wrong with it
        if after != before and module.beside:
            texts[name] = after
            findings += [finding_in(name, line, note.rule, note.message) for line, note in notes]
    return texts, tuple(findings)


def finding_in(module: str, line: int, rule: str, message: str) -> NotebookFinding:
    """A finding at a line of a module beside the notebook."""
    return remark(rule, None, f"{module}, line {line}: {message}", _DONE)


def statement_at(text: str, line: int) -> tuple[int, str] | None:
    """The top-level statement of a module at a line: its first line, and its text; None where none is there."""
    for first, found in _statements(text):
        if first <= line <= first + found.count("\n"):
            return first, found
    return None


def with_statement(text: str, first: int, old: str, new: str) -> str:
    """A module's text with another statement in the place of the one that begins at a line."""
    lines = text.split("\n")
    last = first + old.count("\n")
    return "\n".join([*lines[: first - 1], new, *lines[last:]])


def _rewritten(text: str, rewriter: Rewriter) -> tuple[str, list[tuple[int, Note]]]:
    """The text as it has to be today, statement by statement, and what was changed at which line."""
    found: list[tuple[int, Note]] = []
    changes: list[tuple[int, str, str]] = []
    for first, old in _statements(text):
        sources, notes = rewriter.rewrite(old)
        if sources != [old]:
            changes.append((first, old, "\n".join(sources)))
            found += [(first, note) for note in notes]
    for first, old, new in reversed(changes):
        text = with_statement(text, first, old, new)
    return text, found


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """First line and lines of each top-level statement; those that share a line with others are left alone."""
    lines = text.split("\n")
    for node in ast.parse(text).body:
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
        found = "\n".join(lines[first - 1 : node.end_lineno])
        if _is_one(found):
            yield first, found


def _is_one(text: str) -> bool:
    try:
        return len(ast.parse(text).body) == 1
    except SyntaxError:
        return False
