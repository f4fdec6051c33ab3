"""What a process does once all it needs is loaded: gives back what loading left over, and leaves the rest in peace."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress


def settle() -> None:
    """Collects garbage, returns free memory to the system, and spares the collector what stays."""
    gc.collect()
    with suppress(OSError, AttributeError):  # only the C library of GNU has it
        ctypes.CDLL(None).malloc_trim(0)
    gc.freeze()
