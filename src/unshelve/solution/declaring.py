"""Reads a solution folder in a process of its own and hands its declaration back.

Run as `python -m unshelve.solution.declaring FOLDER`; control calls `declaration_of`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from unshelve.errors import SolutionInvalid, UnshelveError, UserCodeFailed
from unshelve.solution.declaration import Declaration

TIMEOUT_SECONDS = 120.0


class Answer(msgspec.Struct, kw_only=True):
    """What the process says: a declaration, or the error that stands against it."""

    declaration: Declaration | None = None
    message: str | None = None
    code: str = "solution-invalid"
    near: tuple[str, ...] = ()
    hint: str | None = None


def declaration_of(folder: Path) -> Declaration:
    """The declaration of the solution in a folder; SolutionInvalid or UserCodeFailed when it cannot be read."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "unshelve.solution.declaring", str(folder)],
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UserCodeFailed(
            f"Reading {folder / 'solution.py'} took longer than {TIMEOUT_SECONDS:g} seconds.",
            code="solution-import-hung",
            hint="Move work out of the file's top level into steps.",
        ) from error
    last = done.stdout.rpartition(b"\n\x00")[2]
    try:
        answer = msgspec.json.decode(last, type=Answer)
    except msgspec.DecodeError as error:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise UserCodeFailed(
            f"Reading {folder / 'solution.py'} ended the process with {done.returncode}.",
            code="solution-import-exited",
            hint=said[-1][:300] if said else None,
        ) from error
    if answer.declaration is not None:
        return answer.declaration
    raise SolutionInvalid(answer.message, code=answer.code, near=answer.near, hint=answer.hint)


def main(folder: Path) -> None:
    """Print the declaration, or the error, after a mark that user code will not print."""
    from unshelve.solution.loading import declare

    try:
        answer = Answer(declaration=declare(folder))
    except UnshelveError as error:
        answer = Answer(message=error.message, code=error.subject_code, near=error.near, hint=error.hint)
    sys.stdout.flush()
    sys.stdout.buffer.write(b"\n\x00" + msgspec.json.encode(answer))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
