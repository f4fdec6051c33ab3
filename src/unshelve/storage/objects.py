"""Object stores as blob stores: S3 and what speaks like it, Azure, Google Cloud, through obstore.

A blob is the object `sha256/ab/cdef…` below the address's prefix. Names come from the content, so that putting
twice, putting again after a cut and putting from two servers at once all end in the same object: nothing here
needs a lock, and nothing half-written is visible, for an object appears when its upload is complete.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from unshelve.clock import SystemClock
from unshelve.errors import Conflict, Refused, Unavailable, UnshelveError
from unshelve.storage.blobs import (
    DIGEST,
    BlobProblem,
    check_digest,
    damaged_blob,
    missing_blob,
    written_whole,
)

try:
    import obstore
    from obstore.exceptions import (
        AlreadyExistsError,
        BaseError,
        NotSupportedError,
        PermissionDeniedError,
        PreconditionError,
        UnauthenticatedError,
    )
    from obstore.store import AzureStore, GCSStore, ObjectStore, S3Store
except ModuleNotFoundError as missing:
    raise Unavailable(
        "Object stores need obstore, which is not installed.",
        code="obstore-missing",
        hint="Install it: pip install 'unshelve[objects]'.",
    ) from missing

if TYPE_CHECKING:
    from obstore.store import AzureConfig, ClientConfig, RetryConfig, S3Config

SCHEMES: Final = ("s3", "az", "gs")

RENEWED_AFTER: Final = timedelta(hours=6)
"""An object this old is written again when its bytes are put again, so that a sweep of old objects spares it."""

PATIENCE: Final = timedelta(seconds=60)
"""How long a request that fails is tried again, with growing pauses."""

_PART_BYTES: Final = 8 << 20
_MOST_PARTS: Final = 9_000
"""S3 takes 10,000 parts of an upload."""
_PARTS_AT_ONCE: Final = 3
_ASKED_AT_ONCE: Final = 32
_CHUNK_BYTES: Final = 1 << 20
_MARK: Final = "home.json"
_PROBE: Final = "probe"
_OPTIONS: Final = frozenset({"endpoint", "region", "account"})


class ObjectBlobs:
    """A blob store below a prefix of an object store (`storage.blobs.BlobStore`).

    `name` is what people are told. Each request is tried again with growing pauses for up to a minute; then
    Unavailable is raised and nothing has changed.
    """

    def __init__(self, store: ObjectStore, name: str) -> None:
        self.name = name
        self._store = store
        self._clock = SystemClock()

    def put(self, data: bytes | bytearray | memoryview) -> str:
        digest = hashlib.sha256(data).hexdigest()
        with self._translated():
            self._create(digest, data)
        return digest

    def put_file(self, path: Path) -> str:
        with path.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
            size = source.tell()
            source.seek(0)
            with self._translated():
                if self._renewed(digest):
                    return digest
                obstore.put(
                    self._store,
                    _key(digest),
                    source,
                    use_multipart=size > _PART_BYTES,
                    chunk_size=max(_PART_BYTES, size // _MOST_PARTS + 1),
                    max_concurrency=_PARTS_AT_ONCE,
                )
        return digest

    def get(self, digest: str) -> bytes:
        check_digest(digest)
        with self._translated(digest):
            data = bytes(obstore.get(self._store, _key(digest)).bytes())
        if hashlib.sha256(data).hexdigest() != digest:
            raise damaged_blob(digest)
        return data

    def copy_to(self, digest: str, path: Path) -> None:
        check_digest(digest)
        hasher = hashlib.sha256()
        with written_whole(path) as target, self._translated(digest):
            for chunk in obstore.get(self._store, _key(digest)).stream(min_chunk_size=_CHUNK_BYTES):
                hasher.update(chunk)
                target.write(chunk)
            if hasher.hexdigest() != digest:
                raise damaged_blob(digest)

    def path(self, digest: str) -> Path | None:
        check_digest(digest)
        return None

    def has(self, digest: str) -> bool:
        check_digest(digest)
        with self._translated():
            return self._age(digest) is not None

    def has_many(self, digests: Iterable[str]) -> set[str]:
        wanted = list(digests)
        with ThreadPoolExecutor(min(_ASKED_AT_ONCE, max(1, len(wanted)))) as pool:
            return {digest for digest, there in zip(wanted, pool.map(self.has, wanted), strict=True) if there}

    def size(self, digest: str) -> int:
        check_digest(digest)
        with self._translated(digest):
            return obstore.head(self._store, _key(digest))["size"]

    def delete(self, digest: str) -> bool:
        there = self.has(digest)
        with self._translated():
            if there:
                obstore.delete(self._store, _key(digest))
        return there

    def sweep(self, digest: str, *, before: float) -> int | None:
        check_digest(digest)
        with self._translated():
            try:
                found = obstore.head(self._store, _key(digest))
            except FileNotFoundError:
                return None
            if found["last_modified"].timestamp() >= before:
                return None
            obstore.delete(self._store, _key(digest))
        return found["size"]

    def digests(self, *, before: float | None = None) -> Iterator[str]:
        for key, changed in self._listed():
            digest = key.replace("/", "").removeprefix("sha256")
            if DIGEST.fullmatch(digest) and (before is None or changed < before):
                yield digest

    def verify(self) -> Iterator[BlobProblem]:
        for key, _ in self._listed():
            digest = key.replace("/", "").removeprefix("sha256")
            if not DIGEST.fullmatch(digest):
                yield BlobProblem(None, f"{self.name}/{key}", "a file that is no blob")
                continue
            hasher = hashlib.sha256()
            with self._translated(digest):
                for chunk in obstore.get(self._store, key).stream(min_chunk_size=_CHUNK_BYTES):
                    hasher.update(chunk)
            if hasher.hexdigest() != digest:
                yield BlobProblem(digest, f"{self.name}/{key}", "the bytes are not what was written")

    # -- what is special to object stores ------------------------------------------------------------------------

    def keeps_create_only(self) -> bool:
        """Whether the store refuses to write over an object when asked to; some do so all the same, in silence."""
        with self._translated():
            obstore.put(self._store, _PROBE, b"1", use_multipart=False)
            try:
                obstore.put(self._store, _PROBE, b"2", mode="create", use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                return True
            except NotSupportedError:
                return False
            finally:
                with suppress(BaseError, OSError):
                    obstore.delete(self._store, _PROBE)
            return False

    def claim(self, owner: str) -> None:
        """Says whose blobs these are. Raises Conflict when they are another home's.

        The database keeps two servers of one home apart; this keeps two homes apart, one of which would sweep away
        what the other needs.
        """
        with self._translated():
            with suppress(AlreadyExistsError, PreconditionError, NotSupportedError):
                obstore.put(self._store, _MARK, owner.encode(), mode="create", use_multipart=False)
            try:
                found = bytes(obstore.get(self._store, _MARK).bytes()).decode("utf-8", "replace")
            except FileNotFoundError:
                obstore.put(self._store, _MARK, owner.encode(), use_multipart=False)
                found = owner
        if found != owner:
            raise Conflict(
                f"The blobs at {self.name} belong to the home {found[:40]}, and this one is {owner}.",
                code="blobs-of-another-home",
                hint="Give each home a prefix of its own, such as s3://BUCKET/NAME.",
            )

    def _create(self, digest: str, data: bytes | bytearray | memoryview) -> None:
        given = data if isinstance(data, bytes) else bytes(memoryview(data).cast("B"))
        try:
            obstore.put(self._store, _key(digest), given, mode="create", use_multipart=False)
        except (AlreadyExistsError, PreconditionError):
            if not self._renewed(digest):
                obstore.put(self._store, _key(digest), given, use_multipart=False)
        except NotSupportedError:
            obstore.put(self._store, _key(digest), given, use_multipart=False)

    def _renewed(self, digest: str) -> bool:
        """Whether the object is there and young enough to be left alone."""
        age = self._age(digest)
        return age is not None and age < RENEWED_AFTER

    def _age(self, digest: str) -> timedelta | None:
        """How long ago the object was written; None where there is none."""
        try:
            return self._clock.now() - obstore.head(self._store, _key(digest))["last_modified"]
        except FileNotFoundError:
            return None

    def _listed(self) -> Iterator[tuple[str, float]]:
        """Every object below `sha256/`: its key, and when it was written (seconds since 1970)."""
        with self._translated():
            for page in obstore.list(self._store, prefix="sha256", chunk_size=1000):
                for found in page:
                    yield found["path"], found["last_modified"].timestamp()

    @contextmanager
    def _translated(self, digest: str | None = None) -> Iterator[None]:
        """Gives the store's failures their meaning; what they say themselves may hold keys and is not passed on."""
        try:
            yield
        except FileNotFoundError as error:
            said = str(error)
            if digest is not None and not re.search("NoSuchBucket|ContainerNotFound|bucket does not exist", said):
                raise missing_blob(digest) from None
            raise Unavailable(
                f"There is no bucket for blobs at {self.name}.",
                code="bucket-not-found",
                hint="Make it, then try again.",
            ) from None
        except (PermissionDeniedError, UnauthenticatedError):
            raise Unavailable(
                f"The store at {self.name} does not let this home in.",
                code="blobs-not-allowed",
                hint="Look at the credentials in the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for S3).",
            ) from None
        except (BaseError, OSError) as error:
            raise self._meaning(error) from None

    def _meaning(self, error: Exception) -> UnshelveError:
        said = str(error)
        for words, (code, text, hint) in _SAID.items():
            if re.search(words, said):
                return Unavailable(text.format(name=self.name), code=code, hint=hint)
        return Unavailable(
            f"The store at {self.name} does not answer as it should.",
            code="blobs-gone",
            hint="Is it running, and can it be reached from here?",
        )


