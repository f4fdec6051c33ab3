"""The solution's folder, put together with its files and records, and put in its place at once."""

from __future__ import annotations

import ast
import os
import posixpath
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from unshelve.errors import Refused
from unshelve.ids import digest
from unshelve.notebook.differing import changes_since
from unshelve.notebook.draft import Draft
from unshelve.notebook.editing import replaced
from unshelve.notebook.lifting_again import TakenOver
from unshelve.notebook.own_modules import own_modules
from unshelve.notebook.own_tests import TEST_FILE, tests_for
from unshelve.notebook.proving import Proven
from unshelve.notebook.record import lift_record
from unshelve.notebook.secrets_in_text import Secrets, without_secrets
from unshelve.notebook.understanding import Work
from unshelve.notebook.writing import Written
from unshelve.solution.files import SOLUTION_FILE, code_files
from unshelve.solution.origin import (
    ANSWERS_FILE,
    LIFT_FILE,
    PROOF_FILE,
    Lift,
    LiftProof,
    Metrics,
    ProvenValue,
    Verdict,
)

SMALL_FILE: Final = 200_000_000
"""Data files up to this size, in bytes, are copied into the solution's folder; larger ones are linked to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """What came of a lift."""

    folder: Path | None
    """The solution; None where the lift was refused."""
    lift: Lift | None
    proof: LiftProof


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form of the solution with its proof."""

    folder: Path
    """What the lift writes."""
    draft: Draft
    base: str
    """solution.py as the lift writes it."""
    now: TakenOver
    """The same with what people changed in the folder."""
    proven: Proven


def bring_files(work: Work, folder: Path, written: Written) -> None:
    """The solution, the author's own modules, and the data files that its lines read.

    They lie at the same place beside it, or in `data/` where they come from above.
    """
    beside = work.notebook.path.resolve().parent
    for module in own_modules(work.notebook, beside):
        target = folder / module.name
        if target != folder / SOLUTION_FILE:
            target.parent.mkdir(parents=True, exist_ok=True)
            today = work.notebook.modules.get(module.name)
            if today is None:
                shutil.copy2(module.path, target)
            else:
                target.write_text(today, encoding="utf-8")
    text = written.text
    for name in sorted({name for run in work.watched.statements for name in run.read}):
        source = (beside / name).resolve()
        if not source.is_file():
            continue
        if source.is_relative_to(beside):
            target = folder / source.relative_to(beside)
        else:
            target = folder / "data" / source.name
            text = replaced(text, partial(_said, old=name, new=f"data/{source.name}"))
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.stat().st_size <= SMALL_FILE:
            shutil.copy2(source, target)
        else:
            target.symlink_to(source)
    (folder / SOLUTION_FILE).write_text(text, encoding="utf-8")


def _said(node: ast.expr, old: str, new: str) -> str | None:
    """A path in the text as it is from the solution's folder; None for all else."""
    same = isinstance(node, ast.Constant) and isinstance(node.value, str) and posixpath.normpath(node.value) == old
    return f'"{new}"' if same else None


def finished(work: Work, wanted: Path, form: Form) -> Lifted:
    """The folder is put where it is wanted, with its records, at once. Raises what stands against people's changes."""
    if form.now.trouble is not None:
        raise form.now.trouble
    files = _put_together(form)
    findings = without_secrets(work.findings, work.secrets)
    record = lift_record(
        work.notebook,
        seen=work.seen,
        choice=work.choice,
        draft=form.draft,
        written=Written(form.now.text, form.now.steps),
        findings=findings,
        repaired=work.repaired,
        own=work.own,
        secrets=work.secrets,
        digest=digest(work.notebook.path.read_bytes()),
        code=code_files(form.now.place)[1],
        base=form.base,
        files=files,
        examples=form.proven.examples,
    )
    as_written = _pretty(record)
    (form.folder / LIFT_FILE).write_bytes(as_written)
    proof = msgspec.structs.replace(_proof(work, form, record), lift=digest(as_written), findings=findings)
    (form.folder / PROOF_FILE).write_bytes(_pretty(proof))
    copy = wanted / work.notebook.path.name
    if not work.secrets:
        shutil.copy2(work.notebook.path, form.folder / copy.name)
    elif copy.is_file() and not copy.samefile(work.notebook.path):
        copy.unlink()  # a copy carries them on, and so does one of an earlier lift
    if form.proven.answers is None:
        (wanted / ANSWERS_FILE).unlink(missing_ok=True)  # those of an earlier lift
    put_in_place(form.folder, wanted)
    return Lifted(folder=wanted, lift=record, proof=proof)


