"""The process that lifts a notebook with the Python of another environment. `python -m` with an order's path."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from unshelve.errors import UnshelveError
from unshelve.notebook.finishing import Lifted
from unshelve.notebook.lifting import lift
from unshelve.notebook.merging import Side
from unshelve.notebook.watching import RunLimits
from unshelve.solution.origin import Lift, LiftProof, NotebookFinding


class LiftOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be lifted, and where to."""

    path: str
    folder: str
    model: str | None
    limits: RunLimits | None
    keep: Side | None
    partly: bool = False
    only_proven: bool = False
    known: tuple[NotebookFinding, ...] = ()


class Said(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What is being done."""

    text: str


class Came(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What came of it."""

    folder: str | None
    lift: Lift | None
    proof: LiftProof


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Why there was nothing to be lifted."""

    message: str
    code: str
    hint: str | None


LiftLine = Said | Came | Failed


def lift_as(order: LiftOrder, told: Callable[[str], None]) -> Lifted:
    """Lift as it is ordered, in this process."""
    return lift(
        Path(order.path),
        Path(order.folder),
        model=order.model,
        limits=order.limits,
        keep=order.keep,
        partly=order.partly,
        only_proven=order.only_proven,
        told=told,
        known=order.known,
    )


def main(order_path: str) -> None:
    """Carry out one order; each line of standard output is a LiftLine."""
    order = msgspec.json.decode(Path(order_path).read_bytes(), type=LiftOrder)
    lines = os.dup(1)
    os.dup2(2, 1)  # whatever else prints, prints to where errors go

    def write(line: LiftLine) -> None:
        os.write(lines, msgspec.json.encode(line) + b"\n")

    try:
        lifted = lift_as(order, lambda text: write(Said(text=text)))
    except UnshelveError as error:
        write(Failed(message=error.message, code=error.subject_code, hint=error.hint))
        return
    folder = None if lifted.folder is None else str(lifted.folder)
    write(Came(folder=folder, lift=lifted.lift, proof=lifted.proof))


if __name__ == "__main__":
    main(sys.argv[1])
