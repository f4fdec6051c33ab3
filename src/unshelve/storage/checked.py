"""What every store of blobs shares: checked names, checked bytes, and files that are there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from unshelve.errors import Damaged, NotFound, Refused, StorageFull
from unshelve.storage.space import is_full

DIGEST: Final = re.compile(r"[0-9a-f]{64}")
TEMPORARY_PREFIX: Final = ".new-"
"""What the name of a file begins with that is being written."""

_MARK: Final = re.compile(r"[a-z][a-z0-9-]{0,59}\.json")


def check_digest(digest: str) -> str:
    """The digest itself. Raises Refused where a text is none."""
    if not DIGEST.fullmatch(digest):
        raise Refused(f"{digest[:80]!r} is not a sha256 in 64 hexadecimal digits.", code="digest-invalid")
    return digest


def check_mark(name: str) -> str:
    """The name of a note itself. Raises Refused where a text is none."""
    if not _MARK.fullmatch(name):
        raise Refused(f"{name[:80]!r} is no name of a note beside blobs.", code="mark-invalid")
    return name


def no_such_blob(digest: str) -> NotFound:
    return NotFound(f"No bytes are stored under {digest[:12]}….", code="blob-not-found", details={"digest": digest})


def damaged_blob(digest: str) -> Damaged:
    return Damaged(
        f"The stored bytes {digest[:12]}… are not what was written.",
        code="blob-damaged",
        hint="`unshelve fsck` lists what else is damaged.",
        details={"digest": digest},
    )


def write_checked(digest: str, chunks: Iterable[bytes], path: Path) -> None:
    """Writes chunks into a file whole or not at all. Raises Damaged where they are not the bytes of the digest."""
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{threading.get_ident():x}-{path.name[:40]}")
    hasher = hashlib.sha256()
    try:
        with temporary.open("wb", buffering=0) as target:
            for chunk in chunks:
                hasher.update(chunk)
                write_all(target.fileno(), chunk)
        if hasher.hexdigest() != digest:
            raise damaged_blob(digest)
        temporary.rename(path)
    except OSError as error:
        give_up(str(temporary), error, path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_all(handle: int, data: bytes | memoryview) -> None:
    """Writes all of the bytes, however many the system takes at a time."""
    written = os.write(handle, data)
    if written < len(data):
        view = memoryview(data)[written:]
        while view:
            view = view[os.write(handle, view) :]


def give_up(temporary: str, error: OSError, root: Path) -> NoReturn:
    """Removes what was half-written and raises."""
    with suppress(FileNotFoundError):
        Path(temporary).unlink()
    if is_full(error):
        raise StorageFull(
            f"There is no room left for blobs under {root}; nothing was stored.",
            hint="Free some space, then try again.",
        ) from error
    raise error
