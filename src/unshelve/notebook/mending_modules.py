"""Rewrites a module beside the notebook in which something failed, as `mending.py` rewrites statements."""

from __future__ import annotations

import traceback
from collections.abc import Collection
from pathlib import Path

from unshelve.notebook.failing import Failure
from unshelve.notebook.mending import mended
from unshelve.notebook.module_repairs import statement_at, with_statement
from unshelve.notebook.watch_order import RewrittenModule


def mended_module(error: BaseException, folder: Path, modules: Collection[str]) -> RewrittenModule | None:
    """The module that has to be written anew where an error came out of one; None where no rule knows the error.

    What failed in a statement of the notebook is none, even where a module called that.
    """
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        file = frame.f_code.co_filename
        if file.startswith("<cell "):
            return None
        path = Path.cwd() / file
        name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else ""
        if name not in modules:
            continue
        text = path.read_text(encoding="utf-8")
        found = statement_at(text, line)
        if found is None:
            continue
        first, source = found
        failure = Failure(
            source=source, error=error, line=line - first + 1, names={**frame.f_globals, **frame.f_locals}
        )
        change = mended(failure)
        if change is not None:
            new = with_statement(text, first, source, change.source)
            return RewrittenModule(module=name, line=line, text=new, rule=change.rule, message=change.message)
    return None
