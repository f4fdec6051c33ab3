"""A lifted notebook line by line beside its steps, in pages that stay light however long it is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from unshelve.solution.lifted import Origin
from unshelve.solution.origin import Lift, LiftedCell, LiftedStatement, LiftedStep, LiftProof, Verdict
from unshelve.web import states
from unshelve.web.frame import Link
from unshelve.web.states import State
from unshelve.web.views.notebook import CellView, LineView, PageOfCells, ProseView, StepCard
from unshelve.web.wording import count, plural

PAGE_LETTERS: Final = 26_000
"""About how much HTML the two sides of a page may take; the whole page stays below 60 kB."""
TOP: Final = "top of the file"

_LONGEST_STATEMENT: Final = 1_200
_LONGEST_REPAIR: Final = 600
_LONGEST_STEP: Final = 3_000
_LONGEST_PROSE: Final = 700
_MOST_NAMED: Final = 3
_MOST_CELLS: Final = 6
_STATEMENT_LETTERS: Final = 190
_CELL_LETTERS: Final = 110
_STEP_LETTERS: Final = 520
_WORST: Final = (Verdict.DIFFERENT, Verdict.UNSTABLE, Verdict.NOT_COVERED, Verdict.WITHIN, Verdict.PROVEN)
_PICTURE: Final = re.compile(r"!\[([^\]]*)\]\([^)]*\)")

Address = Callable[[int, str], str]
"""The address of a page of cells, by its number and the place on it."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What a page is filled with: a line or the prose of a cell."""

    cell: LiftedCell
    line: LineView | None = None
    prose: tuple[ProseView, ...] = ()

    @property
    def letters(self) -> int:
        """About how long its HTML is."""
        texts = [self.line.source, self.line.repaired] if self.line else [one.text for one in self.prose]
        return _STATEMENT_LETTERS + sum(map(len, texts)) * 3 // 2


@dataclass(frozen=True, slots=True)
class Sides:
    """Notebook and pipeline of one page, or of all of them."""

    cells: tuple[CellView, ...]
    steps: tuple[StepCard, ...]
    pages: PageOfCells


