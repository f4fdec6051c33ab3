"""What only a run can say of a notebook's rows: N114 and N120."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from unshelve.notebook.notebook import Notebook
from unshelve.notebook.numbered import remark
from unshelve.notebook.remarks_rows import TRANSFORMERS
from unshelve.notebook.watched import Call, Watched
from unshelve.solution.origin import NotebookFinding

_ENOUGH: Final = 20
"""Rows from which on two columns of equal values are no chance."""


def watched_remarks(notebook: Notebook, watched: Watched) -> tuple[NotebookFinding, ...]:
    """The findings that a run adds. The statements are those that ran."""
    found = [each for call in watched.calls if not call.inside for each in _of_call(notebook, call)]
    return tuple(dict.fromkeys(found))


def _of_call(notebook: Notebook, call: Call) -> Iterator[NotebookFinding]:
    statement = notebook.statements[call.statement]
    if call.kind == "split" and call.shared is not None and call.shared[0]:
        rows, of = call.shared
        yield remark(
            "N120",
            statement,
            f"{rows:,} of {of:,} test rows are among the training rows too, equal in every column: these are "
            "remembered, not predicted.",
            "Drop duplicates before the rows are divided, where they are copies and not rows that happen to be alike.",
        )
    if call.kind in ("fit", "search") and len(call.arguments) >= 2:
        features, target = call.arguments[:2]
        kind = call.name.split(".")[-2] if "." in call.name else ""
        if features.kind != "frame" or target.kind != "series" or TRANSFORMERS.search(kind):
            return
        if (target.rows or 0) < _ENOUGH or not target.contents or not features.columns or not features.contents:
            return
        for name, content in zip(features.columns, features.contents, strict=True):
            if content and content == target.contents[0]:
                yield remark(
                    "N114",
                    statement,
                    f"{name} is a column of the features, and holds just what is to be predicted.",
                    f"Leave it out: drop(columns=[{name!r}]).",
                )
