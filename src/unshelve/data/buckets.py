"""Files in an object store as a source sees them: listed by a pattern, brought one at a time.

`pip install 'unshelve[objects]'` brings obstore. Credentials come from the connection, else from the environment.
"""

from __future__ import annotations

import fnmatch
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from unshelve.data.connections import Connection, connection_of, engine_errors
from unshelve.data.engines.reading import not_installed
from unshelve.data.globs import ENDINGS, MOST_FILES, is_hidden
from unshelve.errors import NotFound, Refused, TooMany, Unavailable
from unshelve.ids import digest_json

try:
    import obstore
    from obstore.exceptions import BaseError
except ImportError as missing:
    raise not_installed("obstore, which reads object stores,", "objects") from missing

from unshelve.storage.objects import Patience, object_store, object_trouble

Store = Any  # one of obstore's stores


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketFile:
    """An object: its address, its size, and what changes when its content does."""

    name: str
    size_bytes: int
    digest: str
    path: str
    store: Store
    connection: Connection

    @contextmanager
    def opened(self) -> Iterator[Path]:
        """A local copy of it for as long as the block lasts."""
        with tempfile.TemporaryDirectory(prefix="unshelve-object-") as folder:
            path = Path(folder) / PurePosixPath(self.path).name
            with engine_errors(self.connection, f"reading {self.name}"), path.open("wb") as file:
                for chunk in obstore.get(self.store, self.path).stream(min_chunk_size=_CHUNK):
                    file.write(chunk)
            if path.stat().st_size != self.size_bytes:
                raise Refused(f"{self.name} came with another size than it was listed with.", code="file-changed")
            yield path


def listed(patterns: Sequence[str], connection: Connection | None) -> list[BucketFile]:
    """The objects that addresses with patterns mean, sorted by their addresses. NotFound for none."""
    found: dict[str, BucketFile] = {}
    for pattern in patterns:
        mine = list(_matching(pattern, connection))
        if not mine:
            raise NotFound(
                f"No object matches {pattern}.",
                code="source-files-missing",
                hint="A pattern begins with the bucket: s3://bucket/prefix/*.parquet.",
            )
        found.update((each.name, each) for each in mine)
        if len(found) > MOST_FILES:
            raise TooMany(f"{pattern} matches more than {MOST_FILES:,} objects.", code="source-files-many")
    return sorted(found.values(), key=lambda each: each.name)


def send(path: Path, name: str, store: Store, connection: Connection | None) -> None:
    """Put a file at the address `name`, which appears whole or not at all. Raises Unavailable where it cannot."""
    try:
        obstore.put(store, urlsplit(name).path.lstrip("/"), path)
    except (BaseError, FileNotFoundError) as error:
        trouble = object_trouble(error, name)
        if connection is None or trouble.subject_code not in _OF_CREDENTIALS:
            raise trouble from None
        raise Unavailable(
            trouble.message,
            code=trouble.subject_code,
            hint=f"`unshelve secret set {connection.name}` sets the address with its key. It needs the right to write "
            "there.",
        ) from None


def _matching(pattern: str, connection: Connection | None) -> Iterator[BucketFile]:
    parts = urlsplit(pattern)
    bucket, key = parts.netloc, parts.path.lstrip("/")
    if parts.scheme not in _SCHEMES or not bucket or "@" in bucket or parts.query:
        raise Refused(
            f"{pattern.partition('?')[0]!r} is not the address of objects.",
            code="bucket-address",
            hint='Write "s3://bucket/prefix/*.parquet", az:// or gs://. Keys and endpoints belong into the connection.',
        )
    if connection is not None and connection.scheme != parts.scheme:
        raise Refused(
            f"The connection {connection.name} is for {connection.scheme}://, and {pattern} is not.",
            code="connection-kind",
        )
    asked = connection or connection_of("the environment", f"{parts.scheme}://{bucket}")
    fixed = re.split(r"[*?\[]", key, maxsplit=1)[0]
    prefix = fixed if fixed == key else fixed.rpartition("/")[0]
    # The stores list whole path segments: what matches is looked at here.
    under = prefix.rpartition("/")[0] if prefix == key else prefix
    with engine_errors(asked, f"listing {pattern}"):
        store = bucket_store(parts.scheme, bucket, connection)
        for page in obstore.list(store, prefix=under or None, chunk_size=1000):
            for meta in page:
                if _wanted(meta["path"], key):
                    yield BucketFile(
                        name=f"{parts.scheme}://{bucket}/{meta['path']}",
                        size_bytes=meta["size"],
                        digest=digest_json([meta["e_tag"], meta["size"], str(meta["last_modified"])]),
                        path=meta["path"],
                        store=store,
                        connection=asked,
                    )


def _wanted(path: str, key: str) -> bool:
    name = PurePosixPath(path).name
    if path == key:
        return True
    if re.search(r"[*?\[]", key) is None:
        inside = path.startswith(key.rstrip("/") + "/") if key else True
        return inside and not is_hidden(name) and PurePosixPath(path).suffix.lower() in ENDINGS
    return not is_hidden(name) and _matches(path.split("/"), key.split("/"))


def _matches(path: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the segments of a path fit those of a pattern; `**` stands for any number of them."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(_matches(path[skip:], pattern[1:]) for skip in range(len(path) + 1))
    return bool(path) and fnmatch.fnmatchcase(path[0], pattern[0]) and _matches(path[1:], pattern[1:])


def bucket_store(scheme: str, bucket: str, connection: Connection | None) -> Store:
    """The objects of a bucket, with the endpoint and the credentials of a connection, else of the environment."""
    if connection is None:
        return object_store(f"{scheme}://{bucket}", patience=_PATIENCE)[0]
    said = connection.options
    taken = {"s3": ("endpoint", "region"), "az": ("endpoint",), "gs": ()}[scheme]
    kept: dict[str, str] = {name: said[name] for name in taken if name in said}
    named = {
        "s3": {"access_key_id": connection.user, "secret_access_key": connection.password},
        "az": {"account_name": connection.user, "account_key": connection.password},
        "gs": {"service_account": said.get("service_account", "")},
    }[scheme]
    if scheme == "s3" and "token" in said:
        named["session_token"] = said["token"]
    address = f"{scheme}://{bucket}" + (f"?{urlencode(kept)}" if kept else "")
    return object_store(address, patience=_PATIENCE, credentials={name: one for name, one in named.items() if one})[0]


_CHUNK: Final = 8 << 20
_PATIENCE: Final = Patience(connect_seconds=10, retries=4)
_OF_CREDENTIALS: Final = ("object-store-refused", "object-store-no-credentials")
_SCHEMES: Final = ("s3", "az", "gs")
