"""What code reaches for while it runs, beyond its arguments: files, addresses, programs, random numbers.

Python tells of files, addresses and programs by audit events (PEP 578). Code of libraries that opens files by
itself, without Python, is not heard.
"""

from __future__ import annotations

import os
import pickle
import random
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

import numpy as np

from unshelve.ids import digest

_NO_DATA: Final = (property, classmethod, staticmethod)
_CODE: Final = (".py", ".pyc", ".pyi", ".so", ".pth")
_SYSTEM: Final = ("/proc/", "/sys/", "/dev/", "/etc/", "/usr/share/zoneinfo", "/usr/lib/", "/lib/")


@contextmanager
def watched() -> Iterator[dict[str, None]]:
    """What this thread reaches for inside the block, each as the end of a sentence that begins with "it"."""
    ear = _ear()
    heard: dict[str, None] = {}
    before = _random_state()
    ear.listen(heard)
    try:
        yield heard
    finally:
        ear.listen(None)
        if _random_state() != before:
            heard["draws random numbers that no seed of its own fixes"] = None


def variables(modules: Mapping[str, ModuleType]) -> dict[str, str]:
    """What the variables of modules hold, and those of their own classes and functions, as digests by name and file.

    What cannot be pickled, and holds nothing that can, is left out.
    """
    found: dict[str, str] = {}
    for module, loaded in modules.items():
        for name, value in vars(loaded).items():
            for label, held in _held_by(name, value, loaded.__name__):
                state = _state(held)
                if state is not None:
                    found[f"{label} ({module}.py)"] = state
    return found


def _held_by(name: str, value: object, module: str) -> Iterator[tuple[str, object]]:
    """The data behind a variable: itself, or what a class or function of the module keeps."""
    if name.startswith("__") or isinstance(value, ModuleType):
        return
    if not isinstance(value, type | FunctionType):
        yield name, value
    elif value.__module__ == module:
        for inner, held in vars(value).items():
            if not inner.startswith("__") and not callable(held) and not isinstance(held, _NO_DATA):
                yield f"{name}.{inner}", held
        for place, cell in enumerate(getattr(value, "__closure__", None) or ()):
            yield f"{name} (variable {place + 1} around it)", cell.cell_contents


def _state(held: object) -> str | None:
    with suppress(Exception):  # whatever an object of the author's raises when it cannot be pickled
        return digest(pickle.dumps(held, protocol=5))
    with suppress(Exception):
        return digest(pickle.dumps(vars(held), protocol=5))
    return None


class _Ear:
    """The audit hook. One hook serves the process for good, since Python cannot take it out again."""

    def __init__(self) -> None:
        self._heard: dict[str, None] | None = None
        self._thread = 0

    def listen(self, heard: dict[str, None] | None) -> None:
        self._thread = threading.get_ident()
        self._heard = heard

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:  # Any: each event has arguments of its own
        heard = self._heard
        if heard is None or event not in _TOLD or threading.get_ident() != self._thread:
            return
        said = _TOLD[event](arguments)
        if said is not None:
            heard[said] = None


@cache
def _ear() -> _Ear:
    ear = _Ear()
    sys.addaudithook(ear.hear)
    return ear


@cache
def _installed() -> tuple[str, ...]:
    """Folders whose files belong to Python and its libraries."""
    paths = {*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix}
    return tuple(sorted({str(Path(path).resolve()) + os.sep for path in paths} - {os.sep}))


def _opened(arguments: tuple[Any, ...]) -> str | None:
    path, mode, flags = arguments
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    writes = isinstance(flags, int) and flags & os.O_ACCMODE == os.O_WRONLY
    if not isinstance(path, str) or writes or (isinstance(mode, str) and set(mode) & set("wax")):
        return None
    whole = os.path.realpath(path)
    if whole.endswith(_CODE) or whole.startswith((*_SYSTEM, *_installed())):
        return None
    return f"reads {path}"


def _connected(arguments: tuple[Any, ...]) -> str:
    address = arguments[1]
    return f"asks {address[0] if isinstance(address, tuple) else address}"


def _looked_up(arguments: tuple[Any, ...]) -> str:
    return f"asks {arguments[0]}"


def _started(arguments: tuple[Any, ...]) -> str:
    return f"starts {arguments[0]}"


def _random_state() -> tuple[object, ...]:
    kind, keys, *rest = np.random.get_state(legacy=True)
    return (kind, np.asarray(keys).tobytes(), *rest, random.getstate())


_TOLD: Final[Mapping[str, Callable[[tuple[Any, ...]], str | None]]] = {
    "open": _opened,
    "socket.connect": _connected,
    "socket.getaddrinfo": _looked_up,
    "subprocess.Popen": _started,
    "os.system": _started,
    "sqlite3.connect": lambda arguments: f"reads {arguments[0]}",
}
