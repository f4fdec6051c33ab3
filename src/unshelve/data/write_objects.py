"""Writes a batch as an object of S3, Azure or Google Cloud: seen whole or not at all, as the stores promise.

The whole file waits in the sink's own folder and is sent in one request, or in parts that are put together at the end.
Sent and not yet noted, it is sent again: the same bytes, to the same place.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from unshelve.data.buckets import Store, bucket_store, send
from unshelve.data.connections import Connection
from unshelve.data.spool import Batch, Written
from unshelve.data.write_files import write_to
from unshelve.errors import Refused
from unshelve.storage.addresses import object_address


@dataclass(frozen=True, slots=True)
class ObjectPlace:
    """An object. `folder` is where its bytes wait until they are sent."""

    name: str
    store: Store
    folder: Path
    connection: Connection | None = None

    @property
    def kind(self) -> str:
        return PurePosixPath(self.name).suffix.lower()

    def beside(self, batch: str) -> Path:
        for left in self.folder.glob(f"*{_WAITING}"):
            left.unlink(missing_ok=True)  # of a batch that was given up
        return self.folder / f"{batch}{_WAITING}"

    def publish(self, waiting: Path) -> None:
        send(waiting, self.name, self.store, self.connection)
        waiting.unlink()


def write_object(batch: Batch, address: str, connection: Connection | None, memory: Path) -> Written:
    """Write a batch to `s3://bucket/key`; see `write_files.write_to`. Refused for the connection of another store."""
    at = object_address(address)
    if connection is not None and connection.scheme != at.scheme:
        raise Refused(
            f"The connection {connection.name} is for {connection.scheme}://, and {address} is not.",
            code="connection-kind",
        )
    store = bucket_store(at.scheme, at.bucket, connection)
    return write_to(batch, ObjectPlace(at.name, store, memory, connection), memory)


_WAITING: Final = ".waiting"
