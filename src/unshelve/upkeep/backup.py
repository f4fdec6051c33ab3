"""Backing up a home while it is served: one moment of its database, and everything that this moment needs.

Answers that are not sealed come first. What is sealed between their copying and the moment of the database is then in
both, for the files that this moment names are copied after it; restored, it counts once. Blobs come last, for none
that the moment needs can go while the turn is held.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, select

from unshelve.errors import Damaged, NotFound, Refused
from unshelve.ids import canonical_json
from unshelve.ids import digest as digest_of
from unshelve.predictions.segment import segments
from unshelve.predictions.tables import SEGMENT_FILE
from unshelve.security.actors import Actor
from unshelve.security.audit import append
from unshelve.solution.control import Control
from unshelve.storage.blobs import BlobStore, FolderBlobs
from unshelve.storage.migration import stored_revision
from unshelve.upkeep.archive import Backup, BackupFolder, Pruned, StoredTable, pieces, row_entries
from unshelve.upkeep.copying import rows_of
from unshelve.upkeep.every_table import tables
from unshelve.upkeep.marking import needed
from unshelve.upkeep.records import UpkeepKind, record
from unshelve.upkeep.turn import alone
from unshelve.upkeep.uses import uses

Progress = Callable[[str, int, int], None]
"""Told what is being copied, how much of it is done, and of how much."""

_KEYS: Final = "keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupDone:
    """What a backup holds. `added_bytes` is what the folder did not have before."""

    name: str
    folder: str
    blobs: int
    size_bytes: int
    added_bytes: int
    rows: int
    missing: tuple[str, ...] = ()
    """What the home has lost already and the backup lacks, in words, each with its digest."""
    removed: tuple[str, ...] = ()
    """Earlier backups that are kept no longer."""
    freed_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """Which backups stay when a new one is made; None sets no limit."""

    newest: int | None = None
    days: float | None = None


def back_up(
    control: Control,
    folder: Path,
    actor: Actor,
    *,
    keeping: Keeping = Keeping(),
    progress: Progress = lambda _what, _done, _of: None,
) -> BackupDone:
    """Writes a backup into a folder, beside earlier ones of the same home. Keys are in it: keep it as safe as the home.

    Raises Refused for a folder inside the home, or with backups of another home.
    """
    if keeping.newest is not None and keeping.newest < 1:
        raise Refused("At least one backup is kept: the one that is made now.", code="keep-too-few")
    folder = folder.expanduser().absolute()
    if folder.is_relative_to(control.home.root):
        raise Refused(
            f"{folder} is inside the home that it would be a backup of.",
            code="backup-inside-home",
            hint="Choose a folder on another disk.",
        )
    place = BackupFolder(folder)
    _check_same_house(place, control.house.id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with alone(control, actor):
        store = _Counted(place.blobs)
        files = _files(control, store)
        with control.database.read() as connection:
            dumped = {table.name: _dump(connection, table.name, store) for table in tables()}
            files |= _sealed(connection, control, store)
            wanted = needed(connection, control.blobs)
            known = _sealed_afar(connection, files)
            for use in uses(connection, control.blobs):
                known.setdefault(use.digest, use.what)
            revision = stored_revision(connection)
        copied, damaged = _copy(control.blobs, store, sorted(wanted), progress)
        ordered = _in_earlier_order(place, copied)
        listed = tuple(store.put(piece) for piece in pieces(digest.encode() for digest in ordered))
        lost = sorted((known.keys() - set(copied)) | damaged)
        missing = {digest: known.get(digest, "bytes that are not what was written") for digest in lost}
        backup = Backup(
            made_at=control.clock.now().isoformat(),
            house=control.house.id,
            revision=revision,
            key=control.signer.key_id,
            tables=dumped,
            files=files,
            blobs=listed,
            count=len(copied),
            size_bytes=store.total,
            missing=missing,
        )
        name = place.add(backup, control.signer.sign(canonical_json(backup)))
        pruned = _prune(place, keeping, control.clock.now())
        done = BackupDone(
            name=name,
            folder=str(folder),
            blobs=len(copied),
            size_bytes=store.total,
            added_bytes=store.added,
            rows=sum(table.rows for table in dumped.values()),
            missing=tuple(f"{what} ({digest[:12]}…)" for digest, what in missing.items()),
            removed=pruned.names,
            freed_bytes=pruned.freed_bytes,
        )
        now = control.clock.now()
        with control.database.write() as connection:
            details = {
                "name": name,
                "folder": str(folder),
                "size_bytes": store.total,
                "blobs": len(copied),
                "missing": len(missing),
            }
            record(connection, UpkeepKind.BACKUP, details, actor=actor.name, now=now)
            append(connection, actor, "back up", str(folder), {"name": name}, now=now)
    return done


def _prune(place: BackupFolder, keeping: Keeping, now: datetime) -> Pruned:
    if keeping.newest is None and keeping.days is None:
        return Pruned()
    before = None if keeping.days is None else now - timedelta(days=keeping.days)
    return place.prune(keep=keeping.newest, before=before)


class _Counted:
    """The blobs of the backup, with how many bytes it has and how many are new."""

    def __init__(self, blobs: FolderBlobs) -> None:
        self._blobs = blobs
        self.total = 0
        self.added = 0

    def put(self, data: bytes) -> str:
        new = not self._blobs.has(digest_of(data))
        self._count(len(data), new=new)
        return self._blobs.put(data)

    def put_file(self, path: Path) -> str:
        with path.open("rb") as file:
            new = not self._blobs.has(hashlib.file_digest(file, "sha256").hexdigest())
            self._count(file.tell(), new=new)
        return self._blobs.put_file(path)

    def take(self, source: BlobStore, digest: str) -> None:
        """Copies a blob that the folder does not have yet; its bytes are checked on the way."""
        if self._blobs.has(digest):
            self.total += self._blobs.size(digest)
            return
        target = self._blobs.place(digest)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        source.copy_to(digest, target)
        self._count(target.stat().st_size, new=True)

    def _count(self, size: int, *, new: bool) -> None:
        self.total += size
        if new:
            self.added += size


def _check_same_house(place: BackupFolder, house: str) -> None:
    if not place.root.exists():
        return
    if place.names():
        other = place.read(None).house
        if other != house:
            raise Refused(
                f"{place.root} holds backups of another home ({other}).",
                code="backup-of-another-home",
                hint="Give each home a folder of its own.",
            )
    elif any(place.root.iterdir()):
        strange = [path.name for path in place.root.iterdir() if path.name != "blobs"]
        if strange:
            raise Refused(
                f"{place.root} holds other things ({', '.join(sorted(strange)[:3])}).",
                code="backup-folder-not-empty",
                hint="Choose a new or an empty folder.",
            )


def _files(control: Control, store: _Counted) -> dict[str, str]:
    """The home's own files: keys, settings, and answers that are not sealed."""
    home = control.home
    chosen = [path for path in home.keys.rglob("*") if path.is_file() and not path.name.startswith(".")]
    if home.settings_file.exists():
        chosen.append(home.settings_file)
    chosen += segments(home.predictions / "open")
    chosen += list((home.predictions / "damaged").glob("*.segment"))
    found = {}
    for path in dict.fromkeys(chosen):
        try:
            found[path.relative_to(home.root).as_posix()] = store.put_file(path)
        except FileNotFoundError:
            continue  # sealed meanwhile: the database's moment, which comes later, names the file that it became
    return found


