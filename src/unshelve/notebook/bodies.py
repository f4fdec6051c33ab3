"""The body of one function: which statements it needs, which of its names are other steps, and its text."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from unshelve.notebook.draft import CannotShape
from unshelve.notebook.editing import renamed
from unshelve.notebook.seen import Seen, Version

_LOOKS: Final = ("settings:looks", "settings:figure", "settings:imports")
"""Settings that change no value."""


@dataclass(frozen=True, slots=True)
class Param:
    """A step that a name stands for, on all rows or those of a part ("_train", "_test")."""

    step: str
    part: str = ""

    def __str__(self) -> str:
        return self.step + self.part


@dataclass(slots=True)
class Body:
    """Statements of a function in text order, and the steps that its outer names stand for."""

    inline: set[int] = field(default_factory=set)
    params: dict[str, Param] = field(default_factory=dict)
    """Name in the author's text -> the step."""
    extra: dict[str, Param] = field(default_factory=dict)
    """Steps that rewritten texts name themselves."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A statement as a step has it. `text` None: nothing of it is left."""

    text: str | None
    steps: tuple[str, ...] = ()
    """Steps that the text names."""


Resolve = Callable[[Version], Param | None]
Rewrite = Callable[[int], Rewritten]


@dataclass(slots=True)
class Collector:
    """Gathers what a body needs, back from what is wanted."""

    seen: Seen
    resolve: Resolve
    """The step that a version is, or None where its statements belong into the body."""
    rewrite: Rewrite
    skipped: frozenset[int] = frozenset()
    """Statements that are passed over: what they made is what was before them."""
    tops: set[int] = field(default_factory=set)
    """Statements that were met and belong to the top of the file."""

    def makers(self, number: int, name: str) -> frozenset[int]:
        """Who made a name, with skipped statements passed over."""
        found: set[int] = set()
        waiting = [(maker, name) for maker in self.seen.makers(number, name)]
        while waiting:
            maker, wanted = waiting.pop()
            if maker in self.skipped:
                waiting.extend((each, wanted) for each in self.seen.makers(maker, wanted))
            else:
                found.add(maker)
        return frozenset(found)

    def collect(self, wanted: Iterable[tuple[int, str]], own: Iterable[int] = ()) -> Body:
        """All that these names, as those statements read them, and these statements themselves need."""
        body = Body()
        for number in own:
            self._take(body, number)
        for number, name in wanted:
            self._need(body, number, name)
            for setting in sorted(self.seen.flow.needs[number]):
                if setting.startswith("settings:") and setting not in _LOOKS:
                    self._need(body, number, setting)
        return body

    def _need(self, body: Body, number: int, name: str) -> None:
        makers = self.makers(number, name)
        if not makers:
            return
        if all(self.seen.roles[maker] == "top" for maker in makers):
            self.top(makers)
            return
        param = self.resolve((makers, name))
        if param is not None:
            if body.params.setdefault(name, param) != param:
                raise CannotShape(f"{name} stands for two tables there, {body.params[name]} and {param}", number)
            return
        for maker in makers:
            if self.seen.roles[maker] == "top":
                self.top({maker})
            elif maker not in body.inline:
                self._take(body, maker)

    def _take(self, body: Body, number: int) -> None:
        body.inline.add(number)
        rewritten = self.rewrite(number)
        body.extra.update({step: Param(step) for step in rewritten.steps})
        if rewritten.text is None:
            return
        touch = self.seen.flow.touches[number]
        still = {each.id for each in ast.walk(ast.parse(rewritten.text)) if isinstance(each, ast.Name)}
        still -= set(rewritten.steps)  # where a step has the author's name, the step is meant
        for name in sorted(self.seen.flow.needs[number]):
            if name in rewritten.steps:
                continue
            if name in still or (name in touch.reads and not _written(self.seen.source(number), name)):
                self._need(body, number, name)

    def top(self, numbers: Iterable[int]) -> None:
        """Takes statements to the top of the file, with those of the top that they need."""
        for number in numbers:
            if number not in self.tops:
                self.tops.add(number)
                for makers in self.seen.flow.needs[number].values():
                    self.top(maker for maker in makers if self.seen.roles[maker] == "top")


def _written(source: str, name: str) -> bool:
    """Whether the name stands in the statement's own text (else a function that it calls reads it)."""
    return any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(ast.parse(source)))


def names_for(seen: Seen, body: Body) -> dict[str, str]:
    """What each outer name is called in the body: as its step, so that parameters are what pytest calls fixtures."""
    names = {name: str(param) for name, param in body.params.items()}
    given = set(names.values()) | set(body.extra)
    for number in body.inline:
        for name in seen.flow.touches[number].binds - set(names):
            if name in given and name not in names:
                names[name] = f"{name}_"
    return names


def lines_of(seen: Seen, body: Body, rewrite: Rewrite, names: Mapping[str, str]) -> list[str]:
    """The text of the statements in order, with their comments, in the names of the function."""
    lines: list[str] = []
    for number in sorted(body.inline):
        text = rewrite(number).text
        if text is None:
            continue
        lines += [f"# {comment}" for comment in seen.notebook.statements[number].comments]
        lines += renamed(text, names).splitlines()
    return lines


def returning(lines: list[str], value: str) -> list[str]:
    """The lines with a return at their end: `x = …` as the last line becomes `return …`."""
    tree = ast.parse("\n".join(lines)).body if lines else []
    last = tree[-1] if tree else None
    if isinstance(last, ast.Assign) and len(last.targets) == 1 and ast.unparse(last.targets[0]) == value:
        head = lines[: last.lineno - 1]
        rest = lines[last.lineno - 1 :]
        behind = rest[0].encode()[last.targets[0].end_col_offset :].decode()
        rest[0] = "return " + behind.lstrip().removeprefix("=").lstrip()
        return head + rest
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call) and isinstance(last.value.func, ast.Attribute):
        owner = last.value.func.value
        if last.value.func.attr == "fit" and isinstance(owner, ast.Name) and owner.id == value:
            rest = lines[last.lineno - 1 :]
            return _one_expression([*lines[: last.lineno - 1], "return " + rest[0], *rest[1:]], value)
    return [*lines, f"return {value}"]


def _one_expression(lines: list[str], value: str) -> list[str]:
    """`m = C(…)` and then `return m.fit(…)`, as one: `return C(…).fit(…)`, where it fits a line."""
    if len(lines) == 2 and lines[0].startswith(f"{value} = ") and lines[1].startswith(f"return {value}.fit("):
        joined = "return " + lines[0].removeprefix(f"{value} = ") + lines[1].removeprefix(f"return {value}")
        if len(joined) <= 110 and "#" not in lines[0]:
            return [joined]
    return lines
