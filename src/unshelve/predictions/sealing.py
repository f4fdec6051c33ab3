"""Sealing: what was answered, taken from segments into files by day, exactly once.

A segment is sealed by one transaction: the rows that name its files, and an audit entry with their digest. Before
it the files are there without meaning anything; after it the segment is there without meaning anything. Whatever
is cut short is done again from the segment, gives the same files under the same names, and then the transaction
or the removal that was missing.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec.structs import asdict
from sqlalchemy import Connection, insert, select

from unshelve.clock import Clock, SystemClock, milliseconds
from unshelve.errors import Damaged, UnshelveError
from unshelve.ids import digest_json
from unshelve.predictions.sealed import SealedFiles, SealedSegment
from unshelve.predictions.segment import Ending, claim, remove_unfinished, segments
from unshelve.predictions.tables import SEGMENT, SEGMENT_COUNT, SEGMENT_FILE, SEGMENT_LOOKUP
from unshelve.security import audit
from unshelve.security.actors import Actor
from unshelve.storage.blobs import BlobStore
from unshelve.storage.database import Database

_LOGGER: Final = logging.getLogger("unshelve.predictions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing:
    """What one round of sealing did."""

    segments: int
    records: int
    failures: tuple[UnshelveError, ...]


class Sealer:
    """Seals the segments below one folder. Used by the process that writes the database, by one thread of it.

    With `blobs`, sealed files go there and leave the folder, so that other servers can read them.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        files: SealedFiles,
        *,
        actor: Actor,
        clock: Clock | None = None,
        blobs: BlobStore | None = None,
    ) -> None:
        self.folder = folder
        self._database = database
        self._files = files
        self._actor = actor
        self._clock = clock or SystemClock()
        self._blobs = blobs

    def seal(self) -> Sealing:
        """Seals every segment that nobody writes any more.

        A segment that cannot be sealed stays as it is, can be asked, and is tried again the next time.
        """
        remove_unfinished(self.folder / "open")
        done, records = 0, 0
        failures = []
        for path in segments(self.folder / "open"):
            handle = claim(path)
            if handle is None:
                continue
            try:
                records += self._seal(path)
                done += 1
            except UnshelveError as error:
                _LOGGER.error("the segment %s could not be sealed: %s", path.name, error)
                failures.append(error)
            finally:
                os.close(handle)
        return Sealing(segments=done, records=records, failures=tuple(failures))

    def _seal(self, path: Path) -> int:
        with self._database.read() as connection:
            ending = _ending(connection, path.stem)
        sealed = None
        if ending is None:
            sealed = self._files.seal(path)
            ending = sealed.ending
            self._share(sealed)
            if sealed.records or ending == Ending.DAMAGED:
                with self._database.write() as connection:
                    self._record(connection, path.stem, sealed)
        self._leave_to_blobs(path.stem)
        if ending == Ending.DAMAGED:
            self._set_aside(path)
        else:
            path.unlink()
        return sealed.records if sealed else 0

    def _share(self, sealed: SealedSegment) -> None:
        """Puts the files of a segment where other servers find them."""
        if self._blobs is None:
            return
        for file in sealed.files:
            stored = self._blobs.put_file(self.folder / file.path)
            if stored != file.digest:
                raise Damaged(f"The sealed predictions {file.path} were changed while they were stored.")

    def _leave_to_blobs(self, segment: str) -> None:
        """Removes files of a sealed segment that are among the blobs, also what an earlier process left."""
        if self._blobs is None:
            return
        with self._database.read() as connection:
            rows = select(SEGMENT_FILE.c.path, SEGMENT_FILE.c.digest).where(SEGMENT_FILE.c.segment == segment)
            files = connection.execute(rows).all()
        for path, digest in files:
            if self._blobs.has(digest):
                (self.folder / path).unlink(missing_ok=True)

    def _record(self, connection: Connection, segment: str, sealed: SealedSegment) -> None:
        now = self._clock.now()
        digest = digest_json([[file.path, file.digest] for file in sealed.files])
        row = {
            "id": segment,
            "records": sealed.records,
            "lost_bytes": sealed.lost_bytes,
            "ending": sealed.ending,
            "digest": digest,
            "sealed_at": milliseconds(now),
        }
        connection.execute(insert(SEGMENT), row)
        for file in sealed.files:
            own = {column: getattr(file, column) for column in _FILE_COLUMNS}
            connection.execute(insert(SEGMENT_FILE), {"segment": segment, **own})
            counts = [
                {"segment": segment, "day": file.day, **{column: getattr(count, column) for column in _COUNT_COLUMNS}}
                for count in file.counts
            ]
            connection.execute(insert(SEGMENT_COUNT), counts)
            if file.lookups:
                place = {"segment": segment, "day": file.day}
                connection.execute(insert(SEGMENT_LOOKUP), [{**place, **asdict(one)} for one in file.lookups])
        details = {"digest": digest, "records": sealed.records, "files": [file.path for file in sealed.files]}
        if sealed.lost_bytes:
            details |= {"ending": sealed.ending, "lost_bytes": sealed.lost_bytes}
        audit.append(connection, self._actor, "seal predictions", f"segment {segment}", details, now=now)

    def _set_aside(self, path: Path) -> None:
        """Keeps a segment whose end cannot be read; its whole frames are sealed like any other's."""
        aside = self.folder / "damaged"
        aside.mkdir(mode=0o700, exist_ok=True)
        path.rename(aside / path.name)
        _LOGGER.error("the segment %s is damaged behind its last whole frame and was kept in %s", path.name, aside)


def _ending(connection: Connection, segment: str) -> str | None:
    """How a segment that was sealed before ended; None when it was not."""
    found: str | None = connection.execute(select(SEGMENT.c.ending).where(SEGMENT.c.id == segment)).scalar_one_or_none()
    return found


_FILE_COLUMNS: Final = ("day", "path", "digest", "size_bytes", "records", "first_id", "last_id")
_COUNT_COLUMNS: Final = ("model", "version", "answers", "seconds", "first_id", "last_id")
