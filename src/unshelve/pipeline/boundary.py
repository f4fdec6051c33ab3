"""The boundary around user code: its failure becomes a report that its author can act on, free of our frames."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import unshelve.errors
from unshelve.errors import UnshelveError
from unshelve.pipeline.outcome import StepError
from unshelve.security.secrets import redact

_OURS: Final = str(Path(unshelve.errors.__file__).parent)
_LONGEST_MESSAGE: Final = 1_000
_LONGEST_TRACEBACK: Final = 20_000


def report_of(
    error: BaseException, *, step: str, folder: Path, inputs: Mapping[str, str], subject: str | None = None
) -> StepError:
    """The report of an exception that came out of a step. `inputs` says what each input was.

    `subject` begins the sentence where it is not the step that failed.
    """
    who = subject or f"Step {step}"
    place = _place(error, folder)
    if isinstance(error, UnshelveError):
        message, code = str(error), error.subject_code
    elif isinstance(error, SystemExit):
        message, code = f"{who} ended its process: exit({error.code!r}).", "step-exited"
    else:
        said = str(error).strip()
        message = f"{who} raised {type(error).__name__}{': ' if said else '.'}{said}"
        code = "user-code-failed"
    return StepError(
        step=step,
        message=redact(_cut(message, _LONGEST_MESSAGE)),
        code=code,
        traceback=redact(_cut(own_traceback(error), _LONGEST_TRACEBACK)),
        place=place,
        inputs=dict(inputs),
    )


def own_traceback(error: BaseException) -> str:
    """The traceback of an exception without our frames; empty when only ours are in it."""
    told = traceback.TracebackException.from_exception(error, limit=-200)
    seen: list[traceback.TracebackException | None] = [told]
    foreign = False
    while seen:
        one = seen.pop()
        if one is None:
            continue
        kept = [frame for frame in one.stack if not frame.filename.startswith(_OURS)]
        foreign = foreign or bool(kept)
        one.stack = traceback.StackSummary.from_list(kept)
        seen += [one.__cause__, one.__context__]
    return "".join(told.format()) if foreign else ""


def _place(error: BaseException, folder: Path) -> str | None:
    """Where in the solution it happened last: "solution.py:12"."""
    root = folder.resolve()
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(root) or path.is_relative_to(folder):
            inside = path.relative_to(root if path.is_relative_to(root) else folder)
            return f"{inside.as_posix()}:{frame.lineno}"
    return None if error.__cause__ is None else _place(error.__cause__, folder)


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]}\n… {len(text) - longest:,} characters left out …\n{text[-half:]}"
