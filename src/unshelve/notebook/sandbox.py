"""What a notebook may do while it is watched: write only beneath its scratch folders, no network, bounded memory.

Two fences. The outer one is the kernel's, where it has it: Landlock for writing, a network namespace without network;
it also holds for programs that the notebook starts. The inner one is an audit hook, which says plainly what was
refused. Reading is not limited. Linux; elsewhere only the audit hook stands.
"""

from __future__ import annotations

import contextlib
import ctypes
import inspect
import os
import resource
import signal
import struct
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final  # Any: what audit events carry

_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_NO_NEW_PRIVILEGES: Final = 38
_PARENT_DEATH_SIGNAL: Final = 1
_SET_SUBREAPER, _GET_SUBREAPER = 36, 37
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # Landlock's system calls, on all architectures
_WRITE_FILE, _MAKE_AND_REMOVE, _REFER, _TRUNCATE = 1 << 1, 0b1_1111_1111 << 4, 1 << 13, 1 << 14
_SCOPE_SIGNAL: Final = 1 << 1
_DEVICES: Final = ("/dev/null", "/dev/shm", "/dev/tty", "/dev/urandom")  # noqa: S108 - joblib shares arrays there


_STANDARD: Final = sysconfig.get_path("stdlib") + os.sep
"""Where the standard library lies. Packages lie beneath it too, in a folder of their own."""
_PACKAGES: Final = tuple(_STANDARD + each for each in ("site-packages", "dist-packages"))
_ASKING: Final = tuple(_STANDARD + each for each in ("platform.py", "uuid.py", f"ctypes{os.sep}util.py"))
"""What asks other programs about the machine, and changes nothing."""


class NetworkIsOff(ConnectionError):  # noqa: N818 - errors are named as a person says them
    """A notebook is run without network."""


class OutsideScratch(PermissionError):  # noqa: N818
    """A notebook may write beneath its own folder only, and there to a copy."""


def shut_network() -> bool:
    """Leave the machine's network; whether the kernel allowed it."""
    if sys.platform != "linux":
        return False
    user, group = os.getuid(), os.getgid()
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_NEW_USER | _NEW_NET) != 0:
        return False
    with contextlib.suppress(OSError):
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    return True


