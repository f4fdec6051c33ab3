"""What solutions cost in bytes: what each of them alone keeps stored, what it shares, and what of it is what."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from unshelve.errors import NotFound
from unshelve.predictions.usage import bytes_by_model
from unshelve.storage.blobs import BlobStore
from unshelve.upkeep.uses import DATA, LOGS, RESULTS, VERSIONS, uses

ANSWERS: Final = "answers"
PARTS: Final = (VERSIONS, DATA, RESULTS, ANSWERS, LOGS)
"""What bytes are counted as. A blob that is several of these is counted as the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Bytes of one solution. `own` are needed by it alone, `shared` by others as well."""

    solution: str
    own: int
    shared: int
    parts: Mapping[str, int] = field(default_factory=dict)
    """Its bytes, own and shared, by what they are: see PARTS."""

    @property
    def total(self) -> int:
        return self.own + self.shared


@dataclass(slots=True)
class _Blob:
    size: int
    part: str
    solutions: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Costs:
    """What all solutions cost, the dearest first, and the bytes of everything together, each stored once."""

    solutions: Sequence[Cost]
    total: int


def costs(connection: Connection, blobs: BlobStore, *, sizes: MutableMapping[str, int] | None = None) -> Costs:
    """What each solution costs.

    Cost: reads every row that names a blob once, and asks the store for sizes that no row has; `sizes` remembers those
    from one count to the next.
    """
    known_sizes = {} if sizes is None else sizes
    found: dict[str, _Blob] = {}
    for use in uses(connection, blobs):
        known = found.get(use.digest)
        if known is None:
            size = use.size
            if size is None:
                size = known_sizes.get(use.digest)
            if size is None:
                size = known_sizes[use.digest] = _size(blobs, use.digest)
            known = found[use.digest] = _Blob(size, use.part)
        known.solutions.add(use.solution)
    summed: dict[str, dict[str, int]] = {}
    answers = bytes_by_model(connection)
    for model, size in answers.items():
        sums = summed.setdefault(model.partition(".")[0], _nothing())
        sums["own"] += size
        sums[ANSWERS] += size
    for blob in found.values():
        for solution in blob.solutions:
            sums = summed.setdefault(solution, _nothing())
            sums["own" if len(blob.solutions) == 1 else "shared"] += blob.size
            sums[blob.part] += blob.size
    made = [
        Cost(solution=name, own=sums["own"], shared=sums["shared"], parts={part: sums[part] for part in PARTS})
        for name, sums in summed.items()
    ]
    dearest = sorted(made, key=lambda cost: (-cost.total, cost.solution))
    return Costs(dearest, sum(blob.size for blob in found.values()) + sum(answers.values()))


def _nothing() -> dict[str, int]:
    return dict.fromkeys(("own", "shared", *PARTS), 0)


def _size(blobs: BlobStore, digest: str) -> int:
    try:
        return blobs.size(digest)
    except NotFound:
        return 0