class LiftedLines:
    """A lift laid out: which lines and steps stand on which page."""

    def __init__(self, origin: Origin, lift: Lift, address: Address) -> None:
        self._lift, self._address = lift, address
        self._steps = steps_of(lift)
        self._place = {step.name: number for number, step in enumerate(self._steps, start=1)}
        self._cell_of = {one.number: one.cell for one in lift.statements}
        remarks = _remarks(lift)
        self._cards = {step.name: replace(_card(step, origin), remarks=remarks[step.name]) for step in self._steps}
        self._cells_of = {step.name: {self._cell_of[number] for number in step.statements} for step in self._steps}
        for one in lift.statements:
            for name in one.steps:
                self._cells_of.setdefault(name, set()).add(one.cell)
        self.pages = self._filled(list(_units(lift)))
        self._page_of_cell: dict[int, int] = {}
        self._page_of_step: dict[str, int] = {}
        for number, units in enumerate(self.pages, start=1):
            for unit in units:
                self._page_of_cell.setdefault(unit.cell.number, number)
                for name in unit.line.steps if unit.line else ():
                    self._page_of_step.setdefault(name, number)

    def cell_link(self, cell: int | None, line: int | None = None) -> Link:
        """Where a cell stands."""
        if cell is None:
            return Link("", "")
        said = f"cell {cell}" + (f", line {line}" if line is not None else "")
        page = self._page_of_cell.get(cell)
        return Link(said, self._address(page, f"cell-{cell}") if page else "")

    def statement_link(self, number: int | None) -> Link:
        """Where a statement stands: its cell."""
        return self.cell_link(self._cell_of.get(number) if number is not None else None)

    def step_link(self, name: str) -> Link:
        """Where a step stands."""
        if name not in self._place:
            return Link(name, "")
        return Link(name or TOP, self._address(self._page_of_step.get(name, 1), f"step-{self._place[name]}"))

    def all(self) -> Sides:
        """The whole notebook."""
        units = [unit for page in self.pages for unit in page]
        return self._sides(units, self._steps, PageOfCells())

    def page(self, number: int) -> Sides:
        """One page; the steps beside it are those that its lines went into."""
        units = self.pages[number - 1]
        named = {name for unit in units if unit.line for name in unit.line.steps}
        here = [
            step for step in self._steps if step.name in named or (number == 1 and step.name not in self._page_of_step)
        ]
        return self._sides(units, here, self._around(number, units, here))

    def _filled(self, units: Sequence[Unit]) -> list[list[Unit]]:
        pages: list[list[Unit]] = [[]]
        went_into = {name for unit in units if unit.line for name in unit.line.steps}
        # Steps that no line went into stand on the first page, in at most half of it.
        letters = min(PAGE_LETTERS // 2, sum(self._letters(name) for name in self._cards.keys() - went_into))
        seen: set[str] = set()
        for unit in units:
            needs = unit.letters + self._beside(unit, seen, pages[-1])
            if pages[-1] and letters + needs > PAGE_LETTERS:
                pages.append([])
                letters, seen = 0, set()
                needs = unit.letters + self._beside(unit, seen, [])
            pages[-1].append(unit)
            letters += needs
            seen.update(unit.line.steps if unit.line else ())
        return pages

    def _beside(self, unit: Unit, seen: set[str], page: Sequence[Unit]) -> int:
        """What a unit brings with it: its cell, and the steps that are not on the page yet."""
        cell = 0 if page and page[-1].cell.number == unit.cell.number else _CELL_LETTERS
        new = set(unit.line.steps if unit.line else ()) - seen
        return cell + sum(self._letters(name) for name in new if name in self._cards)

    def _letters(self, name: str) -> int:
        """About how long the HTML of a step is."""
        return _STEP_LETTERS + len(self._cards[name].code) * 3 // 2

    def _around(self, number: int, units: Sequence[Unit], here: Sequence[LiftedStep]) -> PageOfCells:
        if len(self.pages) == 1:
            return PageOfCells()
        first, last = units[0].cell.number, units[-1].cell.number
        which = f"Cell {first}" if first == last else f"Cells {first} to {last}"
        shown = {step.name for step in here}
        return PageOfCells(
            said=f"{which} of {count(len(self._lift.cells))}",
            earlier=self._address(number - 1, "both") if number > 1 else "",
            later=self._address(number + 1, "both") if number < len(self.pages) else "",
            others=tuple(self.step_link(step.name) for step in self._steps if step.name not in shown),
        )

    def _sides(self, units: Sequence[Unit], here: Sequence[LiftedStep], pages: PageOfCells) -> Sides:
        marks = {step.name: mark for mark, step in enumerate(here, start=1)}
        return Sides(
            cells=tuple(self._cells(units, marks)),
            steps=tuple(self._placed(step, marks[step.name]) for step in here),
            pages=pages,
        )

    def _cells(self, units: Sequence[Unit], marks: Mapping[str, int]) -> Iterator[CellView]:
        place = 0
        while place < len(units):
            cell = units[place].cell
            end = next((at for at in range(place, len(units)) if units[at].cell.number != cell.number), len(units))
            mine = units[place:end]
            yield CellView(
                number=cell.number,
                count=f"[{cell.execution_count}]" if cell.execution_count is not None else "",
                lines=tuple(self._marked(unit.line, marks) for unit in mine if unit.line),
                prose=tuple(one for unit in mine for one in unit.prose),
            )
            place = end

    def _marked(self, line: LineView, marks: Mapping[str, int]) -> LineView:
        known = [name for name in line.steps if name in marks]
        if not known:
            return line
        return replace(line, marks=" ".join(str(marks[name]) for name in known), href=f"#step-{self._place[known[0]]}")

    def _placed(self, step: LiftedStep, mark: int) -> StepCard:
        """A step's card with the cells that it came of."""
        cells = sorted(self._cells_of[step.name])
        more = len(cells) - _MOST_CELLS
        return replace(
            self._cards[step.name],
            cells=tuple(replace(self.cell_link(cell), text=str(cell)) for cell in cells[:_MOST_CELLS]),
            more_cells=f"and {count(more)} more" if more > 0 else "",
            mark=mark,
            anchor=f"step-{self._place[step.name]}",
        )


def steps_of(lift: Lift) -> tuple[LiftedStep, ...]:
    """The steps in the order of the file, with its top first where statements went there."""
    steps = sorted(lift.steps, key=lambda one: one.first_line)
    above = tuple(one.number for one in lift.statements if "" in one.steps)
    if above and steps and steps[0].first_line > 1 and all(step.name for step in steps):
        last = steps[0].first_line - 1
        return (LiftedStep(name="", kind="", first_line=1, last_line=last, statements=above), *steps)
    return tuple(steps)


def verdict(one: Verdict) -> State:
    """The look of a verdict on a value."""
    return _LOOKS[one]


def _units(lift: Lift) -> Iterator[Unit]:
    statements: dict[int, list[LiftedStatement]] = {}
    for one in lift.statements:
        statements.setdefault(one.cell, []).append(one)
    for cell in lift.cells:
        if cell.kind == "markdown":
            yield Unit(cell, prose=_prose(cell.source))
        elif cell.kind == "code":
            for line in _lines(cell, statements.get(cell.number, [])):
                yield Unit(cell, line)


def _lines(cell: LiftedCell, statements: Sequence[LiftedStatement]) -> Iterator[LineView]:
    """The statements of a cell, and what stands between them: comments, magics, what is no Python."""
    text = cell.source.splitlines()
    done = 0
    for one in sorted(statements, key=lambda each: (each.line, each.number)):
        yield from _between(text, done, one.line - 1)
        source, cut = _shortened(one.source, _LONGEST_STATEMENT)
        yield LineView(
            kind="kept" if one.steps else "dropped",
            source=source,
            line=one.line,
            note=_named(one.steps) if one.steps else one.dropped or "not needed",
            steps=one.steps,
            repaired=_shortened(one.repaired or "", _LONGEST_REPAIR)[0],
            cut=cut,
        )
        done = max(done, one.end_line)
    yield from _between(text, done, len(text))


def _between(text: Sequence[str], start: int, end: int) -> Iterator[LineView]:
    """Lines that are no statement, without the empty ones around them."""
    while start < end and not text[start].strip():
        start += 1
    lines = list(text[start:end])
    while lines and not lines[-1].strip():
        lines.pop()
    if lines:
        source, cut = _shortened("\n".join(lines), _LONGEST_STATEMENT)
        yield LineView(kind="between", source=source, line=start + 1, cut=cut)


def _named(steps: Sequence[str]) -> str:
    names = [name or TOP for name in steps]
    more = len(names) - _MOST_NAMED
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:_MOST_NAMED])} and {more} more"