def end_with_parent() -> None:
    """Let this process be killed when the one that started it ends, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PARENT_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() == 1:
            os._exit(1)


@contextlib.contextmanager
def adopting() -> Iterator[None]:
    """Let what children start and leave behind become children of this process, so that it can be found and ended."""
    before = ctypes.c_int(0)
    library = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if library is not None:
        library.prctl(_GET_SUBREAPER, ctypes.byref(before), 0, 0, 0)
        library.prctl(_SET_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        if library is not None:
            library.prctl(_SET_SUBREAPER, before.value, 0, 0, 0)


def allow_writing(folders: Sequence[Path]) -> bool:
    """From now on this process and its children write beneath these folders only; whether the kernel allowed it."""
    if sys.platform != "linux":
        return False
    call = ctypes.CDLL(None, use_errno=True).syscall
    version = call(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False
    rights = _WRITE_FILE | _MAKE_AND_REMOVE | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    # From version 6 on it also sends no signals to processes outside.
    said = struct.pack("=QQQ", rights, 0, _SCOPE_SIGNAL) if version >= 6 else struct.pack("=Q", rights)
    ruleset = call(_CREATE_RULESET, ctypes.create_string_buffer(said, len(said)), len(said), 0)
    if ruleset < 0:
        return False
    for place in (*folders, *map(Path, _DEVICES)):
        with contextlib.suppress(OSError):
            opened = os.open(place, os.O_PATH | os.O_CLOEXEC)
            allowed = rights if place.is_dir() else rights & (_WRITE_FILE | _TRUNCATE)
            rule = ctypes.create_string_buffer(struct.pack("=Qi", allowed, opened), 12)
            call(_ADD_RULE, ruleset, 1, rule, 0)
            os.close(opened)
    libc = ctypes.CDLL(None, use_errno=True)
    shut: bool = libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0 and call(_RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return shut


def limit_resources(memory_bytes: int) -> None:
    """Let an allocation far beyond the limit fail in the notebook; the parent watches what is really used."""
    address_space = memory_bytes * 2 + (4 << 30)  # threads and memory maps take addresses, not memory
    for kind, value in ((resource.RLIMIT_AS, address_space), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(kind)[1]
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


class OnlyAPointer(FileNotFoundError):  # noqa: N818
    """A file is there by name, and its content was never fetched."""


_POINTER: Final = b"version https://git-lfs.github.com/spec/"


class Guard:
    """The audit hook: refuses with a reason, and notes which files of the scratch folder were read and written."""

    def __init__(self, scratch: Path, writable: Sequence[Path], forks: int) -> None:
        self._scratch = os.path.realpath(scratch)
        self._writable = tuple(os.path.realpath(folder) for folder in (*writable, *map(Path, _DEVICES)))
        self._forks = forks
        self._busy = False
        self.watching = False
        self.read: dict[str, None] = {}
        self.written: dict[str, None] = {}
        self.outside: dict[str, None] = {}
        """What the notebook's own code did that reaches beyond its folder, or that nobody can watch."""
        self._answers: dict[str, Callable[[Any], None]] = {
            "open": self._opened, "os.fork": self._forked, "os.forkpty": self._forked,
            "socket.connect": self._connected, "socket.getaddrinfo": self._looked_up, "socket.sendto": self._connected,
            "socket.gethostbyname": self._looked_up, "urllib.Request": self._asked,
            **dict.fromkeys(
                ("os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "os.chown", "shutil.rmtree"),
                self._altered,
            ),
            **dict.fromkeys(("os.rename", "os.link", "os.symlink"), self._moved),
            **dict.fromkeys(("os.kill", "os.killpg"), self._signalled),
            **dict.fromkeys(("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn"), self._started),
            "os.spawn": lambda details: self._started(details[1:]),
        }  # fmt: skip

    def install(self) -> None:
        sys.addaudithook(self._heard)

    def take(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """The files read and written since it was last asked, as they were named; and what reached outside."""
        found = tuple(self.read), tuple(self.written), tuple(self.outside)
        self.read, self.written, self.outside = {}, {}, {}
        return found

    def _heard(self, event: str, details: tuple[Any, ...]) -> None:
        answer = self._answers.get(event)
        if answer is None or self._busy or not self.watching:
            return
        self._busy = True
        try:
            answer(details)
        finally:
            self._busy = False

    def _opened(self, details: tuple[Any, ...]) -> None:
        name, mode, flags = details
        if not isinstance(name, (str, bytes, os.PathLike)):
            return
        path = os.fsdecode(name)
        if isinstance(flags, int) and flags >= 0 and not isinstance(mode, str):
            writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))
        else:
            writes = isinstance(mode, str) and any(letter in mode for letter in "wax+")
        if writes:
            self._may_write(path)
        elif os.path.abspath(path).startswith(self._scratch + os.sep):  # noqa: PTH100 - symbolic links are kept
            _refuse_pointer(path)
        self._note(path, self.written if writes else self.read)

    def _note(self, path: str, notes: dict[str, None]) -> None:
        if path.endswith((".pyc", ".py", ".so")) or len(notes) > 1000:
            return
        full = os.path.abspath(path)  # noqa: PTH100 - symbolic links are kept
        if full.startswith((self._scratch + os.sep, self._writable[0] + os.sep)):
            notes[os.path.relpath(full, os.getcwd()) if os.path.isabs(path) else path] = None  # noqa: PTH109, PTH117

    def _may_write(self, path: str) -> None:
        full = os.path.realpath(path)
        if not any(full == folder or full.startswith(folder + os.sep) for folder in self._writable):
            self._note_outside(f"writes to {path!r}, which is outside its own folder")
            raise OutsideScratch(f"the notebook writes to {path!r}, which is outside its own folder")

    def _note_outside(self, what: str) -> None:
        """A refusal may be swallowed; a library that looks for a place for its cache means no harm."""
        if len(self.outside) < 10 and self._is_own_code():
            self.outside[what] = None

    def _is_own_code(self) -> bool:
        """Whether it is the notebook, or a module beside it, that calls, be it through the standard library."""
        frame = inspect.currentframe()
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith(_ASKING):
                return False
            standard = file.startswith(_STANDARD) and not file.startswith(_PACKAGES)
            if file != __file__ and not standard and not file.startswith("<frozen"):
                return file.startswith("<") or os.path.realpath(file).startswith(self._scratch + os.sep)
            frame = frame.f_back
        return False

    def _started(self, details: tuple[Any, ...]) -> None:
        named = details[0] or (details[1] if len(details) > 1 else "")
        first = named if isinstance(named, (str, bytes, os.PathLike)) else next(iter(named), "")
        self._note_outside(f"starts a program ({(os.fsdecode(first).split() or [''])[0][:80]})")

    def _signalled(self, details: tuple[Any, ...]) -> None:
        number, kind = details[:2]
        own = number == 0
        with contextlib.suppress(OSError):
            own = own or (number > 0 and os.getsid(number) == os.getsid(0))
        if kind and not own:
            self._note_outside(f"sends a signal to process {number}, which is not its own")
            raise OutsideScratch(f"the notebook sends a signal to process {number}, which is not its own")

    def _altered(self, details: tuple[Any, ...]) -> None:
        if isinstance(details[0], (str, bytes, os.PathLike)):
            path = os.fsdecode(details[0])
            parent, name = os.path.split(os.path.abspath(path))  # noqa: PTH100
            self._may_write(os.path.join(os.path.realpath(parent), name) if not os.path.islink(path) else parent)  # noqa: PTH114, PTH118
            self._note(path, self.written)

    def _moved(self, details: tuple[Any, ...]) -> None:
        self._altered(details[1:])

    def _forked(self, details: tuple[Any, ...]) -> None:  # noqa: ARG002 - answers have one signature
        self._forks -= 1
        if self._forks < 0:
            raise OutsideScratch("the notebook starts too many processes")

    def _connected(self, details: tuple[Any, ...]) -> None:
        if isinstance(details[1], tuple):  # others are sockets of this machine, as multiprocessing uses
            raise NetworkIsOff(f"the notebook asks for {details[1][0]}, and it is run without network")

    def _looked_up(self, details: tuple[Any, ...]) -> None:
        raise NetworkIsOff(f"the notebook asks for {details[0]}, and it is run without network")

    def _asked(self, details: tuple[Any, ...]) -> None:
        if not str(details[0]).startswith("file:"):
            raise NetworkIsOff(f"the notebook asks for {details[0]}, and it is run without network")


def _refuse_pointer(path: str) -> None:
    start = b""
    with contextlib.suppress(OSError):
        if os.path.getsize(path) < 400:  # noqa: PTH202 - called for each file that is opened
            with open(path, "rb") as file:  # noqa: PTH123
                start = file.read(len(_POINTER))
    if start == _POINTER:
        raise OnlyAPointer(f"{path!r} holds only a pointer of git-lfs, not the data")
