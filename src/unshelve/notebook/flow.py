"""Which statement needs which: reads, writes and effects on versioned names, and the slices that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """What one statement does with names. All are names of the notebook's top level, or one of the special names
    "random" (the global generators' state), "figure" (the current figure), and "file:NAME"."""

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
    """For each statement and each name it reads or changes: the earlier statements that made it what it is there."""
    missed: tuple[tuple[int, str], ...] = field(default=())
    """(statement, name) of effects that the run showed and the tables did not foresee; the edges are in `needs`."""

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
