"""What solutions cost in bytes: what each of them alone keeps stored, what it shares, and what of it is what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from sqlalchemy import Connection, select

from unshelve.errors import Damaged, NotFound
from unshelve.models.package import manifest_from
from unshelve.registry.tables import result, run, run_step, version
from unshelve.storage.blobs import BlobStore

PARTS: Final = ("versions", "results", "logs")
"""What a blob is counted as, by the first of these that holds it."""


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


def costs(connection: Connection, blobs: BlobStore) -> Costs:
    """What each solution costs.

    Cost: reads the rows of runs, results and versions once; asks the store only for sizes that no row has.
    """
    found: dict[str, _Blob] = {}
    for solution, part, digest, size in _uses(connection, blobs):
        known = found.get(digest)
        if known is None:
            known = found[digest] = _Blob(_size(blobs, digest) if size is None else size, part)
        known.solutions.add(solution)
    summed: dict[str, dict[str, int]] = {}
    for blob in found.values():
        for solution in blob.solutions:
            sums = summed.setdefault(solution, dict.fromkeys(("own", "shared", *PARTS), 0))
            sums["own" if len(blob.solutions) == 1 else "shared"] += blob.size
            sums[blob.part] += blob.size
    made = [
        Cost(solution=name, own=sums["own"], shared=sums["shared"], parts={part: sums[part] for part in PARTS})
        for name, sums in summed.items()
    ]
    dearest = sorted(made, key=lambda cost: (-cost.total, cost.solution))
    return Costs(dearest, sum(blob.size for blob in found.values()))


def _uses(connection: Connection, blobs: BlobStore) -> Iterator[tuple[str, str, str, int | None]]:
    """Each use of a blob: by which solution, as what, which, and its size where a row says it."""
    for solution, digest in connection.execute(select(version.c.solution, version.c.manifest)):
        yield solution, "versions", digest, None
        try:
            manifest = manifest_from(blobs.get(digest))
        except (NotFound, Damaged):
            continue
        for file in manifest.files.values():
            yield solution, "versions", file.digest, file.size
    for solution, outputs in connection.execute(select(result.c.solution, result.c.outputs)):
        yield from ((solution, "results", *each) for each in _artifacts(outputs))
    steps = select(run.c.solution, run_step.c.outputs, run_step.c.log).join_from(run_step, run)
    for solution, outputs, log in connection.execute(steps):
        if outputs is not None:
            yield from ((solution, "results", *each) for each in _artifacts(outputs))
        if log is not None:
            yield solution, "logs", log, None


def _artifacts(outputs: str) -> Iterator[tuple[str, int]]:
    for artifact in msgspec.json.decode(outputs).values():
        yield artifact["digest"], artifact["size_bytes"]


def _size(blobs: BlobStore, digest: str) -> int:
    try:
        return blobs.size(digest)
    except NotFound:
        return 0