def object_store(address: str, *, patience: timedelta = PATIENCE) -> tuple[ObjectStore, str]:
    """The object store at an address, and its name for people. Credentials come from the environment.

    `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`, `az://CONTAINER/PREFIX?account=NAME&endpoint=URL`,
    `gs://BUCKET/PREFIX`. `patience` is how long a request that fails is tried again. Raises Refused for what cannot
    be read, and for an address that holds credentials.
    """
    parts = urlsplit(address)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.scheme not in SCHEMES or not parts.netloc:
        raise _unreadable("it must begin with s3://BUCKET, az://CONTAINER or gs://BUCKET")
    if "@" in parts.netloc or set(options) - _OPTIONS:
        raise _unreadable(f"beside the place it may hold {', '.join(sorted(_OPTIONS))}, and no credentials")
    prefix = parts.path.strip("/") or None
    name = f"{parts.scheme}://{parts.netloc}" + (f"/{prefix}" if prefix else "")
    network = _Network(_client(options.get("endpoint", "")), _retries(patience))
    return _OPENERS[parts.scheme](parts.netloc, prefix, options, network), name


def open_objects(address: str, *, patience: timedelta = PATIENCE) -> ObjectBlobs:
    """The blob store at an address of an object store; see `object_store`."""
    return ObjectBlobs(*object_store(address, patience=patience))


