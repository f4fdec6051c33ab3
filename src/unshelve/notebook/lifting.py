"""A notebook becomes a solution folder with its proof: read, made to run, watched, shaped, written, proven.

Forms are tried from the best to the plainest, and the first that is proven stays: requests of raw rows; requests of
rows of the prepared table, behind one step with the notebook's own lines. A form that is not proven says why.
"""

from __future__ import annotations

import ast
import math
import posixpath
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from unshelve.errors import Refused
from unshelve.ids import digest
from unshelve.notebook.answering import answer_step
from unshelve.notebook.choosing import Choice, choose
from unshelve.notebook.comparing import compare_plain
from unshelve.notebook.differing import changes_since
from unshelve.notebook.draft import NOTHING_HELD_OUT, CannotShape, Draft
from unshelve.notebook.editing import replaced
from unshelve.notebook.expected import Drawing, Expected, ExpectedMetric
from unshelve.notebook.flow import Flow, flow_of
from unshelve.notebook.gating import with_gates
from unshelve.notebook.lifting_again import Before, TakenOver, before_in, held, take_over
from unshelve.notebook.measuring import metric_steps
from unshelve.notebook.merging import Side
from unshelve.notebook.naming import slug
from unshelve.notebook.notebook import Notebook
from unshelve.notebook.outcome import GOOD
from unshelve.notebook.own_modules import own_modules
from unshelve.notebook.own_tests import TEST_FILE, tests_for
from unshelve.notebook.picturing import chart_steps
from unshelve.notebook.proving import Proven, prove
from unshelve.notebook.reading import read_notebook
from unshelve.notebook.record import lift_record
from unshelve.notebook.remarks import remarks
from unshelve.notebook.remarks_watched import watched_remarks
from unshelve.notebook.repairs import Repaired, left_out_too
from unshelve.notebook.restating import restated, same_calls
from unshelve.notebook.secrets_in_text import Secrets
from unshelve.notebook.seen import Seen
from unshelve.notebook.shaping import Shaper
from unshelve.notebook.table_form import table_draft
from unshelve.notebook.unfolding import unfolded
from unshelve.notebook.watched import Watched
from unshelve.notebook.watching import Keep, RunLimits, watch, watch_repaired
from unshelve.notebook.writing import Written, write
from unshelve.solution.files import SOLUTION_FILE, code_files
from unshelve.solution.origin import (
    ANSWERS_FILE,
    LIFT_FILE,
    PROOF_FILE,
    Counted,
    Lift,
    LiftProof,
    Metrics,
    NotebookFinding,
    ProvenValue,
    Verdict,
)

