"""What a person typed where a notebook asked: its saved output shows it, as "prompt: what was typed".

Where that is certain, the value stands in the place of `input(…)` before anything runs, since a solution asks nobody.
Inside functions, loops and conditions it is not: one text stands there for several answers, or for none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from unshelve.notebook.editing import Edit, edited, tail, text_of
from unshelve.notebook.notebook import Notebook, Statement
from unshelve.notebook.rewriting import Note
from unshelve.notebook.secrets_in_text import secrets_in

_CONVERSIONS: Final[Mapping[str, Callable[[str], object]]] = {
    "int": int, "float": float, "str": str, "eval": ast.literal_eval,
}  # fmt: skip
"""Builtins that make one plain value of a text."""
_MAYBE: Final = (
    ast.For, ast.AsyncFor, ast.While, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.ListComp,
    ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.IfExp, ast.BoolOp, ast.Match, ast.ExceptHandler,
)  # fmt: skip
"""What is inside these is done many times, later, or not at all."""


class Saved:
    """The saved lines of one cell, from which answers are taken in the order in which they were typed."""

    def __init__(self, outputs: Sequence[str], typed: Sequence[str] = ()) -> None:
        self._lines = [(line, text in typed) for text in outputs for line in text.splitlines()]

    @property
    def left(self) -> str:
        """The lines from which no answer was taken."""
        return "\n".join(line for line, _ in self._lines)

    def take(self, prompt: str) -> str | None:
        """What was typed behind a prompt, which is given as a pattern; None where no line that is left shows it.

        Without a prompt only lines are taken of which the notebook says itself that they were typed.
        """
        asked = [line.strip() for line in prompt.split("\n") if line.strip()]
        below = bool(asked) and prompt.rstrip(" \t").endswith("\n")
        for number, (line, typed) in enumerate(self._lines):
            found = re.match(rf"\s*{asked[-1] if asked else ''}\s*(.*)", line)
            if found is None or not (asked or typed):
                continue
            answers = [found[1]] if not below else [each for each, _ in self._lines[number + 1 : number + 2]]
            del self._lines[: number + 1 + below]
            return answers[0].strip() if answers else None
        return None


def escaped(text: str) -> str:
    """A text as a pattern. Blanks stay what they are, so that a pattern can be divided and cut as the text can."""
    return re.sub(r"([^\w\s])", r"\\\1", text)


class Typed:
    """Writes what was typed into the statements of one notebook, which are given in their order."""

    def __init__(self, notebook: Notebook) -> None:
        self._saved = {
            cell.number: Saved(cell.outputs, cell.typed) for cell in notebook.cells if "input(" in cell.python
        }
        self._open = set(self._saved)
        """The cells of which it is certain which answer comes next."""
        self._bound = {name for each in notebook.statements for name in _bound(each.node)}
        self._askers = frozenset(name for each in notebook.statements for name in _askers(each.node)) | {"input"}

    def answered(self, statement: Statement) -> tuple[str, list[Note]]:
        """The text of a statement with what was typed in it, and what was written there."""
        source, notes, edits = statement.source, list[Note](), list[Edit]()
        if "input" in self._bound or statement.cell not in self._open:
            return source, notes
        tree = ast.parse(source)
        for call, once in sorted(_asking(tree, self._askers), key=lambda found: (found[0].lineno, found[0].col_offset)):
            answer = self._answer(call, tree, statement.cell) if once else None
            if answer is None:
                self._open.remove(statement.cell)
                break
            edit = self._edit(call, tree, answer)
            edits.append(edit)
            notes.append(Note(rule="N221", message=f"`{text_of(source, edit.node)}` is {edit.text}, as it was typed"))
        return edited(source, edits), notes

    def rest(self, notebook: Notebook) -> Notebook:
        """A notebook without the saved lines from which answers were taken."""
        return replace(
            notebook,
            cells=tuple(
                replace(cell, outputs=(self._saved[cell.number].left,)) if cell.number in self._saved else cell
                for cell in notebook.cells
            ),
        )

    def _answer(self, call: ast.Call, tree: ast.Module, cell: int) -> str | None:
        """What was typed at a call; None where it is not certain, or a secret, whose line is gone then."""
        prompt = _pattern(call)
        answer = None if prompt is None else self._saved[cell].take(prompt)
        if answer is None:
            return None
        said = [re.sub(r"\W+", "_", text) for text in (ast.unparse(call.args[0]) if call.args else "", _target(tree))]
        return None if any(list(secrets_in(f'{name} = "{answer}"')) for name in said) else answer

    def _edit(self, call: ast.Call, tree: ast.Module, answer: str) -> Edit:
        """What is written for a call, or for the conversion around it where that gives a plain value."""
        for outer in ast.walk(tree):
            if not isinstance(outer, ast.Call) or outer.args != [call] or outer.keywords:
                continue
            name = outer.func.id if isinstance(outer.func, ast.Name) else ""
            if name in self._bound or name not in _CONVERSIONS:
                continue
            try:
                value = repr(_CONVERSIONS[name](answer))
                ast.literal_eval(value)  # which "nan" is not
            except (ValueError, SyntaxError):
                continue
            return Edit(outer, value)
        return Edit(call, repr(answer))


def _asking(node: ast.AST, askers: frozenset[str], once: bool = True) -> Iterator[tuple[ast.Call, bool]]:
    """The calls that ask, and of each whether it is certainly made, once, and asks one thing."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in askers:
        yield node, once and node.func.id == "input"
    if isinstance(node, ast.If):
        yield from _asking(node.test, askers, once)
    for child in ast.iter_child_nodes(node):
        if not isinstance(node, ast.If):
            yield from _asking(child, askers, once and not isinstance(node, _MAYBE))
        elif child is not node.test:
            yield from _asking(child, askers, False)


def _askers(node: ast.stmt) -> Iterator[str]:
    """The functions that a statement defines and that ask a person."""
    for each in ast.walk(node):
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and any(
            isinstance(inner, ast.Call) and tail(inner.func) == "input" for inner in ast.walk(each)
        ):
            yield each.name


def _pattern(call: ast.Call) -> str | None:
    """The prompt of a call as a pattern, "" where it has none; None where it is put together while it runs."""
    if call.keywords or len(call.args) > 1:
        return None
    prompt = call.args[0] if call.args else ast.Constant("")
    if isinstance(prompt, ast.Constant):
        return escaped(str(prompt.value))
    if isinstance(prompt, ast.JoinedStr):
        return "".join(escaped(str(each.value)) if isinstance(each, ast.Constant) else ".*?" for each in prompt.values)
    return None


def _target(tree: ast.Module) -> str:
    first = tree.body[0]
    return ast.unparse(first.targets[0]) if isinstance(first, ast.Assign) else ""


def _bound(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            yield each.id
        elif isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield each.name
        elif isinstance(each, ast.alias):
            yield each.asname or each.name
