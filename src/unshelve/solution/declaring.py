"""Reads a solution folder in a process of its own and hands its declaration back.

Run as `python -m unshelve.solution.declaring FOLDER`; control calls `declaration_of`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from unshelve.errors import SolutionInvalid, UnshelveError, UserCodeFailed
from unshelve.pipeline.libraries import still_installed
from unshelve.solution.declaration import Declaration
from unshelve.solution.files import SOLUTION_FILE, code_files, owned_schemas

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
    return Reading(folder).declaration()


def is_still(declaration: Declaration, folder: Path) -> bool:
    """Whether the solution's code, Schemas and libraries are what they were when the declaration was read."""
    return (
        declaration.code == code_files(folder)[1]
        and declaration.schemas == owned_schemas(folder)
        and still_installed(declaration.environment)
    )


class Reading:
    """A solution folder that is being read, from now on; `declaration` waits for what comes of it.

    A folder that is still what `known` was read from is not read again.
    """

    def __init__(self, folder: Path, known: Declaration | None = None) -> None:
        self.folder = folder
        self._found = known if known is not None and is_still(known, folder) else None
        self._process = None if self._found is not None else _start(folder)

    def declaration(self) -> Declaration:
        """The declaration; SolutionInvalid or UserCodeFailed when the folder cannot be read."""
        if self._found is None:
            self._found = self._wait(self._process or _start(self.folder))
        return self._found

    def close(self) -> None:
        """Gives the reading up, if it goes on."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _wait(self, process: subprocess.Popen[bytes]) -> Declaration:
        file = self.folder / SOLUTION_FILE
        try:
            out, errors = process.communicate(timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise UserCodeFailed(
                f"Reading {file} took longer than {TIMEOUT_SECONDS:g} seconds.",
                code="solution-import-hung",
                hint="Move work out of the file's top level into steps.",
            ) from error
        finally:
            self.close()
        try:
            answer = msgspec.json.decode(out.rpartition(b"\n\x00")[2], type=Answer)
        except msgspec.DecodeError as error:
            said = errors.decode(errors="replace").strip().splitlines()
            raise UserCodeFailed(
                f"Reading {file} ended the process with {process.returncode}.",
                code="solution-import-exited",
                hint=said[-1][:300] if said else None,
            ) from error
        if answer.declaration is not None:
            return answer.declaration
        raise SolutionInvalid(answer.message, code=answer.code, near=answer.near, hint=answer.hint)


def _start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "unshelve.solution.declaring", str(folder.absolute())],
        cwd=folder
        if folder.is_dir()
        else None,  # as its steps are run: a path of the solution means the same, wherever the command is given
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


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