def _sealed(connection: Connection, control: Control, store: _Counted) -> dict[str, str]:
    """The sealed files that this moment of the database names, as far as they are not among the blobs."""
    found = {}
    for path in connection.execute(select(SEGMENT_FILE.c.path)).scalars():
        local = control.home.predictions / path
        if local.exists():
            found[local.relative_to(control.home.root).as_posix()] = store.put_file(local)
    return found


def _in_earlier_order(place: BackupFolder, digests: list[str]) -> list[str]:
    """Digests as the backup before listed them, new ones at the end, so that the pieces of the list are the same."""
    names = place.names()
    if not names:
        return digests
    left = set(digests)
    known = [digest for digest in place.listed(place.read(None)) if digest in left]
    return known + sorted(left - set(known))


def _sealed_afar(connection: Connection, files: Mapping[str, str]) -> dict[str, str]:
    """The sealed files that have to be among the blobs, because they do not lie in the home: digest -> in words."""
    rows = connection.execute(select(SEGMENT_FILE.c.path, SEGMENT_FILE.c.digest))
    here = set(files.values())
    return {digest: f"the sealed answers {path}" for path, digest in rows if digest not in here}


def _dump(connection: Connection, name: str, store: _Counted) -> StoredTable:
    table = next(each for each in tables() if each.name == name)
    rows = 0

    def entries() -> Iterator[bytes]:
        nonlocal rows
        for entry in row_entries(rows_of(connection, table, oldest_first=True)):
            rows += 1
            yield entry

    stored = tuple(store.put(piece) for piece in pieces(entries()))
    return StoredTable(rows, stored)


def _copy(source: BlobStore, store: _Counted, wanted: list[str], progress: Progress) -> tuple[list[str], set[str]]:
    """Copies those of the digests that are of blobs; gives them, and those whose bytes are damaged."""
    copied, damaged = [], set()
    for number, digest in enumerate(wanted, start=1):
        try:
            store.take(source, digest)
            copied.append(digest)
        except NotFound:
            pass  # a digest of something else, or of what the caller knows to miss
        except Damaged:
            damaged.add(digest)
        progress("blobs", number, len(wanted))
    return copied, damaged