def _prose(source: str) -> tuple[ProseView, ...]:
    """Headings and paragraphs of markdown, as plain text."""
    text, cut = _shortened(_PICTURE.sub(r"\1", source), _LONGEST_PROSE)
    found: list[ProseView] = []
    for block in re.split(r"\n\s*\n|(?<=\n)(?=#{1,6} )|(?<=^)(?=#{1,6} )", text):
        heading = re.match(r"\s*#{1,6}\s+([^\n]*)\n?(.*)", block, re.DOTALL)
        if heading:
            found.append(ProseView(text=heading[1].strip("# "), heading=True))
        rest = (heading[2] if heading else block).strip()
        if rest:
            found.append(ProseView(text=rest))
    if cut:
        found.append(ProseView(text=f"… {cut}"))
    return tuple(one for one in found if one.text)


def _shortened(text: str, longest: int) -> tuple[str, str]:
    """The beginning of a long text up to the end of a line, and how much is left out."""
    if len(text) <= longest:
        return text, ""
    shown = text[:longest]
    if "\n" in shown[longest // 2 :]:
        shown = shown[: shown.rindex("\n")]
    left = text[len(shown) :].strip("\n").count("\n") + 1
    return shown, f"and {plural(left, 'more line')}"


def _card(step: LiftedStep, origin: Origin) -> StepCard:
    lines = origin.code.splitlines()[step.first_line - 1 : step.last_line]
    code, cut = _shortened("\n".join(lines).strip("\n"), _LONGEST_STEP)
    return StepCard(
        name=step.name or TOP,
        kind=step.kind or "imports, constants",
        state=_verdict_of(step.name, origin.proof) if not origin.edited else states.CACHED.named("not shown"),
        code=code,
        cut=cut,
        cells=(),
    )


def _verdict_of(name: str, proof: LiftProof | None) -> State:
    """The worst verdict on the values of a step; changed rows, which the notebook never saw, count if they differ."""
    mine = [one for one in proof.values if one.step == name] if proof is not None else []
    found = {one.verdict for one in mine if one.part != "mutation" or one.verdict is Verdict.DIFFERENT}
    worst = next((one for one in _WORST if one in found), None)
    return states.CACHED.named("no value of its own") if worst is None else verdict(worst)


def _remarks(lift: Lift) -> Counter[str]:
    """How many errors and warnings are about statements of each step."""
    of_cell: dict[int, list[LiftedStatement]] = {}
    for statement in lift.statements:
        of_cell.setdefault(statement.cell, []).append(statement)
    found: Counter[str] = Counter()
    for one in lift.findings:
        if one.severity != "note" and one.cell is not None and one.line is not None:
            at = [each for each in of_cell.get(one.cell, []) if each.line <= one.line <= each.end_line]
            found.update({name for each in at for name in each.steps})
    return found


_LOOKS: Final = {
    Verdict.PROVEN: states.OK.named("proven"),
    Verdict.WITHIN: states.OK.named("equal within tolerance"),
    Verdict.UNSTABLE: states.WARN.named("unstable in the notebook"),
    Verdict.NOT_COVERED: states.WAITING.named("not covered"),
    Verdict.DIFFERENT: states.FAILED.named("different"),
}
