"""Scores a file: its rows are answered and come back in the same kind of file, with columns added.

The work is done by a process of its own (`scoring_process.py`), so that control needs no table library, and a file
that breaks a reader breaks nothing else. With an address it asks the answer processes there, and the answers are
logged; without one it loads the version itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Final

import msgspec

from unshelve.errors import (
    Conflict,
    Damaged,
    NotAllowed,
    NotFound,
    Refused,
    SignInNeeded,
    StorageFull,
    TooLarge,
    Unavailable,
    UnshelveError,
    UnsupportedType,
    UserCodeFailed,
)
from unshelve.security.actors import Actor
from unshelve.serving.hash_seed import VARIABLE, hash_seed

TIMEOUT_SECONDS: Final = 3600.0


class ScoreOrders(msgspec.Struct, kw_only=True, frozen=True):
    """What is to be scored, by which model, and where the result goes."""

    home: str
    model: str
    source: str
    target: str
    name: str
    """What the sender calls the file; its ending tells the kind."""
    address: str | None = None
    """Where the home answers; without it the rows are answered here, and not logged."""
    actor: Actor | None = None
    """For whom the address is asked."""
    version: int | None = None
    """A version of the model; the released one without it."""


class Scored(msgspec.Struct, kw_only=True, frozen=True):
    """What came of it. `problems` are the first rows that could not be answered, one sentence each."""

    rows: int
    refused: int
    version: int
    columns: tuple[str, ...]
    """The added columns, as they stand in the file."""
    problems: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    """What was guessed in reading the file, or could not be kept in writing it."""


class Said(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One line of what the process says: how far it got, what came of it, or the error that stopped it."""

    done: int = 0
    of: int = 0
    scored: Scored | None = None
    message: str | None = None
    status: int = 422
    code: str = "refused"
    near: tuple[str, ...] = ()
    hint: str | None = None


def score_file(orders: ScoreOrders, progress: Callable[[int, int], None] = lambda _done, _of: None) -> Scored:
    """Score a file. `progress` is told how many rows are answered, and of how many.

    Raises what is wrong with the file, the model or the rows as a whole; then nothing is written. Rows that cannot
    be answered are in the file all the same, with a column that says why.
    """
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "unshelve.solution.scoring_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, VARIABLE: hash_seed(Path(orders.home) / "keys")},
        )
        ending = threading.Timer(TIMEOUT_SECONDS, process.kill)
        ending.start()
        try:
            last = _converse(process, orders, progress)
        finally:
            ending.cancel()
            process.kill()
            process.wait()
        if last.scored is not None:
            return last.scored
        if last.message is not None:
            raise _ERRORS.get(last.status, Refused)(last.message, code=last.code, near=last.near, hint=last.hint)
        raise UserCodeFailed(
            f"Scoring {orders.name} ended its process with {process.returncode}.",
            code="scoring-exited",
            hint=_last_line(errors),
        )


def _converse(process: subprocess.Popen[bytes], orders: ScoreOrders, progress: Callable[[int, int], None]) -> Said:
    """Hand over the orders and listen until the last word, which is empty when the process ended without one."""
    said = Said()
    if process.stdin is None or process.stdout is None:
        return said
    with process.stdin, process.stdout:
        try:
            process.stdin.write(msgspec.json.encode(orders))
            process.stdin.close()
        except BrokenPipeError:
            return said
        for line in process.stdout:
            said = msgspec.json.decode(line, type=Said)
            if said.scored is not None or said.message is not None:
                break
            progress(said.done, said.of)
        else:
            process.wait()
    return said


def _last_line(errors: IO[bytes]) -> str | None:
    errors.seek(max(0, errors.seek(0, 2) - 4000))
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else None


_ERRORS: Final[Mapping[int, type[UnshelveError]]] = {
    401: SignInNeeded,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    415: UnsupportedType,
    500: Damaged,
    503: Unavailable,
    507: StorageFull,
}
"""The kind of error that a status stands for, where that is not Refused."""
