"""Which dropped statement mattered, where the kept ones do not compute what the notebook computed.

What it does is seen in no name: it sets an environment variable, or changes something that only functions reach. The
kept statements are run with half of the dropped ones, then with half of those, until one is left.
"""

from __future__ import annotations

from collections.abc import Collection

from unshelve.notebook.understanding import Work
from unshelve.notebook.watched import Watched
from unshelve.notebook.watching import RunLimits, watch

Evidence = tuple[tuple[object, ...], ...]


def needed_too(work: Work) -> int | None:
    """The dropped statement without which the kept ones do not compute the same model and metrics.

    None where they do, or where all statements together do not either, so that it is not for want of one.
    """
    looked_at = {work.choice.model.statement, *(each.statement for each in work.choice.model.measured)}
    kept = work.flow.slice(looked_at)
    wanted = _evidence(work.again, looked_at)
    if not wanted or not _stable(work):
        return None
    dropped = [number for number in range(len(work.notebook.statements)) if number not in kept]

    def same(more: Collection[int]) -> bool:
        run = watch(
            work.notebook,
            folder=work.notebook.path.resolve().parent,
            limits=work.limits or RunLimits(),
            statements={*kept, *more},
        )
        return run.ran and _evidence(run, looked_at) == wanted

    if not dropped or same(()) or not same(dropped):
        return None
    too_few, enough = 0, len(dropped)
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if same(dropped[:middle]):
            enough = middle
        else:
            too_few = middle
    found = dropped[enough - 1]
    run = work.again.run_of(found)
    return None if run is not None and run.drew else found  # of one that draws a proof puts the state back


def _stable(work: Work) -> bool:
    """Whether two runs fitted the same model: what changes by itself tells nothing."""
    fit = work.choice.model.fit
    one, two = (run.calls[fit].receiver if fit < len(run.calls) else None for run in (work.watched, work.again))
    return one is not None and two is not None and one.fingerprint == two.fingerprint != ""


def _evidence(watched: Watched, statements: Collection[int]) -> Evidence:
    """What the calls of these statements made: fitted models, results, numbers."""
    return tuple(
        (
            call.statement,
            call.name,
            call.receiver.fingerprint if call.receiver is not None else "",
            call.result.fingerprint if call.result is not None else "",
            call.value,
        )
        for call in watched.calls
        if call.statement in statements and not call.inside
    )
