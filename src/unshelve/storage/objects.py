"""Blobs as objects of S3, Azure or Google Cloud, through obstore: `sha256/ab/cdef…` as in a folder.

What is sent goes in one request up to 8 MiB, and in parts of that size otherwise, four at a time. A part that was
cut off is sent again, and only that part; nobody sees an object before its last part is there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from unshelve.clock import Clock, SystemClock
from unshelve.errors import Conflict, StorageFull, Unavailable, UnshelveError
from unshelve.storage.addresses import CREDENTIALS, ObjectAddress, object_address, scheme_of
from unshelve.storage.blobs import (
    BlobProblem,
    check_digest,
    check_mark,
    damaged_blob,
    missing_blob,
    written_whole,
)

try:
    import obstore
    from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
    from obstore.store import AzureStore, GCSStore, MemoryStore, S3Store
except ImportError as missing:
    raise Unavailable(
        "Object stores need obstore, which is not installed.",
        code="obstore-missing",
        hint="Install it: pip install 'unshelve[objects]'.",
    ) from missing

if TYPE_CHECKING:
    from obstore import GetResult, ObjectMeta
    from obstore.store import AzureConfig, ClientConfig, GCSConfig, ObjectStore, RetryConfig, S3Config

PART_BYTES: Final = 8 << 20
"""The size of a part, and of the largest object that is sent in one request. S3 wants 5 MiB at least."""
RENEW_AFTER_SECONDS: Final = 12 * 3600.0
"""Bytes that are put again get a new time when theirs is older: half of the shortest time that `gc` waits."""

_MOST_PARTS: Final = 9_000  # S3 takes 10,000
_PARTS_AT_A_TIME: Final = 4
_ASK_FIRST_BYTES: Final = 256 << 10
"""From this size on it is asked whether the bytes are there, before they are sent for nothing."""
_CHUNK_BYTES: Final = 1 << 20
_ASKERS: Final = 16
_MOST_CUTS: Final = 5
"""How often an answer may be cut off without one byte more."""
_INSUFFICIENT_STORAGE: Final = 507
_PATH: Final = re.compile(r"sha256/([0-9a-f]{2})/([0-9a-f]{62})")
_CODE: Final = re.compile(r"<Code>(\w{1,60})</Code>")
_STATUS: Final = re.compile(r"status code: (\d{3})")
_NO_BUCKET: Final = frozenset({"NoSuchBucket", "ContainerNotFound", "InvalidBucketName", "InvalidResourceName"})
_FULL: Final = frozenset({"QuotaExceeded", "XMinioStorageFull", "InsufficientCapacity", "AccountIsFull"})
_METADATA: Final = ("169.254.169.254", "metadata.google", "169.254.170.2", "InstanceCredentials")
"""Where credentials of a machine come from: an error that names them means that none were given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a store is waited for. With these numbers a store that is down is given up after 2 to 15
    seconds (the waits are drawn by lot), and one that takes connections and says nothing after a minute or two."""

    connect_seconds: float = 5.0
    silent_seconds: float = 60.0
    """Without a byte of an answer; sending one part of 8 MiB has to be done in it: 140 kB a second and connection."""
    retries: int = 8
    retry_seconds: float = 60.0
    """After this time since the first attempt there is no further one."""


def object_store(
    address: str, *, patience: Patience | None = None, credentials: Mapping[str, str] | None = None
) -> tuple[ObjectStore, str]:
    """The objects at an address, and its name for people. Nothing is asked yet.

    Credentials come from the environment where none are given, by the names that obstore has for them. Raises Refused
    for what `addresses.object_address` refuses.
    """
    at = object_address(address)
    patience = patience or Patience()
    client: ClientConfig = {
        "allow_http": at.endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=patience.connect_seconds),
        "read_timeout": timedelta(seconds=patience.silent_seconds),
        "timeout": timedelta(hours=12),  # of one object from its first byte to its last: 5 GB over a slow link
        "user_agent": "unshelve",
    }
    retry: RetryConfig = {
        "max_retries": patience.retries,
        "retry_timeout": timedelta(seconds=patience.retry_seconds),
        "backoff": {
            "init_backoff": timedelta(milliseconds=250),
            "max_backoff": timedelta(seconds=5),
            "base": 2,
        },
    }
    return _MAKERS[at.scheme](at, client, retry, credentials or {}), at.name


def open_objects(address: str, *, patience: Patience | None = None) -> ObjectBlobs:
    """The blob store at an address of an object store; see `object_store`."""
    return ObjectBlobs(*object_store(address, patience=patience))


def open_memory(address: str) -> ObjectBlobs:
    """A blob store in the memory of this process."""
    return ObjectBlobs(MemoryStore(), address)


class ObjectBlobs:
    """A store of blobs in an object store. `name` is what messages call it.

    The same bytes are sent once. Where they are there already and their time is older than `renew_after_seconds`
    they are sent again, so that a sweep of old blobs spares them: objects have no other way to renew their time.
    """

    def __init__(
        self,
        store: ObjectStore,
        name: str,
        *,
        renew_after_seconds: float = RENEW_AFTER_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        self._name = name
        self.create_only: bool | None = None
        self._store = store
        self._renew_after = renew_after_seconds
        self._clock = clock or SystemClock()

    @property
    def name(self) -> str:
        return self._name

    def put(self, data: bytes | bytearray | memoryview) -> str:
        view = memoryview(data).cast("B")
        digest = hashlib.sha256(view).hexdigest()
        key = _key(digest)
        with self._told():
            if len(view) > _ASK_FIRST_BYTES and self._is_fresh(key, len(view)):
                return digest
            if len(view) > PART_BYTES:
                pieces = (bytes(view[at : at + _CHUNK_BYTES]) for at in range(0, len(view), _CHUNK_BYTES))
                self._send_parts(key, pieces, len(view))
            else:
                self._send(key, bytes(view))
        return digest

    def put_file(self, path: Path) -> str:
        size = path.stat().st_size
        with path.open("rb", buffering=0) as source:
            if size <= PART_BYTES:
                return self.put(source.readall())
            digest = hashlib.file_digest(source, "sha256").hexdigest()
            key = _key(digest)
            with self._told():
                if not self._is_fresh(key, size):
                    source.seek(0)
                    chunks = iter(lambda: source.read(_CHUNK_BYTES), b"")
                    self._send_parts(key, _unchanged(chunks, digest, path), size)
        return digest

    def get(self, digest: str) -> bytes:
        check_digest(digest)
        data = b"".join(self._chunks(digest))
        if hashlib.sha256(data).hexdigest() != digest:
            raise damaged_blob(digest)
        return data

    def copy_to(self, digest: str, path: Path) -> None:
        check_digest(digest)
        hasher = hashlib.sha256()
        with written_whole(path) as target:
            for chunk in self._chunks(digest):
                hasher.update(chunk)
                target.write(chunk)
            if hasher.hexdigest() != digest:
                raise damaged_blob(digest)

    def path(self, digest: str) -> Path | None:
        check_digest(digest)
        return None

    def has(self, digest: str) -> bool:
        return self._head(_key(digest)) is not None

    def has_many(self, digests: Iterable[str]) -> set[str]:
        asked = list(dict.fromkeys(digests))
        if not asked:
            return set()
        with ThreadPoolExecutor(min(_ASKERS, len(asked)), thread_name_prefix="unshelve-objects") as askers:
            return {digest for digest, there in zip(asked, askers.map(self.has, asked), strict=True) if there}

    def size(self, digest: str) -> int:
        found = self._head(_key(digest))
        if found is None:
            raise missing_blob(digest)
        return found["size"]

    def delete(self, digest: str) -> bool:
        key = _key(digest)
        if self._head(key) is None:
            return False
        with self._told():
            try:
                obstore.delete(self._store, key)
            except FileNotFoundError:
                return False
        return True

    def sweep(self, digest: str, *, before: float) -> int | None:
        check_digest(digest)
        with self._told():
            try:
                found = obstore.head(self._store, _key(digest))
            except FileNotFoundError:
                return None
            if found["last_modified"].timestamp() >= before:
                return None
            obstore.delete(self._store, _key(digest))
        return found["size"]

    def digests(self, *, before: float | None = None) -> Iterator[str]:
        for each in self._listed():
            digest = _digest_at(each["path"])
            if digest and (before is None or each["last_modified"].timestamp() < before):
                yield digest

    def verify(self) -> Iterator[BlobProblem]:
        for each in self._listed():
            digest = _digest_at(each["path"])
            place = f"{self.name}/{each['path']}"
            if digest is None:
                yield BlobProblem(None, place, "a file that is no blob")
                continue
            hasher = hashlib.sha256()
            for chunk in self._chunks(digest):
                hasher.update(chunk)
            if hasher.hexdigest() != digest:
                yield BlobProblem(digest, place, "the bytes are not what was written")

    def mark(self, name: str, data: bytes) -> bool:
        with self._told():
            try:
                obstore.put(self._store, check_mark(name), data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
        return True

    def read_mark(self, name: str) -> bytes | None:
        with self._told():
            try:
                return bytes(obstore.get(self._store, check_mark(name)).bytes())
            except FileNotFoundError as error:
                self._check_bucket(error)
                return None

    def drop_mark(self, name: str) -> None:
        with self._told():
            try:
                obstore.delete(self._store, check_mark(name))
            except FileNotFoundError as error:
                self._check_bucket(error)

    # -- sending ---------------------------------------------------------------------------------------------------

    def _send(self, key: str, data: bytes) -> None:
        """Sends an object where there is none; where there is one, only if that is old or of another size."""
        try:
            obstore.put(self._store, key, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            if not self._is_fresh(key, len(data)):
                obstore.put(self._store, key, data, use_multipart=False)

    def _send_parts(self, key: str, chunks: Iterator[bytes], size: int) -> None:
        obstore.put(
            self._store,
            key,
            chunks,
            use_multipart=True,
            chunk_size=max(PART_BYTES, -(-size // _MOST_PARTS)),
            max_concurrency=_PARTS_AT_A_TIME,
        )

    def _is_fresh(self, key: str, size: int) -> bool:
        found = self._head(key)
        if found is None or found["size"] != size:
            return False
        return self._clock.now().timestamp() - found["last_modified"].timestamp() < self._renew_after

    # -- fetching --------------------------------------------------------------------------------------------------

    def _chunks(self, digest: str) -> Iterator[bytes]:
        """The bytes of an object. An answer that is cut off is asked for again from where it ended."""
        at, cuts = 0, 0
        while True:
            found = self._answer(digest, at)
            cause: Exception | None = None
            try:
                for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
                    yield bytes(chunk)
                    at += len(chunk)
                    cuts = 0
            except BaseError as error:
                cause = error
            if at >= found.meta["size"]:
                return
            cuts += 1
            if cuts > _MOST_CUTS:
                raise self._meant(cause or ConnectionError("cut off")) from None

    def _answer(self, digest: str, at: int) -> GetResult:
        """What the server gives of an object from a place on."""
        with self._told():
            try:
                return obstore.get(self._store, _key(digest), options={"range": {"offset": at}} if at else None)
            except FileNotFoundError as error:
                self._check_bucket(error)
                raise missing_blob(digest) from None

    def _head(self, key: str) -> ObjectMeta | None:
        with self._told():
            try:
                return obstore.head(self._store, key)
            except FileNotFoundError:
                return None

    def _listed(self) -> Iterator[ObjectMeta]:
        with self._told():
            pages = iter(obstore.list(self._store, "sha256", chunk_size=1000))
        while True:
            with self._told():
                page = next(pages, None)
            if page is None:
                return
            yield from page

    # -- what went wrong -------------------------------------------------------------------------------------------

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, FileNotFoundError) as error:
            # The text of the driver is not kept: it holds the request, and of some servers the key's id.
            raise self._meant(error) from None

    def _check_bucket(self, error: FileNotFoundError) -> None:
        """Raises where not the object is missing but all that it would lie in."""
        if _code(error) in _NO_BUCKET:
            raise self._meant(error) from None

    def _meant(self, error: Exception) -> UnshelveError:
        return object_trouble(error, self.name)


def object_trouble(error: Exception, name: str) -> UnshelveError:
    """What an error of obstore means for somebody who asked for objects at `name`, without the text it came with."""
    text = str(error)
    code, status = _code(error), int(found[1]) if (found := _STATUS.search(text)) else 0
    answer = " ".join(str(each) for each in (status, code) if each)
    if any(place in text for place in _METADATA):
        return Unavailable(
            f"No credentials for {name} were found.", code="object-store-no-credentials", hint=_set_credentials(name)
        )
    if code == "RequestTimeTooSkewed":
        return Unavailable(f"{name} says that this machine's clock is wrong ({answer}).", code="object-store-clock")
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or status in (401, 403):
        return Unavailable(
            f"{name} refuses the credentials that it was given ({answer}).",
            code="object-store-refused",
            hint=f"{_set_credentials(name)} They need the rights to read, write, list and delete there.",
        )
    if code in _NO_BUCKET or isinstance(error, FileNotFoundError):
        return Unavailable(
            f"There is no bucket or container at {name} ({answer}).",
            code="bucket-not-found",
            hint="Make it, or correct the address: it is never made by itself.",
        )
    if code in _FULL or status == _INSUFFICIENT_STORAGE:
        return StorageFull(f"There is no room left at {name} ({answer}); nothing was stored.")
    if status:
        return Unavailable(f"{name} could not do what it was asked ({answer}).", code="object-store-failed")
    slow = "TimedOut" in text or "timed out" in text
    return Unavailable(
        f"{name} {'did not answer in time' if slow else 'cannot be reached'}.",
        code="object-store-slow" if slow else "object-store-unreachable",
        hint="Is it running, and is its address right? What was being stored is not there; nothing else was changed.",
    )


def _set_credentials(name: str) -> str:
    return f"Set {CREDENTIALS.get(scheme_of(name), 'them')} in the environment of the server."


def _code(error: Exception) -> str:
    found = _CODE.search(str(error))
    return found[1] if found else ""


def _unchanged(chunks: Iterator[bytes], digest: str, path: Path) -> Iterator[bytes]:
    """The chunks of a file, and an error at their end where they are not those that were hashed before.

    An error of its source makes obstore give up what it was sending, so nothing wrong is ever seen under a digest.
    """
    hasher = hashlib.sha256()
    for chunk in chunks:
        hasher.update(chunk)
        yield chunk
    if hasher.hexdigest() != digest:
        raise Conflict(f"{path.name} was changed while it was being stored.", code="file-changed")


def _key(digest: str) -> str:
    check_digest(digest)
    return f"sha256/{digest[:2]}/{digest[2:]}"


def _digest_at(path: str) -> str | None:
    found = _PATH.fullmatch(path)
    return found[1] + found[2] if found else None


def _s3(at: ObjectAddress, client: ClientConfig, retry: RetryConfig, told: Mapping[str, str]) -> ObjectStore:
    options = cast("S3Config", {"virtual_hosted_style_request": at.virtual_host, **told})
    if at.endpoint:
        options["endpoint"] = at.endpoint
    if at.region:
        options["region"] = at.region
    if at.anonymous:
        options["skip_signature"] = True
    return S3Store(at.bucket, prefix=at.prefix or None, config=options, client_options=client, retry_config=retry)


def _azure(at: ObjectAddress, client: ClientConfig, retry: RetryConfig, told: Mapping[str, str]) -> ObjectStore:
    options = cast("AzureConfig", dict(told))
    if at.endpoint:
        options["endpoint"] = at.endpoint
    if at.account:
        options["account_name"] = at.account
    if at.anonymous:
        options["skip_signature"] = True
    return AzureStore(at.bucket, prefix=at.prefix or None, config=options, client_options=client, retry_config=retry)


def _google(at: ObjectAddress, client: ClientConfig, retry: RetryConfig, told: Mapping[str, str]) -> ObjectStore:
    options = cast("GCSConfig", dict(told))
    if at.endpoint:
        options["base_url"] = at.endpoint
    if at.anonymous:
        options["skip_signature"] = True
    return GCSStore(at.bucket, prefix=at.prefix or None, config=options, client_options=client, retry_config=retry)


_MAKERS: Final = {"s3": _s3, "az": _azure, "gs": _google}