Told = Callable[[str], None]
_SECOND_RUNS: Final = 3
_ANSWERS: Final = ("array", "series", "list")
SMALL_FILE: Final = 200_000_000
"""Data files up to this size, in bytes, are copied into the solution's folder; larger ones are linked to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """What came of a lift."""

    folder: Path | None
    """The solution; None where the lift was refused."""
    lift: Lift | None
    proof: LiftProof


@dataclass(slots=True, kw_only=True)
class _Work:
    """All that is known of a notebook on its way."""

    notebook: Notebook
    own: Notebook
    """As the author wrote it, before it was repaired."""
    before: Before | None = None
    """The folder that was lifted from it before, where there is one."""
    repaired: Repaired
    watched: Watched
    again: Watched
    flow: Flow
    seen: Seen
    choice: Choice
    kept: Path
    limits: RunLimits | None
    findings: list[NotebookFinding]
    told: Told
    began: float
    secrets: Secrets = field(init=False)
    pictures: bool = True
    """Whether the author's pictures become charts: not once one of them could not be drawn."""
    reasons: list[str] = field(default_factory=list)
    code: str | None = None
    """The platform's code for why the last form did not run."""
    step: str | None = None
    """The step that failed then."""

    def __post_init__(self) -> None:
        self.secrets = Secrets(cell.source for cell in self.notebook.cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """A form of the solution with its proof."""

    folder: Path
    """What the lift writes."""
    draft: Draft
    base: str
    """solution.py as the lift writes it."""
    now: TakenOver
    """The same with what people changed in the folder."""
    proven: Proven


def lift(
    path: Path,
    folder: Path | None = None,
    *,
    model: str | None = None,
    limits: RunLimits | None = None,
    keep: Side | None = None,
    partly: bool = False,
    told: Told = lambda _said: None,
    known: Sequence[NotebookFinding] = (),
) -> Lifted:
    """Lift a notebook into a folder (beside it, by default). Raises what stands against reading it.

    What cannot be lifted is told in the proof (`outcome: "refused"`) and leaves no folder behind. What people changed
    in a folder that was lifted before is taken over; Conflict where the notebook changed the same, unless `keep` says
    whose version is taken. `partly`: see `watch_repaired`. `known` is what was found before: it stands first
    among the findings.
    """
    began = time.perf_counter()
    notebook = unfolded(read_notebook(path))
    wanted = (folder or folder_for(path)).absolute()
    before = before_in(wanted, path, keep)
    findings = [*known, *remarks(notebook, path.resolve().parent)]
    deep = next((each for each in findings if each.number == "N112"), None)
    if deep is not None:
        return _refused(notebook, findings, f"{deep.message} {deep.repair}", began, None)
    with tempfile.TemporaryDirectory(prefix="unshelve-lift-") as room:
        told("Running the notebook")
        repaired, watched = watch_repaired(notebook, path.resolve().parent, limits or RunLimits(), partly=partly)
        if not watched.ran:
            findings += repaired.findings
            return _refused(
                notebook, findings, f"The notebook does not run to its end: {watched.ended}", began, watched
            )
        told_already = {(each.number, each.cell, each.line) for each in findings}
        findings += [
            each
            for each in watched_remarks(repaired.notebook, watched)
            if (each.number, each.cell, each.line) not in told_already
        ]
        try:
            work = _understand(repaired, watched, path, Path(room), limits, model, findings, told, began)
        except Refused as error:
            return _refused(notebook, findings, error.message, began, watched)
        work.own, work.before = notebook, before
        return _tried(work, wanted, Path(room))


def folder_for(path: Path) -> Path:
    """Where a notebook is lifted to when nothing else is said: a folder beside it that has its name."""
    stem = slug(path.stem) or "solution"
    beside = path.resolve().parent
    return beside / (f"{stem}_solution" if (beside / stem).is_file() else stem)


def _understand(
    repaired: Repaired,
    watched: Watched,
    path: Path,
    room: Path,
    limits: RunLimits | None,
    model: str | None,
    findings: list[NotebookFinding],
    told: Told,
    began: float,
) -> _Work:
    told("Running it again, to know which values are the same each time")

    for _ in range(_SECOND_RUNS):
        plainer, again = _second_run(repaired, watched, room / "kept", limits, model)
        spared = None if again.ran else left_out_too(repaired, again)
        if spared is None:
            break
        repaired, watched = spared, watch(spared.notebook, folder=path.resolve().parent, limits=limits or RunLimits())
    findings += repaired.findings
    if not again.ran:
        raise Refused(f"The notebook ran once, and not a second time: {again.ended}", code="notebook-unstable")
    notebook, seen = plainer.notebook, again if plainer is not repaired else watched
    flow = flow_of(notebook, seen).without_draws()
    choice = choose(notebook, seen, flow, wanted=model)
    if any(not (room / "kept" / f"call-{each}.pkl").exists() for each in _calls_of(choice)):
        again = _run_again(notebook, choice, room / "kept", limits)
    return _Work(
        notebook=notebook,
        own=notebook,
        repaired=plainer,
        watched=watched,
        again=again,
        flow=flow,
        seen=Seen(notebook, flow, seen),
        choice=choice,
        kept=room / "kept",
        limits=limits,
        findings=findings,
        told=told,
        began=began,
    )


def _second_run(
    repaired: Repaired, watched: Watched, kept: Path, limits: RunLimits | None, model: str | None
) -> tuple[Repaired, Watched]:
    """The notebook in plainer statements, if these do the same, and its run."""
    choice = choose(repaired.notebook, watched, flow_of(repaired.notebook, watched), wanted=model)
    plainer = restated(repaired, watched)
    if plainer is not repaired:
        again = _run_again(plainer.notebook, choice, kept, limits)
        if same_calls(watched, again):
            return plainer, again
    return repaired, _run_again(repaired.notebook, choice, kept, limits, names=_like_answers(watched, choice))


def _run_again(
    notebook: Notebook,
    choice: Choice,
    kept: Path,
    limits: RunLimits | None,
    names: Mapping[int, tuple[str, ...]] = MappingProxyType({}),
) -> Watched:
    """A run which keeps what a proof compares."""
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    return watch(
        notebook,
        folder=notebook.path.resolve().parent,
        limits=limits or RunLimits(),
        keep=Keep(folder=kept, names=names, calls=_calls_of(choice), random=True),
    )


def _like_answers(watched: Watched, choice: Choice) -> dict[int, tuple[str, ...]]:
    """Names that may hold what a notebook makes of its predictions: as many values as it predicted, later on."""
    predicted = None if choice.predict is None else watched.calls[choice.predict]
    if predicted is None or predicted.result is None or predicted.result.rows is None:
        return {}
    rows, found = predicted.result.rows, {}
    for run in watched.statements[predicted.statement :]:
        made = {**run.bound, **run.changed}.items()
        names = tuple(name for name, info in made if info.kind in _ANSWERS and info.rows == rows)
        if names:
            found[run.number] = names
    return found


def _calls_of(choice: Choice) -> tuple[int, ...]:
    return tuple(each for each in (choice.model.fit, choice.predict) if each is not None)


def _tried(work: _Work, wanted: Path, room: Path) -> Lifted:
    """The first form that is proven; else the last that ran."""
    best: _Form | None = None
    for number, draft in enumerate(_forms(work)):
        folder = room / f"form-{number}" / wanted.name
        folder.mkdir(parents=True)
        written = write(draft, work.seen)
        modules = own_modules(work.notebook, work.notebook.path.resolve().parent)
        texts = [written.text, *(each.read_text(encoding="utf-8", errors="replace") for each in modules)]
        if any(map(work.secrets.are_in, texts)):
            work.reasons.append(f"{_REQUESTS[draft.entry]}: {_NOT_CLEAN}")
            continue
        _bring_files(work, folder, written)
        work.told(f"Proving: requests are {_REQUESTS[draft.entry]}")
        form, plain = _proved(work, folder, draft, written)
        if plain.outcome == "proven":
            return _finished(work, wanted, form)
        work.reasons.append(f"{_REQUESTS[draft.entry]}: {plain.reason}")
        work.code, work.step = plain.failed_code, plain.failed_step
        if best is None or best.proven.failure is not None:
            best = form
    if best is None or work.code in _LEAKS:
        leak = "A feature is made of what is to be predicted. " if work.code in _LEAKS else ""
        return _refused(work.notebook, work.findings, leak + "; ".join(work.reasons), work.began, work.watched)
    return _finished(work, wanted, best)


def _proved(work: _Work, folder: Path, draft: Draft, written: Written) -> tuple[_Form, Proven]:
    """A form with its proof, and the proof that chooses it: that of the form without what people edited.

    This one is only made where the edited code is not proven itself.
    """
    base = (folder / SOLUTION_FILE).read_bytes().decode()
    expected = _expected(work, draft)
    if work.before is None:
        proven = prove(folder, expected, told=work.told)
        now = TakenOver(place=folder, text=base, steps=written.steps)
        return _Form(folder=folder, draft=draft, base=base, now=now, proven=proven), proven
    now = take_over(work.before, folder, written.steps)
    if now.trouble is not None:
        plain = prove(folder, expected, told=work.told)
        return _Form(folder=folder, draft=draft, base=base, now=now, proven=plain), plain
    proven = plain = prove(now.place, expected, told=work.told)
    if now.edited and proven.outcome != "proven":
        work.told("Proving without what was edited by hand")
        plain = prove(folder, expected, told=work.told)
    return _Form(folder=folder, draft=draft, base=base, now=now, proven=held(proven, plain, now.edited)), plain


_REQUESTS: Final = {"raw": "raw rows", "table": "rows of the prepared table", "script": "nothing: it was not sliced"}


_NOT_CLEAN: Final = (
    "its code would hold a secret (N105), which no file of a solution may; keep that outside, and read it from the "
    "environment"
)
_LEAKS: Final = ("transform-reads-hidden", "target-given-away")
"""Codes of failures that no other form may hide: what is known only afterwards helped to predict."""


def _forms(work: _Work) -> Iterator[Draft]:
    """Drafts from the best form to the plainest."""
    try:
        from_source = False
        draft = _with_metrics(work, *_raw(work, from_source=from_source))
        yield draft
        if work.code == "cycle":
            from_source = True
            draft = _with_metrics(work, *_raw(work, from_source=from_source))
            yield draft
        if work.step in {each.name for each in draft.steps if each.kind == "chart"}:
            work.pictures = False
            yield _with_metrics(work, *_raw(work, from_source=from_source))
    except CannotShape as error:
        work.reasons.append(f"raw rows: {_placed(work, error)}")
    if work.code in _LEAKS:
        return
    try:
        draft = table_draft(work.seen, work.choice)
        draft.entry_reason = work.reasons[-1].partition(": ")[2] if work.reasons else None
        yield draft
    except CannotShape as error:
        work.reasons.append(f"rows of the prepared table: {_placed(work, error)}")


def _raw(work: _Work, *, from_source: bool) -> tuple[Shaper, Draft]:
    """Shaped until no further version of a table has to be a step of its own."""
    cuts: set[tuple[frozenset[int], str]] = set()
    while True:
        before = len(cuts)
        shaper = Shaper(work.seen, work.choice, cuts, from_source=from_source)
        draft = shaper.shape()
        if len(cuts) == before:
            return shaper, draft


def _with_metrics(work: _Work, shaper: Shaper, draft: Draft) -> Draft:
    steps, metrics = metric_steps(work.seen, work.choice, shaper.known, shaper.names, shaper.tops)
    draft.steps += steps
    draft.metrics += metrics
    answer = answer_step(work.seen, work.choice, draft.model, shaper.names, shaper.tops)
    if answer is not None:
        draft.steps.append(answer[0])
        draft.answered = answer[1]
        _keep_answers(work, *answer[1])
    if work.pictures:
        draft.steps += chart_steps(shaper)
    draft.top = sorted(shaper.tops)
    with_gates(draft, work.choice)
    return draft


def _keep_answers(work: _Work, statement: int, name: str) -> None:
    """Run the notebook once more to keep what it makes of its predictions."""
    if (work.kept / f"{statement}-{name}.pkl").exists():
        return
    work.again = _run_again(work.notebook, work.choice, work.kept, work.limits, names={statement: (name,)})


def _placed(work: _Work, error: CannotShape) -> str:
    if error.statement is None:
        return error.reason
    return f"{work.notebook.statements[error.statement].place}: {error.reason}"


def _expected(work: _Work, draft: Draft) -> Expected:
    """What the draft must compute again."""
    fit, predict = work.choice.model.fit, _judging(work, draft)
    return Expected(
        kept=work.kept,
        model=draft.model,
        features=draft.features,
        fit_call=None if draft.own_rows else fit,
        predict_call=predict,
        metrics=tuple(
            ExpectedMetric(
                step=each.step,
                key=each.key,
                name=each.name,
                statement=each.statement,
                value=_value(work.again, each.call, each.value),
                stable=_stable(work, each.call),
            )
            for each in draft.metrics
        ),
        random=_random(work, draft),
        model_stable=_same(work, fit, receiver=True),
        predictions_stable=predict is None or _same(work, predict, receiver=False),
        answered=None if draft.answered is None else f"{draft.answered[0]}-{draft.answered[1]}.pkl",
        entry=draft.entry,
        statements=(len(draft.statements), len(work.notebook.statements)),
        places={each.number: each.place for each in work.notebook.statements},
    )


def _judging(work: _Work, draft: Draft) -> int | None:
    """The call that predicted the solution's test rows; None where the notebook asked about rows of another table."""
    predict, calls = work.choice.predict, work.seen.watched.calls
    if predict is None or not any(step.title == NOTHING_HELD_OUT for step in draft.steps):
        return predict
    fitted, asked = calls[work.choice.model.fit].arguments, calls[predict].arguments
    return predict if fitted and asked and fitted[0].fingerprint == asked[0].fingerprint else None


def _value(watched: Watched, call: int, otherwise: float) -> float:
    value = watched.calls[call].value if call < len(watched.calls) else None
    return otherwise if value is None else value


def _stable(work: _Work, call: int) -> bool:
    """Whether both runs gave the same number."""
    return compare_plain(_value(work.watched, call, math.nan), _value(work.again, call, math.inf)) in GOOD


def _same(work: _Work, call: int, *, receiver: bool) -> bool:
    if call >= len(work.again.calls):
        return False
    first, second = work.watched.calls[call], work.again.calls[call]
    one, two = (first.receiver, second.receiver) if receiver else (first.result, second.result)
    return one is not None and two is not None and one.fingerprint == two.fingerprint != ""


def _random(work: _Work, draft: Draft) -> dict[str, tuple[Drawing, ...]]:
    """Steps that draw random numbers, with the statements in them that do."""
    found = {}
    for step in draft.steps:
        drawing = [n for n in sorted(step.statements) if (run := work.again.run_of(n)) is not None and run.drew]
        if drawing and step.kind not in ("metric", "transform", "keep"):  # what answers a request is left as it is
            found[step.name] = tuple(Drawing(statement=n, source=work.seen.source(n)) for n in drawing)
    return found


def _bring_files(work: _Work, folder: Path, written: Written) -> None:
    """The solution, the author's own modules, and the data files that its lines read.

    They lie at the same place beside it, or in `data/` where they come from above.
    """
    beside = work.notebook.path.resolve().parent
    for module in own_modules(work.notebook, beside):
        target = folder / module.relative_to(beside)
        if target != folder / SOLUTION_FILE:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(module, target)
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


def _finished(work: _Work, wanted: Path, form: _Form) -> Lifted:
    """The folder is put where it is wanted, with its records, at once. Raises what stands against people's changes."""
    if form.now.trouble is not None:
        raise form.now.trouble
    files = _put_together(form)
    findings = _blotted(work.findings, work.secrets)
    record = lift_record(
        work.notebook,
        seen=work.seen,
        choice=work.choice,
        draft=form.draft,
        written=Written(form.now.text, form.now.steps),
        findings=findings,
        repaired=work.repaired,
        own=work.own,
        digest=digest(work.notebook.path.read_bytes()),
        code=code_files(form.now.place)[1],
        base=form.base,
        files=files,
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


def _put_together(form: _Form) -> dict[str, str]:
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


def _proof(work: _Work, form: _Form, record: Lift) -> LiftProof:
    proven = form.proven
    values = (*proven.values, *_uncovered(work, form.draft))
    return LiftProof(
        outcome=proven.outcome,
        reason=proven.reason if proven.outcome != "proven" else None,
        steps=len(record.steps),
        statements=Counted(kept=record.kept, of=len(record.statements)),
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
    """Moves a lifted folder to where it is wanted. What else lies there, such as the home of its server, stays."""
    wanted.parent.mkdir(parents=True, exist_ok=True)
    if not wanted.exists():
        shutil.move(folder, wanted)
        return
    for path in sorted(each for each in folder.rglob("*") if not each.is_dir()):
        target = wanted / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(f".{target.name}.new")
        new.unlink(missing_ok=True)
        shutil.copy2(path, new, follow_symlinks=False)
        new.replace(target)


def _uncovered(work: _Work, draft: Draft) -> Iterator[ProvenValue]:
    """Numbers that the author computed of the model, and that no step gives again."""
    given = {each.call for each in draft.metrics}
    for measured in work.choice.model.measured:
        if measured.call not in given:
            yield ProvenValue(
                what=f"{measured.name} in {work.notebook.statements[measured.statement].place}",
                part="metric",
                verdict=Verdict.NOT_COVERED,
                statement=measured.statement,
                notebook=f"{measured.value:.6g}",
                detail="it is computed inside a loop, a condition or a function, which no step holds",
            )


def _pretty(value: Lift | LiftProof) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def _refused(
    notebook: Notebook, findings: list[NotebookFinding], reason: str, began: float, watched: Watched | None
) -> Lifted:
    secrets = Secrets(cell.source for cell in notebook.cells)
    proof = LiftProof(
        outcome="refused",
        reason=secrets.blot(reason),
        steps=0,
        statements=Counted(kept=0, of=len(notebook.statements)),
        metrics=Metrics(equal=0, stable=0),
        request=None,
        values=(),
        findings=_blotted(findings, secrets),
        libraries=watched.libraries if watched is not None else {},
        seconds={"lift": round(time.perf_counter() - began, 2)},
    )
    return Lifted(folder=None, lift=None, proof=proof)


def _blotted(findings: list[NotebookFinding], secrets: Secrets) -> tuple[NotebookFinding, ...]:
    """The findings without the notebook's secrets, which errors of libraries may repeat."""
    return tuple(
        msgspec.structs.replace(each, message=secrets.blot(each.message), repair=secrets.blot(each.repair))
        for each in findings
    )
