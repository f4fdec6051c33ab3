"""What a backup is: a signed manifest that names everything by its digest, beside a folder of blobs.

Several backups share a folder, so that what has not changed is kept once. The manifest says the revision of the
tables, the rows of each table as a blob, the files of the home, and every blob that the database needs.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, NamedTuple

import msgspec

from unshelve.errors import Damaged, NotFound, Refused
from unshelve.ids import canonical_json
from unshelve.security.signing import Verifier
from unshelve.storage.blobs import FolderBlobs
from unshelve.upkeep.copying import Values

FORMAT: Final = 1
"""Raised when an older unshelve could no longer restore what a newer one writes."""

_LENGTH_BYTES: Final = 4
_MOST_ROW_BYTES: Final = 1 << 30
_SUFFIX: Final = ".backup.json"


class StoredTable(NamedTuple):
    """The rows of a table: how many, and the blob that holds them."""

    rows: int
    digest: str


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
    blobs: str
    """The digest of the list of all blobs that the database needs, one in each line."""
    count: int
    size_bytes: int
    format: int = field(default=FORMAT)


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
        name = backup.made_at[:23].replace(":", "-").replace(".", "-")
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

    def _check(self, name: str, backup: Backup, data: bytes, signature: str) -> None:
        public = backup.files.get(f"keys/public/{backup.key}.pem")
        if public is None:
            raise Damaged(f"The backup {name} does not hold the key that signed it.", code="backup-damaged")
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "public" / f"{backup.key}.pem"
            place.parent.mkdir()
            self.blobs.copy_to(public, place)
            Verifier.load(Path(folder)).verify(data, signature)


def write_rows(file: IO[bytes], rows: Iterable[Values]) -> int:
    """Writes rows, each with its length before it, and tells how many."""
    encoder = msgspec.msgpack.Encoder()
    count = 0
    for row in rows:
        data = encoder.encode(row)
        file.write(len(data).to_bytes(_LENGTH_BYTES, "little"))
        file.write(data)
        count += 1
    return count


def read_rows(file: IO[bytes]) -> Iterator[Values]:
    """The rows that `write_rows` wrote. Raises Damaged for a file that is cut off."""
    decoder = msgspec.msgpack.Decoder(list[object])
    while head := file.read(_LENGTH_BYTES):
        length = int.from_bytes(head, "little")
        data = file.read(length) if length <= _MOST_ROW_BYTES else b""
        if len(head) < _LENGTH_BYTES or len(data) < length:
            raise Damaged("The rows of a table are cut off.", code="backup-damaged")
        yield decoder.decode(data)


def list_digest(digests: Iterable[str]) -> tuple[bytes, str]:
    """The list of digests as bytes, and its digest."""
    data = "".join(f"{digest}\n" for digest in sorted(digests)).encode()
    return data, hashlib.sha256(data).hexdigest()
