"""The copies of lookups that an answer process holds: the newest of each, and those that versions were trained with.

A copy is loaded once however many versions use it. A newer one takes the place of the former in one step; an answer
chooses its copies once, so that all its rows, and all models of an endpoint, are joined with the same.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from unshelve.data.lookup_copy import AskedCopy, LookupCopy
from unshelve.data.lookups import Lookup
from unshelve.errors import NotFound
from unshelve.pipeline.artifacts import read_artifact
from unshelve.pipeline.kinds import Artifact, ArtifactKind
from unshelve.storage.blobs import BlobStore

MOST_OLD: Final = 4
"""Copies that are held in memory though they are not the newest: those that versions are proved with, or receipts."""


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """A copy that answers, and when it was made, in milliseconds since 1970, as far as that is known."""

    copy: LookupCopy
    made_ms: int | None = None


Newest = Mapping[tuple[str, Lookup], Chosen]
"""The newest copies by the lookup's full name, `solution.lookup`, and by how its rows are found."""


@dataclass(frozen=True, slots=True, eq=False)
class LookupUse:
    """How a version uses a lookup: the columns it was trained with, those that must have a value, and the copy."""

    full_name: str
    lookup: Lookup
    columns: Mapping[str, str]
    required: Sequence[str]
    pinned: LookupCopy
    _fitted: dict[str, LookupCopy | None] = field(default_factory=dict)

    def fitted(self, copy: LookupCopy) -> LookupCopy | None:
        """A copy as this version takes it; None when it lacks a column, or has one of another type."""
        if copy.digest not in self._fitted:
            fitting = copy.like(dict(self.columns))
            self._fitted.clear()
            self._fitted[copy.digest] = fitting.requiring(self.required) if fitting is not None else None
        return self._fitted[copy.digest]


class Copies:
    """The copies of a process. May be asked by several threads; one at a time takes newer ones over."""

    def __init__(self, blobs: BlobStore) -> None:
        self.newest: Newest = {}
        """Replaced as a whole."""
        self._blobs = blobs
        self._held: OrderedDict[tuple[str, Lookup], LookupCopy] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, digest: str, lookup: Lookup, name: str) -> LookupCopy:
        """A copy by its digest; NotFound when it is not kept any more."""
        with self._lock:
            key = (digest, lookup)
            found = self._held.get(key)
            if found is None:
                artifact = Artifact(digest=digest, kind=ArtifactKind.TABLE, size_bytes=0)
                table: Any = read_artifact(artifact, self._blobs, trusted=lambda _: False)
                found = LookupCopy(table, lookup, name=name, digest=digest)
                self._held[key] = found
            self._held.move_to_end(key)
            in_use = {id(chosen.copy) for chosen in self.newest.values()}
            spare = [each for each, copy in self._held.items() if id(copy) not in in_use]
            for each in spare[: max(0, len(spare) - MOST_OLD)]:
                del self._held[each]  # a version that still uses it keeps it alive
            return found

    def choose(
        self,
        uses: Mapping[str, LookupUse],
        digests: Mapping[str, str] | None = None,
        newest: Newest | None = None,
    ) -> Mapping[str, Chosen]:
        """The copies that answer for a version, by the lookups' own names.

        The newest, or, where that does not fit the version, the one it was trained with; with `digests` those.
        """
        if not uses:
            return {}
        known = self.newest if newest is None else newest
        found: dict[str, Chosen] = {}
        for name, use in uses.items():
            if digests is not None:
                found[name] = Chosen(self._of_digest(use, digests.get(name, use.pinned.digest), name))
                continue
            now = known.get((use.full_name, use.lookup))
            fitted = None if now is None else use.fitted(now.copy)
            found[name] = Chosen(use.pinned) if now is None or fitted is None else Chosen(fitted, now.made_ms)
        return found

    def _of_digest(self, use: LookupUse, digest: str, name: str) -> LookupCopy:
        if digest == use.pinned.digest:
            return use.pinned
        copy = self.load(digest, use.lookup, name)
        fitting = copy.like(dict(use.columns))
        if fitting is None:
            raise NotFound(
                f"The copy {digest[:12]} of lookup {name} does not have the columns that the version was trained with.",
                code="lookup-copy-other",
            )
        return fitting.requiring(use.required)


def lookup_uses(
    solution: str,
    lookups: Mapping[str, Lookup],
    described: Mapping[str, Any],
    digests: Mapping[str, str],
    copies: Copies,
) -> dict[str, LookupUse]:
    """How a version uses its lookups. `described` is schema.json, `digests` are those of the copies it pins."""
    found: dict[str, LookupUse] = {}
    for name, lookup in lookups.items():
        known = described["lookups"][name]
        whole = copies.load(digests[name], lookup, name)
        fitting = whole.like(known["columns"]) or whole
        found[name] = LookupUse(
            full_name=f"{solution}.{name}",
            lookup=lookup,
            columns=known["columns"],
            required=known["required"],
            pinned=fitting.requiring(known["required"]),
        )
    return found


def note(answers: Sequence[dict[str, Any]], chosen: Mapping[str, Chosen], asked: Mapping[str, AskedCopy]) -> None:
    """Say in each answer, under "lookups", which copies it was given from, and what its row found in them."""
    for row, answer in enumerate(answers if chosen else ()):
        answer["lookups"] = {
            name: {"copy": one.copy.digest, "made_ms": one.made_ms, "found": asked[name].outcomes[row]}
            for name, one in chosen.items()
        }
