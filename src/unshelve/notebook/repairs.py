"""Repairs a notebook where the meaning is certain: what is rewritten before a run, and after a statement failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unshelve.notebook.notebook import Notebook
from unshelve.solution.origin import NotebookFinding

if TYPE_CHECKING:
    from pathlib import Path

    from unshelve.notebook.watch_order import Rewritten


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """A notebook that was made to run: its new statements, and what was changed, by number of the statement."""

    notebook: Notebook
    texts: Mapping[int, str]
    """The new text of each statement that was rewritten."""
    left_out: frozenset[int]
    """Statements that cannot run, and that nothing needs."""
    findings: tuple[NotebookFinding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A statement that failed, the line of its text on which it did, and the names there were."""

    source: str
    error: BaseException
    line: int
    names: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A new text for a statement, and why."""

    rule: str
    message: str
    source: str


def repair(notebook: Notebook, folder: Path) -> Repaired:  # noqa: ARG001
    return Repaired(notebook=notebook, texts={}, left_out=frozenset(), findings=())


def repair_failure(failure: Failure) -> Change | None:  # noqa: ARG001
    return None


def may_be_left_out(source: str, later: Sequence[str], error: BaseException) -> Change | None:  # noqa: ARG001
    return None


def apply_rewrites(repaired: Repaired, rewrites: Sequence[Rewritten]) -> Repaired:  # noqa: ARG001
    return repaired
