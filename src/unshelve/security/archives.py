"""The only place that opens archives: zip and tar files that people send, with limits on what they may become."""

from __future__ import annotations

import lzma
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from unshelve.errors import Refused, StorageFull, TooLarge, UnsupportedType
from unshelve.security.paths import inside
from unshelve.storage.space import is_full

_CHUNK_BYTES: Final = 1 << 16
_DAMAGES: Final = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    NotImplementedError,
)
"""How the standard library says that an archive is not what it should be."""
_RATIO_FREE_BYTES: Final = 1 << 20
"""The ratio is not asked of what is smaller than this when unpacked: a megabyte of zeros harms nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLimits:
    """How much an archive may hold."""

    entries: int = 10_000
    total_bytes: int = 2 << 30
    ratio: int = 200
    """How many times larger than the archive what is unpacked may be."""


def extract(archive: Path, destination: Path, *, limits: ArchiveLimits | None = None) -> list[Path]:
    """Unpacks a zip or tar archive into a new folder and gives its files, sorted.

    The sizes that count are those of the bytes that come out, not those that the archive claims. Links, devices,
    encrypted and repeated entries, and paths that lead elsewhere are refused. What is refused leaves no
    `destination` behind.
    """
    if destination.exists():
        raise Refused(f"{destination.name} exists already.", code="archive-destination-exists")
    destination.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".unpack-", dir=destination.parent))
    try:
        _unpack(archive, work, limits or ArchiveLimits())
        work.rename(destination)
    except Refused:
        raise
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise Refused("The archive holds a file and a folder of one name.", code="archive-repeats") from error
    except OSError as error:
        if is_full(error):
            raise StorageFull(f"There is no room left to unpack {archive.name}; nothing was kept.") from error
        if error.errno is not None:
            raise
        raise _damaged(archive) from error
    except _DAMAGES as error:
        raise _damaged(archive) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return sorted(path for path in destination.rglob("*") if path.is_file())


def _unpack(archive: Path, work: Path, limits: ArchiveLimits) -> None:
    budget = _Budget(archive, limits)
    seen: set[str] = set()
    for name, is_folder, content in _entries(archive):
        budget.entry()
        clean = name.rstrip("/") if is_folder else name
        key = clean.casefold()
        if key in seen and not is_folder:
            raise Refused(f"The archive holds {clean[:80]!r} twice.", code="archive-repeats")
        seen.add(key)
        place = inside(work, clean)
        if is_folder:
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            with content, place.open("xb") as out:
                while chunk := content.read(_CHUNK_BYTES):
                    budget.bytes(len(chunk))
                    out.write(chunk)


class _Budget:
    def __init__(self, archive: Path, limits: ArchiveLimits) -> None:
        self._limits = limits
        self._packed = max(1, archive.stat().st_size)
        self._entries = 0
        self._total = 0

    def entry(self) -> None:
        self._entries += 1
        if self._entries > self._limits.entries:
            raise TooLarge(f"The archive holds more than {self._limits.entries} entries.", code="archive-too-large")

    def bytes(self, count: int) -> None:
        self._total += count
        if self._total > self._limits.total_bytes:
            raise TooLarge(
                f"The archive holds more than {self._limits.total_bytes:,} bytes when unpacked.",
                code="archive-too-large",
            )
        if self._total > max(_RATIO_FREE_BYTES, self._packed * self._limits.ratio):
            raise TooLarge(
                f"What the archive holds is more than {self._limits.ratio} times larger than the archive.",
                code="archive-too-large",
            )


def _entries(archive: Path) -> Iterator[tuple[str, bool, IO[bytes] | None]]:
    """Name, whether it is a folder, and the content of each entry; refuses whatever is neither file nor folder."""
    if zipfile.is_zipfile(archive):
        yield from _zip_entries(archive)
    elif tarfile.is_tarfile(archive):
        yield from _tar_entries(archive)
    else:
        raise UnsupportedType(f"{archive.name} is no zip or tar archive.", code="archive-unknown")


def _zip_entries(archive: Path) -> Iterator[tuple[str, bool, IO[bytes] | None]]:
    with zipfile.ZipFile(archive) as packed:
        for item in packed.infolist():
            kind = stat.S_IFMT(item.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _not_a_file(item.filename)
            if item.flag_bits & 0x1:
                raise Refused("The archive is encrypted.", code="archive-encrypted")
            # `orig_filename` is what the archive says; `filename` has been cut at a NUL and had its separators
            # replaced, which would hide what paths.inside is there to see.
            is_folder = item.orig_filename.endswith("/")
            yield item.orig_filename, is_folder, None if is_folder else packed.open(item)


def _tar_entries(archive: Path) -> Iterator[tuple[str, bool, IO[bytes] | None]]:
    with tarfile.open(archive, mode="r:*") as packed:
        for item in packed:
            if not (item.isreg() or item.isdir()):
                raise _not_a_file(item.name)
            yield item.name, item.isdir(), packed.extractfile(item) if item.isreg() else None


def _damaged(archive: Path) -> Refused:
    return Refused(f"{archive.name} is a damaged archive.", code="archive-damaged")


def _not_a_file(name: str) -> Refused:
    return Refused(
        f"The archive holds {name[:80]!r}, which is neither a file nor a folder.", code="archive-holds-links"
    )
