"""What a run leaves of lookups: a copy that answers from now on, or the reason why the former one goes on."""

from __future__ import annotations

from unshelve.errors import UnshelveError
from unshelve.pipeline.outcome import RunOutcome
from unshelve.registry.lookups import Refresh, add_refresh, newest_copies
from unshelve.registry.runs import StepState
from unshelve.registry.solutions import get_solution
from unshelve.solution.control import Control
from unshelve.solution.declaration import Declaration, StepInfo
from unshelve.solution.versioning import read_json


def keep_copies(control: Control, declaration: Declaration, outcome: RunOutcome, *, refresh: bool) -> None:
    """Register the copies that a run made of lookups. `refresh` says that nothing was trained with them.

    A refresh whose columns are others than those of the copy that answers is kept out: versions were trained with
    the former ones, and a run of the whole solution learns the new ones.
    """
    with control.database.read() as connection:
        known = newest_copies(connection, declaration.name)
    asked = [(step, _refresh(control, declaration, step, outcome)) for step in declaration.lookups]
    # Where its rows were fresh enough to be taken from the store nothing was asked; unless no copy is known yet.
    found = [
        one
        for step, one in asked
        if one is not None and (_ran(outcome, step) or one.full_name not in known or one.error is not None)
    ]
    if not found:
        return
    with control.database.write() as connection:
        for one in found:
            before = known.get(one.full_name)
            changed = _changes(before, one) if refresh and before is not None and one.digest is not None else ""
            add_refresh(connection, one if not changed else _refused(one, changed))


def _refresh(control: Control, declaration: Declaration, step: StepInfo, outcome: RunOutcome) -> Refresh | None:
    """What came of a lookup in this run; None when it was not asked."""
    task = f"{step.name}:copy"
    source, copied = outcome.steps.get(step.name), outcome.steps.get(task)
    made_at = control.clock.now().isoformat()
    failed = next((each for each in (source, copied) if each is not None and each.error is not None), None)
    if failed is not None and failed.error is not None:
        said = failed.error.message
        return Refresh(
            solution=declaration.name, name=step.name, made_at=made_at, run_id=outcome.run_id, error=said[:500]
        )
    if copied is None or "copy" not in copied.outputs or source is None:
        return None
    artifact = copied.outputs["copy"]
    about = read_json(copied.outputs["about"], control.blobs)
    return Refresh(
        solution=declaration.name,
        name=step.name,
        made_at=made_at,
        run_id=outcome.run_id,
        digest=artifact.digest,
        size_bytes=artifact.size_bytes,
        rows=about["rows"],
        keys=about["keys"],
        newest=about["newest"],
        columns=about["columns"],
    )


def _ran(outcome: RunOutcome, step: StepInfo) -> bool:
    return any(outcome.steps[task].state is StepState.RAN for task in (step.name, f"{step.name}:copy"))


def keep_failure(control: Control, solution: str, name: str, run_id: str, error: UnshelveError) -> None:
    """Say of a lookup that a run which was to refresh it could not begin."""
    with control.database.write() as connection:
        if Declaration.from_json(get_solution(connection, solution).declaration).step(name).lookup is not None:
            made_at = control.clock.now().isoformat()
            add_refresh(
                connection,
                Refresh(solution=solution, name=name, made_at=made_at, run_id=run_id, error=str(error)[:500]),
            )


def _changes(before: Refresh, now: Refresh) -> str:
    """Which columns of the copy before are gone or of another type, as a sentence; empty when none is."""
    gone = [name for name in before.columns if name not in now.columns]
    other = [name for name, kind in before.columns.items() if now.columns.get(name, kind) != kind]
    said = []
    if gone:
        said.append(f"{', '.join(gone)} {'is' if len(gone) == 1 else 'are'} gone")
    said.extend(f"{name} was {before.columns[name]} and is {now.columns[name]}" for name in other)
    return "; ".join(said)


def _refused(one: Refresh, changed: str) -> Refresh:
    return Refresh(
        solution=one.solution,
        name=one.name,
        made_at=one.made_at,
        run_id=one.run_id,
        error=f"Its columns changed: {changed}. The former copy goes on; run the whole solution to learn the new ones.",
    )
