"""A folder that was lifted before: what people changed in it is found, taken over, and never lost.

Nothing here writes into that folder: what will lie there is put together elsewhere, and proven there.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from unshelve.errors import Conflict, UnshelveError
from unshelve.ids import digest
from unshelve.notebook.merging import Merged, Side, UnitConflict, merge, shortly
from unshelve.notebook.outcome import GOOD
from unshelve.notebook.proving import Proven
from unshelve.notebook.replaying import copy_solution
from unshelve.notebook.secrets_in_text import blotted
from unshelve.solution.check import check
from unshelve.solution.declaring import declaration_of
from unshelve.solution.files import SOLUTION_FILE, code_files
from unshelve.solution.findings import refuse
from unshelve.solution.origin import (
    ANSWERS_FILE,
    LIFT_FILE,
    PROOF_FILE,
    Lift,
    LiftAnswers,
    LiftedStep,
    LiftProof,
    Verdict,
)

_MOST_SHOWN: Final = 3
"""Conflicts of which both versions are shown."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """A folder that was lifted from the same notebook, as it lies there now."""

    folder: Path
    lift: Lift
    proof: LiftProof | None
    answers: LiftAnswers | None
    text: str | None
    """solution.py as it is; None where somebody removed it."""
    keep: Side | None
    """Whose version of what is in conflict is taken."""

    @property
    def edited(self) -> bool:
        """Whether solution.py is otherwise than the lift wrote it."""
        return self.text is not None and self.text.replace("\r\n", "\n") != self.lift.written


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """What a lift writes, with what people changed."""

    place: Path
    """A folder with all that will lie in the solution's."""
    text: str
    """solution.py."""
    steps: tuple[LiftedStep, ...]
    edited: tuple[str, ...] = ()
    kept: frozenset[str] = frozenset()
    """Files that people edited, which are not written anew."""
    trouble: UnshelveError | None = None
    """Why it cannot be used: a conflict, or a file that cannot be run."""


def before_in(wanted: Path, notebook: Path, keep: Side | None) -> Before | None:
    """What was lifted there before; None where nothing lies there. Conflict where it is not to be written over."""
    if not wanted.exists() or (wanted.is_dir() and not any(wanted.iterdir())):
        return None
    lift = _decoded(wanted / LIFT_FILE, Lift)
    if lift is None or lift.notebook != notebook.name:
        raise Conflict(
            f"{wanted} is there already, and was not lifted from {notebook.name}.",
            code="lift-folder-taken",
            hint="Name another folder with -o, or remove this one.",
        )
    file = wanted / SOLUTION_FILE
    text = _readable(file) if file.is_file() else None
    found = Before(
        folder=wanted,
        lift=lift,
        proof=_decoded(wanted / PROOF_FILE, LiftProof),
        answers=_decoded(wanted / ANSWERS_FILE, LiftAnswers),
        text=text,
        keep=keep,
    )
    if not lift.written and lift.code not in ("", code_files(wanted)[1]):
        raise Conflict(
            f"The code in {wanted} was changed since it was lifted, and {LIFT_FILE} does not say from what.",
            code="lift-folder-edited",
            hint=_ELSEWHERE,
        )
    return found if lift.written else replace(found, text=None)


def take_over(before: Before, made: Path, steps: tuple[LiftedStep, ...]) -> TakenOver:
    """What people changed in the folder, taken over into what was made now. What stands against it is in `trouble`."""
    theirs = (made / SOLUTION_FILE).read_bytes().decode()
    merged = Merged(text=theirs, edited=())
    if before.edited and before.text is not None:
        merged = merge(before.lift.written, before.text, theirs, keep=before.keep)
    kept, clashes = _kept_files(before, made)
    place = _as_it_will_lie(before.folder, made, kept)
    (place / SOLUTION_FILE).write_bytes(merged.text.encode())
    files = sorted(code_files(place)[0].keys() - (code_files(made)[0].keys() - kept) - {SOLUTION_FILE})
    edited = tuple(blotted(each) for each in (*merged.edited, *files))
    found = TakenOver(place=place, text=merged.text, steps=steps, edited=edited, kept=kept)
    conflicts = (*merged.conflicts, *clashes)
    if conflicts:
        return replace(found, trouble=_conflict(before, conflicts))
    if merged.text == theirs and not files:
        return found
    try:
        declaration = declaration_of(place)
        refuse(check(declaration))
    except UnshelveError as error:
        return replace(found, trouble=_broken(before, error))
    kinds = {each.name: each.kind.value for each in declaration.steps if each.place.file == SOLUTION_FILE}
    return replace(found, steps=placed(merged.text, kinds, steps))


