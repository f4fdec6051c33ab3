"""What a page says of a notebook that was lifted again: what people edited, and what differs from the lift before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from unshelve.solution.origin import LiftProof
from unshelve.web.views.notebook import ChangeRow, ShortFact
from unshelve.web.wording import count, plural

_MOST_NAMED: Final = 12
_MOST_METRICS: Final = 24
_LONGEST_NAME: Final = 60


def changed_rows(proof: LiftProof | None) -> tuple[ChangeRow, ...]:
    """Steps, metrics and answers that differ from the lift before."""
    return () if proof is None or proof.changes is None or not proof.changes.any else tuple(_rows(proof))


def told_of_people(proof: LiftProof | None) -> Iterator[ShortFact]:
    """What is kept as people edited it, and that nothing differs where nothing does."""
    if proof is None:
        return
    if proof.edited:
        yield ShortFact(name="Edited by hand", text=_named(proof.edited))
    if proof.changes is not None and not proof.changes.any:
        yield ShortFact(name="Lift before", text="no step, metric or answer differs")
    elif proof.changes is not None:
        yield ShortFact(name="Lift before", text="what differs from it", href="#changes")


def _rows(proof: LiftProof) -> Iterator[ChangeRow]:
    changes = proof.changes
    assert changes is not None
    if changes.added:
        yield ChangeRow(what="Steps added", now=_named(changes.added))
    if changes.removed:
        yield ChangeRow(what="Steps removed", before=_named(changes.removed))
    if changes.changed:
        yield ChangeRow(what="Steps changed", before=_named(changes.changed), now="with other code")
    for one in changes.metrics[:_MOST_METRICS]:
        yield ChangeRow(what=one.name[:_LONGEST_NAME], before=one.before[:_LONGEST_NAME], now=one.now[:_LONGEST_NAME])
    if len(changes.metrics) > _MOST_METRICS:
        yield ChangeRow(what=f"and {plural(len(changes.metrics) - _MOST_METRICS, 'more metric')}")
    if changes.answers is not None:
        rows, others = changes.answers.rows, changes.answers.changed
        yield ChangeRow(what="Answers", before=plural(rows, "test row"), now=f"{count(others)} answered otherwise")


def _named(names: Sequence[str]) -> str:
    shown = [name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…" for name in names[:_MOST_NAMED]]
    more = len(names) - _MOST_NAMED
    return ", ".join(shown) + (f" and {count(more)} more" if more > 0 else "")
