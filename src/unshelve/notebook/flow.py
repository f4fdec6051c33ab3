"""Which statement needs which: reads, writes and effects on versioned names, and the slices that follow from them."""

from __future__ import annotations

import builtins
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from unshelve.notebook.flow_watched import Witness
from unshelve.notebook.notebook import Notebook
from unshelve.notebook.objects import World
from unshelve.notebook.refitting import Refits
from unshelve.notebook.touching import touch_of
from unshelve.notebook.tracing import ANY_FILE, EVERYTHING, FIGURE, RANDOM, Trace
from unshelve.notebook.watched import Watched

Made = Mapping[str, tuple[tuple[int, frozenset[int]], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """What one statement does with names.

    They are names of the notebook's top level, or special ones: "state:random" (the global generators' state),
    "state:figure" (the current figure), "file:NAME" ("file:*" where the name cannot be told), and "settings:computing",
    "settings:figure", …, of which "settings:looks" changes no value. "*" stands for all names in `reads` and `changes`,
    and in `may_bind` for names that cannot be told (a star import).
    """

    reads: frozenset[str] = frozenset()
    """Names whose value it needs, also inside functions that it calls."""
    binds: frozenset[str] = frozenset()
    """Names that it certainly gives a new object."""
    may_bind: frozenset[str] = frozenset()
    """Names that it binds only on some way through it (if, try, a loop that may not run)."""
    changes: frozenset[str] = frozenset()
    """Names whose object it changes in place (`df["a"] = …`, `model.fit(…)`, `inplace=True`)."""
    assumed: frozenset[str] = frozenset()
    """Calls of libraries that are taken to change nothing because no table says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """The dependence graph of a notebook's statements."""

    touches: tuple[Touch, ...]
    needs: tuple[Mapping[str, frozenset[int]], ...]
    """For each statement and each name it reads or changes: the earlier statements that made it what it is there.
    Names that no statement made (builtins, a generator before its first seed) are not in it."""
    missed: tuple[tuple[int, str], ...] = field(default=())
    """(statement, name) of effects that the run showed and the tables did not foresee; the edges are in `needs`."""
    spared: tuple[tuple[int, str], ...] = field(default=())
    """(statement, name) of effects that were only supposed, and that the run showed not to be there."""
    made: Made = field(default_factory=dict)
    """For each name its versions in text order: the statement, and all that had made the name once it had run."""

    def slice(self, wanted: Iterable[int]) -> frozenset[int]:
        """These statements and all that they need."""
        found: set[int] = set()
        waiting = list(wanted)
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                for makers in self.needs[number].values():
                    waiting.extend(makers - found)
        return frozenset(found)

    def without_draws(self) -> Flow:
        """The same graph in which a statement that draws random numbers needs the last seed, and no draw before it.

        What it draws then is another number; a proof puts the state back that it found.
        """
        seeds = [
            number
            for number, touch in enumerate(self.touches)
            if RANDOM in touch.binds | touch.changes and RANDOM not in touch.reads and RANDOM not in self.needs[number]
        ]
        found = []
        for number, needs in enumerate(self.needs):
            before = [each for each in seeds if each < number][-1:] if RANDOM in needs else []
            rest = {name: makers for name, makers in needs.items() if name != RANDOM}
            found.append({**rest, RANDOM: frozenset(before)} if before else rest)
        return replace(self, needs=tuple(found))

    def with_hidden(self, number: int) -> Flow:
        """The same graph in which all that follows a statement needs it: what it does is seen in no name."""
        name = f"settings:{number}"
        needs = tuple(
            {**each, name: frozenset({number})} if place > number and each else each
            for place, each in enumerate(self.needs)
        )
        touches = tuple(
            replace(each, reads=each.reads | {name}) if name in needed else each
            for each, needed in zip(self.touches, needs, strict=True)
        )
        return replace(self, needs=needs, touches=touches)

    def makers(self, name: str) -> frozenset[int]:
        """The statements that made the last version of a name; none where nobody made it."""
        versions = self.made.get(name)
        return versions[-1][1] if versions else frozenset()

    def at(self, number: int, name: str) -> frozenset[int]:
        """The statements that made what a name is just before a statement runs, whether that one reads it or not."""
        versions = self.made.get(name, ())
        place = bisect_left(versions, number, key=lambda version: version[0])
        return versions[place - 1][1] if place else frozenset()

    def readers(self, number: int) -> frozenset[int]:
        """The later statements that need what this one made, directly."""
        return frozenset(
            later
            for later in range(number + 1, len(self.needs))
            if any(number in makers for makers in self.needs[later].values())
        )


def flow_of(notebook: Notebook, watched: Watched | None = None) -> Flow:
    """The dependence graph, in text order.

    With a run, effects that it showed are added, and effects that were only supposed are taken out where it showed
    that the object stayed as it was. A draw from a generator that nothing seeded before needs no earlier draw: its
    state was arbitrary to begin with. A fit needs no earlier fit of the same model.
    """
    world = World()
    versions = _Versions()
    witness, refits = Witness(watched), Refits(notebook, watched)
    touches: list[Touch] = []
    needs: list[Mapping[str, frozenset[int]]] = []
    cell = -1
    for number, statement in enumerate(notebook.statements):
        if statement.cell != cell:
            cell = statement.cell
            versions.forget(FIGURE)
        trace = touch_of(statement.node, world)
        witness.correct(number, trace)
        touch = _touch(trace)
        touches.append(touch)
        needs.append(refits.passed_over(number, versions.needs(touch), needs))
        versions.update(number, touch)
    return Flow(
        touches=tuple(touches),
        needs=tuple(needs),
        missed=tuple(witness.missed),
        spared=tuple(witness.spared),
        made=versions.frozen(),
    )


def _touch(trace: Trace) -> Touch:
    binds = frozenset(trace.certain & trace.bound) | trace.opens
    return Touch(
        reads=frozenset(trace.reads),
        binds=binds,
        may_bind=frozenset(trace.bound) - binds,
        changes=frozenset(trace.changes) - trace.opens,
        assumed=frozenset(trace.assumed),
    )


class _Versions:
    """Who made each name, up to some statement."""

    def __init__(self) -> None:
        self._now: dict[str, frozenset[int]] = {}
        self._made: dict[str, list[tuple[int, frozenset[int]]]] = {}

    def needs(self, touch: Touch) -> dict[str, frozenset[int]]:
        found: dict[str, frozenset[int]] = {}
        wanted = touch.reads | touch.changes
        if EVERYTHING in wanted:
            wanted = wanted | self._now.keys()
        for name in wanted:
            makers = self._makers(name)
            if makers:
                found[name] = makers
        return found

    def _makers(self, name: str) -> frozenset[int]:
        if name.startswith("file:"):
            names = [each for each in self._now if each.startswith("file:")] if name == ANY_FILE else [name, ANY_FILE]
            return frozenset(maker for each in names for maker in self._now.get(each, ()))
        makers = self._now.get(name, frozenset())
        if ":" in name or (makers and EVERYTHING not in self._now):
            return makers
        return makers | self._now.get(EVERYTHING, frozenset()) if not makers or not hasattr(builtins, name) else makers

    def update(self, number: int, touch: Touch) -> None:
        one = frozenset({number})
        changes = touch.changes
        if EVERYTHING in changes:
            changes = changes | self._now.keys()
        for name in touch.may_bind - changes:
            self._put(number, name, self._now.get(name, frozenset()) | one)
        for name in changes:
            if name == RANDOM and name not in self._now:
                continue
            self._put(number, name, one)
        for name in touch.binds - changes:
            self._put(number, name, one)

    def forget(self, name: str) -> None:
        self._now.pop(name, None)

    def _put(self, number: int, name: str, makers: frozenset[int]) -> None:
        self._now[name] = makers
        self._made.setdefault(name, []).append((number, makers))

    def frozen(self) -> dict[str, tuple[tuple[int, frozenset[int]], ...]]:
        return {name: tuple(versions) for name, versions in self._made.items()}
