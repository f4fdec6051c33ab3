"""The one way to a store of blobs: from an address, or from what a home's settings say."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Final, cast
from urllib.parse import unquote, urlsplit

from unshelve.errors import Refused
from unshelve.plugins import Group, load, names
from unshelve.settings import Settings
from unshelve.storage.addresses import ObjectAddress, object_address, scheme_of
from unshelve.storage.blobs import BlobStore, FolderBlobs
from unshelve.storage.cached import CachedBlobs
from unshelve.storage.home import Home

_OBJECTS: Final = "unshelve.storage.objects"
"""Imported when an address asks for it: it needs obstore."""
_OBJECT_SCHEMES: Final = frozenset({"s3", "az", "gs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobPlace:
    """Where a home keeps its blobs, and how: enough to open them in another process. It holds no credential."""

    address: str
    """A folder, or the address of another store."""
    cache: str = ""
    """The folder for copies of what a store elsewhere holds."""
    cache_bytes: int = 0
    durable: bool = False

    def text(self) -> str:
        """As text, for the command line or a message; `open_text` reads it."""
        return json.dumps(asdict(self))


def place_of(home: Home, settings: Settings) -> BlobPlace:
    """Where a home keeps its blobs. Raises Refused for an address that cannot serve several processes."""
    address = settings.blobs or str(home.blobs)
    scheme = scheme_of(address)
    if scheme == "memory":
        raise Refused(
            "A home has several processes, and memory:// is the memory of one.",
            code="blobs-in-memory",
            hint="Name a folder or an object store in the setting `blobs`.",
        )
    if scheme in ("", "file"):
        return BlobPlace(address=str(_folder(address)), durable=settings.durable_blobs)
    return BlobPlace(address=address, cache=str(home.blob_cache), cache_bytes=settings.blob_cache_bytes)


def open_place(place: BlobPlace) -> BlobStore:
    """The store of a home, with copies of what was used last where it is elsewhere."""
    if not place.cache:
        return _open(place.address, durable=place.durable)
    return CachedBlobs(open_blobs(place.address), Path(place.cache), limit_bytes=place.cache_bytes)


def open_text(text: str) -> BlobStore:
    """The store of a home from the text of its `BlobPlace`."""
    return open_place(BlobPlace(**json.loads(text)))


def open_blobs(address: str) -> BlobStore:
    """The store at an address: a folder's path, `file:///…`, `memory://`, `s3://…`, `az://…`, `gs://…`, or a plug's.

    Nothing is asked of it yet. Raises Refused for an address that says nothing or holds a credential.
    """
    return _open(address, durable=False)


def _open(address: str, *, durable: bool) -> BlobStore:
    scheme = scheme_of(address)
    if scheme in ("", "file"):
        return FolderBlobs(_folder(address), durable=durable)
    if scheme == "memory":
        objects = import_module(_OBJECTS)
        return cast(BlobStore, objects.ObjectBlobs(objects.memory_store(), "memory://"))
    if scheme in _OBJECT_SCHEMES:
        at: ObjectAddress = object_address(address)
        objects = import_module(_OBJECTS)
        return cast(BlobStore, objects.ObjectBlobs(objects.object_store(at), at.name))
    if scheme in names(Group.BLOB_STORES):
        return cast("Callable[[str], BlobStore]", load(Group.BLOB_STORES, scheme))(address)
    known = sorted({"file", "memory", *_OBJECT_SCHEMES, *names(Group.BLOB_STORES)})
    raise Refused(
        f"{scheme}:// is no kind of store that blobs can be kept in; there are {', '.join(known)} and plain folders.",
        code="blobs-scheme-unknown",
        near=difflib.get_close_matches(scheme, known, n=1),
    )


def _folder(address: str) -> Path:
    if not scheme_of(address):
        return Path(address).expanduser().absolute()
    parts = urlsplit(address)
    if parts.netloc not in ("", "localhost") or not parts.path or parts.query or parts.fragment:
        raise Refused("A folder is written as a path or as file:///PATH.", code="address-unreadable")
    return Path(unquote(parts.path))
