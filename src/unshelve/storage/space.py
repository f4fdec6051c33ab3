"""Whether a failed write failed for want of room."""

from __future__ import annotations

import errno
from typing import Final

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_full(error: OSError) -> bool:
    """Whether the disk, a quota or a limit on file sizes stood in the way."""
    return error.errno in _FULL
