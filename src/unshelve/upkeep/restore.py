"""Restoring a home from a backup: everything is checked before it is said to be done, and half a home is none."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import MetaData
from sqlalchemy.exc import SQLAlchemyError

from unshelve.errors import Damaged, Refused
from unshelve.security import audit
from unshelve.security.paths import inside
from unshelve.security.signing import Verifier
from unshelve.storage.blobs import FolderBlobs
from unshelve.storage.database import Database
from unshelve.storage.home import Home
from unshelve.storage.migration import migrate
from unshelve.upkeep.archive import Backup, BackupFolder, read_rows
from unshelve.upkeep.copying import add_rows, rows_of

Progress = Callable[[str, int, int], None]

_UNFINISHED: Final = ".restoring"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was brought back."""

    home: str
    made_at: str
    blobs: int
    rows: int
    audit_entries: int


def restore(
    folder: Path,
    target: Path,
    *,
    name: str | None = None,
    progress: Progress = lambda _what, _done, _of: None,
) -> Restored:
    """Makes a new home at `target` from a backup, the newest unless one is named. It keeps all it has in the home.

    Every blob is hashed, every table counted, the audit chain followed. Raises Refused where something is there
    already, and Damaged for a backup that was changed or cut off; nothing is left at `target` then.
    """
    place = BackupFolder(folder.expanduser().absolute())
    backup = place.read(name)
    target = target.expanduser().absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Refused(
            f"{target} is not empty, and a home would be restored there.",
            code="restore-not-empty",
            hint="Choose a new folder with --home.",
        )
    unfinished = target.with_name(f"{target.name}{_UNFINISHED}")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a restoring that was cut off
    try:
        done = _restore(place, backup, unfinished, progress)
        if target.exists():
            target.rmdir()
        unfinished.rename(target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return Restored(home=str(target), made_at=backup.made_at, blobs=backup.count, rows=done[0], audit_entries=done[1])


def _restore(place: BackupFolder, backup: Backup, root: Path, progress: Progress) -> tuple[int, int]:
    home = Home.create_or_open(root)
    _files(place.blobs, backup, home)
    _blobs(place.blobs, backup, FolderBlobs(home.blobs), progress)
    database = Database.open(home.database_file)
    try:
        rows = _tables(place.blobs, backup, database)
        migrate(database)
        with database.read() as connection:
            audit.verify(connection, head=audit.read_head(home.keys, Verifier.load(home.keys)))
            newest = audit.newest(connection)
    finally:
        database.close()
    return rows, newest.number if newest else 0


def _files(source: FolderBlobs, backup: Backup, home: Home) -> None:
    for path, digest in backup.files.items():
        target = inside(home.root, path)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        source.copy_to(digest, target)
        target.chmod(0o600)
    # Where the former home kept its database and blobs is no place for a second one.
    home.settings_file.unlink(missing_ok=True)
    kept = backup.files.get("settings.toml")
    if kept is not None:
        lines = source.get(kept).decode("utf-8").splitlines()
        own = [line for line in lines if line.partition("=")[0].strip() not in ("database", "blobs")]
        if any(line.strip() for line in own):
            home.settings_file.write_text("\n".join(own) + "\n", encoding="utf-8")


def _blobs(source: FolderBlobs, backup: Backup, target: FolderBlobs, progress: Progress) -> None:
    digests = source.get(backup.blobs).decode("ascii").split()
    if len(digests) != backup.count:
        raise Damaged("The backup lists another number of blobs than it says.", code="backup-damaged")
    for number, digest in enumerate(digests, start=1):
        place = target.place(digest)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        source.copy_to(digest, place)
        place.chmod(0o400)
        progress("blobs", number, len(digests))


def _tables(source: FolderBlobs, backup: Backup, database: Database) -> int:
    """Adds the rows to tables of the backup's own revision, and counts and hashes them there."""
    migrate(database, upto=backup.revision)
    with database.write() as connection:
        known = MetaData()
        known.reflect(connection)
        total = 0
        for table in known.sorted_tables:
            stored = backup.tables.get(table.name)
            if stored is None:
                continue
            path = source.path(stored.digest)
            if path is None or hashlib.sha256(path.read_bytes()).hexdigest() != stored.digest:
                raise Damaged(f"The rows of {table.name} in the backup are damaged.", code="backup-damaged")
            try:
                with path.open("rb") as file:
                    count = add_rows(connection, table, read_rows(file))
            except SQLAlchemyError as error:
                raise Damaged(f"The rows of {table.name} in the backup do not fit.", code="backup-damaged") from error
            if count != stored.rows or sum(1 for _ in rows_of(connection, table)) != count:
                raise Damaged(f"The backup has another number of rows in {table.name}.", code="backup-damaged")
            total += count
    return total
