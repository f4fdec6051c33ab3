"""What a store of blobs can do and whose it is: asked once, when a server starts."""

from __future__ import annotations

import json
import logging
import secrets
from dataclasses import dataclass
from typing import Final

from unshelve.errors import Conflict, Damaged
from unshelve.storage.blobs import BlobStore, FolderBlobs, Marked
from unshelve.storage.cached import CachedBlobs

OWNER_MARK: Final = "home.json"
"""The note that says which database a store belongs to."""
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of a store, for a page."""

    name: str
    """Where it is, for people: a folder or an address without credentials."""
    remote: bool
    create_only: bool | None
    """Whether the server refuses to create what is there; None where that was not probed."""
    cache: str = ""
    cache_limit_bytes: int = 0

    @property
    def remark(self) -> str:
        """What somebody should know about it; empty where there is nothing."""
        if self.create_only is False:
            return (
                f"{self.name} overwrites what is there when it is told to create only, and says nothing. "
                "Blobs are safe, because equal names are equal bytes; whose turn it is, the database decides."
            )
        return ""


def probe(store: BlobStore) -> Standing:
    """Asks a store whether it honours "create only", by creating one note twice, and says once in the log if not.

    Raises Unavailable where the store cannot be reached or refuses, so that a server does not start on it.
    """
    inner = _behind(store)
    if isinstance(inner, Marked) and inner.create_only is None:
        name = f"probe-{secrets.token_hex(8)}.json"
        try:
            first, second = inner.mark(name, b'{"probe": 1}'), inner.mark(name, b'{"probe": 2}')
        finally:
            inner.drop_mark(name)
        inner.create_only = first and not second
    found = standing(store)
    if found.remark:
        _LOG.warning("%s", found.remark)
    return found


def standing(store: BlobStore) -> Standing:
    """What is known of a store without asking it."""
    inner = _behind(store)
    cache = store if isinstance(store, CachedBlobs) else None
    return Standing(
        name=inner.name if isinstance(inner, Marked) else type(inner).__name__,
        remote=not isinstance(inner, FolderBlobs),
        create_only=inner.create_only if isinstance(inner, Marked) else None,
        cache=cache.folder.name if cache else "",
        cache_limit_bytes=cache.most_bytes if cache else 0,
    )


def claim(store: BlobStore, owner: str) -> None:
    """Binds a store to one database by a note in it. Raises Conflict, naming both, where it is another's.

    Without the binding, the sweep of one home would remove what only the other one knows. A store that keeps no
    notes is not bound. Where a store does not honour "create only", two that claim it in the same moment are told
    apart only by reading the note again; whoever shares a database takes turns there.
    """
    inner = _behind(store)
    if not isinstance(inner, Marked):
        return
    said = inner.read_mark(OWNER_MARK)
    if said is None:
        inner.mark(OWNER_MARK, json.dumps({"format": 1, "owner": owner}).encode())
        said = inner.read_mark(OWNER_MARK)
    holder = _owner_in(said)
    if holder != owner:
        raise Conflict(
            f"The blobs at {standing(store).name} belong to the database {holder}, and this home's is {owner}.",
            code="blobs-of-another-home",
            hint=f"Give this home a place of its own in the setting `blobs`. If the other home is gone for good, "
            f"delete {OWNER_MARK} there first.",
            details={"holder": holder, "owner": owner},
        )


def _behind(store: BlobStore) -> BlobStore:
    """The store itself, without the folder for copies in front of it."""
    return store.far if isinstance(store, CachedBlobs) else store


def _owner_in(said: bytes | None) -> str:
    try:
        owner = json.loads(said or b"")["owner"]
    except (ValueError, KeyError, TypeError):
        owner = None
    if not isinstance(owner, str):
        raise Damaged(f"The note {OWNER_MARK} beside the blobs cannot be read.", code="blobs-owner-unreadable")
    return owner
