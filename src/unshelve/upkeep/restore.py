"""Restoring a home from a backup: everything is checked before it is said to be done, and half a home is none.

Where database or blobs are to lie elsewhere, the home is restored into its folder first and moved from there
(moving.py), so that there is one way in which rows and bytes get to another place and are compared there.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, MetaData, select
from sqlalchemy.exc import SQLAlchemyError

from unshelve.errors import Damaged, Refused, Untrusted
from unshelve.registry.tables import attestation, version
from unshelve.security import audit
from unshelve.security.actors import LOCAL
from unshelve.security.paths import inside
from unshelve.security.signing import Verifier
from unshelve.solution.control import Control
from unshelve.storage.blobs import FolderBlobs
from unshelve.storage.database import Database
from unshelve.storage.home import Home
from unshelve.storage.migration import migrate
from unshelve.storage.tables import JOBS
from unshelve.upkeep.archive import Backup, BackupFolder, entries_in, row_in
from unshelve.upkeep.copying import add_rows, rows_of
from unshelve.upkeep.moving import move
from unshelve.upkeep.turn import KIND

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
    signatures: int
    """Of versions, Proofs and gates, each checked."""
    missing: tuple[str, ...]
    """What the home had lost before the backup was made, in words."""


def restore(
    folder: Path,
    target: Path,
    *,
    name: str | None = None,
    database: str | None = None,
    blobs: str | None = None,
    progress: Progress = lambda _what, _done, _of: None,
) -> Restored:
    """Makes a new home at `target` from a backup, the newest unless one is named.

    It keeps all it has in the home, or its tables in another `database` and its bytes in another store. Every blob is
    hashed, every table counted, every signature of a version checked, the audit chain followed. Raises Refused where
    something is there already, and Damaged for a backup that was changed or cut off; nothing is left at `target` then.
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
        if database is not None or blobs is not None:
            _take_elsewhere(unfinished, database, blobs, progress)
        if target.exists():
            target.rmdir()
        unfinished.rename(target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return Restored(
        home=str(target),
        made_at=backup.made_at,
        blobs=backup.count,
        rows=done.rows,
        audit_entries=done.audit_entries,
        signatures=done.signatures,
        missing=tuple(backup.missing.values()),
    )


@dataclass(frozen=True, slots=True)
class _Checked:
    rows: int
    audit_entries: int
    signatures: int


def _restore(place: BackupFolder, backup: Backup, root: Path, progress: Progress) -> _Checked:
    home = Home.create_or_open(root)
    _files(place.blobs, backup, home)
    _blobs(place, backup, FolderBlobs(home.blobs), progress)
    database = Database.open(home.database_file)
    try:
        rows = _tables(place.blobs, backup, database)
        migrate(database)
        with database.write() as connection:
            # The turn that the backup was made in is over; nobody has to wait for its lease here.
            connection.execute(JOBS.delete().where(JOBS.c.kind == KIND))
        verifier = Verifier.load(home.keys)
        with database.read() as connection:
            signatures = _signatures(connection, FolderBlobs(home.blobs), verifier, backup.missing)
            audit.verify(connection, head=audit.read_head(home.keys, verifier))
            newest = audit.newest(connection)
    finally:
        database.close()
    return _Checked(rows, newest.number if newest else 0, signatures)


def _take_elsewhere(root: Path, database: str | None, blobs: str | None, progress: Progress) -> None:
    """Moves what was restored, and removes it from the folder where it was only on its way."""
    with Control.open(root) as control:
        move(control, LOCAL, database=database, blobs=blobs, progress=progress)
        home = control.home
    if blobs is not None:
        shutil.rmtree(home.blobs / "sha256", ignore_errors=True)
    if database is not None:
        for suffix in ("", "-wal", "-shm"):
            home.database_file.with_name(home.database_file.name + suffix).unlink(missing_ok=True)


def _signatures(connection: Connection, blobs: FolderBlobs, verifier: Verifier, missing: Mapping[str, str]) -> int:
    """Checks what was signed of each version and tells how much that was. Raises Damaged, naming the version."""
    names = {}
    signed: list[tuple[str, str, str]] = []
    rows = select(version.c.model, version.c.number, version.c.manifest, version.c.signature)
    for model, number, manifest, signature in connection.execute(rows):
        names[manifest] = f"{model} v{number}"
        signed.append((f"the manifest of {model} v{number}", manifest, signature))
    attested = select(attestation.c.manifest, attestation.c.kind, attestation.c.blob, attestation.c.signature)
    for manifest, kind, blob, signature in connection.execute(attested):
        signed.append((f"the {kind} of {names.get(manifest, manifest[:12])}", blob, signature))
    there = [one for one in signed if one[1] not in missing]
    for what, digest, signature in there:
        try:
            verifier.verify(blobs.get(digest), signature)
        except Untrusted as error:
            raise Damaged(f"In the backup {what} does not hold. {error.message}", code="backup-damaged") from error
    return len(there)


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


def _blobs(place: BackupFolder, backup: Backup, target: FolderBlobs, progress: Progress) -> None:
    source, digests = place.blobs, place.listed(backup)
    for number, digest in enumerate(digests, start=1):
        file = target.place(digest)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        source.copy_to(digest, file)
        file.chmod(0o400)
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
            rows = (row_in(entry) for piece in stored.pieces for entry in entries_in(source.get(piece)))
            try:
                count = add_rows(connection, table, rows)
            except SQLAlchemyError as error:
                raise Damaged(f"The rows of {table.name} in the backup do not fit.", code="backup-damaged") from error
            if count != stored.rows or sum(1 for _ in rows_of(connection, table)) != count:
                raise Damaged(f"The backup has another number of rows in {table.name}.", code="backup-damaged")
            total += count
    return total
