"""What a backup is: a signed manifest that names everything by its digest, beside a folder of blobs.

Several backups share a folder, so that what has not changed is kept once. The manifest says the revision of the
tables, the rows of each table in pieces, the files of the home, and every blob that the database needs.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from unshelve.errors import Damaged, NotFound, Refused
from unshelve.ids import canonical_json
from unshelve.security.signing import Verifier
from unshelve.storage.blobs import FolderBlobs
from unshelve.upkeep.copying import Values

FORMAT: Final = 1
"""Raised when an older unshelve could no longer restore what a newer one writes."""

_LENGTH_BYTES: Final = 4
_PIECE_ENTRIES: Final = 256
"""How many entries a piece has on average."""
_MOST_PIECE_BYTES: Final = 4 << 20
_SUFFIX: Final = ".backup.json"


class StoredTable(NamedTuple):
    """The rows of a table: how many, and the blobs that hold them, in their order."""

    rows: int
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """One moment of a home."""

    made_at: str
    """ISO 8601, UTC."""
    house: str
    revision: int
    """Of the tables, as storage.migration counts them."""
    key: str
    """Which key signed this manifest."""
    tables: Mapping[str, StoredTable]
    files: Mapping[str, str]
    """Files of the home by their path below it: keys, settings, the prediction log."""
    blobs: tuple[str, ...]
    """The pieces of the list of all blobs that the database needs."""
    count: int
    size_bytes: int
    missing: Mapping[str, str] = field(default_factory=dict)
    """What the home had lost before: digest -> what it was."""
    format: int = field(default=FORMAT)


class Pruned(NamedTuple):
    """What was removed from a folder of backups: which of them, and how many bytes."""

    names: tuple[str, ...] = ()
    freed_bytes: int = 0


class BackupFolder:
    """A folder with backups: `blobs/`, and a file for each moment."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def blobs(self) -> FolderBlobs:
        return FolderBlobs(self.root / "blobs", durable=True)

    def names(self) -> list[str]:
        """The backups, oldest first."""
        return sorted(path.name.removesuffix(_SUFFIX) for path in self.root.glob(f"*{_SUFFIX}"))

    def add(self, backup: Backup, signature: str) -> str:
        """Writes a manifest, which makes the backup be there, and gives its name."""
        name = _name(backup.made_at)
        target = self.root / f"{name}{_SUFFIX}"
        temporary = self.root / f".{name}.new"
        temporary.write_bytes(canonical_json(backup) + b"\n" + signature.encode() + b"\n")
        temporary.chmod(0o600)
        temporary.replace(target)
        return name

    def read(self, name: str | None) -> Backup:
        """A backup by its name, the newest without one; its signature is checked against the keys that it holds.

        Raises NotFound, or Damaged for one that was changed.
        """
        names = self.names()
        if not names or (name is not None and name not in names):
            raise NotFound(
                f"There is no backup {name or ''} in {self.root}.".replace("  ", " "),
                code="backup-not-found",
                hint=f"There are {', '.join(names[-5:])}." if names else "`unshelve backup FOLDER` makes one.",
            )
        chosen = name or names[-1]
        lines = (self.root / f"{chosen}{_SUFFIX}").read_bytes().split(b"\n")
        try:
            backup = msgspec.json.decode(lines[0], type=Backup)
            signature = lines[1].decode("ascii")
        except (msgspec.DecodeError, msgspec.ValidationError, IndexError, UnicodeDecodeError) as error:
            raise Damaged(f"The backup {chosen} cannot be read.", code="backup-damaged") from error
        if backup.format > FORMAT:
            raise Refused(
                f"The backup {chosen} was made by a newer unshelve (format {backup.format}).",
                code="backup-too-new",
                hint="Restore it with that version or a newer one.",
            )
        self._check(chosen, backup, lines[0], signature)
        return backup

    def needs(self, backup: Backup) -> Iterator[str]:
        """Every blob of this folder that a backup needs."""
        for table in backup.tables.values():
            yield from table.pieces
        yield from backup.files.values()
        yield from backup.blobs
        yield from self.listed(backup)

    def listed(self, backup: Backup) -> list[str]:
        """The digests of a backup's blobs. Raises Damaged where there are more or fewer than it says."""
        found = [entry.decode("ascii") for piece in backup.blobs for entry in entries_in(self.blobs.get(piece))]
        if len(found) != backup.count:
            raise Damaged("The backup lists another number of blobs than it says.", code="backup-damaged")
        return found

    def prune(self, *, keep: int | None = None, before: datetime | None = None) -> Pruned:
        """Removes backups beyond the newest `keep`, and those that are older than `before`; the newest stays.

        Then every blob goes that no backup needs, those of a backup that was cut off too. Nobody may write a backup
        into this folder meanwhile. Raises Damaged, and removes nothing, where a backup that stays cannot be read.
        """
        newest_first = self.names()[::-1]
        limit = None if before is None else _name(before.isoformat())
        doomed = [
            name
            for place, name in enumerate(newest_first)
            if place and ((keep is not None and place >= keep) or (limit is not None and name < limit))
        ]
        kept: set[str] = set()
        for name in set(newest_first) - set(doomed):
            kept.update(self.needs(self.read(name)))
        for name in doomed:
            (self.root / f"{name}{_SUFFIX}").unlink()
        blobs, freed = self.blobs, 0
        for digest in sorted(set(blobs.digests()) - kept):
            freed += blobs.size(digest)
            blobs.delete(digest)
        return Pruned(tuple(sorted(doomed)), freed)

    def _check(self, name: str, backup: Backup, data: bytes, signature: str) -> None:
        public = backup.files.get(f"keys/public/{backup.key}.pem")
        if public is None:
            raise Damaged(f"The backup {name} does not hold the key that signed it.", code="backup-damaged")
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "public" / f"{backup.key}.pem"
            place.parent.mkdir()
            self.blobs.copy_to(public, place)
            Verifier.load(Path(folder)).verify(data, signature)


def _name(made_at: str) -> str:
    return made_at[:23].replace(":", "-").replace(".", "-")


def pieces(entries: Iterable[bytes]) -> Iterator[bytes]:
    """Entries, each with its length before it, some hundreds together.

    Where a piece ends its own last entry says, so that what is added or taken away somewhere changes the piece there
    and no other: two backups share the rest.
    """
    piece = bytearray()
    for entry in entries:
        piece += len(entry).to_bytes(_LENGTH_BYTES, "little")
        piece += entry
        if zlib.crc32(entry) % _PIECE_ENTRIES == 0 or len(piece) >= _MOST_PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


def entries_in(piece: bytes) -> Iterator[bytes]:
    """The entries of a piece. Raises Damaged for one that is cut off."""
    at = 0
    while at < len(piece):
        end = at + _LENGTH_BYTES + int.from_bytes(piece[at : at + _LENGTH_BYTES], "little")
        if end > len(piece) or at + _LENGTH_BYTES > len(piece):
            raise Damaged("A piece of a backup is cut off.", code="backup-damaged")
        yield piece[at + _LENGTH_BYTES : end]
        at = end


def row_entries(rows: Iterable[Values]) -> Iterator[bytes]:
    """Rows of a table as entries."""
    encoder = msgspec.msgpack.Encoder()
    return (encoder.encode(row) for row in rows)


def row_in(entry: bytes) -> Values:
    """The row that an entry holds. Raises Damaged."""
    try:
        return msgspec.msgpack.decode(entry, type=list[object])
    except msgspec.DecodeError as error:
        raise Damaged("A row of a backup cannot be read.", code="backup-damaged") from error
