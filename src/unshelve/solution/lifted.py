"""Reads where a solution comes from, from the two files beside it, as it is at the moment of registration.

What pages show later is this value, not whatever lies in the folder by then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from unshelve.errors import Refused
from unshelve.ids import digest
from unshelve.security.paths import inside
from unshelve.solution.declaration import Declaration, Place
from unshelve.solution.files import SOLUTION_FILE, code_files
from unshelve.solution.findings import Finding, finding
from unshelve.solution.origin import LIFT_FILE, PROOF_FILE, Lift, LiftProof, Verdict

MOST_BYTES: Final = 32_000_000
"""Of each of the two files: a notebook of 5,000 cells takes about 5 MB."""
MOST_NOTEBOOK_BYTES: Final = 64_000_000
"""Of a notebook that is looked at for changes: hashing more would hold every run up."""

_T = TypeVar("_T")


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """The lift and its Proof beside the code that they are about."""

    lift: Lift | None
    """None when lift.json cannot be used."""
    proof: LiftProof | None
    code: str
    """The text of solution.py; "" when it was edited since the lift, for then no line of it is where the lift says."""
    edited: bool = False
    """Whether the code is another than the lift wrote."""
    notebook_edited: bool = False
    """Whether the notebook in the folder is another than the one that was lifted."""
    problem: str = ""
    """Why one of the files cannot be used."""

    @property
    def notebook(self) -> str:
        """File name of the notebook."""
        return self.lift.notebook if self.lift is not None else "a notebook"

    @property
    def state(self) -> str:
        """In one word: damaged, edited, unproven, proven, not-proven or refused. Never "proven" beside a difference."""
        if self.lift is None:
            return "damaged"
        if self.edited:
            return "edited"
        if self.proof is None:
            return "unproven"
        if self.proof.outcome == "proven" and any(one.verdict is Verdict.DIFFERENT for one in self.proof.values):
            return "not-proven"
        return self.proof.outcome


def origin_in(folder: Path, declaration: Declaration) -> Origin | None:
    """Where the solution in a folder comes from; None when no lift.json lies there. Damage is in `problem`."""
    try:
        written = _bytes(folder, LIFT_FILE)
        if written is None:
            return None
        lift = _decoded(written, LIFT_FILE, Lift)
        _consistent(lift)
    except Refused as error:
        return Origin(lift=None, proof=None, code="", problem=error.message)
    try:
        proof, problem = _proof(folder, digest(written)), ""
    except Refused as error:
        proof, problem = None, error.message
    files, now = code_files(folder)
    text = files.get(SOLUTION_FILE, b"").decode("utf-8", errors="replace")
    edited = now != declaration.code or lift.code not in ("", now) or not _lines_match(lift, text)
    return Origin(
        lift=lift,
        proof=proof,
        code="" if edited else text,
        edited=edited,
        notebook_edited=_other_notebook(folder, lift),
        problem=problem,
    )


@dataclass(frozen=True, slots=True)
class FoundNotebook:
    """The notebook of a solution, where it can be lifted again."""

    path: Path
    edited: bool
    """Whether it is another than the one that was lifted."""


def notebook_of(folder: Path, lift: Lift) -> FoundNotebook | None:
    """The notebook that a folder was lifted from: above the folder, or the copy in it; None where neither is there.

    The one that was edited, where one was. None also where both were, each in another way: to lift one would lose
    the other.
    """
    if Path(lift.notebook).name != lift.notebook or not lift.notebook.lower().endswith(".ipynb"):
        return None
    found = [(place, _digest_of(place, lift.notebook)) for place in (folder.parent, folder)]
    there = [(place / lift.notebook, known) for place, known in found if known is not None]
    edited = [(path, known) for path, known in there if known != lift.digest]
    if len({known for _, known in edited}) > 1 or not there:
        return None
    return FoundNotebook((edited or there)[0][0], bool(edited))


def origin_findings(origin: Origin | None) -> tuple[Finding, ...]:
    """U018, when one of the two files cannot be used."""
    if origin is None or not origin.problem:
        return ()
    file = LIFT_FILE if origin.lift is None else PROOF_FILE
    repair = "Lift the notebook again, or remove the file: the solution runs without it."
    return (finding("U018", "", Place(file=file, line=1), origin.problem, repair),)


def _proof(folder: Path, lift: str) -> LiftProof | None:
    """The Proof of just this lift; None when there is none. Refused when it is that of another."""
    data = _bytes(folder, PROOF_FILE)
    if data is None:
        return None
    proof = _decoded(data, PROOF_FILE, LiftProof)
    if proof.lift != lift:
        raise Refused(f"`{PROOF_FILE}` is not about the `{LIFT_FILE}` beside it.", code="origin-damaged")
    return proof


def _bytes(folder: Path, name: str) -> bytes | None:
    """A file of the folder; None when it is not there. Refused when it cannot be read."""
    place = inside(folder, name)
    if not place.is_file():
        return None
    try:
        with place.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Refused(f"`{name}` cannot be read: {error.strerror}.", code="origin-damaged") from error
    if len(data) > MOST_BYTES:
        raise Refused(f"`{name}` is larger than {MOST_BYTES // 1_000_000} MB.", code="origin-damaged")
    return data


def _decoded(data: bytes, name: str, kind: type[_T]) -> _T:
    """JSON, decoded strictly. Refused when it is not what a lift writes."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said = str(error)[:200].rstrip(".")
        raise Refused(f"`{name}` is not what a lift writes: {said}.", code="origin-damaged") from error


def _consistent(lift: Lift) -> None:
    """Raises Refused when the parts of a lift do not belong together."""
    cells = {one.number for one in lift.cells}
    numbers = {one.number for one in lift.statements}
    steps = {one.name for one in lift.steps} | {""}
    for one in lift.statements:
        if one.cell not in cells or not 1 <= one.line <= one.end_line:
            raise _apart(f"statement {one.number} stands in no cell")
        if not steps.issuperset(one.steps):
            raise _apart(f"statement {one.number} went into a step that is not there")
    if any(each.cell not in cells for each in lift.examples):
        raise _apart("an example comes of no cell")
    for step in lift.steps:
        if not 1 <= step.first_line <= step.last_line or not numbers.issuperset(step.statements):
            raise _apart(f"the lines or statements of the step {step.name[:80]!r} do not exist")
    if len(cells) != len(lift.cells) or len(numbers) != len(lift.statements):
        raise _apart("a number is given twice")


def _apart(why: str) -> Refused:
    return Refused(f"`{LIFT_FILE}` does not hold together: {why}.", code="origin-damaged")


def _lines_match(lift: Lift, text: str) -> bool:
    """Whether each step is defined in the lines that the lift says."""
    lines = text.splitlines()
    for step in lift.steps:
        if step.last_line > len(lines):
            return False
        own = "\n".join(lines[step.first_line - 1 : step.last_line])
        if step.name and not re.search(rf"^\s*(async\s+)?def\s+{re.escape(step.name)}\b", own, re.MULTILINE):
            return False
    return True


def _other_notebook(folder: Path, lift: Lift) -> bool:
    """Whether the notebook beside the solution is another than was lifted; one that is not there is none."""
    found = _digest_of(folder, lift.notebook)
    return found is not None and found != lift.digest


def _digest_of(folder: Path, name: str) -> str | None:
    """The digest of a notebook in a folder; None where it is not there, or cannot be looked at."""
    try:
        place = inside(folder, name)
        if not place.is_file() or place.stat().st_size > MOST_NOTEBOOK_BYTES:
            return None
        return digest(place.read_bytes())
    except (Refused, OSError):
        return None
