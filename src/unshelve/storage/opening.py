"""The one way to a store of blobs: from an address, or from what a home's settings say."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final, cast
from urllib.parse import unquote, urlsplit

import msgspec

from unshelve.errors import Refused
from unshelve.plugins import Group, load, names
from unshelve.settings import Settings
from unshelve.storage.addresses import scheme_of
from unshelve.storage.blobs import BlobStore, FolderBlobs
from unshelve.storage.cached import CachedBlobs
from unshelve.storage.home import Home

_OBJECTS: Final = "unshelve.storage.objects"
"""Imported when an address asks for it: it needs obstore."""
_OPENERS: Final[Mapping[str, str]] = {
    "s3": "open_objects",
    "az": "open_objects",
    "gs": "open_objects",
    "memory": "open_memory",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobPlace:
    """Where blobs are kept, as one value that is handed to other processes; no credentials are in it."""

    address: str
    """A folder, or the address of another store."""
    durable: bool = False
    cache: str = ""
    """The folder for copies of what a store elsewhere holds; empty for none."""
    cache_bytes: int = 10 << 30

    @property
    def text(self) -> str:
        return msgspec.json.encode(self).decode()


def blob_place(home: Home, settings: Settings) -> BlobPlace:
    """Where the blobs of a home are kept. Raises Refused for an address that cannot serve several processes."""
    address = settings.blobs or str(home.blobs)
    if scheme_of(address) == "memory":
        raise Refused(
            "A home has several processes, and memory:// is the memory of one.",
            code="blobs-in-memory",
            hint="Name a folder or an object store in the setting `blobs`.",
        )
    return BlobPlace(
        # Other processes open it from other folders than this one.
        address=str(_folder(address)) if _is_folder(address) else address,
        durable=settings.durable_blobs,
        cache=str(home.cache),
        cache_bytes=settings.blob_cache_bytes,
    )


def open_blobs(place: BlobPlace | str) -> BlobStore:
    """The blob store at a place, at an address, or at a place in its text form. Nothing is asked of it yet.

    An address is a folder's path, `file:///…`, `memory://`, `s3://…`, `az://…`, `gs://…`, or a plug's. Raises Refused
    for one that cannot be read or holds a credential, and Unavailable where a library is missing.
    """
    if isinstance(place, str):
        place = msgspec.json.decode(place, type=BlobPlace) if place.startswith("{") else BlobPlace(address=place)
    if _is_folder(place.address):
        return FolderBlobs(_folder(place.address), durable=place.durable)
    far = _far(place.address)
    return CachedBlobs(far, FolderBlobs(Path(place.cache)), most_bytes=place.cache_bytes) if place.cache else far


def _far(address: str) -> BlobStore:
    scheme = scheme_of(address)
    if scheme in _OPENERS:
        opener: object = getattr(import_module(_OBJECTS), _OPENERS[scheme])
    elif scheme in names(Group.BLOB_STORES):
        opener = load(Group.BLOB_STORES, scheme)
    else:
        known = sorted({"file", *_OPENERS, *names(Group.BLOB_STORES)})
        raise Refused(
            f"Blobs cannot be kept at {scheme[:40]}://…; there are {', '.join(known)} and plain folders.",
            code="blobs-unsupported",
            near=[f"{each}://" for each in difflib.get_close_matches(scheme, known, n=1)],
            hint="Leave UNSHELVE_BLOBS out to keep them in the home.",
        )
    return cast("Callable[[str], BlobStore]", opener)(address)


def _is_folder(address: str) -> bool:
    return scheme_of(address) in ("", "file")


def _folder(address: str) -> Path:
    if not scheme_of(address):
        return Path(address).expanduser().absolute()
    parts = urlsplit(address)
    if parts.netloc not in ("", "localhost") or not parts.path or parts.query or parts.fragment:
        raise Refused("A folder is written as a path or as file:///PATH.", code="address-unreadable")
    return Path(unquote(parts.path))
