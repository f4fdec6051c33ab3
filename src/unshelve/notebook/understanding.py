"""What is known of a notebook that runs: its second run, its graph, its model, and the values kept for the proof."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from unshelve.errors import Refused
from unshelve.notebook.choosing import Choice, choose
from unshelve.notebook.flow import Flow, flow_of
from unshelve.notebook.lifting_again import Before
from unshelve.notebook.notebook import Notebook
from unshelve.notebook.repairs import Repaired, left_out_too
from unshelve.notebook.restating import restated, same_calls
from unshelve.notebook.secrets_in_text import Secrets
from unshelve.notebook.seen import Seen
from unshelve.notebook.typed_rows import calls_about_few
from unshelve.notebook.watched import Watched
from unshelve.notebook.watching import Keep, RunLimits, watch
from unshelve.solution.origin import NotebookFinding

Told = Callable[[str], None]
_SECOND_RUNS: Final = 3
_ANSWERS: Final = ("array", "series", "list")


@dataclass(slots=True, kw_only=True)
class Work:
    """All that is known of a notebook on its way."""

    notebook: Notebook
    own: Notebook
    """As the author wrote it, before it was repaired."""
    before: Before | None = None
    """The folder that was lifted from it before, where there is one."""
    only_proven: bool = False
    """Whether nothing is to be written that is not proven."""
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
    odd: bool = False
    """Whether the last form computed something else than the notebook."""
    code: str | None = None
    """The platform's code for why the last form did not run."""
    step: str | None = None
    """The step that failed then."""
    required: tuple[str, ...] = ()
    """Fields that requests would have to hold so that it may be proven; none where that is no way out."""

    def __post_init__(self) -> None:
        self.secrets = Secrets(cell.source for cell in self.notebook.cells)


def understand(
    repaired: Repaired,
    watched: Watched,
    path: Path,
    room: Path,
    limits: RunLimits | None,
    model: str | None,
    findings: list[NotebookFinding],
    told: Told,
    began: float,
) -> Work:
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
        again = run_again(notebook, seen, choice, room / "kept", limits)
    return Work(
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
    names = _like_answers(watched, choice)
    plainer = restated(repaired, watched)
    if plainer is not repaired:
        lasts = {origin: number for number, origin in enumerate(plainer.origins)}
        there = {lasts[repaired.origins[number]]: each for number, each in names.items()}
        again = run_again(plainer.notebook, watched, choice, kept, limits, names=there)
        if same_calls(repaired, watched, plainer, again):
            return plainer, again
    return repaired, run_again(repaired.notebook, watched, choice, kept, limits, names=names)


def run_again(
    notebook: Notebook,
    watched: Watched,
    choice: Choice,
    kept: Path,
    limits: RunLimits | None,
    names: Mapping[int, tuple[str, ...]] = MappingProxyType({}),
) -> Watched:
    """A run which keeps what a proof compares. `watched` is a run before it, of the same calls."""
    calls = {
        sum(not each.inside for each in watched.calls[:call]): call
        for call in (*_calls_of(choice), *calls_about_few(watched, choice))
    }
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    return watch(
        notebook,
        folder=notebook.path.resolve().parent,
        limits=limits or RunLimits(),
        keep=Keep(folder=kept, names=names, calls=calls, random=True),
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


def keep_answers(work: Work, statement: int, name: str) -> None:
    """Run the notebook once more to keep what it makes of its predictions."""
    if (work.kept / f"{statement}-{name}.pkl").exists():
        return
    work.again = run_again(work.notebook, work.watched, work.choice, work.kept, work.limits, names={statement: (name,)})


def keep_results(work: Work, names: tuple[str, ...]) -> None:
    """Run the notebook once more to keep what these names hold when it ends."""
    last = len(work.notebook.statements) - 1
    work.again = run_again(work.notebook, work.watched, work.choice, work.kept, work.limits, names={last: names})
