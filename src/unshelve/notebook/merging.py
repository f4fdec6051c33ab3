"""What people changed in a lifted solution, taken over into what the lift writes now: `merge`.

Three versions: the base is what the lift wrote last time, mine is the file as people edited it since, theirs is what
the lift writes now. It goes by top-level units, found by their names; only where both sides changed the same unit do
lines count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from unshelve.notebook.merging_lines import merge_lines
from unshelve.notebook.units import DOCSTRING, END, Unit, import_of, same_code, text_of_units, units_of

Side = Literal["mine", "notebook"]
"""Whose version of a unit in conflict is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitConflict:
    """A unit that people and the notebook changed, each in another way."""

    name: str
    mine: str | None
    """Its text as people left it; None where they removed it."""
    notebook: str | None
    """Its text as the lift writes it now; None where nothing of the notebook becomes it any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What came of a merge."""

    text: str
    """The merged file; only to be used where there is no conflict."""
    edited: tuple[str, ...]
    """Names of the units that compute or say otherwise than the lift writes them, in the order of the file."""
    conflicts: tuple[UnitConflict, ...] = ()


@dataclass(frozen=True, slots=True)
class _Clash:
    """Two versions of a unit of which neither can be taken without asking."""

    mine: Unit | None
    theirs: Unit | None


_SHORT: Final = 6
"""Lines of a unit that are shown at most."""
_Units = Mapping[str, Unit]


def merge(base: str, mine: str, theirs: str, *, keep: Side | None = None) -> Merged:
    """One file out of three; SyntaxError where one of them is no Python.

    Where only one side changed anything, its file is taken byte for byte. `keep` says whose version is taken of
    units in conflict.
    """
    newline = "\r\n" if "\r\n" in mine else "\n"
    plain = mine.replace("\r\n", "\n")
    if plain == base.replace("\r\n", "\n"):
        return Merged(text=theirs, edited=())
    if base == theirs:
        return Merged(text=mine, edited=edited_units(theirs, plain))
    text, conflicts = _merged(_by_key(base), _by_key(plain), _by_key(theirs), keep)
    edited = () if conflicts else edited_units(theirs, text)
    return Merged(text=text.replace("\n", newline), edited=edited, conflicts=conflicts)


def edited_units(written: str, now: str) -> tuple[str, ...]:
    """Names of the units that are otherwise in a file than they were written, layout and comments aside; SyntaxError
    where it is no Python."""
    before, after = ({key: unit for key, unit in _by_key(each).items() if key != END} for each in (written, now))
    changed = [unit.name for key, unit in after.items() if key not in before or _differ(before[key], unit)]
    return (*changed, *(f"{unit.name} (removed)" for key, unit in before.items() if key not in after))


def shortly(conflict: UnitConflict) -> list[str]:
    """Both versions in a few lines: those that the other does not have."""
    return [
        f"{conflict.name}:",
        *_excerpt("in solution.py", conflict.mine, conflict.notebook),
        *_excerpt("from the notebook", conflict.notebook, conflict.mine),
    ]


def _differ(one: Unit, other: Unit) -> bool:
    return one.text != other.text and ast.dump(ast.parse(one.text)) != ast.dump(ast.parse(other.text))


def _by_key(text: str) -> dict[str, Unit]:
    return {unit.key: unit for unit in units_of(text)}


def _merged(base: _Units, mine: _Units, theirs: _Units, keep: Side | None) -> tuple[str, tuple[UnitConflict, ...]]:
    taken: dict[str, Unit] = {}
    clashes: list[_Clash] = []
    for key in dict.fromkeys([*theirs, *mine, *base]):
        found = _one(base.get(key), mine.get(key), theirs.get(key))
        if isinstance(found, _Clash):
            clashes.append(found)
            found = found.mine if keep == "mine" else found.theirs
        if found is not None:
            taken[key] = replace(found, gap=_gap(base.get(key), mine.get(key), theirs.get(key)))
    _bring_back(taken, base, mine, theirs)
    order = _order(list(base), list(mine), list(theirs), taken)
    conflicts = () if keep is not None else tuple(_told(clash) for clash in clashes)
    return text_of_units([taken[key] for key in order]), conflicts


