"""A notebook becomes a solution folder with its proof: read, made to run, watched, shaped, written, proven.

Forms are tried from the best to the plainest, and the first that is proven stays: requests of raw rows; requests of
rows of the prepared table, behind one step with the notebook's own lines. A form that is not proven says why.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from unshelve.errors import Refused
from unshelve.notebook.draft import Draft
from unshelve.notebook.expecting import expected_of
from unshelve.notebook.finishing import Form, Lifted, bring_files, finished, refuse_unwritable
from unshelve.notebook.forms import LEAKS, REQUESTS, forms
from unshelve.notebook.lifting_again import TakenOver, before_in, held, take_over
from unshelve.notebook.merging import Side
from unshelve.notebook.naming import slug
from unshelve.notebook.narrowing import to_require
from unshelve.notebook.notebook import Notebook
from unshelve.notebook.own_modules import own_modules
from unshelve.notebook.proving import Proven, prove
from unshelve.notebook.reading import read_notebook
from unshelve.notebook.remarks import remarks
from unshelve.notebook.remarks_watched import watched_remarks
from unshelve.notebook.secrets_in_text import Secrets, without_secrets
from unshelve.notebook.understanding import Told, Work, understand
from unshelve.notebook.unfolding import unfolded
from unshelve.notebook.watched import Watched
from unshelve.notebook.watching import RunLimits, watch_repaired
from unshelve.notebook.writing import Written, write
from unshelve.solution.files import SOLUTION_FILE
from unshelve.solution.origin import Counted, LiftProof, Metrics, NotebookFinding, Verdict

_NOT_CLEAN: Final = (
    "its code would hold a secret (N105), which no file of a solution may; keep that outside, and read it from the "
    "environment"
)


def lift(
    path: Path,
    folder: Path | None = None,
    *,
    model: str | None = None,
    limits: RunLimits | None = None,
    keep: Side | None = None,
    partly: bool = False,
    only_proven: bool = False,
    told: Told = lambda _said: None,
    known: Sequence[NotebookFinding] = (),
) -> Lifted:
    """Lift a notebook into a folder (beside it, by default). Raises what stands against reading it.

    What cannot be lifted is told in the proof (`outcome: "refused"`) and leaves no folder behind. What people changed
    in a folder that was lifted before is taken over; Conflict where the notebook changed the same, unless `keep` says
    whose version is taken. `partly`: see `watch_repaired`. `only_proven`: what is not is refused, and nothing written.
    `known` is what was found before: it stands first among the findings.
    """
    began = time.perf_counter()
    notebook = unfolded(read_notebook(path))
    wanted = (folder or folder_for(path)).absolute()
    before = before_in(wanted, path, keep)
    refuse_unwritable(wanted)
    findings = [*known, *remarks(notebook, path.resolve().parent)]
    deep = next((each for each in findings if each.number == "N112"), None)
    if deep is not None:
        return _refused(notebook, findings, f"{deep.message} {deep.repair}", began, None)
    if any(each.name == SOLUTION_FILE for each in own_modules(notebook, path.resolve().parent)):
        reason = f"It imports {SOLUTION_FILE} beside it, and the solution's own file has that name: call it otherwise."
        return _refused(notebook, findings, reason, began, None)
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
            work = understand(repaired, watched, path, Path(room), limits, model, findings, told, began)
        except Refused as error:
            findings += [each for each in repaired.findings if each not in findings]
            ends = [
                f" Cell {each.cell}, line {each.line}: {each.message}." for each in findings if each.number == "N222"
            ]
            return _refused(notebook, findings, error.message + "".join(ends), began, watched)
        work.own, work.before, work.only_proven = notebook, before, only_proven
        return _tried(work, wanted, Path(room))


def folder_for(path: Path) -> Path:
    """Where a notebook is lifted to when nothing else is said: a folder beside it that has its name."""
    stem = slug(path.stem) or "solution"
    beside = path.resolve().parent
    return beside / (f"{stem}_solution" if (beside / stem).is_file() else stem)


def _tried(work: Work, wanted: Path, room: Path) -> Lifted:
    """The first form that is proven; else the last that ran."""
    best: Form | None = None
    for number, draft in enumerate(forms(work)):
        folder = room / f"form-{number}" / wanted.name
        folder.mkdir(parents=True)
        reaching = _reaching(work, draft)
        if reaching is not None:
            work.reasons.append(f"{REQUESTS[draft.entry]}: {reaching}")
            continue
        written = write(draft, work.seen)
        modules = own_modules(work.notebook, work.notebook.path.resolve().parent)
        texts = [written.text, *(each.path.read_text(encoding="utf-8", errors="replace") for each in modules)]
        if any(map(work.secrets.are_in, texts)):
            work.reasons.append(f"{REQUESTS[draft.entry]}: {_NOT_CLEAN}")
            continue
        bring_files(work, folder, written)
        work.told(f"Proving: requests are {REQUESTS[draft.entry]}")
        form, plain = _proved(work, folder, draft, written)
        if plain.outcome == "proven":
            return _given(work, wanted, form)
        work.reasons.append(f"{REQUESTS[draft.entry]}: {plain.reason}")
        work.code, work.step = plain.failed_code, plain.failed_step
        work.odd = draft.entry != "script" and _computes_otherwise(plain)
        alike = not _computes_otherwise(plain)  # else refusing rows would be no way out
        work.required = to_require(plain.failure, plain.gaps, draft.required) if alike else ()
        if best is None or best.proven.failure is not None:
            best = form
    if best is None or work.code in LEAKS:
        leak = "The features cannot be made without what is to be predicted. " if work.code in LEAKS else ""
        return _refused(work.notebook, work.findings, leak + _in_words(work.reasons), work.began, work.watched)
    return _given(work, wanted, best)


def _reaching(work: Work, draft: Draft) -> str | None:
    """What stands against running a draft: its runs are not watched, and would do what the sandbox held back."""
    for number in sorted(draft.statements):
        run = work.watched.run_of(number)
        if run is not None and run.outside:
            place = work.notebook.statements[number].place
            return f"{place} {run.outside[0]}, and each run of a solution would do that; take it out of what it needs"
    return None


def _in_words(reasons: Sequence[str]) -> str:
    """The reasons why each form did not do; once, where it is the same for all."""
    whys = {each.removeprefix(f"{form}: ") for each in reasons for form in REQUESTS.values() if each.startswith(form)}
    return whys.pop() if len(reasons) > 1 and len(whys) == 1 else "; ".join(reasons)


def _given(work: Work, wanted: Path, form: Form) -> Lifted:
    """The lift in its place; refused where only a proven one is wanted and this one is not."""
    if work.only_proven and form.now.trouble is None and form.proven.outcome != "proven":
        reason = f"Only a proven lift was to be written, and it is not proven: {form.proven.reason}"
        return _refused(work.notebook, work.findings, reason, work.began, work.watched)
    return finished(work, wanted, form)


def _computes_otherwise(proven: Proven) -> bool:
    """Whether a form gave other values than the notebook, or did not run where the notebook did."""
    computed = ("features", "model", "prediction", "metric")
    different = any(each.verdict is Verdict.DIFFERENT and each.part in computed for each in proven.values)
    return different or proven.failed_code == "user-code-failed"


def _proved(work: Work, folder: Path, draft: Draft, written: Written) -> tuple[Form, Proven]:
    """A form with its proof, and the proof that chooses it: that of the form without what people edited.

    This one is only made where the edited code is not proven itself.
    """
    base = (folder / SOLUTION_FILE).read_bytes().decode()
    expected = expected_of(work, draft)
    if work.before is None:
        proven = prove(folder, expected, told=work.told)
        now = TakenOver(place=folder, text=base, steps=written.steps)
        return Form(folder=folder, draft=draft, base=base, now=now, proven=proven), proven
    now = take_over(work.before, folder, written.steps)
    if now.trouble is not None:
        plain = prove(folder, expected, told=work.told)
        return Form(folder=folder, draft=draft, base=base, now=now, proven=plain), plain
    proven = plain = prove(now.place, expected, told=work.told)
    if now.edited and proven.outcome != "proven":
        work.told("Proving without what was edited by hand")
        plain = prove(folder, expected, told=work.told)
    return Form(folder=folder, draft=draft, base=base, now=now, proven=held(proven, plain, now.edited)), plain


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
        findings=without_secrets(findings, secrets),
        libraries=watched.libraries if watched is not None else {},
        seconds={"lift": round(time.perf_counter() - began, 2)},
    )
    return Lifted(folder=None, lift=None, proof=proof)
