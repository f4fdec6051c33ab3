"""Three versions of some lines made one: what only one side changed is taken from that side."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Change:
    """Lines `first` up to `last` of the base are `lines` on one side."""

    first: int
    last: int
    lines: tuple[str, ...]
    mine: bool


def merge_lines(base: Sequence[str], mine: Sequence[str], theirs: Sequence[str]) -> list[str] | None:
    """All changes of both sides to the base; None where both changed the same lines, or lines side by side, and not
    alike."""
    changes = [*_changes(base, mine, mine=True), *_changes(base, theirs, mine=False)]
    changes.sort(key=lambda each: (each.first, each.last))
    merged: list[str] = []
    done = 0
    while changes:
        group = [changes.pop(0)]
        last = group[0].last
        while changes and changes[0].first <= last:
            group.append(changes.pop(0))
            last = max(last, group[-1].last)
        first = group[0].first
        ways = {
            tuple(_changed(base, first, last, [each for each in group if each.mine is side]))
            for side in {each.mine for each in group}
        }
        if len(ways) > 1:
            return None
        merged += [*base[done:first], *ways.pop()]
        done = last
    return [*merged, *base[done:]]


def _changes(base: Sequence[str], other: Sequence[str], *, mine: bool) -> list[_Change]:
    matcher = difflib.SequenceMatcher(None, base, other, autojunk=False)
    return [
        _Change(first, last, tuple(other[start:end]), mine)
        for tag, first, last, start, end in matcher.get_opcodes()
        if tag != "equal"
    ]


def _changed(base: Sequence[str], first: int, last: int, changes: Sequence[_Change]) -> list[str]:
    """Lines `first` up to `last` of the base with the changes of one side."""
    found: list[str] = []
    for change in changes:
        found += [*base[first : change.first], *change.lines]
        first = change.last
    return [*found, *base[first:last]]
