"""How much memory is left for a table that is to be loaded whole."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

_MEMINFO: Final = Path("/proc/meminfo")
_CGROUP: Final = Path("/sys/fs/cgroup")
_VMSTAT: Final = Path("/proc/vmstat")


def memory_left(meminfo: Path = _MEMINFO, cgroup: Path = _CGROUP) -> int | None:
    """Bytes that can be had without swapping: of the machine, or of the container where that is less. None: unknown."""
    found = []
    with suppress(OSError, ValueError, IndexError):
        line = next((each for each in meminfo.read_text().splitlines() if each.startswith("MemAvailable:")), None)
        if line is not None:
            found.append(int(line.split()[1]) * 1024)
    with suppress(OSError, ValueError):
        limit = int((cgroup / "memory.max").read_text())  # "max" is no number: there is no limit
        found.append(limit - int((cgroup / "memory.current").read_text()) + _given_back(cgroup))
    return max(0, min(found)) if found else None


def killed_for_memory(vmstat: Path = _VMSTAT) -> int:
    """How many processes the kernel has killed for want of memory since it started; 0 where it does not say."""
    with suppress(OSError, ValueError, IndexError):
        for line in vmstat.read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def _given_back(cgroup: Path) -> int:
    """What a container counts as used but gives back when asked: files that were read."""
    for line in (cgroup / "memory.stat").read_text().splitlines():
        if line.startswith("inactive_file "):
            return int(line.split()[1])
    return 0
