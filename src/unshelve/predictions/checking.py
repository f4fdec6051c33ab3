"""Whether the sealed files are still what was sealed, for `unshelve fsck`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, select

from unshelve.errors import Damaged
from unshelve.ids import digest_json
from unshelve.predictions.tables import SEGMENT, SEGMENT_FILE
from unshelve.storage.blobs import BlobStore


def damages(connection: Connection, folder: Path, blobs: BlobStore) -> Iterator[Damaged]:
    """One error for each sealed file that is gone or changed, and for each segment whose digest is not its files'.

    Reads every file once. That a segment's digest is the one in the audit is for the audit to say.
    """
    files = select(SEGMENT_FILE.c.segment, SEGMENT_FILE.c.path, SEGMENT_FILE.c.digest).order_by(
        SEGMENT_FILE.c.segment, SEGMENT_FILE.c.day
    )
    named: dict[str, list[list[str]]] = {}
    for segment, path, digest in connection.execute(files):
        named.setdefault(segment, []).append([path, digest])
        try:
            with (folder / path).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            if blobs.has(digest):
                continue  # what its bytes are, the examination of the blobs says
            yield Damaged(f"The sealed predictions {path} are gone.", code="predictions-gone")
            continue
        if found != digest:
            yield Damaged(f"The sealed predictions {path} were changed after sealing.", code="predictions-changed")
    for segment, digest in connection.execute(select(SEGMENT.c.id, SEGMENT.c.digest)):
        if digest_json(named.get(segment, [])) != digest:
            yield Damaged(f"The files of segment {segment} are not those it was sealed into.", code="segment-changed")
