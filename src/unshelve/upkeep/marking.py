"""What is needed: every blob that the database leads to. The first half of a sweep, and what a backup holds.

The mark errs on one side. Each text in each table is searched for digests, whatever it means, so that a table which
is added tomorrow is covered today; only the audit is left out, whose chain is made of digests that name no blob.
From versions' manifests, datasets and the records of loads the mark goes on to what they name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, LargeBinary, Select, Table, Text, func, select

from unshelve.errors import Damaged, NotFound
from unshelve.models.package import manifest_from
from unshelve.registry.tables import source_load, version
from unshelve.registry.versions import REMOVED
from unshelve.security.tables import AUDIT
from unshelve.storage.blobs import BlobStore
from unshelve.upkeep.every_table import tables

_DIGEST: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_DATASET: Final = re.compile(
    r'"digest":"([0-9a-f]{64})","kind":"dataset"|"kind":"dataset"[^{}]*?"digest":"([0-9a-f]{64})"'
)
_ROWS_AT_ONCE: Final = 1000


def needed(connection: Connection, blobs: BlobStore) -> set[str]:
    """The digests that may be of blobs and stand somewhere in the database, or in what those lead to.

    Cost: reads every row once, and every version's manifest.
    """
    found: set[str] = set()
    leading: set[str] = set()
    for manifest, state in connection.execute(select(version.c.manifest, version.c.state)):
        if state == REMOVED:
            found.update(_papers(manifest, blobs))
        else:
            leading.add(manifest)
    leading.update(connection.execute(newest_loads()).scalars())
    for table in tables():
        if table is AUDIT:
            continue
        for text in _texts(connection, table):
            found.update(_DIGEST.findall(text))
            leading.update(one or other for one, other in _DATASET.findall(text))
    seen: set[str] = set()
    while leading:
        digest = leading.pop()
        seen.add(digest)
        try:
            text = blobs.get(digest).decode("utf-8", "replace")
        except NotFound:
            continue
        found.update(_DIGEST.findall(text))
        leading.update({one or other for one, other in _DATASET.findall(text)} - seen)
    return found


def newest_loads() -> Select[str]:
    """The records of the loads from which the next ones begin: they name the parts of what was loaded so far."""
    newest = (
        select(source_load.c.solution, source_load.c.source, func.max(source_load.c.number).label("number"))
        .group_by(source_load.c.solution, source_load.c.source)
        .subquery()
    )
    same = (
        (source_load.c.solution == newest.c.solution)
        & (source_load.c.source == newest.c.source)
        & (source_load.c.number == newest.c.number)
    )
    return select(source_load.c.record).join(newest, same)


def _papers(manifest: str, blobs: BlobStore) -> Iterator[str]:
    """Of a version whose files may go: those that its page shows."""
    try:
        files = manifest_from(blobs.get(manifest)).files
    except (NotFound, Damaged):
        return
    yield from (file.digest for file in files.values() if file.kind == "json")


def _texts(connection: Connection, table: Table) -> Iterator[str]:
    columns = [column for column in table.columns if isinstance(column.type, Text | LargeBinary)]
    if not columns:
        return
    with connection.execute(select(*columns), execution_options={"yield_per": _ROWS_AT_ONCE}) as rows:
        for row in rows:
            for value in row:
                if isinstance(value, str) and len(value) >= 64:
                    yield value
                elif isinstance(value, bytes | memoryview) and len(value) >= 64:
                    yield bytes(value).decode("utf-8", "replace")
