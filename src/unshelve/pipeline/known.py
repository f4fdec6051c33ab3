"""Known results: what earlier runs stored, at hand for planning without a query for each task."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import msgspec

from unshelve.errors import Damaged, NotFound
from unshelve.pipeline.kinds import Artifact, ArtifactKind, parts_of
from unshelve.registry.results import StoredResult, newest_of_task, newest_results, result_of_key
from unshelve.storage.blobs import BlobStore
from unshelve.storage.database import Database

_SPARE: Final = 1_000
_OUTPUTS: Final = msgspec.json.Decoder(dict[str, Artifact])


class Known(msgspec.Struct, frozen=True):
    """A stored result whose bytes are all there. `parts` is the JSON text that its key is made from."""

    key: str
    task: str
    outputs: Mapping[str, Artifact]
    parts: str
    made_at: str

    def read_parts(self) -> Mapping[str, Any]:
        """What the key was made of."""
        parts: Mapping[str, Any] = msgspec.json.decode(self.parts)
        return parts

    def made(self) -> datetime:
        """When it was made."""
        return datetime.fromisoformat(self.made_at)


class KnownResults:
    """The newest results of a solution, read at once; older ones are asked for one by one.

    A result is known only if the blob store holds every artifact of it.
    """

    def __init__(self, database: Database, blobs: BlobStore, solution: str, *, tasks: int) -> None:
        self._database = database
        self._blobs = blobs
        self._solution = solution
        limit = 2 * tasks + _SPARE
        with database.read() as connection:
            rows = newest_results(connection, solution, limit=limit)
        self._all_read = len(rows) < limit
        self._by_key: dict[str, Known] = {}
        self._by_task: dict[str, Known] = {}
        self._gone: set[str] = set()
        for known in self._present(rows):
            self._by_key[known.key] = known
            self._by_task.setdefault(known.task, known)

    def find(self, key: str) -> Known | None:
        """The result under a key."""
        found = self._by_key.get(key)
        if found is None and not self._all_read:
            with self._database.read() as connection:
                row = result_of_key(connection, key)
            found = next(iter(self._present([row])), None) if row is not None else None
        return found

    def was_lost(self, key: str) -> bool:
        """Whether there is a result under a key, but not all of its bytes."""
        return key in self._gone

    def newest(self, task: str) -> Known | None:
        """The newest result of a task under any key."""
        found = self._by_task.get(task)
        if found is None and not self._all_read:
            with self._database.read() as connection:
                row = newest_of_task(connection, self._solution, task)
            found = next(iter(self._present([row])), None) if row is not None else None
        return found

    def _present(self, rows: list[StoredResult]) -> list[Known]:
        decoded = [Known(row.key, row.task, _OUTPUTS.decode(row.outputs), row.parts, row.made_at) for row in rows]
        wanted = {artifact.digest for known in decoded for artifact in known.outputs.values()}
        there = self._blobs.has_many(wanted)
        datasets = {
            artifact.digest
            for known in decoded
            for artifact in known.outputs.values()
            if artifact.kind is ArtifactKind.DATASET
        }
        there -= self._broken(datasets & there)
        if len(there) == len(wanted):
            return decoded
        found = []
        for known in decoded:
            if all(artifact.digest in there for artifact in known.outputs.values()):
                found.append(known)
            else:
                self._gone.add(known.key)
        return found

    def _broken(self, datasets: set[str]) -> set[str]:
        """Those datasets of which a part is gone, or whose list of parts is damaged."""
        parts: dict[str, tuple[str, ...]] = {}
        for digest in datasets:
            with suppress(Damaged, NotFound):
                parts[digest] = parts_of(self._blobs.get(digest))
        there = self._blobs.has_many({part for several in parts.values() for part in several})
        return {digest for digest in datasets if digest not in parts or not there.issuperset(parts[digest])}