def _one(base: Unit | None, mine: Unit | None, theirs: Unit | None) -> Unit | _Clash | None:
    """The version of a unit that both sides lead to; None where it is gone."""
    if _same(mine, theirs) or _same(base, theirs):
        return mine
    if _same(base, mine):
        return theirs
    if mine is None or theirs is None:
        return _Clash(mine, theirs)
    if mine.imported and theirs.imported:
        return _imports(base, mine, theirs)
    if base is None:
        return mine if same_code(mine.text, theirs.text) else _Clash(mine, theirs)
    if same_code(base.text, mine.text):
        return theirs
    if same_code(base.text, theirs.text):
        return mine
    lines = merge_lines(base.text.split("\n"), mine.text.split("\n"), theirs.text.split("\n"))
    return _Clash(mine, theirs) if lines is None else _parsed("\n".join(lines), mine, theirs)


def _gap(base: Unit | None, mine: Unit | None, theirs: Unit | None) -> int:
    """How many empty lines stand before a unit: as many as the side that changed it has."""
    if mine is None or theirs is None:
        return max(each.gap for each in (mine, theirs, base) if each is not None)
    return theirs.gap if base is not None and mine.gap == base.gap else mine.gap


def _same(one: Unit | None, other: Unit | None) -> bool:
    return one is other if one is None or other is None else one.text == other.text


def _parsed(text: str, mine: Unit, theirs: Unit) -> Unit | _Clash:
    """A unit that was merged by lines, if it is still one."""
    try:
        found = units_of(text)
    except SyntaxError:
        return _Clash(mine, theirs)
    if len(found) != 1 or found[0].name != mine.name:
        return _Clash(mine, theirs)
    unit = found[0]
    return Unit(key=mine.key, name=unit.name, text=text, gap=mine.gap, binds=unit.binds, reads=unit.reads)


def _imports(base: Unit | None, mine: Unit, theirs: Unit) -> Unit:
    """What both import from one module, without what one side no longer does."""
    before = set(base.imported) if base is not None else set()
    wanted = (set(mine.imported) & set(theirs.imported)) | ((set(mine.imported) ^ set(theirs.imported)) - before)
    for unit in (mine, theirs):
        if wanted == set(unit.imported):
            return unit
    return import_of(theirs, sorted(wanted)) if wanted else theirs


def _bring_back(taken: dict[str, Unit], base: _Units, mine: _Units, theirs: _Units) -> None:
    """Units that one side removed and that what the other side changed still needs."""
    while True:
        bound = {name for unit in taken.values() for name in unit.binds}
        lacking = {
            name
            for key, unit in taken.items()
            if not (_same(unit, base.get(key)) and _same(unit, theirs.get(key)))
            for name in unit.reads - bound
        }
        back = [
            (key, side[key])
            for side in (mine, theirs)
            for key in side
            if key not in taken and side[key].binds & lacking
        ]
        back += [
            (key, _with_names(taken[key], side[key], lacking))
            for side in (mine, theirs)
            for key in side
            if key in taken and side[key].imported and side[key].binds & lacking
        ]
        if not back:
            return
        taken.update(back)


def _with_names(unit: Unit, other: Unit, names: Iterable[str]) -> Unit:
    """An import with those names of another version that are needed."""
    more = [each for each in other.imported if each.rpartition(" as ")[2] in names]
    return import_of(unit, sorted({*unit.imported, *more}))


def _order(base: Sequence[str], mine: Sequence[str], theirs: Sequence[str], present: Mapping[str, Unit]) -> list[str]:
    """The keys in the order of the side that changed it, others behind what they follow on their own side."""
    known = set(base) & set(theirs)
    as_before = [key for key in base if key in known] == [key for key in theirs if key in known]
    first, second = (mine, theirs) if as_before else (theirs, mine)
    found = [key for key in first if key in present]
    for place, key in enumerate(second):
        if key in present and key not in found:
            before = next((each for each in reversed(second[:place]) if each in found), None)
            start = 1 if found[:1] == [DOCSTRING] else 0
            found.insert(start if before is None else found.index(before) + 1, key)
    return found


def _told(clash: _Clash) -> UnitConflict:
    known = clash.mine or clash.theirs
    assert known is not None
    return UnitConflict(
        name=known.name,
        mine=None if clash.mine is None else clash.mine.text,
        notebook=None if clash.theirs is None else clash.theirs.text,
    )


def _excerpt(where: str, text: str | None, other: str | None) -> list[str]:
    if text is None:
        return [f"  {where}: removed"]
    shared = set((other or "").split("\n"))
    lines = [line for line in text.split("\n") if line.strip() and line not in shared] or text.split("\n")[:1]
    more = [f"    … and {len(lines) - _SHORT} more lines"] if len(lines) > _SHORT else []
    return [f"  {where}:", *(f"    {line[:120]}" for line in lines[:_SHORT]), *more]