def placed(text: str, kinds: Mapping[str, str], known: Sequence[LiftedStep]) -> tuple[LiftedStep, ...]:
    """The steps of an edited file where they stand in it, with the statements that the lift made them of."""
    statements = {each.name: each.statements for each in known}
    return tuple(
        LiftedStep(
            name=node.name,
            kind=kinds[node.name],
            first_line=min([node.lineno, *(each.lineno for each in node.decorator_list)]),
            last_line=node.end_lineno or node.lineno,
            statements=statements.get(node.name, ()),
        )
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and node.name in kinds
    )


def held(proven: Proven, plain: Proven | None, edited: Sequence[str]) -> Proven:
    """The proof of edited code as it is told: what is not equal is said to come of the edits, where it does.

    `plain` is the proof of the code without them; None where it was not needed.
    """
    if not edited or proven.outcome == "proven":
        return proven
    names = ", ".join(edited)
    without = " Without that it is proven." if plain is not None and plain.outcome == "proven" else ""
    good = {(each.what, each.step) for each in plain.values if each.verdict in GOOD} if plain is not None else set()
    said = f"edited by hand: {names}"
    values = tuple(
        msgspec.structs.replace(each, detail=f"{each.detail}; {said}" if each.detail else said)
        if each.verdict in (Verdict.DIFFERENT, Verdict.NOT_COVERED) and (each.what, each.step) in good
        else each
        for each in proven.values
    )
    return replace(proven, reason=f"{proven.reason} The code was edited by hand: {names}.{without}", values=values)


def _kept_files(before: Before, made: Path) -> tuple[frozenset[str], tuple[UnitConflict, ...]]:
    """Files beside solution.py that people edited and that stay, and those that both sides changed."""
    kept, clashes = set(), []
    for name, then in before.lift.files.items():
        mine, theirs = before.folder / name, made / name
        if not mine.is_file() or digest(mine.read_bytes()) == then:
            continue
        both = theirs.is_file() and digest(theirs.read_bytes()) not in (then, digest(mine.read_bytes()))
        if both and before.keep is None:
            texts = [each.read_text(encoding="utf-8", errors="replace") for each in (mine, theirs)]
            clashes.append(UnitConflict(name=name, mine=texts[0], notebook=texts[1]))
        if not both or before.keep != "notebook":
            kept.add(name)
    return frozenset(kept), tuple(clashes)


def _as_it_will_lie(before: Path, made: Path, kept: frozenset[str]) -> Path:
    """A folder with what lies there and what was made; only Python files are copies, all else is linked to."""
    place = copy_solution(before, made.parent / "merged")
    for name in (LIFT_FILE, PROOF_FILE, ANSWERS_FILE):
        (place / name).unlink(missing_ok=True)
    for path in sorted(each for each in made.rglob("*") if not each.is_dir()):
        inside = path.relative_to(made)
        if inside.as_posix() in kept:
            continue
        target = place / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        if path.suffix == ".py":
            shutil.copyfile(path, target)
        else:
            target.symlink_to(path.resolve())
    return place


def _conflict(before: Before, conflicts: Sequence[UnitConflict]) -> Conflict:
    names = ", ".join(blotted(each.name) for each in conflicts)
    both = "was" if len(conflicts) == 1 else "were"
    more = [f"and {len(conflicts) - _MOST_SHOWN} more"] if len(conflicts) > _MOST_SHOWN else []
    return Conflict(
        f"In {before.folder}, {names} {both} changed by hand, and otherwise by {before.lift.notebook}. "
        "Nothing was written.",
        code="lift-merge-conflict",
        hint=f"Say whose version to take with `--keep mine` or `--keep notebook`; or {_OR_ELSE}",
        details={
            "units": [blotted(each.name) for each in conflicts],
            "problems": [*(blotted(line) for each in conflicts[:_MOST_SHOWN] for line in shortly(each)), *more],
        },
    )


def _broken(before: Before, error: UnshelveError) -> Conflict:
    return Conflict(
        f"With what was changed by hand, {before.folder / SOLUTION_FILE} cannot be run: {error.message} "
        "Nothing was written.",
        code="lift-merge-broken",
        hint=f"{error.hint or 'Mend it'} Then lift again; or {_OR_ELSE}".replace("Mend it Then", "Mend it, then"),
    )


def _readable(file: Path) -> str:
    """The text of a Python file as it is, with its line ends. Conflict where it is none."""
    try:
        text = file.read_bytes().decode()
        ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = f" in line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise Conflict(
            f"{file} was changed by hand and is no Python{line}, so nothing can be merged into it.",
            code="lift-merge-unreadable",
            hint=f"Mend it, then lift again; or {_OR_ELSE}",
        ) from error
    return text


def _decoded(file: Path, kind: type[_T]) -> _T | None:
    """A record of an earlier lift; None where there is none that can be read."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


_OR_ELSE: Final = "lift into another folder with -o, and take over what you want."
_ELSEWHERE: Final = "Lift into another folder with -o, and take over what you want."
