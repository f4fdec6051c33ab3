"""Opening the blob store that an address means: a folder, an object store with a folder in front of it, or a plug's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import msgspec

from unshelve.errors import Refused
from unshelve.plugins import Group, load, names
from unshelve.settings import Settings
from unshelve.storage.blobs import BlobStore, FolderBlobs
from unshelve.storage.cached import CachedBlobs
from unshelve.storage.home import Home

OBJECT_STORES: Final = ("s3", "az", "gs")
"""The schemes of addresses that lead to an object store."""

_OBJECTS: Final = "unshelve.storage.objects"
"""Imported when an address asks for it."""


@runtime_checkable
class Claimed(Protocol):
    """A blob store that several homes can reach, of which one has it."""

    def claim(self, owner: str) -> None:
        """Says whose it is. Raises Conflict when it is another home's."""

    def keeps_create_only(self) -> bool:
        """Whether it refuses to write over an object when asked to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobPlace:
    """Where blobs are kept, as one value that is handed to other processes; no credentials are in it."""

    address: str
    durable: bool = False
    cache: str = ""
    """The folder in front of a store that is far away."""
    cache_bytes: int = 10 << 30

    @property
    def text(self) -> str:
        return msgspec.json.encode(self).decode()


def blob_place(home: Home, settings: Settings) -> BlobPlace:
    """Where the blobs of a home are kept."""
    return BlobPlace(
        address=settings.blobs or str(home.blobs),
        durable=settings.durable_blobs,
        cache=str(home.cache),
        cache_bytes=settings.blob_cache_bytes,
    )


def open_blobs(place: BlobPlace | str) -> BlobStore:
    """The blob store at a place, at an address, or at a place in its text form.

    Raises Refused for an address that cannot be read, and Unavailable where a library is missing.
    """
    if isinstance(place, str):
        place = msgspec.json.decode(place, type=BlobPlace) if place.startswith("{") else BlobPlace(address=place)
    scheme, separator, rest = place.address.partition("://")
    if not separator:
        return FolderBlobs(Path(place.address), durable=place.durable)
    if scheme == "file" and rest.startswith("/"):
        return FolderBlobs(Path(rest), durable=place.durable)
    far = _far(scheme, place.address)
    if not place.cache:
        return far
    return CachedBlobs(far, FolderBlobs(Path(place.cache)), most_bytes=place.cache_bytes)


def claim(blobs: BlobStore, owner: str) -> None:
    """Says of a store that other homes can reach whose it is. Raises Conflict when it is another home's."""
    far = blobs.far if isinstance(blobs, CachedBlobs) else blobs
    if isinstance(far, Claimed):
        far.claim(owner)


def keeps_create_only(blobs: BlobStore) -> bool:
    """Whether a store refuses to write over what is there when asked to; a folder always does."""
    far = blobs.far if isinstance(blobs, CachedBlobs) else blobs
    return far.keeps_create_only() if isinstance(far, Claimed) else True


def _far(scheme: str, address: str) -> BlobStore:
    if scheme in OBJECT_STORES:
        opened: BlobStore = import_module(_OBJECTS).open_objects(address)
        return opened
    if scheme in names(Group.BLOB_STORES):
        opener = load(Group.BLOB_STORES, scheme)
        if isinstance(opener, Callable):  # type: ignore[arg-type]  # an abstract class serves as well
            plugged: BlobStore = opener(address)  # type: ignore[operator]  # checked just now
            return plugged
    raise Refused(
        f"Blobs cannot be kept at {scheme[:40]}://….",
        code="blobs-unsupported",
        near=[f"{known}://" for known in ("file", *OBJECT_STORES, *names(Group.BLOB_STORES))],
        hint="Leave UNSHELVE_BLOBS out to keep them in the home.",
    )
