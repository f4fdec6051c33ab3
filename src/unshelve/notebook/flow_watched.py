"""Holds what a statement is thought to do against what a run of the notebook showed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import msgspec

from unshelve.notebook.objects import CONST, Kind, World, fresh
from unshelve.notebook.tracing import ANY_FILE, EVERYTHING, RANDOM, Trace, named_file
from unshelve.notebook.watched import StatementRun, ValueInfo, ValueKind, Watched

_KINDS: Final[Mapping[ValueKind, Kind]] = {
    "frame": "frame", "series": "frame", "array": "array", "sparse": "array", "number": "const", "text": "const",
    "none": "const", "list": "list", "dict": "list",
}  # fmt: skip
_APART: Final = ("frame", "series", "estimator", "number", "text", "none")
"""Kinds of objects of which one is never a view of another."""
_SHARED: Final = ("number", "text", "none", "module", "function", "class")
"""Kinds of objects that many names share without seeing each other."""


class Witness:
    """What the run knows of each name, from statement to statement. Without a run it knows nothing."""

    def __init__(self, watched: Watched | None) -> None:
        self._watched = watched
        self._known: dict[str, ValueInfo] = {}
        self._by_identity: dict[int, set[str]] = {}
        self.missed: list[tuple[int, str]] = []
        self.spared: list[tuple[int, str]] = []

    def correct(self, number: int, trace: Trace) -> None:
        """Add what was seen, take out what was only supposed and seen not to be; then learn what names stand for."""
        run = None if self._watched is None else self._watched.run_of(number)
        if run is None:
            return
        run = _without_traces(run)
        seen = {**run.changed, **run.bound}
        if run.error is None:
            self._spare(number, trace, run)
            self._random(number, trace, run)
            self._files(trace, run)
        self._add(number, trace, run)
        for name in run.deleted:
            self._forget(name)
        for name, info in seen.items():
            self._forget(name)
            self._known[name] = info
            self._by_identity.setdefault(info.identity, set()).add(name)
        for name in run.bound:
            _learn(trace.world, name, run.bound[name], self._twins(name, run.bound[name]))

    def _forget(self, name: str) -> None:
        info = self._known.pop(name, None)
        if info is not None:
            self._by_identity[info.identity].discard(name)

    def _twins(self, name: str, info: ValueInfo) -> set[str]:
        return set() if info.kind in _SHARED else self._by_identity.get(info.identity, set()) - {name}

    def _spare(self, number: int, trace: Trace, run: StatementRun) -> None:
        for name in sorted(trace.supposed & trace.changes):
            info = self._known.get(name)
            told = info is not None and bool(info.fingerprint)
            if told and name not in run.changed and name not in run.bound and name not in run.deleted:
                trace.changes.discard(name)
                trace.reads.add(name)
                self.spared.append((number, name))

    def _add(self, number: int, trace: Trace, run: StatementRun) -> None:
        if EVERYTHING in trace.changes:
            trace.bound.update(run.bound)
            return
        if EVERYTHING in trace.bound:
            trace.bound.discard(EVERYTHING)
            trace.bound.update(run.bound)
            trace.certain.update(run.bound)
        for name in sorted(set(run.changed) - trace.changes - trace.bound):
            trace.changes.add(name)
            self.missed.append((number, name))
        for name in sorted(set(run.bound) - trace.bound - trace.changes):
            trace.bound.add(name)
            self.missed.append((number, name))

    def _random(self, number: int, trace: Trace, run: StatementRun) -> None:
        if RANDOM in trace.opens or EVERYTHING in trace.changes:
            return
        if run.drew and RANDOM not in trace.changes:
            trace.draw()
            self.missed.append((number, RANDOM))
        elif not run.drew and RANDOM in trace.changes:
            trace.changes.discard(RANDOM)
            trace.reads.discard(RANDOM)

    def _files(self, trace: Trace, run: StatementRun) -> None:
        """Names of files, where the text does not tell them."""
        if ANY_FILE in trace.reads and ANY_FILE not in trace.changes and run.read:
            trace.reads.discard(ANY_FILE)
            trace.reads.update(named_file(name) for name in run.read)
        for name in run.written:
            special = named_file(name)
            if special not in trace.opens and special not in trace.changes:
                trace.touch(special)


def _learn(world: World, name: str, info: ValueInfo, twins: set[str]) -> None:
    """Put right what a name stands for: its kind, and which names are the same object."""
    value = world.get(name)
    if value is None or value.module:
        value = value or fresh()
        if info.kind in ("module", "function", "class"):
            return
    kind = _KINDS.get(info.kind)
    if kind == "const":
        world.put(name, replace(CONST, const=value.const if info.kind != "none" else None, code=value.code))
        return
    own = value.own
    if info.kind in _APART:
        own = fresh().own
    for twin in twins:
        other = world.get(twin)
        if other is not None:
            own |= other.own
            value = replace(value, held=value.held | other.held, draws=value.draws or other.draws)
    if not own:
        own = fresh().own
    world.put(name, replace(value, own=own, kind=kind or value.kind, module=""))


def _without_traces(run: StatementRun) -> StatementRun:
    """The run without names that Python keeps for itself, as `__warningregistry__`."""
    if not any(name.startswith("__") for name in (*run.bound, *run.changed)):
        return run
    return msgspec.structs.replace(
        run,
        bound={name: info for name, info in run.bound.items() if not name.startswith("__")},
        changed={name: info for name, info in run.changed.items() if not name.startswith("__")},
    )