def _put_together(form: Form) -> dict[str, str]:
    """All that lies in the folder but the records. Gives the digests of the files that people may edit."""
    folder, answers = form.folder, form.proven.answers
    (folder / SOLUTION_FILE).write_bytes(form.now.text.encode())
    (folder / TEST_FILE).write_text(tests_for(answers), encoding="utf-8")
    files = {path.relative_to(folder).as_posix(): digest(path.read_bytes()) for path in folder.rglob("*.py")}
    for name in form.now.kept:
        (folder / name).unlink(missing_ok=True)
    if answers is not None:
        (folder / ANSWERS_FILE).write_bytes(msgspec.json.encode(answers) + b"\n")
    return {name: found for name, found in files.items() if name != SOLUTION_FILE}


def _proof(work: Work, form: Form, record: Lift) -> LiftProof:
    proven = form.proven
    values = tuple(_told(each, work.secrets) for each in (*proven.values, *_uncovered(work, form.draft)))
    return LiftProof(
        outcome=proven.outcome,
        reason=work.secrets.blot(proven.reason) if proven.reason and proven.outcome != "proven" else None,
        steps=len(record.steps),
        statements=record.counted,
        metrics=Metrics(equal=proven.equal_metrics, stable=proven.stable_metrics),
        request=proven.request,
        values=values,
        findings=(),
        libraries=work.watched.libraries,
        seconds={
            "notebook": round(work.watched.seconds, 2),
            "lift": round(time.perf_counter() - work.began, 2),
            "proof": round(proven.seconds, 2),
        },
        edited=form.now.edited,
        changes=None if work.before is None else changes_since(work.before, record, values, proven.answers),
    )


def put_in_place(folder: Path, wanted: Path) -> None:
    """Moves a lifted folder to where it is wanted. What else lies there, such as the home of its server, stays.

    Raises Refused where nothing can be written; then nothing is.
    """
    try:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        if wanted.exists():
            _put_into(folder, wanted)
        else:
            _put_beside(folder, wanted)
    except OSError as error:
        raise _unwritable(wanted, error.strerror or str(error)) from error


def refuse_unwritable(wanted: Path) -> None:
    """Raises Refused where a folder cannot be made or written, as far as that can be told before."""
    place = next(each for each in (wanted, *wanted.parents) if each.exists())
    if not place.is_dir():
        raise _unwritable(wanted, f"{place} is a file")
    if not os.access(place, os.W_OK | os.X_OK):
        raise _unwritable(wanted, f"{place} is closed to this account")


def _unwritable(wanted: Path, why: str) -> Refused:
    return Refused(
        f"The solution cannot be written to {wanted}: {why}.",
        code="lift-folder-unwritable",
        hint="Name another folder with -o.",
    )


def _put_beside(folder: Path, wanted: Path) -> None:
    """Copied whole before it has its name: the folder for temporary files may be on another disk."""
    new = wanted.with_name(f".{wanted.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    try:
        shutil.move(folder, new)
        new.rename(wanted)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _put_into(folder: Path, wanted: Path) -> None:
    for path in sorted(each for each in folder.rglob("*") if not each.is_dir()):
        target = wanted / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(f".{target.name}.new")
        new.unlink(missing_ok=True)
        shutil.copy2(path, new, follow_symlinks=False)
        new.replace(target)


def _uncovered(work: Work, draft: Draft) -> Iterator[ProvenValue]:
    """Numbers that the author computed of the model, and that no step gives again."""
    given = {each.call for each in draft.metrics}
    for measured in (*work.choice.model.measured, *work.choice.model.on_training):
        if measured.call not in given:
            yield ProvenValue(
                what=f"{measured.name} in {work.notebook.statements[measured.statement].place}",
                part="metric",
                verdict=Verdict.NOT_COVERED,
                statement=measured.statement,
                notebook=f"{measured.value:.6g}",
                detail="it is computed inside a loop, a condition or a function, which no step holds",
            )


def _told(value: ProvenValue, secrets: Secrets) -> ProvenValue:
    """A verdict without the notebook's secrets, which an error of its own code may repeat."""
    shown = {name: secrets.blot(getattr(value, name)) for name in ("what", "notebook", "solution", "detail")}
    return msgspec.structs.replace(value, **shown)


def _pretty(value: Lift | LiftProof) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"