class _Network(NamedTuple):
    """How requests are made, and made again."""

    client: ClientConfig
    retries: RetryConfig


def _client(endpoint: str) -> ClientConfig:
    """Bounded in each wait; plain HTTP only where the address itself says so."""
    return {
        "connect_timeout": timedelta(seconds=5),
        "read_timeout": timedelta(seconds=30),
        "timeout": timedelta(minutes=10),
        "allow_http": endpoint.startswith("http://"),
    }


def _retries(patience: timedelta) -> RetryConfig:
    return {
        "max_retries": 8,
        "retry_timeout": patience,
        "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=10), "base": 3},
    }


def _open_s3(bucket: str, prefix: str | None, options: Mapping[str, str], network: _Network) -> ObjectStore:
    config: S3Config = {"region": options.get("region", "us-east-1")}
    if options.get("endpoint"):
        config["endpoint"] = options["endpoint"]  # such servers seldom have a name for each bucket
    else:
        config["virtual_hosted_style_request"] = True
    return S3Store(bucket, prefix=prefix, config=config, client_options=network.client, retry_config=network.retries)


def _open_azure(container: str, prefix: str | None, options: Mapping[str, str], network: _Network) -> ObjectStore:
    config: AzureConfig = {}
    if options.get("account"):
        config["account_name"] = options["account"]
    if options.get("endpoint"):
        config["endpoint"] = options["endpoint"]
    return AzureStore(
        container, prefix=prefix, config=config, client_options=network.client, retry_config=network.retries
    )


def _open_google(bucket: str, prefix: str | None, _options: Mapping[str, str], network: _Network) -> ObjectStore:
    return GCSStore(bucket, prefix=prefix, client_options=network.client, retry_config=network.retries)


def _unreadable(why: str) -> Refused:
    return Refused(
        f"The address of the blob store cannot be used: {why}.",
        code="blobs-address",
        hint="Write it as s3://BUCKET/PREFIX?endpoint=URL&region=NAME; keys belong into the environment.",
    )


def _key(digest: str) -> str:
    return f"sha256/{digest[:2]}/{digest[2:]}"


_OPENERS: Final = {"s3": _open_s3, "az": _open_azure, "gs": _open_google}
_SAID: Final = {
    "InvalidAccessKeyId|SignatureDoesNotMatch|AuthenticationFailed|AccessDenied|403 Forbidden|ExpiredToken": (
        "blobs-not-allowed",
        "The store at {name} does not let this home in.",
        "Look at the credentials in the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for S3).",
    ),
    "NoSuchBucket|ContainerNotFound": (
        "bucket-not-found",
        "There is no bucket for blobs at {name}.",
        "Make it, then try again.",
    ),
    "QuotaExceeded|InsufficientStorage|no writable volumes|507 Insufficient": (
        "blobs-full",
        "The store at {name} has no room left.",
        None,
    ),
}
