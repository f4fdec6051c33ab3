"""Runs a notebook once in a process of its own and gives what was seen: `watch`, and `watch_repaired`."""

from __future__ import annotations

import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from unshelve.notebook.notebook import Notebook
from unshelve.notebook.own_modules import own_modules
from unshelve.notebook.repairs import Repaired, apply_rewrites, repair
from unshelve.notebook.sandbox import adopting
from unshelve.notebook.scratch import lay_out
from unshelve.notebook.watch_order import (
    Begun,
    Closed,
    KeepOrder,
    OrderedStatement,
    Ran,
    Record,
    Rewritten,
    RewrittenModule,
    WatchOrder,
)
from unshelve.notebook.watched import Call, StatementRun, Watched
from unshelve.pipeline.worker_process import forget_shared

_POLL_SECONDS: Final = 0.05
_FRESH_RUNS: Final = 8
_MARK: Final = "WATCHED_BY_UNSHELVE"
"""In the environment of the process and of all that it starts, so that none is left behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """What a run may use. `statement_seconds` is for one statement, the rest for all."""

    seconds: float = 600.0
    statement_seconds: float = 600.0
    memory_bytes: int = 8 << 30
    output_bytes: int = 1 << 20
    processes: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """What a run leaves behind in `folder`, for a process that can read pickles of the notebook's classes.

    `names`: after statement n the values of these, as n-NAME.pkl. `calls`: the i of call-i.pkl, by how many calls come
    before that one, those inside others not counted; a dict of "arguments", "keywords", "receiver" and "result".
    `random`: the states of the random generators before each statement that drew, as random-n.pkl. What cannot be
    pickled is a file of the same name that ends in .failed.
    """

    folder: Path
    names: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    calls: Mapping[int, int] = field(default_factory=dict)
    random: bool = False


def watch(
    notebook: Notebook,
    *,
    folder: Path,
    limits: RunLimits = RunLimits(),
    keep: Keep | None = None,
    statements: Collection[int] | None = None,
) -> Watched:
    """Run the statements of a notebook in text order, or only some of them, on a copy of its folder.

    It ends at the first statement that fails, at a limit, or where the notebook leaves; `Watched.ended` says which.
    """
    return _watch(notebook, folder, limits=limits, keep=keep, statements=statements, mends=False)[0]


def watch_repaired(
    notebook: Notebook,
    folder: Path,
    limits: RunLimits = RunLimits(),
    *,
    keep: Keep | None = None,
    partly: bool = False,
) -> tuple[Repaired, Watched]:
    """Run a notebook and repair it where it fails and the meaning is certain; what nothing needs is left out.

    `partly`: what fails after a model was fitted is left out too, with all that needs it.
    """
    repaired = repair(notebook, folder)
    for _ in range(_FRESH_RUNS):
        watched, rewrites, again = _watch(
            repaired.notebook, folder, limits=limits, keep=keep, statements=None, mends=True, partly=partly
        )
        repaired = apply_rewrites(repaired, rewrites, None if again else watched.ended)
        if not again:
            break
    return repaired, watched


def stable(first: Watched, second: Watched) -> frozenset[tuple[str, int, str]]:
    """What is the same in two runs: ("name", statement, name) and ("call", place in `calls`, its name).

    Values without a fingerprint are not told apart and are not in it; a number is the same if it is equal.
    """
    found: set[tuple[str, int, str]] = set()
    for one, other in zip(first.statements, second.statements, strict=False):
        for mine, theirs in ((one.bound, other.bound), (one.changed, other.changed)):
            for name, value in mine.items():
                if name in theirs and value.fingerprint and value.fingerprint == theirs[name].fingerprint:
                    found.add(("name", one.number, name))
    for place, (call, again) in enumerate(zip(first.calls, second.calls, strict=False)):
        results = (call.result, again.result)
        if call.name == again.name and results[0] is not None and results[1] is not None:
            receivers = [each.receiver.fingerprint if each.receiver else "" for each in (call, again)]
            if results[0].fingerprint == results[1].fingerprint != "" and receivers[0] == receivers[1]:
                found.add(("call", place, call.name))
    return frozenset(found)


def _watch(
    notebook: Notebook,
    folder: Path,
    *,
    limits: RunLimits,
    keep: Keep | None,
    statements: Collection[int] | None,
    mends: bool,
    partly: bool = False,
) -> tuple[Watched, tuple[Rewritten | RewrittenModule, ...], bool]:
    started = time.monotonic()
    with _workshop() as place:
        scratch = lay_out(folder, place / "files", text="\n".join(each.source for each in notebook.statements))
        for name, text in notebook.modules.items():
            (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            (scratch / name).write_text(text, encoding="utf-8")
        modules = tuple(each.name for each in own_modules(notebook, folder) if each.beside) if mends else ()
        order = _order(notebook, place, scratch, limits=limits, keep=keep, statements=statements, mends=mends)
        order = msgspec.structs.replace(order, partly=partly, modules=modules)
        (place / "order.json").write_bytes(msgspec.json.encode(order))
        ended = _Process(place, limits, notebook).run()
        records = _read_records(Path(order.records))
    return _gather(records, ended, time.monotonic() - started)


@contextmanager
def _workshop() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="unshelve-notebook-")).resolve()
    try:
        for name in ("files", "tmp", "settings"):
            (place / name).mkdir()
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _order(
    notebook: Notebook,
    place: Path,
    scratch: Path,
    *,
    limits: RunLimits,
    keep: Keep | None,
    statements: Collection[int] | None,
    mends: bool,
) -> WatchOrder:
    asks = any("input(" in each.source for each in notebook.statements)
    writable = [place / "files", place / "tmp", place / "settings"]
    kept = None
    if keep is not None:
        keep.folder.mkdir(parents=True, exist_ok=True)
        writable.append(keep.folder.resolve())
        names = {number: tuple(each) for number, each in keep.names.items()}
        kept = KeepOrder(folder=str(keep.folder.resolve()), names=names, calls=dict(keep.calls), random=keep.random)
    return WatchOrder(
        statements=tuple(
            OrderedStatement(
                number=each.number,
                cell=each.cell,
                line=each.line,
                source=each.source,
                shown=each.shown,
                failed=notebook.cell(each.cell).failed,
                skipped=statements is not None and each.number not in statements,
            )
            for each in notebook.statements
        ),
        scratch=str(scratch),
        writable=tuple(map(str, writable)),
        records=str(place / "records.jsonl"),
        memory_bytes=limits.memory_bytes,
        output_bytes=limits.output_bytes,
        processes=limits.processes,
        outputs={each.number: each.outputs for each in notebook.cells if asks and each.outputs},
        keep=kept,
        repair=mends,
    )


class _Process:
    """The child, and the watch that is kept on its time, its memory and its number of processes."""

    def __init__(self, place: Path, limits: RunLimits, notebook: Notebook) -> None:
        self._place, self._limits, self._notebook = place, limits, notebook
        self._records = place / "records.jsonl"
        self._mark = f"{_MARK}={place.name}"
        self._read = 0
        self._begun: tuple[int, float] | None = None
        self._partial = self._last = b""
        self._since = 0

    def run(self) -> str | None:
        """Run it to its end; why it was ended, if it was, or how it died."""
        self._records.touch()
        with (self._place / "stderr").open("wb") as errors:
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "unshelve.notebook.watch_process", str(self._place / "order.json")],
                cwd=self._place,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )
            self._since = _started(child.pid)
            with adopting():
                try:
                    ended = self._wait(child)
                finally:
                    self._kill(child)
        if ended is None and (child.returncode != 0 or not self._closed()):
            return f"{self._where()}: the process ended by itself ({_exit_text(child.returncode)})"
        return ended

    def _closed(self) -> bool:
        """Whether it came to its own end."""
        self._follow(0.0)
        return self._last.startswith(b'{"type":"Closed"')

    def _wait(self, child: subprocess.Popen[bytes]) -> str | None:
        started = time.monotonic()
        looked = started
        while True:
            with suppress(subprocess.TimeoutExpired):
                child.wait(_POLL_SECONDS)
                return None
            now = time.monotonic()
            self._follow(now)
            if now - started > self._limits.seconds:
                return f"{self._where()}: the notebook runs longer than {self._limits.seconds:g} seconds"
            if self._begun and now - self._begun[1] > self._limits.statement_seconds:
                return f"{self._where()}: runs longer than {self._limits.statement_seconds:g} seconds"
            used = _memory_of(child.pid)
            if used <= self._limits.memory_bytes and now - looked > 0.5:
                looked = now
                family = _family(child.pid, self._mark, self._since)
                used += sum(map(_memory_of, family))
                if len(family) > self._limits.processes:
                    return f"{self._where()}: the notebook starts more than {self._limits.processes} processes"
            if used > self._limits.memory_bytes:
                return f"{self._where()}: uses more than {_size(self._limits.memory_bytes)} of memory"

    def _follow(self, now: float) -> None:
        """Read on in the records, to know which statement is running since when."""
        with self._records.open("rb") as file:
            file.seek(self._read)
            added = file.read()
        self._read += len(added)
        for line in (self._partial + added).split(b"\n"):
            self._partial, self._last = line, line or self._last
            if line.startswith(b'{"type":"Begun"') and line.endswith(b"}"):
                self._begun = (msgspec.json.decode(line, type=Begun).number, now)
            elif line.startswith(b'{"type":"Ran"') and self._begun:
                self._begun = (self._begun[0], math.inf)

    def _where(self) -> str:
        self._follow(0.0)
        return self._notebook.statements[self._begun[0]].place if self._begun else "before the first cell"

    def _kill(self, child: subprocess.Popen[bytes]) -> None:
        for _ in range(20):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            left = _family(child.pid, self._mark, self._since)
            for number in left:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(number, signal.SIGKILL)
            if not left:
                break
        child.wait()
        _bury(child.pid, self._since)
        forget_shared(child.pid)

    def _environment(self) -> dict[str, str]:
        settings = self._place / "settings"
        known = Path(os.environ.get("MPLCONFIGDIR", Path.home() / ".cache" / "matplotlib"))
        for file in known.glob("fontlist-*.json"):  # making it anew takes seconds
            shutil.copy(file, settings)
        name, _, value = self._mark.partition("=")
        added = {
            "MPLBACKEND": "Agg",
            "MPLCONFIGDIR": str(settings),
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(self._place / "tmp"),
            "JOBLIB_TEMP_FOLDER": str(self._place / "tmp"),
            name: value,
        }
        return {key: text for key, text in os.environ.items() if not _SECRET.search(key)} | added


def _read_records(path: Path) -> list[Record]:
    found: list[Record] = []
    for line in path.read_bytes().splitlines():
        with suppress(msgspec.DecodeError):  # the last line of a process that was killed may be cut
            found.append(msgspec.json.decode(line, type=Record))
    return found


def _gather(
    records: Sequence[Record], ended: str | None, seconds: float
) -> tuple[Watched, tuple[Rewritten | RewrittenModule, ...], bool]:
    runs: dict[int, StatementRun] = {}
    calls: list[Call] = []
    closed = Closed(python="", libraries={}, ended=None)
    for record in records:
        if isinstance(record, Ran):
            runs[record.run.number] = record.run
            calls.extend(record.calls)
        elif isinstance(record, Closed):
            closed = record
    last = max(runs, default=-1)
    watched = Watched(
        statements=tuple(runs.get(n, StatementRun(number=n, seconds=0.0)) for n in range(last + 1)),
        calls=tuple(calls),
        python=closed.python or ".".join(map(str, sys.version_info[:3])),
        libraries=closed.libraries,
        seconds=seconds,
        ended=ended or closed.ended,
    )
    rewrites = tuple(record for record in records if isinstance(record, Rewritten | RewrittenModule))
    return watched, rewrites, closed.again and ended is None


def _started(number: int) -> int:
    """When a process was started, as the system counts time; 0 when it does not say."""
    with suppress(OSError, ValueError, IndexError):
        return int(_stat_of(Path(f"/proc/{number}"))[19])
    return 0


def _stat_of(entry: Path) -> list[str]:
    """The fields of a process from its state on."""
    return (entry / "stat").read_text().rpartition(")")[2].split()


def _family(leader: int, mark: str, since: int) -> list[int]:
    """The processes that carry the mark, belong to the leader's session or were left to this one, without the leader.

    Those that are older than the leader are none of its children: what they carry is not read.
    """
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        number = int(entry.name)
        if number == leader:
            continue
        with suppress(OSError, ValueError, IndexError):
            state = _stat_of(entry)
            if int(state[19]) < since:
                continue
            ours = int(state[3]) == leader or _is_left(state)
            if state[0] != "Z" and (ours or mark.encode() in (entry / "environ").read_bytes()):
                found.append(number)
    return found


def _is_left(state: Sequence[str]) -> bool:
    """Whether a process was left to this one by its parent's end: what it started itself is of its own session."""
    return int(state[1]) == os.getpid() and int(state[3]) != os.getsid(0)


def _bury(leader: int, since: int) -> None:
    """Take note of the end of those that were left to this process, so that nothing is kept of them."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            state = _stat_of(entry)
            if int(entry.name) != leader and state[0] == "Z" and int(state[19]) >= since and _is_left(state):
                os.waitpid(int(entry.name), os.WNOHANG)


def _memory_of(number: int) -> int:
    """Bytes of memory that a process holds; 0 when it is gone or the system does not say."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{number}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _exit_text(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def _size(size: int) -> str:
    return f"{size / (1 << 30):.3g} GB" if size >= 1 << 30 else f"{size / (1 << 20):.3g} MB"


_SECRET: Final = re.compile(r"(?i)token|secret|passw|api_?key|credential|^AWS_|^UNSHELVE_")
"""Settings that a notebook has no business to see."""
